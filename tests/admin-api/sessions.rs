//! The lifetime of a session of the admin pages.
use super::support::{A, KEY_BASE, digest, today};
use super::visitor::Visitor;
use super::{Admin, admin_api, admin_api_with};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use testkit::Redis;

const LIMITS: &str = "/admin/namespace_limits";
const SIGN_IN: &str = "/admin/session/new";

/// A forged session cookie with this age and idle time, in seconds.
fn cookie(admin: &Admin, age_s: i64, unused_s: i64) -> String {
    let now = today().and_utc().timestamp();
    let token_id =
        admin.number(&format!("SELECT id FROM personal_access_tokens WHERE token_digest = '{}'", digest(A)));
    let session = json!({ "id": "x", "token_id": token_id, "began": now - age_s, "seen": now - unused_s,
        "notice": null });
    let text = URL_SAFE_NO_PAD.encode(session.to_string());
    let signature = auth::KeyBase::from_text(KEY_BASE).unwrap().sign("admin-api session", &text);
    format!("admin_session={text}.{signature}")
}

/// Restores the rights of user 1, and makes a new session.
fn cookie_again(admin: &Admin) -> String {
    admin.sql("UPDATE users SET admin = true, state = 'active' WHERE id = 1");
    cookie(admin, 0, 0)
}

#[testkit::test]
async fn session_has_a_maximum_age(database: Database) {
    let redis = Redis::start();
    let admin = admin_api_with(database, &["--redis-url", &redis.url()]).await;
    let mut visitor = Visitor::new(&admin);
    let hours = 60 * 60;
    for (age_s, unused_s, expected) in
        [(0, 0, 200), (1799, 1799, 200), (1800, 1800, 302), (12 * hours - 1, 0, 200), (12 * hours, 0, 302)]
    {
        visitor.cookie = Some(cookie(&admin, age_s, unused_s));
        assert_eq!(visitor.get_keeping(LIMITS).await.status, expected, "{age_s} {unused_s}");
    }
}

/// Without Redis, only the process remembers which sessions were ended.
#[testkit::test]
async fn without_redis_a_restart_ends_every_session(database: Database) {
    let admin = admin_api(database).await;
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    assert_eq!(visitor.get_keeping(LIMITS).await.status, 200);
    visitor.go_to(admin.begun_anew());
    let answer = visitor.get_keeping(LIMITS).await;
    assert_eq!((answer.status, answer.header("Location")), (302, Some(SIGN_IN)));
    visitor.cookie = None;
    visitor.sign_in().await;
    assert_eq!(visitor.get(LIMITS).await.status, 200);
}

#[testkit::test]
async fn session_expires(database: Database) {
    let admin = admin_api(database).await;
    let mut visitor = Visitor::new(&admin);
    // Signing out also invalidates copies of the cookie.
    visitor.sign_in().await;
    let kept = visitor.cookie.clone();
    let csrf = visitor.csrf(LIMITS).await;
    assert_eq!(visitor.post("/admin/session", &[("_method", "delete")]).await.status, 403);
    let out = visitor.post("/admin/session", &[("_method", "delete"), ("authenticity_token", &csrf)]).await;
    assert_eq!((out.status, out.header("Location")), (303, Some(SIGN_IN)));
    assert!(out.header("Set-Cookie").unwrap().starts_with("admin_session=; Path=/admin; Max-Age=0"));
    visitor.cookie = kept;
    assert_eq!(visitor.get(LIMITS).await.status, 302);
    // The same with the method DELETE.
    visitor.sign_in().await;
    let csrf = visitor.csrf(LIMITS).await;
    assert_eq!(visitor.send("DELETE", "/admin/session", None, "").await.status, 403);
    assert_eq!(visitor.send("DELETE", "/admin/session", Some(("X-CSRF-Token", &csrf)), "").await.status, 303);
    assert_eq!(visitor.get(LIMITS).await.status, 302);
    // Losing a right ends the session at once.
    for end in [
        "UPDATE users SET admin = false WHERE id = 1",
        "UPDATE users SET admin = true, state = 'blocked' WHERE id = 1",
        "UPDATE users SET state = 'active' WHERE id = 1; UPDATE application_settings SET admin_mode = true; \
         UPDATE personal_access_tokens SET scopes = '---\n- api\n' WHERE user_id = 1",
        "UPDATE application_settings SET admin_mode = false; UPDATE personal_access_tokens SET revoked = \
         true WHERE user_id = 1",
        "DELETE FROM personal_access_tokens WHERE user_id = 1",
    ] {
        visitor.cookie = Some(cookie_again(&admin));
        admin.sql(end);
        assert_eq!(visitor.get(LIMITS).await.status, 302, "{end}");
    }
}
