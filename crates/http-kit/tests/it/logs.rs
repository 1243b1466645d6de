//! What is logged: the cause of a 5xx, once, with the request's id; and of persons nothing.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::wire::{get, send};
use crate::world::{TOKEN, World, service_bearer};

/// Everything that this process logs from the first call on.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn of_process() -> Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        let start = || {
            let log = Self::default();
            tracing_subscriber::fmt()
                .json()
                .with_env_filter(EnvFilter::new("info,http_kit=trace"))
                .with_writer(log.clone())
                .init();
            log
        };
        LOG.get_or_init(start).clone()
    }

    fn lines_with(&self, text: &str) -> Vec<String> {
        let log = String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8");
        log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[actix_web::test]
async fn a_5xx_s_cause_is_logged_once_with_the_request_s_id() {
    let log = Log::of_process();
    let world = World::start();
    let headers = [("Authorization", service_bearer()), ("X-Request-Id", "log-test-1".to_owned())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    send(world.running.address(), "GET", "/broken", &headers, b"").await.problem(500, "internal_error");
    let lines = log.lines_with("log-test-1");
    let causes: Vec<&String> = lines.iter().filter(|line| line.contains("secret cause")).collect();
    let [cause] = causes.as_slice() else { panic!("{lines:#?}") };
    for part in
        ["\"level\":\"ERROR\"", "\"route\":\"/broken\"", "\"code\":\"internal_error\"", "\"status\":500"]
    {
        assert!(cause.contains(part), "{part} in {cause}");
    }
}

#[actix_web::test]
async fn lines_carry_route_templates_and_never_what_the_path_says() {
    let log = Log::of_process();
    let world = World::start();
    let headers = [("Authorization", service_bearer()), ("X-Request-Id", "log-test-2".to_owned())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    for path in
        ["/clients/grace@hopper.example", "/clients/nobody-grace@hopper.example", "/grace@hopper.example"]
    {
        send(world.running.address(), "GET", path, &headers, b"").await;
    }
    get(world.running.address(), "/clients/grace@hopper.example/../x").await.problem(400, "bad_path");
    assert_eq!(log.lines_with("log-test-2").len(), 3);
    assert_eq!(
        log.lines_with("/clients/{email}").iter().filter(|line| line.contains("log-test-2")).count(),
        2
    );
    for personal in ["grace", "hopper", TOKEN] {
        assert_eq!(log.lines_with(personal), Vec::<String>::new());
    }
}
