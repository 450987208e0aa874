//! Tests of billing-api over HTTP, on every kind of database.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
mod add_ons;
mod audit;
mod authentication;
mod cards;
mod concurrency;
mod configuration;
mod conservation;
mod documentation;
mod examples;
mod gitlabs;
mod memory;
mod minutes;
mod moves;
mod namespaces;
mod parameters;
mod provision;
mod rate_limits;
mod reconciliations;
mod seats;
mod smuggling;
mod split_databases;
mod subscriptions;
mod terms;
mod updates;

mod support;
mod tokens;

use support::{Billing, billing_api, billing_api_with};
