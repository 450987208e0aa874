//! scim-api from outside, on both databases. The numbers in the tests' comments are rows of the contract's table.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
#![expect(clippy::needless_pass_by_value, reason = "a body is written where it is sent")]
mod access;
mod cost;
mod create;
mod discovery;
mod examples;
mod filters;
mod isolation;
mod list;
mod logs;
mod patch;
mod providers;
mod put_delete;
mod races;
mod random_filters;
mod rate_limits;

mod support;

use support::{Scim, scim_api, scim_api_with};
