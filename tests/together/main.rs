//! Tests that need two services on one database.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
#[expect(dead_code, reason = "these tests need a part of it")]
#[path = "../scim-api/support.rs"]
mod scim_support;

mod blocked_users;
