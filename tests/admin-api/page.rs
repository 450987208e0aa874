//! The admin pages over HTTP: sign-in, forms, CSRF protection and escaping.
use super::support::{A, AN, AR, AX, B, K, P, REASON};
use super::visitor::Visitor;
use super::{admin_api, admin_api_with};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use testkit::fixture::THEN;

const LIMITS: &str = "/admin/namespace_limits";
const MISSING: &str = "You must select a namespace and add a reason for excluding it";
const SIGN_IN: &str = "/admin/session/new";
const SCRIPT: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>";

/// Every page redirects to the sign-in without a session, even if a valid token is sent.
#[testkit::test]
async fn page_without_a_session_leads_to_the_sign_in(database: Database) {
    let admin = admin_api(database).await;
    let open = ["/admin/session/new", "/admin/assets/{name}"];
    let pages = admin_api::ENDPOINTS
        .iter()
        .filter(|endpoint| endpoint.path.starts_with("/admin") && !open.contains(&endpoint.path));
    let mut visitor = Visitor::new(&admin);
    for endpoint in pages {
        if (endpoint.method, endpoint.path) == ("POST", "/admin/session") {
            continue;
        }
        let path = endpoint.path.replace("{id}", "123").replace("{username}", "root");
        let expected = if endpoint.method == "GET" { 302 } else { 303 };
        let forged = format!("admin_session={}.{}", URL_SAFE_NO_PAD.encode("{}"), "A".repeat(43));
        for credential in [
            None,
            Some(("PRIVATE-TOKEN", A)),
            Some(("Authorization", "Bearer glpat-administrator")),
            Some(("Cookie", &*forged)),
            Some(("Cookie", "admin_session=x")),
        ] {
            let answer = visitor.send(endpoint.method, &path, credential, "").await;
            assert_eq!(
                (answer.status, answer.header("Location").and_then(|to| to.split('?').next())),
                (expected, Some(SIGN_IN)),
                "{} {path} {credential:?}",
                endpoint.method
            );
        }
    }
    assert_eq!(visitor.get("/admin/nowhere").await.status, 404);
    assert_eq!(visitor.get("/admin/assets/../x").await.status, 404);
}

#[testkit::test]
async fn page_after_the_last_leads_back(database: Database) {
    let admin = admin_api(database).await;
    let excluded = admin.anonymous("POST", P).header("PRIVATE-TOKEN", A).json(&json!({ "reason": "x" }));
    assert_eq!(excluded.answer().await.0, 201);
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    for (path, nothing) in [
        (LIMITS, "No namespaces are currently excluded"),
        ("/admin/users", "Nobody matches your search"),
        ("/admin/audit_events", "Nothing has been changed yet"),
    ] {
        let page = visitor.get(&format!("{path}?page=7")).await.text;
        assert!(page.contains("Nothing is on this page") && !page.contains(nothing), "{page}");
        assert!(page.contains(&format!("rel=\"prev\" href=\"{path}?")), "{page}");
    }
}

#[testkit::test]
async fn last_page_that_can_be_shown_has_no_next_page(database: Database) {
    let admin = admin_api(database).await;
    admin.sql(&format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50050)
             INSERT INTO namespaces_storage_limit_exclusions (namespace_id, reason, created_at, \
             updated_at) SELECT 123, 'x', '{THEN}', '{THEN}' FROM numbers"
    ));
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let before = visitor.get(&format!("{LIMITS}?page=2500")).await.text;
    assert!(before.contains(&format!("rel=\"next\" href=\"{LIMITS}?page=2501\"")), "{before}");
    for page in [2501, 9999] {
        let last = visitor.get(&format!("{LIMITS}?page={page}")).await.text;
        assert!(last.contains("Page 2501<") && !last.contains("rel=\"next\""), "{last}");
        assert!(last.contains(&format!("rel=\"prev\" href=\"{LIMITS}?page=2500\"")), "{last}");
    }
}

#[testkit::test]
async fn too_long_search_is_refused(database: Database) {
    let admin = admin_api(database).await;
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let longest = "x".repeat(1024);
    for (path, name) in [
        (LIMITS, "search"),
        ("/admin/users", "search"),
        ("/admin/namespace_limits/namespaces", "namespace_search"),
    ] {
        assert_eq!(visitor.get(&format!("{path}?{name}={longest}")).await.status, 200, "{path}");
        let refused = visitor.get(&format!("{path}?{name}={longest}x")).await;
        assert_eq!(refused.status, 400, "{path}");
        let sentence = "The search is too long (at most 1024 characters).";
        assert!(refused.text.contains(sentence), "{}", refused.text);
        let path = format!("{path}?{name}={longest}x");
        let scripted = visitor.send("GET", &path, Some(("HX-Request", "true")), "").await;
        assert_eq!((scripted.status, &*scripted.text), (400, sentence));
    }
    let csrf = visitor.csrf(LIMITS).await;
    let found = visitor
        .post(
            LIMITS,
            &[("authenticity_token", &csrf), ("find", "1"), ("namespace_search", &format!("{longest}x"))],
        )
        .await;
    assert_eq!(found.status, 400);
}

#[testkit::test]
async fn only_an_administrators_token_signs_in(database: Database) {
    let admin = admin_api(database).await;
    let mut visitor = Visitor::new(&admin);
    for token in [B, K, AX, AR, "nope", "", "  "] {
        let answer = visitor.post("/admin/session", &[("token", token)]).await;
        assert_eq!((answer.status, answer.header("Set-Cookie")), (401, None), "{token}");
        assert!(answer.text.contains("Invalid or insufficient token"), "{}", answer.text);
        assert!(token.trim().is_empty() || !answer.text.contains(token));
    }
    // Reloading the page of a failed sign-in leads back to the form.
    let again = visitor.get("/admin/session").await;
    assert_eq!((again.status, again.header("Location")), (302, Some(SIGN_IN)));
    admin.sql("UPDATE application_settings SET admin_mode = true");
    assert_eq!(visitor.post("/admin/session", &[("token", AN)]).await.status, 401);
    let answer = visitor
        .post(
            "/admin/session",
            &[("token", A), ("return_to", "https://evil.example.com"), ("redirect", "//evil.example.com")],
        )
        .await;
    assert_eq!((answer.status, answer.header("Location")), (303, Some(LIMITS)));
}

#[testkit::test]
async fn sign_in_attempts_are_limited(database: Database) {
    let admin = admin_api(database).await;
    let mut visitor = Visitor::new(&admin);
    for _ in 0..10 {
        assert_eq!(visitor.post("/admin/session", &[("token", "guess")]).await.status, 401);
    }
    let answer = visitor.post("/admin/session", &[("token", A)]).await;
    assert_eq!(
        (answer.status, answer.header("Retry-After"), answer.header("Set-Cookie")),
        (429, Some("30"), None)
    );
    assert!(answer.text.contains("Too many attempts"));
    // Attempts are counted per client address.
    let other = visitor
        .send("POST", "/admin/session", Some(("X-Forwarded-For", "192.0.2.7")), &format!("token={A}"))
        .await;
    assert_eq!(other.status, 303);
    // An IPv6 host usually has a whole /64 network, which counts as one client.
    let mut from = async |address: &str, token: &str| {
        let header = Some(("X-Forwarded-For", address));
        visitor.send("POST", "/admin/session", header, &format!("token={token}")).await.status
    };
    for host in 1..=10 {
        assert_eq!(from(&format!("2001:db8::{host}"), "guess").await, 401);
    }
    assert_eq!(from("2001:db8::ffff", A).await, 429);
    assert_eq!(from("2001:db8:0:1::1", A).await, 303);
}

#[testkit::test]
async fn cookie_is_hidden_from_scripts_and_other_sites(database: Database) {
    let admin = admin_api(database).await;
    let mut visitor = Visitor::new(&admin);
    let cookie = visitor.sign_in().await;
    assert!(cookie.ends_with("; Path=/admin; Max-Age=43200; HttpOnly; SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains(A) && !cookie.contains(&URL_SAFE_NO_PAD.encode(A)));
    let secure = visitor
        .send("POST", "/admin/session", Some(("X-Forwarded-Proto", "https")), &format!("token={A}"))
        .await;
    assert!(secure.header("Set-Cookie").unwrap().ends_with("; SameSite=Strict; Secure"));
    let page = visitor.get(LIMITS).await;
    assert_eq!(page.header("Set-Cookie").map(|cookie| cookie.contains("HttpOnly")), Some(true));
    for (name, value) in [
        ("Cache-Control", "no-store"),
        ("X-Frame-Options", "DENY"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        (
            "Content-Security-Policy",
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
            object-src 'none'",
        ),
    ] {
        for path in [LIMITS, SIGN_IN, "/admin/nowhere", "/admin/users"] {
            assert_eq!(visitor.get(path).await.header(name), Some(value), "{path}");
        }
    }
    // A page has no inline scripts or styles, and loads nothing from other hosts.
    for forbidden in ["<style", "style=", "onclick", "javascript:", "src=\"http", "href=\"//"] {
        assert!(!page.text.contains(forbidden), "{forbidden}");
    }
    assert_eq!(
        page.text.matches("<script").count(),
        page.text.matches("<script src=\"/admin/assets/").count()
    );
}

/// An administrator excludes a namespace in the form and removes the exclusion again.
#[testkit::test]
async fn namespace_is_excluded_and_removed(database: Database) {
    let admin = admin_api(database).await;
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let empty = visitor.get(LIMITS).await;
    assert!(empty.text.contains("No namespaces are currently excluded"), "{}", empty.text);
    let csrf = visitor.csrf(LIMITS).await;
    for (id, reason, kept) in [
        ("", "", ""),
        ("", "kept reason", "kept reason"),
        ("123", " ", ""),
        ("x", "kept reason", "kept reason"),
    ] {
        let answer = visitor
            .post(LIMITS, &[("authenticity_token", &csrf), ("namespace_id", id), ("reason", reason)])
            .await;
        assert_eq!(answer.status, 400);
        assert!(answer.text.contains(MISSING) && answer.text.contains(kept), "{}", answer.text);
    }
    let fields = [
        ("authenticity_token", &*csrf),
        ("namespace_id", "123"),
        ("reason", "one\r\ntwo"),
        ("search", "a b&c"),
        ("page", "2"),
    ];
    let added = visitor.post(LIMITS, &fields).await;
    assert_eq!(
        (added.status, added.header("Location")),
        (303, Some("/admin/namespace_limits?search=a%20b%26c&page=2"))
    );
    assert_eq!(
        admin.text("SELECT reason FROM namespaces_storage_limit_exclusions").as_deref(),
        Some("one\ntwo")
    );
    let listed = visitor.get(LIMITS).await;
    assert!(
        listed.text.contains("is now excluded")
            && listed
                .text
                .contains("href=\"https://gitlab.example.com/groups/acme\"><bdi>A Namespace Name</bdi></a>"),
        "{}",
        listed.text
    );
    // The message is shown once.
    assert!(!visitor.get(LIMITS).await.text.contains("is now excluded"));
    let again = visitor.post(LIMITS, &fields).await;
    assert_eq!(again.status, 400);
    assert!(
        again.text.contains("400 Bad request - already excluded") && again.text.contains("one\ntwo"),
        "{}",
        again.text
    );
    for (id, reason, words) in [
        ("124", "x", "Namespace must be a top-level namespace"),
        ("999", "x", "404 Namespace Not Found"),
        ("130", &*"a".repeat(256), "is too long (maximum is 255 characters)"),
    ] {
        let answer = visitor
            .post(LIMITS, &[("authenticity_token", &csrf), ("namespace_id", id), ("reason", reason)])
            .await;
        assert!(answer.text.contains(words), "{}", answer.text);
    }
    assert_eq!(visitor.get("/admin/namespace_limits/0/remove").await.status, 404);
    let question = visitor.get("/admin/namespace_limits/123/remove?search=acme").await;
    assert!(
        question.text.contains("Remove this exclusion?")
            && question.text.contains("href=\"/admin/namespace_limits?search=acme\""),
        "{}",
        question.text
    );
    let remove = [("authenticity_token", &*csrf), ("search", "acme"), ("exclusion_id", "1")];
    let removed = visitor.post("/admin/namespace_limits/123/remove", &remove).await;
    assert_eq!(
        (removed.status, removed.header("Location")),
        (303, Some("/admin/namespace_limits?search=acme"))
    );
    assert!(visitor.get(LIMITS).await.text.contains("No namespaces are currently excluded"));
    assert_eq!(visitor.post("/admin/namespace_limits/123/remove", &remove).await.status, 303);
    assert!(visitor.get(LIMITS).await.text.contains("The exclusion was already gone."));
    assert_eq!(visitor.get("/admin/namespace_limits/123/remove").await.status, 404);
    let trail = visitor.get("/admin/audit_events").await;
    assert!(
        trail.text.contains("Excluded")
            && trail.text.contains("Exclusion removed")
            && trail.text.contains("(<bdi>acme</bdi>)")
            && trail.text.contains("@<bdi>root</bdi>")
            && trail.text.contains("127.0.0.1"),
        "{}",
        trail.text
    );
    assert_eq!(admin.number("SELECT count(*) FROM admin_audit_events"), 2);
}

/// Without scripts, a new search also sends the namespace that was selected before.
#[testkit::test]
async fn choice_that_is_not_found_any_more_is_dropped(database: Database) {
    let admin = admin_api(database).await;
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let csrf = visitor.csrf(LIMITS).await;
    for (search, checked) in
        [("acme", Some("123")), ("o", Some("130")), ("", None), ("nothing like it", None)]
    {
        let fields = [
            ("authenticity_token", &*csrf),
            ("find", "1"),
            ("namespace_search", search),
            ("namespace_id", "130"),
        ];
        let page = visitor.post(LIMITS, &fields).await;
        assert_eq!(
            (page.status, page.text.matches(" checked>").count()),
            (200, usize::from(checked.is_some())),
            "{search}"
        );
        let is_checked =
            |id: &str| page.text.contains(&format!("name=\"namespace_id\" value=\"{id}\" checked>"));
        assert!(checked.is_none_or(is_checked), "{search}: {}", page.text);
    }
}

/// A form without a valid CSRF token, or from another origin, changes nothing.
#[testkit::test]
async fn foreign_form_changes_nothing(database: Database) {
    let admin = admin_api(database).await;
    admin.excluded(7, 130, REASON);
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let others = visitor.csrf(LIMITS).await;
    visitor.cookie = None;
    visitor.sign_in().await;
    let csrf = visitor.csrf(LIMITS).await;
    assert_ne!(csrf, others);
    for token in ["", "x", &others, &csrf[1..]] {
        for path in [LIMITS, "/admin/namespace_limits/130/remove"] {
            let answer = visitor
                .post(path, &[("authenticity_token", token), ("namespace_id", "123"), ("reason", "x")])
                .await;
            assert_eq!(answer.status, 403, "{path}");
            let sentence = "This form was out of date. Check it and send it again.";
            assert!(answer.text.contains(sentence), "{}", answer.text);
        }
    }
    let good = format!("authenticity_token={csrf}&namespace_id=123&reason=x");
    for (header, value) in [
        ("Origin", "https://evil.example.com"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        for path in [LIMITS, "/admin/namespace_limits/130/remove"] {
            assert_eq!(
                visitor.send("POST", path, Some((header, value)), &good).await.status,
                403,
                "{header}: {value}"
            );
        }
        let sign_in =
            visitor.send("POST", "/admin/session", Some((header, value)), &format!("token={A}")).await;
        assert_eq!((sign_in.status, sign_in.header("Set-Cookie")), (403, None));
    }
    assert_eq!((admin.exclusions(), admin.number("SELECT count(*) FROM admin_audit_events")), (1, 0));
    let own = admin.service.url().to_owned();
    assert_eq!(visitor.send("POST", LIMITS, Some(("Origin", &own)), &good).await.status, 303);
}

/// Names, reasons and searches are escaped on every page.
#[testkit::test]
async fn stored_text_is_escaped(database: Database) {
    let admin = admin_api(database).await;
    let quoted = SCRIPT.replace('\'', "''");
    admin.sql(&format!(
        "UPDATE namespaces SET name = '{quoted}' WHERE id = 123; UPDATE users SET name = '{quoted}' \
            WHERE id = 2;
             INSERT INTO identities (user_id, provider, extern_uid, created_at, updated_at) VALUES (2, \
             '{quoted}', '{quoted}', '2020-01-01', '2020-01-01');
             INSERT INTO scim_identities (group_id, user_id, active, extern_uid, created_at, \
             updated_at) VALUES (123, 2, true, '{quoted}', '2020-01-01', '2020-01-01');"
    ));
    assert_eq!(admin.exclude("123", &json!({ "reason": SCRIPT })).await.0, 201);
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let search: String = SCRIPT.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for path in [
        LIMITS,
        &format!("{LIMITS}?search={search}"),
        &format!("{LIMITS}/namespaces?namespace_search={search}"),
        &format!("{LIMITS}/123/remove?search={search}"),
        "/admin/users",
        &format!("/admin/users?search={search}"),
        "/admin/users/alice/identities",
        "/admin/audit_events",
    ] {
        let answer = visitor.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text.contains("&lt;script&gt;"), "{path}: {}", answer.text);
        assert!(
            !answer.text.contains("<script>") && !answer.text.contains("<img"),
            "{path}: {}",
            answer.text
        );
    }
    let csrf = visitor.csrf(LIMITS).await;
    let fields = [
        ("authenticity_token", &*csrf),
        ("namespace_search", SCRIPT),
        ("reason", SCRIPT),
        ("find", "1"),
        ("search", SCRIPT),
    ];
    let answer = visitor.post(LIMITS, &fields).await;
    assert!(
        answer.status == 200 && !answer.text.contains("<script>") && !answer.text.contains("<img"),
        "{}",
        answer.text
    );
}

#[testkit::test]
async fn relative_url_root_is_in_every_link(database: Database) {
    let admin = admin_api_with(database, &["--relative-url-root", "/gitlab"]).await;
    admin.two();
    let mut visitor = Visitor::new(&admin);
    for path in ["/gitlab/admin", "/gitlab/admin/session"] {
        assert_eq!(visitor.get(path).await.header("Location"), Some("/gitlab/admin/session/new"), "{path}");
    }
    let expected = "/gitlab/admin/session/new?return_to=%2Fadmin%2Fusers";
    assert_eq!(visitor.get("/gitlab/admin/users").await.header("Location"), Some(expected));
    for return_to in ["/admin/users", "/gitlab/admin/users"] {
        let fields = [("token", A), ("return_to", return_to)];
        let signed_in = visitor.post("/gitlab/admin/session", &fields).await;
        assert_eq!(signed_in.header("Location"), Some("/gitlab/admin/users"), "{return_to}");
    }
    let signed_in = visitor.post("/gitlab/admin/session", &[("token", A)]).await;
    assert_eq!(signed_in.header("Location"), Some("/gitlab/admin/namespace_limits"));
    assert!(signed_in.header("Set-Cookie").unwrap().contains("; Path=/gitlab/admin;"));
    for path in [
        "/namespace_limits",
        "/namespace_limits/123/remove",
        "/users",
        "/users/alice/identities",
        "/audit_events",
        "/nowhere",
        "/session/new",
    ] {
        let page = visitor.get(&format!("/gitlab/admin{path}")).await.text;
        assert!(
            page.contains("\"/gitlab/admin/assets/admin.css\"") && !page.contains("\"/admin"),
            "{path}: {page}"
        );
    }
    let csrf = visitor.csrf("/gitlab/admin/namespace_limits").await;
    let removed = visitor
        .post(
            "/gitlab/admin/namespace_limits/123/remove",
            &[("authenticity_token", &*csrf), ("exclusion_id", "1")],
        )
        .await;
    assert_eq!((removed.status, removed.header("Location")), (303, Some("/gitlab/admin/namespace_limits")));
    let list = admin.get("/gitlab/v4/namespaces/storage/limit_exclusions").await;
    assert!(
        list.status == 200 && list.header("Link").unwrap().contains("/gitlab/v4/namespaces/storage/"),
        "{list:?}"
    );
}

#[testkit::test]
async fn users_and_their_identities_are_shown(database: Database) {
    let admin = admin_api(database).await;
    admin.sql(
        "INSERT INTO saml_providers (id, group_id, enabled, certificate_fingerprint, sso_url) \
            VALUES (3, 123, true, 'x', 'https://idp.example.com');
             INSERT INTO identities (user_id, provider, extern_uid, saml_provider_id, created_at, \
             updated_at) VALUES (2, 'group_saml', 'abc', 3, '2020-01-01', '2020-01-01');
             INSERT INTO scim_identities (group_id, user_id, active, extern_uid, created_at, \
             updated_at) VALUES (NULL, 2, true, 'f0b1d561', '2020-01-01', '2020-01-01'), (123, 2, \
             false, 'be20d8dc', '2020-01-01', '2020-01-01');",
    );
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    for (search, found) in [("ALICE", true), ("alice%40exam", true), ("nobody-here", false)] {
        let page = visitor.get(&format!("/admin/users?search={search}")).await;
        assert_eq!(
            (page.text.contains("/admin/users/alice/identities"), page.text.contains("@example.com")),
            (found, false),
            "{search}"
        );
    }
    let page = visitor.get("/admin/users/Alice/identities").await;
    for words in [
        "group_saml",
        "abc",
        "<bdi>A Namespace Name</bdi> (123)",
        "f0b1d561",
        "Instance",
        "be20d8dc",
        ">Yes<",
        ">No<",
    ] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    assert!(
        visitor.get("/admin/users/bob/identities").await.text.contains("This user has no SCIM identities")
    );
    for unknown in ["nobody", "%00", "%F0%9F%98%80"] {
        assert_eq!(visitor.get(&format!("/admin/users/{unknown}/identities")).await.status, 404, "{unknown}");
    }
}
