//! Appearance and accessibility of the pages: light and dark, at 320, 390 and 1280 pixels, with any text.
use super::axe;
use super::driver::Browser;
use super::{Admin, LIMITS, admin_api, at, sign_in};
use crate::support::{REASON, today};

/// Adds data for everything that a page can show.
fn furnish(admin: &Admin) {
    admin.many(23);
    let then = today();
    admin.sql(&format!(
        "UPDATE namespaces_storage_limit_exclusions SET reason = 'Migrating from another host until the \
        end of the quarter, agreed with their account manager' WHERE id = 2;
         UPDATE namespaces_storage_limit_exclusions SET reason = \
         'Mirrors-of-the-public-package-archives-https://example.com/a/very/long/address/without/any/blank' \
         WHERE id = 3;
         UPDATE namespaces SET name = 'Zentrum für Luft- und Raumfahrt' WHERE id = 5004;
         INSERT INTO saml_providers (id, group_id, enabled, certificate_fingerprint, sso_url) VALUES \
         (3, 123, true, 'x', 'https://idp.example.com');
         INSERT INTO identities (user_id, provider, extern_uid, saml_provider_id, created_at, \
         updated_at) VALUES (2, 'group_saml', 'alice@idp.example.com', 3, '{then}', '{then}'), (2, \
         'ldapmain', 'uid=alice,ou=people,dc=example,dc=com', NULL, '{then}', '{then}');
         INSERT INTO scim_identities (group_id, user_id, active, extern_uid, created_at, updated_at) \
         VALUES (NULL, 2, true, 'f0b1d561-21ff-4092-beab-8154b17f82f2', '{then}', '{then}'), (123, 2, \
         false, 'be20d8dc', '{then}', '{then}');"
    ));
}

/// Checks the open page in every width and colour scheme: takes screenshots, runs axe and checks for
/// overflow.
async fn look_at(browser: &Browser, name: &str) {
    let directory = axe::target().join("screenshots");
    std::fs::create_dir_all(&directory).unwrap();
    for width in [1280, 390, 320] {
        for scheme in ["light", "dark"] {
            browser.look(width, scheme).await;
            let picture = browser.screenshot().await;
            std::fs::write(directory.join(format!("{name}-{width}-{scheme}.png")), picture).unwrap();
            assert_fits(browser, name, width).await;
            browser.script(&format!("{}; return true", axe::source().await)).await;
            let report = browser
                .script_later(
                    "const done = arguments[arguments.length - 1]; axe.run(document).then( \
                     found => done(found.passes.length === 0 ? ['axe looked at nothing'] : \
                     found.violations.map(rule => rule.id + ': ' + rule.help + ' ' + \
                     rule.nodes.map(node => node.html + ' ' + node.failureSummary).join(' | '))), \
                     error => done(['axe failed: ' + error]))",
                )
                .await;
            assert_eq!(report, serde_json::json!([]), "{name} {width} {scheme}");
        }
    }
    browser.look(1280, "light").await;
}

#[actix_web::test]
async fn every_page_is_accessible() {
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
    look_at(&browser, "limits-all-excluded").await;
    browser.write("#namespace_search", "acme").await;
    browser.until_there("input[name=namespace_id][value='123']:checked").await;
    browser.write("#reason", "a reason").await;
    look_at(&browser, "limits-choosing").await;
    assert_eq!(admin.exclude("123", &serde_json::json!({ "reason": "faster" })).await.0, 201);
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
    open("/admin/nowhere", "Page not found").await;
    look_at(&browser, "not-found").await;
}

/// Checks that the page does not scroll sideways (WCAG 1.4.10).
async fn assert_fits(browser: &Browser, name: &str, width: u32) {
    let widest = "const root = document.documentElement; \
        if (root.scrollWidth <= root.clientWidth) return ''; \
        const wide = [...document.querySelectorAll('body *')].filter( \
            element => element.getBoundingClientRect().right > root.clientWidth + 1); \
        return root.scrollWidth + ': ' + wide.map(element => element.outerHTML.slice(0, 120)).join(' | ')";
    assert_eq!(browser.script(widest).await, "", "{name} is wider than {width} pixels");
}

/// With names of 255 letters without a space, the longest state, and text at 200 %.
#[actix_web::test]
async fn no_text_makes_a_page_scroll_sideways() {
    let admin = admin_api(testkit::Database::sqlite()).await;
    let (long, then) = ("W".repeat(255), today());
    admin.sql(&format!(
        "UPDATE namespaces SET name = '{long}' WHERE id IN (123, 130);
         UPDATE users SET name = '{long}', username = '{long}' WHERE id = 1;
         UPDATE users SET name = '{long}', state = 'blocked_pending_approval' WHERE id = 2;
         INSERT INTO identities (user_id, provider, extern_uid, created_at, updated_at)
         VALUES (2, '{long}', '{long}', '{then}', '{then}');
         INSERT INTO scim_identities (group_id, user_id, active, extern_uid, created_at, updated_at)
         VALUES (123, 2, false, '{long}', '{then}', '{then}')"
    ));
    assert_eq!(admin.exclude("123", &serde_json::json!({ "reason": long })).await.0, 201);
    let browser = Browser::start().await;
    sign_in(&admin, &browser).await;
    for (index, path) in [
        LIMITS.to_owned(),
        format!("{LIMITS}?search={long}"),
        format!("{LIMITS}/123/remove"),
        "/admin/users".to_owned(),
        "/admin/users/alice/identities".to_owned(),
        "/admin/audit_events".to_owned(),
        "/admin/nowhere".to_owned(),
        "/admin/session/new".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        browser.open(&at(&admin, &path)).await;
        browser.until_there("h1").await;
        if path == LIMITS {
            browser.write("#namespace_search", &long).await;
            browser.until_there("input[name=namespace_id]").await;
        }
        for width in [320, 390, 1280] {
            browser.look(width, "light").await;
            assert_fits(&browser, &path, width).await;
            let picture = browser.screenshot().await;
            let directory = axe::target().join("screenshots");
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join(format!("long-{index}-{width}.png")), picture).unwrap();
        }
        browser.script("document.documentElement.style.fontSize = '200%'").await;
        assert_fits(&browser, &format!("{path} at 200 %"), 1280).await;
    }
}
