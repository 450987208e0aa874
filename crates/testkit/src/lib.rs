//! Boots real services with databases of their own, and asks them over HTTP.
//!
//! A test is a function over a [`Database`]; [`databases!`] runs it on both. [`fixture`] is what every database holds
//! at first; [`git`] makes the repositories. [`Service`] runs a service in this process, [`Process`] its binary.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot be set up fails")]
mod answer;
mod database;
pub mod fixture;
pub mod git;
pub mod gitaly;
pub mod kas_fixture;
mod port;
mod process;
mod redis_server;
mod service;
pub mod ssh;

pub use answer::{Answer, Request};
pub use database::Database;
pub use process::{Collector, Process, binary, free_address};
pub use redis_server::Redis;
pub use service::Service;

/// Makes of each function a module with two tests: one per database.
#[macro_export]
macro_rules! databases {
    ($($(#[$attribute:meta])* async fn $name:ident($database:ident: Database) $body:block)+) => { $(
        $(#[$attribute])*
        mod $name {
            use super::*;

            async fn run($database: $crate::Database) $body

            #[actix_web::test]
            async fn sqlite() {
                run($crate::Database::sqlite()).await;
            }

            #[actix_web::test]
            async fn postgresql() {
                run($crate::Database::postgresql()).await;
            }
        }
    )+ };
}
