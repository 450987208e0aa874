//! The layout and accessibility of the pages, in light and dark mode, on desktops and phones.
use super::axe;
use super::driver::Browser;
use super::{Admin, LIMITS, admin_api, at, sign_in};
use crate::support::{REASON, today};

/// Adds data for everything that a page can show.
fn furnish(admin: &Admin) {
    admin.many(23);
    let then = today();
    admin.sql(&format!(
        "UPDATE namespaces_storage_limit_exclusions SET reason = 'Migrating from another host until the end of the quarter, agreed with their account manager' WHERE id = 2;
         UPDATE namespaces_storage_limit_exclusions SET reason = 'Mirrors-of-the-public-package-archives-https://example.com/a/very/long/address/without/any/blank' WHERE id = 3;
         UPDATE namespaces SET name = 'Zentrum für Luft- und Raumfahrt' WHERE id = 5004;
         INSERT INTO saml_providers (id, group_id, enabled, certificate_fingerprint, sso_url) VALUES (3, 123, true, 'x', 'https://idp.example.com');
         INSERT INTO identities (user_id, provider, extern_uid, saml_provider_id, created_at, updated_at) VALUES (2, 'group_saml', 'alice@idp.example.com', 3, '{then}', '{then}'), (2, 'ldapmain', 'uid=alice,ou=people,dc=example,dc=com', NULL, '{then}', '{then}');
         INSERT INTO scim_identities (group_id, user_id, active, extern_uid, created_at, updated_at) VALUES (NULL, 2, true, 'f0b1d561-21ff-4092-beab-8154b17f82f2', '{then}', '{then}'), (123, 2, false, 'be20d8dc', '{then}', '{then}');"
    ));
}

/// Checks the open page in every width and colour scheme: takes screenshots, runs axe and checks for overflow.
async fn look_at(browser: &Browser, name: &str) {
    let directory = axe::target().join("screenshots");
    std::fs::create_dir_all(&directory).unwrap();
    for width in [1280, 390, 320] {
        for scheme in ["light", "dark"] {
            browser.look(width, scheme).await;
            let picture = browser.screenshot().await;
            std::fs::write(directory.join(format!("{name}-{width}-{scheme}.png")), picture).unwrap();
            let wide =
                browser.script("return document.documentElement.scrollWidth > window.innerWidth").await;
            assert_eq!(wide, false, "{name} is wider than {width} pixels");
            browser.script(&format!("{}; return true", axe::source().await)).await;
            let report = browser
                .script_later(
                    "const done = arguments[arguments.length - 1]; axe.run(document).then( \
                     found => done(found.passes.length === 0 ? ['axe looked at nothing'] : found.violations.map(rule => rule.id + ': ' + rule.help + ' ' + rule.nodes.map(node => node.html + ' ' + node.failureSummary).join(' | '))), \
                     error => done(['axe failed: ' + error]))",
                )
                .await;
            assert_eq!(report, serde_json::json!([]), "{name} {width} {scheme}");
        }
    }
    browser.look(1280, "light").await;
}

#[actix_web::test]
async fn every_page_is_legible_and_open_to_everybody() {
    let admin = admin_api(testkit::Database::sqlite()).await;
    let browser = Browser::start().await;
    let open = async |path: &str, heading: &str| {
        browser.open(&at(&admin, path)).await;
        browser.until_text("h1", heading).await;
    };
    open("/admin", "Sign in").await;
    look_at(&browser, "sign-in").await;
    browser.write("#token", "nope").await;
    browser.click("main button[type=submit]").await;
    browser.until_text(".problem", "Invalid").await;
    look_at(&browser, "sign-in-refused").await;
    sign_in(&admin, &browser).await;
    look_at(&browser, "limits-empty").await;
    open("/admin/audit_events", "Audit events").await;
    look_at(&browser, "audit-empty").await;
    furnish(&admin);
    assert_eq!(admin.exclude("130", &serde_json::json!({ "reason": REASON })).await.0, 201);
    assert_eq!(admin.ask("DELETE", "/api/v4/namespaces/130/storage/limit_exclusion").await.0, 204);
    open(LIMITS, "Usage limits").await;
    look_at(&browser, "limits").await;
    open(&format!("{LIMITS}?page=2"), "Usage limits").await;
    look_at(&browser, "limits-second-page").await;
    open(&format!("{LIMITS}?search=nothing"), "Usage limits").await;
    look_at(&browser, "limits-nothing-found").await;
    open(&format!("{LIMITS}?search=Luft"), "Usage limits").await;
    browser.write("#namespace_search", "group").await;
    browser.until_text("#picker-hint", "23 namespaces found, the first 10 are shown").await;
    browser.click("input[name=namespace_id][value='5002']").await;
    browser.write("#reason", "a reason").await;
    look_at(&browser, "limits-choosing").await;
    browser.click("form > button.primary").await;
    browser.until_text(".problem", "already excluded").await;
    look_at(&browser, "limits-refused").await;
    browser.open(&at(&admin, &format!("{LIMITS}/5002/remove"))).await;
    browser.until_text("h1", "Remove this exclusion?").await;
    look_at(&browser, "remove").await;
    browser.click("button.danger").await;
    browser.until_text(".notice", "The exclusion was removed").await;
    look_at(&browser, "limits-removed").await;
    open("/admin/users", "Users").await;
    look_at(&browser, "users").await;
    open("/admin/users/alice/identities", "alice the user").await;
    look_at(&browser, "identities").await;
    open("/admin/users/bob/identities", "bob the user").await;
    look_at(&browser, "identities-none").await;
    open("/admin/audit_events", "Audit events").await;
    look_at(&browser, "audit").await;
    open("/admin/nowhere", "Nothing is here").await;
    look_at(&browser, "not-found").await;
}
