//! Tests admin-api over HTTP, on every database shape. The rules are in `docs/api/admin-api.md`.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot be set up fails")]
mod audit;
mod authentication;
mod binary;
mod browser;
mod changes;
mod columns;
mod documentation;
mod examples;
mod lists;
mod page;
mod people;
mod picker;
mod rate_limits;
mod releases;
mod return_to;
mod sessions;
mod smuggling;
mod stale_forms;
mod support;
mod visitor;

use support::{Admin, admin_api, admin_api_with};
