//! Free ports for servers that cannot choose their own.
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the kernel's ephemeral ports, so that no other process gets the port before the server starts or while it is
/// stopped.
const FIRST: u32 = 10_000;
const COUNT: u32 = 10_000;

/// A free port, which this process returns only once.
pub(crate) fn free() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Concurrent processes start far from each other.
    let start = std::process::id().wrapping_mul(997);
    loop {
        let next = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + next).expect("a port");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
