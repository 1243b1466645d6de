//! Which path leads where, and that it arrives as it was sent.

use crate::harness::{OK, Service, answering, before, nowhere};

#[tokio::test]
async fn paths_and_queries_arrive_byte_for_byte() {
    let (service, mut seen) = answering(OK).await;
    let gateway = before(service).await;
    for target in [
        "/api/service/clients/a%2Bb@x.example",
        "/api/service/clients/a+b%23%25%2f@x.example",
        "/api/service/clients/%C3%A9%c3%a9@x.example/",
        "/api/service/clients/\"{}|~!$&'()*,;=:@[]_^",
        "/api/service/clients/%252e%252e/a",
        "/api/service/...",
        "/api/service/x?",
        "/api/service/x?q=../..//%2e%2e/%00&x=%zz%&y=[]{}|^`?/?",
        "/api/service/",
    ] {
        let answer = gateway.get(target).await;
        assert_eq!((answer.status(), answer.body.as_slice()), (200, b"ok".as_slice()), "{target}");
        assert_eq!(seen.next().await.line, format!("GET {target} HTTP/1.1"));
    }
}

#[tokio::test]
async fn a_target_in_absolute_form_goes_on_as_its_path() {
    let (service, mut seen) = answering(OK).await;
    let gateway = before(service).await;
    let answer = gateway.get("http://other.example/api/service/a%2Fb?c").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(seen.next().await.line, "GET /api/service/a%2Fb?c HTTP/1.1");
}

#[tokio::test]
async fn paths_that_could_be_others_are_refused() {
    let service = Service::new();
    let gateway = before(service.address).await;
    for path in [
        "/api/service/../internal/events/apply",
        "/api/service/./clients",
        "/api/service/..",
        "/api/service/%2e%2e/internal/entries",
        "/api/service/%2E%2e/x",
        "/api/service/.%2E/x",
        "/api/service/%2e/x",
        "/api/service/..%2finternal",
        "/api/service/a%2F%2e%2e%2fb",
        "/api/service/..%5cinternal",
        "/api/service//clients",
        "//api/service/clients",
        "/api//service/clients",
        "/api/service/clients//",
        "/api/service/a%00b",
        "/api/service/a%",
        "/api/service/a%2",
        "/api/service/a%zz",
        "/api/service/%%32e",
    ] {
        let answer = gateway.get(path).await;
        assert_eq!((answer.status(), answer.problem().as_str()), (400, "bad_path"), "{path}");
    }
    service.assert_untouched().await;
}

#[tokio::test]
async fn what_no_door_names_leads_nowhere() {
    let service = Service::new();
    let gateway = before(service.address).await;
    for path in [
        "/nothing",
        "/api",
        "/api/service",
        "/api/servicex/clients",
        "/api/services/clients",
        "/API/SERVICE/clients",
        "/api/webhooks",
        "/api/auditor/entries",
        "/api%2Fservice/clients",
        "/api/audit%2Fentries",
        "/api/clients%2Fcl_1/impersonate",
        "/audit%2Faud_1",
        "/loginx",
        "/login/x",
        "/api/auth",
        "/api/staffx",
        "/api/impersonations/imp_1",
        "/assets",
        "/internal",
        "/internal/entries",
        "/internal/events/apply",
        "/%69nternal/entries",
        "/api/internal/entries",
    ] {
        let answer = gateway.get(path).await;
        assert_eq!((answer.status(), answer.problem().as_str()), (404, "route_not_found"), "{path}");
    }
    for request in [
        "OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
        "CONNECT x.example:443 HTTP/1.1\r\nhost: x\r\n\r\n",
        "CONNECT /api/service/clients HTTP/1.1\r\nhost: x\r\n\r\n",
    ] {
        assert_eq!(gateway.exchange(request).await.status(), 404, "{request}");
    }
    service.assert_untouched().await;
}

#[tokio::test]
async fn webhooks_are_posted() {
    let service = Service::new();
    let gateway = before(service.address).await;
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "NONSENSE"] {
        let request = format!(
            "{method} /api/webhooks/site HTTP/1.1\r\nhost: x\r\nx-http-method-override: POST\r\n\r\n"
        );
        let answer = gateway.exchange(&request).await;
        assert_eq!((answer.status(), answer.problem().as_str()), (405, "method_not_allowed"), "{method}");
        assert_eq!(answer.field("allow"), Some("POST"));
    }
    service.assert_untouched().await;
}

#[tokio::test]
async fn a_method_override_overrides_nothing() {
    let (service, mut seen) = answering(OK).await;
    let gateway = before(service).await;
    let request = "GET /api/service/x HTTP/1.1\r\nhost: x\r\nx-http-method-override: DELETE\r\n\r\n";
    assert_eq!(gateway.exchange(request).await.status(), 200);
    let onward = seen.next().await;
    assert_eq!(
        (onward.line.as_str(), onward.field("x-http-method-override")),
        ("GET /api/service/x HTTP/1.1", Some("DELETE"))
    );
}

#[tokio::test]
async fn it_is_alive_and_ready_whatever_the_services_do() {
    let gateway = before(nowhere()).await;
    for path in ["/livez", "/readyz"] {
        let answer = gateway.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.field("x-request-id").is_some());
    }
}
