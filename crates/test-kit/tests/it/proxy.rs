//! The proxy does to connections what it says, and nothing else.

use std::time::Duration;

use test_kit::proxy::{Direction, Proxy, Target};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener};

/// Longer than bytes take on one machine: to see that something does not come.
const A_WHILE: Duration = Duration::from_millis(150);

/// Answers each connection with `name` first, then with whatever it hears.
async fn echo(name: &'static [u8]) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                stream.write_all(name).await?;
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    Target::Tcp(address)
}

async fn through(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.expect("a connection")
}

async fn read(stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut read = vec![0; bytes];
    stream.read_exact(&mut read).await.expect("bytes");
    read
}

/// Everything until the connection ends, in whatever way.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    let _how = stream.read_to_end(&mut read).await;
    read
}

#[tokio::test]
async fn bytes_pass_both_ways_and_an_end_does_too() {
    let proxy = Proxy::start(vec![echo(b"").await]).await.expect("a proxy");
    let mut stream = through(&proxy).await;
    let sent: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
    let (mut from, mut to) = stream.split();
    let writing = async {
        to.write_all(&sent).await.expect("sent");
        to.shutdown().await.expect("an end");
    };
    let mut heard = Vec::new();
    let (_, heard_bytes) = tokio::join!(writing, from.read_to_end(&mut heard));
    assert_eq!(heard_bytes.expect("all of it"), sent.len());
    assert_eq!(heard, sent);
}

#[tokio::test]
async fn it_leads_to_a_socket_in_the_file_system() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).expect("a socket");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"here").await.expect("written");
        }
    });
    let proxy = Proxy::start(vec![Target::Unix(path)]).await.expect("a proxy");
    assert_eq!(rest(&mut through(&proxy).await).await, b"here");
}

#[tokio::test]
async fn connections_go_to_one_target_after_the_other() {
    let proxy = Proxy::start(vec![echo(b"a").await, echo(b"b").await]).await.expect("a proxy");
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.extend(read(&mut through(&proxy).await, 1).await);
    }
    heard.sort_unstable();
    assert_eq!(heard, b"aabb");
    proxy.set_targets(vec![echo(b"c").await]);
    assert_eq!(read(&mut through(&proxy).await, 1).await, b"c");
    proxy.set_targets(Vec::new());
    assert_eq!(rest(&mut through(&proxy).await).await, b"");
}

#[tokio::test]
async fn a_cut_ends_those_that_are_there_and_lets_new_ones_through() {
    let proxy = Proxy::start(vec![echo(b"a").await]).await.expect("a proxy");
    let mut old = through(&proxy).await;
    assert_eq!(read(&mut old, 1).await, b"a");
    proxy.cut();
    assert_eq!(rest(&mut old).await, b"");
    let mut new = through(&proxy).await;
    new.write_all(b"x").await.expect("sent");
    assert_eq!(read(&mut new, 2).await, b"ax");
}

#[tokio::test]
async fn what_is_refused_is_closed_until_it_resumes() {
    let proxy = Proxy::start(vec![echo(b"a").await]).await.expect("a proxy");
    let mut old = through(&proxy).await;
    assert_eq!(read(&mut old, 1).await, b"a");
    proxy.refuse();
    assert_eq!(rest(&mut old).await, b"");
    assert_eq!(rest(&mut through(&proxy).await).await, b"");
    proxy.resume();
    assert_eq!(read(&mut through(&proxy).await, 1).await, b"a");
}

#[tokio::test]
async fn a_stall_holds_everything_and_loses_nothing() {
    let proxy = Proxy::start(vec![echo(b"").await]).await.expect("a proxy");
    let mut old = through(&proxy).await;
    old.write_all(b"1").await.expect("sent");
    assert_eq!(read(&mut old, 1).await, b"1");
    proxy.stall();
    old.write_all(b"23").await.expect("sent");
    let mut new = through(&proxy).await;
    new.write_all(b"45").await.expect("sent");
    assert!(tokio::time::timeout(A_WHILE, old.read_u8()).await.is_err(), "nothing passes");
    assert!(tokio::time::timeout(A_WHILE, new.read_u8()).await.is_err(), "nothing passes");
    proxy.resume();
    assert_eq!(read(&mut old, 2).await, b"23");
    assert_eq!(read(&mut new, 2).await, b"45");
}

#[tokio::test]
async fn an_answer_loses_its_end() {
    let proxy = Proxy::start(vec![echo(b"").await]).await.expect("a proxy");
    let mut stream = through(&proxy).await;
    proxy.cut_after(Direction::FromTarget, 3);
    stream.write_all(b"0123456789").await.expect("sent");
    assert_eq!(rest(&mut stream).await, b"012");
    // Once.
    let mut next = through(&proxy).await;
    next.write_all(b"0123456789").await.expect("sent");
    assert_eq!(read(&mut next, 10).await, b"0123456789");
}

#[tokio::test]
async fn the_other_direction_does_not_count() {
    let proxy = Proxy::start(vec![echo(b"abcdef").await]).await.expect("a proxy");
    proxy.cut_after(Direction::ToTarget, 2);
    let mut stream = through(&proxy).await;
    assert_eq!(read(&mut stream, 6).await, b"abcdef");
    stream.write_all(b"12").await.expect("sent");
    assert_eq!(read(&mut stream, 2).await, b"12");
    stream.write_all(b"3").await.expect("sent");
    assert_eq!(rest(&mut stream).await, b"");
}
