//! Start, readiness, several servers in one process, and the graceful end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_kit::routes::RouteTable;
use http_kit::server::{Listen, Shutdown};
use http_kit::service::{RunError, Service, StartError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::wire::{get, read_to_end, request};
use crate::world::World;

#[actix_web::test]
async fn several_servers_live_in_one_process() {
    let (one, two) = (World::start(), World::start());
    assert_ne!(one.running.address(), two.running.address());
    one.running.stop().await.expect("stops");
    assert_eq!(get(two.running.address(), "/livez").await.json()["status"], "alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_also_lives_in_a_plain_tokio_runtime() {
    let world = World::start();
    assert_eq!(get(world.running.address(), "/livez").await.status, 200);
    world.running.run_until(async {}).await.expect("stops");
}

#[actix_web::test]
async fn readiness_follows_the_checks_and_liveness_does_not() {
    let world = World::start();
    let address = world.running.address();
    let ready = get(address, "/readyz").await.json();
    assert_eq!((&ready["status"], &ready["checks"]["database"]), (&"ready".into(), &"ok".into()));
    world.broken.store(true, Ordering::SeqCst);
    let problem = get(address, "/readyz").await.problem(503, "unavailable");
    assert_eq!(problem["detail"], "not ready: database");
    assert_eq!(get(address, "/livez").await.status, 200);
    world.broken.store(false, Ordering::SeqCst);
    assert_eq!(get(address, "/readyz").await.status, 200);
}

#[actix_web::test]
async fn a_taken_address_is_told() {
    let world = World::start();
    let listen = Listen::on(world.running.address().to_string());
    let error = World::try_start(&listen).expect_err("taken");
    assert!(matches!(error, StartError::Bind { .. }), "{error}");
}

#[actix_web::test]
async fn connections_are_kept_for_the_next_request() {
    let world = World::start();
    let mut stream = TcpStream::connect(world.running.address()).await.expect("connects");
    for _ in 0..3 {
        stream.write_all(b"GET /open HTTP/1.1\r\nHost: t\r\n\r\n").await.expect("writes");
        let mut answer = Vec::new();
        while !answer.ends_with(b"open") {
            assert!(
                stream.read_buf(&mut answer).await.expect("reads") > 0,
                "closed: {}",
                String::from_utf8_lossy(&answer)
            );
        }
    }
}

#[actix_web::test]
async fn answers_in_flight_are_finished_and_new_connections_refused() {
    let world = World::start();
    let address = world.running.address();
    let mut idle = TcpStream::connect(address).await.expect("connects");
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(&request("GET", "/slow", &[], b"")).await.expect("writes");
    world.state.begun.notified().await;
    let state = Arc::clone(&world.state);
    let stopping = tokio::spawn(world.running.stop());
    // The idle connection is closed by the drain: then no new one is taken, while the slow answer is still to come.
    assert_eq!(idle.read(&mut [0; 1]).await.map_err(|error| error.kind()).unwrap_or(0), 0);
    assert!(!stopping.is_finished());
    state.may_end.add_permits(1);
    let answer = read_to_end(&mut stream).await;
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"done"[..]));
    stopping.await.expect("no panic").expect("stops");
    assert!(TcpStream::connect(address).await.is_err());
}

#[actix_web::test]
async fn the_drain_has_a_deadline() {
    let world = World::start_with(|_| {}, |listen| listen.drain = Duration::from_secs(1));
    let mut stream = TcpStream::connect(world.running.address()).await.expect("connects");
    stream.write_all(&request("GET", "/slow", &[], b"")).await.expect("writes");
    world.state.begun.notified().await;
    // The handler never ends by itself.
    world.running.stop().await.expect("stops");
    let mut rest = Vec::new();
    let end = stream.read_to_end(&mut rest).await;
    assert!(end.is_err() || rest.is_empty(), "cut off without an answer");
}

#[actix_web::test]
async fn jobs_run_beside_the_server_and_end_after_it() {
    let ended = Arc::new(AtomicBool::new(false));
    let (has_ended, (started, runs)) = (Arc::clone(&ended), tokio::sync::oneshot::channel());
    let kit = World::bare_kit();
    let service =
        Service::new(kit, &RouteTable::default()).with_job("a job", |shutdown: Shutdown| async move {
            started.send(()).expect("the test waits");
            shutdown.requested().await;
            has_ended.store(true, Ordering::SeqCst);
        });
    let running = service.start(&Listen::on("127.0.0.1:0")).expect("starts");
    runs.await.expect("it runs");
    assert!(!ended.load(Ordering::SeqCst));
    running.stop().await.expect("stops");
    assert!(ended.load(Ordering::SeqCst));
}

#[actix_web::test]
async fn a_job_that_breaks_off_is_told_at_the_end() {
    let service = Service::new(World::bare_kit(), &RouteTable::default())
        .with_job("a job", |_| async { panic!("on purpose") });
    let running = service.start(&Listen::on("127.0.0.1:0")).expect("starts");
    assert_eq!(running.stop().await.expect_err("told").to_string(), "a job broke off");
}

#[actix_web::test]
async fn a_job_that_breaks_off_stops_the_service() {
    let service = Service::new(World::bare_kit(), &RouteTable::default())
        .with_job("one that ends well", |_| async {})
        .with_job("a job", |_| async { panic!("on purpose") });
    let running = service.start(&Listen::on("127.0.0.1:0")).expect("starts");
    let error = running.run_until(std::future::pending::<()>()).await.expect_err("told");
    assert_eq!(error.to_string(), "a job broke off");
}

#[actix_web::test]
async fn a_job_that_does_not_end_is_cut_off() {
    let (held, cut_off) = tokio::sync::oneshot::channel::<()>();
    let service = Service::new(World::bare_kit(), &RouteTable::default()).with_job("a job", |_| async move {
        std::future::pending::<()>().await;
        drop(held);
    });
    let mut listen = Listen::on("127.0.0.1:0");
    listen.drain = Duration::from_secs(1);
    let running = service.start(&listen).expect("starts");
    assert!(matches!(running.stop().await, Err(RunError::Overdue)));
    assert!(cut_off.await.is_err(), "the job was dropped");
}

#[actix_web::test]
async fn dropping_the_handle_stops_the_server() {
    let world = World::start();
    let mut idle = TcpStream::connect(world.running.address()).await.expect("connects");
    drop(world.running);
    assert_eq!(idle.read(&mut [0; 1]).await.map_err(|error| error.kind()).unwrap_or(0), 0);
}

#[test]
fn a_shutdown_is_requested_once_for_all() {
    let (stop, shutdown) = Shutdown::channel();
    let other = shutdown.clone();
    assert!(!shutdown.is_requested());
    stop.now();
    assert!(shutdown.is_requested() && other.is_requested());
    let (stop, shutdown) = Shutdown::channel();
    drop(stop);
    assert!(shutdown.is_requested());
}

#[test]
fn a_running_service_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<http_kit::service::Running>();
}
