//! Many at once, each with its own answer.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::Barrier;

use crate::harness::{Service, before};

/// Each takes four sockets of this process, and all of them must fit under the usual soft limit of 1,024 open files.
const AT_ONCE: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_at_once_get_their_own_answers() {
    let service = Service::new();
    let gateway = before(service.address).await;
    // The service answers nobody before all are there.
    let all = Arc::new(Barrier::new(AT_ONCE));
    tokio::spawn(async move {
        loop {
            let (mut peer, all) = (service.accept_at_leisure().await, Arc::clone(&all));
            tokio::spawn(async move {
                let request = peer.message().await.expect("a request");
                let path = request.line.split(' ').nth(1).expect("a path").to_owned();
                all.wait().await;
                peer.write(
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}", path.len()).as_bytes(),
                )
                .await;
                // Open until the gateway has read it.
                peer.rest().await;
            });
        }
    });
    let asked = (0..AT_ONCE).map(|number| {
        let gateway = &gateway;
        async move {
            let path = format!("/api/service/{number}");
            let answer = gateway.get(&path).await;
            assert_eq!((answer.status(), String::from_utf8_lossy(&answer.body)), (200, path.into()));
        }
    });
    assert_eq!(join_all(asked).await.len(), AT_ONCE);
}
