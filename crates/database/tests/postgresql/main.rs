//! The crate with a real PostgreSQL and a real PgBouncer.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up fails")]
mod check;
mod pool;
mod support;
