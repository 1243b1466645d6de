//! The dashboard in a real browser: Debian's Chromium, driven by its chromedriver, before the whole system.

use std::process::{Child, Command, Stdio};

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_kit::database::{both, sqlite};
use test_kit::ports::free_port;

use crate::calls::{segment, staff_token, told};
use crate::harness::{AllInOne, WEBHOOK_SECRET, openssl_signature, wait_for};

const EMAIL: &str = "ann@broker.example";
const PASSWORD: &str = "a password of my own";

/// A browser; it ends with its test.
struct Browser {
    client: Client,
    driver: Child,
    _profile: TempDir,
}

impl Browser {
    /// A fresh one, that knows nobody. Nothing it does by itself leaves this machine.
    async fn open() -> Self {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .args([format!("--port={port}"), "--allowed-ips=127.0.0.1".to_owned()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts; scripts/install-needs installs it");
        let profile = tempfile::tempdir().expect("a folder");
        let flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
        ];
        let mut flags: Vec<String> = flags.map(str::to_owned).to_vec();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities: Capabilities =
            [("goog:chromeOptions".to_owned(), json!({ "args": flags }))].into_iter().collect();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let driver_url = format!("http://127.0.0.1:{port}");
        wait_for("chromedriver", async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok())
            .await;
        let client = builder.connect(&driver_url).await.expect("Chromium starts");
        Self { client, driver, _profile: profile }
    }

    /// Ends the session, so that Chromium ends too.
    async fn close(mut self) {
        self.client.clone().close().await.expect("closed");
        self.driver.kill().expect("a living driver");
        self.driver.wait().expect("an ended driver");
    }

    async fn go(&self, url: &str) {
        self.client.goto(url).await.expect("a page");
    }

    async fn fill(&self, field: &str, text: &str) {
        let element = self.client.wait().for_element(Locator::Css(field)).await.expect(field);
        element.clear().await.expect("cleared");
        element.send_keys(text).await.expect("typed");
    }

    async fn click(&self, what: &str) {
        let element = self.client.wait().for_element(Locator::Css(what)).await.expect(what);
        element.click().await.expect("clicked");
    }

    /// Waits until the page is at this path.
    async fn arrives_at(&self, path: &str) {
        wait_for(&format!("the browser to be at {path}"), async || {
            self.client.current_url().await.is_ok_and(|url| url.path() == path)
        })
        .await;
    }

    /// Waits until an element says this.
    async fn reads(&self, element: &str, words: &str) {
        wait_for(&format!("{words:?} in {element}"), async || {
            match self.client.find(Locator::Css(element)).await {
                Ok(found) => found.text().await.is_ok_and(|text| text.contains(words)),
                Err(_) => false,
            }
        })
        .await;
    }

    async fn count(&self, elements: &str) -> usize {
        self.client.find_all(Locator::Css(elements)).await.expect("a page").len()
    }

    /// What a script of the page would see.
    async fn evaluates(&self, script: &str) -> Value {
        self.client.execute(&format!("return {script}"), Vec::new()).await.expect("a value")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if matches!(self.driver.try_wait(), Ok(None)) {
            let _killed = self.driver.kill();
            let _ended = self.driver.wait();
        }
    }
}

/// Adds a member of staff; the one-time password.
async fn add_staff(system: &AllInOne, role: &str) -> String {
    let body = json!({ "email": EMAIL, "name": "Ann <b>Lee</b>", "role": role });
    let request = system.caller().request(Method::POST, "/api/staff").bearer_auth(staff_token("admin"));
    let (status, answer) = told(request.json(&body).send().await.expect("an answer")).await;
    assert_eq!(status, 201, "{answer}");
    answer["oneTimePassword"].as_str().expect("a password").to_owned()
}

/// Logs in with a one-time password, and so chooses one of one's own.
async fn log_in_first(browser: &Browser, one_time: &str) {
    browser.fill("#email", EMAIL).await;
    browser.fill("#password", one_time).await;
    browser.click("#log-in").await;
    browser.reads("h1", "Choose a password").await;
    browser.fill("#password", one_time).await;
    browser.fill("#new-password", PASSWORD).await;
    browser.fill("#repeated", PASSWORD).await;
    browser.click("#log-in").await;
}

#[tokio::test]
async fn staff_read_in_the_browser_what_was_wrong_with_a_signature() {
    for database in both() {
        let system = AllInOne::start(database).await;
        let one_time = add_staff(&system, "auditor").await;
        let body = br#"{"event":"client.registered","data":{"clientId":"1","email":"ann@example.com"}}"#;
        let signed_with_newline = openssl_signature(WEBHOOK_SECRET, &[body.as_slice(), b"\n"].concat());
        let answer = system.caller().signed(body, &signed_with_newline).await;
        assert_eq!(answer.status(), 401);
        system.caller().on_trail("action=webhook.receive&outcome=refused", 1).await;

        let browser = Browser::open().await;
        browser.go(&system.gateway).await;
        browser.arrives_at("/login").await;
        log_in_first(&browser, &one_time).await;
        browser.arrives_at("/audit").await;
        browser.reads(".person", "Ann <b>Lee</b>").await;
        browser.reads(".role", "auditor").await;
        assert_eq!(browser.evaluates("document.cookie").await, "", "no script gets at the session");

        browser.fill("#filter-text", "webhook.receive").await;
        browser.click("#filter-outcome option[value=refused]").await;
        browser.click("#apply").await;
        browser.reads(".trail tbody .advice", "a line break at its end").await;
        assert_eq!(browser.count(".trail tbody tr").await, 1);
        assert_eq!(
            browser.evaluates("document.querySelector('#filter-text').value").await,
            "webhook.receive"
        );
        assert_eq!(browser.evaluates("document.querySelector('#filter-outcome').value").await, "refused");

        browser.click(".trail tbody a").await;
        browser.reads("#why", "The signature does not fit the body").await;
        browser.reads("#why", "a line break at its end").await;
        browser.reads("pre", "\"reason\":\"signature_mismatch\"").await;

        browser.click("#log-out").await;
        browser.arrives_at("/login").await;
        browser.go(&format!("{}/audit?outcome=refused", system.gateway)).await;
        browser.arrives_at("/login").await;
        // With the password of one's own, and back to where one wanted to be.
        browser.fill("#email", EMAIL).await;
        browser.fill("#password", PASSWORD).await;
        browser.click("#log-in").await;
        browser.arrives_at("/audit").await;
        browser.reads("h1", "Audit Logs").await;
        assert_eq!(browser.evaluates("location.search").await, "?outcome=refused");
        browser.close().await;
    }
}

/// I16, as a browser sees it: what a client calls themselves is text, and nobody may frame a page.
#[tokio::test]
async fn a_script_in_what_a_sender_wrote_does_not_run() {
    let system = AllInOne::start(sqlite()).await;
    let one_time = add_staff(&system, "admin").await;
    let script = "<img src=x onerror=\"document.title='taken over'\">@example.com";
    assert_eq!(system.caller().client(&segment(script)).await.status(), 404);

    let browser = Browser::open().await;
    browser.go(&format!("{}/audit?action=client.read", system.gateway)).await;
    browser.arrives_at("/login").await;
    log_in_first(&browser, &one_time).await;
    browser.arrives_at("/audit").await;
    browser.reads(".trail tbody", script).await;
    assert_eq!(browser.count(".trail img").await, 0);
    browser.click(".trail tbody a").await;
    browser.reads(".facts", script).await;
    assert!(browser.client.title().await.expect("a title").starts_with("client.read"));
    browser.close().await;
}
