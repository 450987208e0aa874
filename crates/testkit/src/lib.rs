//! Runs real services with their own databases, and sends them HTTP requests.
//!
//! [`#[testkit::test]`](test) runs a test on every database shape. [`fixture`] contains the initial data of
//! every database, and [`git`] creates the repositories. [`Service`] runs a service in this process, and
//! [`Process`] runs its binary.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot be set up fails")]
mod answer;
mod collector;
pub mod documentation;
pub mod fixture;
pub mod git;
pub mod gitaly;
pub mod heads;
pub mod kas_fixture;
mod limits;
mod port;
mod process;
mod redis_server;
mod service;
pub mod smuggling;
pub mod ssh;
mod subjects;
mod test_database;

pub use answer::{Answer, Request};
pub use collector::{Collector, Span};
pub use limits::without_rate_limits;
pub use process::{Process, binary, free_address};
pub use redis_server::Redis;
pub use service::Service;
pub use subjects::Subjects;
pub use test_database::{Database, Release};
pub use testkit_macros::test;

/// Runs a test on its own event loop.
pub fn block_on<T>(test: impl Future<Output = T>) -> T {
    actix_web::rt::System::new().block_on(test)
}
