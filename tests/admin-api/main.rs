//! admin-api from outside, on both databases. The numbers in the tests' comments are rows of the contract's §7.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot be set up fails")]
mod audit;
mod authentication;
mod binary;
mod browser;
mod changes;
mod documentation;
mod examples;
mod lists;
mod page;
mod people;
mod rate_limits;
mod sessions;
mod support;
mod visitor;

use support::{Admin, admin_api, admin_api_with};
