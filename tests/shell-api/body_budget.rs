//! `--body-budget` limits the memory for the bodies of all concurrent requests.
use std::time::{Duration, Instant};

use super::support::shell_api_with;
use super::{Shell, raw};
use endpoint::body::SMALL_BODIES_BUDGET;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MIB: usize = 1024 * 1024;
const CLONE: &str = r#"{"key_id":11,"project":"grp/p","action":"git-upload-pack","protocol":"ssh"}"#;

/// A body of this length in bytes, for a clone.
fn padded(bytes: usize) -> Vec<u8> {
    let mut body = vec![b' '; bytes];
    body[..CLONE.len()].copy_from_slice(CLONE.as_bytes());
    body
}

/// Starts a request with an incomplete body.
async fn begin(shell: &Shell, headers: &str, start: &[u8]) -> TcpStream {
    let address = shell.service.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&raw::head("POST /api/v4/internal/allowed", headers)).await.unwrap();
    stream.write_all(start).await.unwrap();
    stream
}

/// The whole response, after which the connection is closed.
async fn response(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

/// Waits until request bodies use this many bytes of memory.
async fn until_taken(shell: &Shell, bytes: usize) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while shell.service.core.body_budget.taken() != bytes {
        assert!(Instant::now() < deadline, "{} bytes are taken", shell.service.core.body_budget.taken());
        tokio::task::yield_now().await;
    }
}

#[testkit::test]
async fn body_without_room_is_answered_503_after_five_seconds(database: Database) {
    let shell = shell_api_with(database, &["--body-budget", &(20 * MIB).to_string()]).await;
    let length = 19 * MIB;
    let mut held = begin(&shell, &format!("Content-Length: {length}\r\n"), b"{").await;
    until_taken(&shell, length).await;

    let started = Instant::now();
    let refused = begin(&shell, &format!("Content-Length: {}\r\n", 2 * MIB), b"{").await;
    let refused = response(refused).await;
    assert!(started.elapsed() >= Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.ends_with(r#"{"message":"503 Service Unavailable"}"#), "{refused}");
    assert!(!refused.to_ascii_lowercase().contains("retry-after"), "{refused}");
    // Bodies of up to 64 KiB have a budget of their own.
    let small = shell.request("POST", "/allowed").body("application/json", padded(64 * 1024)).send().await;
    assert_eq!(small.status, 200);

    held.write_all(&padded(length)[1..]).await.unwrap();
    let allowed = response(held).await;
    assert!(allowed.starts_with("HTTP/1.1 200 "), "{allowed}");
    until_taken(&shell, 0).await;
}

#[testkit::test]
async fn chunked_body_takes_the_limit_once_it_is_large(database: Database) {
    let shell = shell_api_with(database, &["--body-budget", &(20 * MIB).to_string()]).await;
    let small = raw::chunked(&padded(1024));
    let held = begin(&shell, "Transfer-Encoding: chunked\r\n", &small[..small.len() - 5]).await;
    let head = raw::head("POST /api/v4/internal/allowed", "Transfer-Encoding: chunked\r\n");
    let large = [head, raw::chunked(&padded(100 * 1024))].concat();
    assert_eq!(raw::send(&shell, &large).await.0, 200);
    until_taken(&shell, 0).await;

    let large = raw::chunked(&padded(100 * 1024));
    let other = begin(&shell, "Transfer-Encoding: chunked\r\n", &large[..large.len() - 5]).await;
    until_taken(&shell, 20 * MIB).await;
    drop((held, other));
    until_taken(&shell, 0).await;
}

#[testkit::test]
async fn caller_without_a_credential_takes_no_room(database: Database) {
    let shell = shell_api_with(database, &["--body-budget", &(20 * MIB).to_string()]).await;
    let length = 19 * MIB;
    let _held = begin(&shell, &format!("Content-Length: {length}\r\n"), b"{").await;
    until_taken(&shell, length).await;
    let head = raw::anonymous_head("POST /api/v4/internal/allowed", &format!("Content-Length: {length}\r\n"));
    let started = Instant::now();
    assert_eq!(raw::send(&shell, &head).await.0, 401);
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

/// A budget below the largest allowed body is rejected, as that body could never be accepted.
#[testkit::test]
async fn budget_holds_the_largest_body(database: Database) {
    for (budget, is_valid) in [(20 * MIB - 1, false), (20 * MIB, true), (usize::MAX, false)] {
        let prepared = crate::support::prepare_with(&database, &["--body-budget", &budget.to_string()]);
        assert_eq!(prepared.is_ok(), is_valid, "{budget}");
    }
}

/// Bodies of up to 64 KiB have a budget of their own, but those of up to 8 KiB always have room.
#[testkit::test]
async fn small_bodies_are_bounded_together(database: Database) {
    let shell = shell_api_with(database, &[]).await;
    let length = 64 * 1024;
    let headers = format!("Content-Length: {length}\r\n");
    let held = join_all((0..SMALL_BODIES_BUDGET / length).map(|_| begin(&shell, &headers, b"{"))).await;
    let small = &shell.service.core.small_body_budget;
    let deadline = Instant::now() + Duration::from_secs(20);
    while small.taken() != SMALL_BODIES_BUDGET {
        assert!(Instant::now() < deadline, "{} bytes are taken", small.taken());
        tokio::task::yield_now().await;
    }
    for (bytes, status) in [(8 * 1024, 200), (8 * 1024 + 1, 503), (MIB, 200)] {
        let request = shell.request("POST", "/allowed").body("application/json", padded(bytes));
        assert_eq!(request.send().await.status, status, "{bytes}");
    }
    let chunked = raw::chunked(&padded(9 * 1024));
    let head = raw::head("POST /api/v4/internal/allowed", "Transfer-Encoding: chunked\r\n");
    assert_eq!(raw::send(&shell, &[head, chunked].concat()).await.0, 503);
    drop(held);
    let request = shell.request("POST", "/allowed").body("application/json", padded(length));
    assert_eq!(request.send().await.status, 200);
}
