//! Tests that need several services on one database.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
#![expect(clippy::needless_pass_by_value, reason = "a body is written where it is sent")]
#[expect(dead_code, reason = "these tests need a part of it")]
#[path = "../scim-api/support.rs"]
mod scim_support;

#[path = "../billing-api/tokens.rs"]
mod portal_tokens;

mod blocked_users;
mod credentials;
