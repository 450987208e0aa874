//! Signing in again: the message, the page that was requested, and the draft of the exclude form.
use super::support::A;
use super::visitor::Visitor;
use super::{Admin, admin_api};

const LIMITS: &str = "/admin/namespace_limits";
const SIGN_IN: &str = "/admin/session/new";
const ENDED: &str = "Your session has ended. Sign in to continue.";

/// A visitor whose session has ended, because the token is revoked.
async fn ended_session(admin: &Admin) -> Visitor {
    let mut visitor = Visitor::new(admin);
    visitor.sign_in().await;
    admin.sql("UPDATE personal_access_tokens SET revoked = true WHERE name = 'a token' AND user_id = 1");
    visitor
}

fn restore(admin: &Admin) {
    admin.sql("UPDATE personal_access_tokens SET revoked = false WHERE user_id = 1");
}

async fn sign_in_to(visitor: &mut Visitor, return_to: &str) -> Option<String> {
    let answer = visitor.post("/admin/session", &[("token", A), ("return_to", return_to)]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.header("Location").map(ToOwned::to_owned)
}

#[testkit::test]
async fn ended_session_leads_back_to_the_page(database: Database) {
    let admin = admin_api(database).await;
    let mut visitor = ended_session(&admin).await;
    let answer = visitor.get("/admin/users?search=al&page=2&private_token=x").await;
    let expected = format!("{SIGN_IN}?return_to=%2Fadmin%2Fusers%3Fsearch%3Dal%26page%3D2");
    assert_eq!((answer.status, answer.header("Location")), (302, Some(&*expected)));
    let form = visitor.get(&expected).await.text;
    assert!(form.contains(ENDED), "{form}");
    assert!(form.contains("name=\"return_to\" value=\"/admin/users?search=al&amp;page=2\""), "{form}");
    // A failed attempt keeps the page.
    let failed =
        visitor.post("/admin/session", &[("token", "x"), ("return_to", "/admin/users?page=2")]).await;
    assert_eq!(failed.status, 401);
    assert!(failed.text.contains("name=\"return_to\" value=\"/admin/users?page=2\""), "{}", failed.text);
    restore(&admin);
    let location = sign_in_to(&mut visitor, "/admin/users?search=al&page=2").await;
    assert_eq!(location.as_deref(), Some("/admin/users?search=al&page=2"));
    assert!(!visitor.get(SIGN_IN).await.text.contains(ENDED));
}

#[testkit::test]
async fn first_visit_leads_to_the_page_without_a_message(database: Database) {
    let admin = admin_api(database).await;
    let mut visitor = Visitor::new(&admin);
    for (path, return_to) in [
        ("/admin/users/alice/identities", "?return_to=%2Fadmin%2Fusers%2Falice%2Fidentities"),
        (
            "/admin/namespace_limits/123/remove?page=2",
            "?return_to=%2Fadmin%2Fnamespace_limits%2F123%2Fremove",
        ),
        (
            "/admin/audit_events?event=removed&search=x",
            "?return_to=%2Fadmin%2Faudit_events%3Fsearch%3Dx%26event%3Dremoved",
        ),
        ("/admin", ""),
        (LIMITS, ""),
        ("/admin/namespace_limits/namespaces?namespace_search=x", ""),
    ] {
        let answer = visitor.get(path).await;
        let expected = format!("{SIGN_IN}{return_to}");
        assert_eq!((answer.status, answer.header("Location")), (302, Some(&*expected)), "{path}");
        assert!(!visitor.get(&expected).await.text.contains("session has ended"), "{path}");
    }
    let location = sign_in_to(&mut visitor, "/admin/users/alice/identities").await;
    assert_eq!(location.as_deref(), Some("/admin/users/alice/identities"));
}

#[testkit::test]
async fn sign_in_leads_to_known_pages_only(database: Database) {
    let admin = admin_api(database).await;
    let long = format!("/admin/users?search={}", "x".repeat(2048));
    for return_to in [
        "https://evil.example.com/",
        "//evil.example.com",
        "/\\evil.example.com",
        "/admin/../api",
        "/admin/assets/admin.js",
        "/admin/session",
        "/admin/users\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        &long,
    ] {
        let mut visitor = Visitor::new(&admin);
        let location = sign_in_to(&mut visitor, return_to).await;
        assert_eq!(location.as_deref(), Some(LIMITS), "{return_to}");
    }
}

const FIELDS: [(&str, &str); 5] = [
    ("authenticity_token", "of an ended session"),
    ("namespace_search", "acme"),
    ("namespace_id", "123"),
    ("reason", "kept <reason>"),
    ("search", "al"),
];

#[testkit::test]
async fn draft_is_kept_and_shown_once(database: Database) {
    let admin = admin_api(database).await;
    let mut visitor = Visitor::new(&admin);
    let answer = visitor.post(LIMITS, &FIELDS).await;
    let expected = format!("{SIGN_IN}?return_to=%2Fadmin%2Fnamespace_limits%3Fsearch%3Dal");
    assert_eq!((answer.status, answer.header("Location")), (303, Some(&*expected)));
    let cookie = answer.header("Set-Cookie").unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Strict") && cookie.contains("Max-Age=600"), "{cookie}");
    assert!(visitor.get(&expected).await.text.contains(ENDED));
    assert_eq!(
        sign_in_to(&mut visitor, "/admin/namespace_limits?search=al").await.as_deref(),
        Some(&*format!("{LIMITS}?search=al"))
    );
    let page = visitor.get(LIMITS).await.text;
    assert!(page.contains("kept &lt;reason&gt;"), "{page}");
    assert!(page.contains("name=\"namespace_search\" value=\"acme\""), "{page}");
    assert!(page.contains("name=\"namespace_id\" value=\"123\" checked>"), "{page}");
    assert_eq!(admin.exclusions(), 0);
    let again = visitor.get(LIMITS).await.text;
    assert!(!again.contains("kept &lt;reason&gt;") && !again.contains("checked>"), "{again}");
}

/// The longest search and reason do not fit into one cookie of 4096 bytes.
#[testkit::test]
async fn long_draft_is_stored_completely(database: Database) {
    let admin = admin_api(database).await;
    let mut visitor = Visitor::new(&admin);
    let (search, reason) = ("\u{1f600}".repeat(1024), "\u{1f601}".repeat(255));
    visitor.post(LIMITS, &[("namespace_search", &*search), ("reason", &*reason)]).await;
    sign_in_to(&mut visitor, "").await;
    let page = visitor.get(LIMITS).await.text;
    assert!(page.contains(&search) && page.contains(&reason));
    assert!(!visitor.get(LIMITS).await.text.contains(&reason));
}

#[testkit::test]
async fn other_site_cannot_prepare_a_draft(database: Database) {
    let admin = admin_api(database).await;
    for header in [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example.com")] {
        let mut visitor = Visitor::new(&admin);
        let body = "namespace_search=acme&namespace_id=123&reason=planted";
        let answer = visitor.send("POST", LIMITS, Some(header), body).await;
        assert_eq!((answer.status, answer.header("Set-Cookie")), (303, None));
        sign_in_to(&mut visitor, "").await;
        assert!(!visitor.get(LIMITS).await.text.contains("planted"));
    }
}

/// After the sign-in, the removal must be confirmed again.
#[testkit::test]
async fn removal_without_a_session_must_be_confirmed_again(database: Database) {
    let admin = admin_api(database).await;
    admin.excluded(1, 123, "x");
    let mut visitor = Visitor::new(&admin);
    let fields = [("authenticity_token", "old"), ("exclusion_id", "1")];
    let answer = visitor.post("/admin/namespace_limits/123/remove", &fields).await;
    let expected = format!("{SIGN_IN}?return_to=%2Fadmin%2Fnamespace_limits%2F123%2Fremove");
    assert_eq!((answer.status, answer.header("Location")), (303, Some(&*expected)));
    assert!(visitor.get(&expected).await.text.contains(ENDED));
    assert_eq!(admin.exclusions(), 1);
}

#[testkit::test]
async fn script_without_a_session_gets_401_in_plain_text(database: Database) {
    let admin = admin_api(database).await;
    for path in [LIMITS, "/admin/users?search=x", "/admin/namespace_limits/namespaces?namespace_search=x"] {
        let answer = Visitor::new(&admin).send("GET", path, Some(("HX-Request", "true")), "").await;
        assert_eq!((answer.status, &*answer.text), (401, "Your session has ended."), "{path}");
        assert_eq!((answer.header("Location"), answer.header("HX-Redirect")), (None, None));
    }
}
