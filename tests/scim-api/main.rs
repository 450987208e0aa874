//! Tests scim-api over HTTP, on both databases. The rules are in `docs/api/scim-api.md`.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
#![expect(clippy::needless_pass_by_value, reason = "a body is written where it is sent")]
mod access;
mod account;
mod account_properties;
mod attacks;
mod cost;
mod create;
mod discovery;
mod documentation;
mod examples;
mod filters;
mod foreign_accounts;
mod groups;
mod isolation;
mod list;
mod logs;
mod memory;
mod patch;
mod providers;
mod put_delete;
mod races;
mod random_filters;
mod rate_limits;
mod releases;
mod rows;
mod sign_in;
mod smuggling;
mod usernames;

mod support;

use support::{Scim, scim_api, scim_api_with};
