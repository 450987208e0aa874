//! Ports for servers that are told theirs.
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below those which the kernel gives to connections and to whoever asks for any port, so that nobody takes one
/// between this look and the server's start, or while the server is stopped.
const FIRST: u32 = 10_000;
const COUNT: u32 = 10_000;

/// A port that nobody listens at; this process gets each of them once.
pub(crate) fn free() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Processes that run at the same time begin far from each other.
    let start = std::process::id().wrapping_mul(997);
    loop {
        let next = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + next).expect("a port");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
