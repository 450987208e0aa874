//! The pages in a real browser: with a mouse, by keyboard, without scripts, offline, and at every width.
mod axe;
mod driver;
mod failures;
mod journeys;
mod looks;

use super::support::A;
use super::{Admin, admin_api};
use driver::Browser;

const LIMITS: &str = "/admin/namespace_limits";

fn at(admin: &Admin, path: &str) -> String {
    format!("{}{path}", admin.service.url())
}

async fn sign_in(admin: &Admin, browser: &Browser) {
    browser.open(&at(admin, "/admin")).await;
    browser.write("#token", A).await;
    browser.click("main button[type=submit]").await;
    browser.until_text("h1", "Usage limits").await;
}
