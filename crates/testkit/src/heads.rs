//! Request heads that never end.
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Process;

/// Connections with an incomplete head. More would exceed a limit of 1,024 open files.
const CONNECTIONS: usize = 900;
const HEAD_BYTES: usize = 100_000;
/// Heads of this size for which there is memory at the same time: 16 MiB in buffers of 128 KiB.
const MAX_HELD: usize = 128;
/// The memory for large heads, and 16 KiB for each connection.
const MAX_MORE_MIB: usize = 16 + 900 * 16 / 1024 + 10;
/// How long a refused connection may wait for its response.
const PATIENCE: Duration = Duration::from_secs(4);

/// Opens connections with incomplete heads. Those for which there is no memory are refused, and the service
/// answers other requests.
///
/// # Panics
/// Panics if the process takes more memory, or refuses other requests.
pub async fn assert_bounded(process: &Process) {
    let liveness = || process.request("GET", "/-/liveness");
    let large = "a".repeat(20_000);
    assert_eq!(liveness().header("X-Large", &large).send().await.status, 200);
    let idle = process.peak_memory_mib();
    let address = process.url.strip_prefix("http://").expect("an HTTP URL");
    let head = format!("GET /-/liveness HTTP/1.1\r\nHost: x\r\nX: {}", "a".repeat(HEAD_BYTES));
    let connections = join_all((0..CONNECTIONS).map(|_| async {
        let mut stream = TcpStream::connect(address).await.expect("the service listens");
        // The service may have closed the connection already.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut received = Vec::new();
        let response = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut received)).await;
        let text = String::from_utf8_lossy(&received).into_owned();
        assert!(response.is_err() || text.starts_with("HTTP/1.1 503 "), "{text}");
        response.is_err().then_some(stream)
    }));
    let held: Vec<TcpStream> = connections.await.into_iter().flatten().collect();
    assert!((1..=MAX_HELD).contains(&held.len()), "{} heads are held", held.len());
    assert_eq!(liveness().send().await.status, 200);
    let more = process.peak_memory_mib() - idle;
    println!("{more} MiB more for {CONNECTIONS} heads, {} of them held", held.len());
    assert!(more <= MAX_MORE_MIB, "{more} MiB more");
    drop(held);
}
