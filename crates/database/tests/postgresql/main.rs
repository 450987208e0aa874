//! The crate with a real PostgreSQL, a real PgBouncer, and databases of an older release.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up fails")]
mod check;
mod failover;
mod plans;
mod pool;
mod support;
mod upgrade;
