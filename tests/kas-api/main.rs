//! Tests of kas-api over HTTP, on every kind of database.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
mod agent_tokens;
mod alerts;
mod authentication;
mod binary;
mod configuration;
mod documentation;
mod durability;
mod examples;
mod faults;
mod gitaly;
mod logs;
mod policies;
mod projects;
mod proxy_access;
mod rate_limits;
mod receptive;
mod releases;
mod requests;
mod scan_results;
mod smuggling;
mod split_databases;
mod usage;
mod vulnerabilities;

mod support;

use support::{Kas, kas_api, kas_api_with};
