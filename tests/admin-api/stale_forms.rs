//! Forms that are out of date.
use super::admin_api;
use super::visitor::Visitor;

const LIMITS: &str = "/admin/namespace_limits";
const REMOVE: &str = "/admin/namespace_limits/123/remove";
const CHANGED: &str = "This exclusion has changed. Nothing was removed.";
const OUT_OF_DATE: &str = "This form was out of date. Check it and send it again.";

#[testkit::test]
async fn removal_of_another_exclusion_is_refused(database: Database) {
    let admin = admin_api(database).await;
    admin.excluded(1, 123, "the old reason");
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let csrf = visitor.csrf(LIMITS).await;
    let page = visitor.get(REMOVE).await.text;
    assert!(page.contains("name=\"exclusion_id\" value=\"1\""), "{page}");
    admin.sql("DELETE FROM namespaces_storage_limit_exclusions");
    admin.excluded(2, 123, "the new reason");
    for id in ["1", "", "x", "-1"] {
        let fields = [("authenticity_token", &*csrf), ("exclusion_id", id), ("search", "acme")];
        let answer = visitor.post(REMOVE, &fields).await;
        assert_eq!(answer.status, 409, "{id}");
        assert!(answer.text.contains(CHANGED) && answer.text.contains("the new reason"), "{}", answer.text);
        assert!(answer.text.contains("name=\"exclusion_id\" value=\"2\""), "{}", answer.text);
        assert!(answer.text.contains("name=\"search\" value=\"acme\""), "{}", answer.text);
    }
    let answer = visitor.post(REMOVE, &[("authenticity_token", &*csrf)]).await;
    assert_eq!((answer.status, admin.exclusions()), (409, 1));
    let fields = [("authenticity_token", &*csrf), ("exclusion_id", "2")];
    assert_eq!(visitor.post(REMOVE, &fields).await.status, 303);
    assert_eq!(admin.exclusions(), 0);
    assert_eq!(visitor.post(REMOVE, &fields).await.status, 303);
    assert!(visitor.get(LIMITS).await.text.contains("The exclusion was already gone."));
}

/// GitLab's index is not unique. The form has the lowest id of the namespace's exclusions.
#[testkit::test]
async fn several_exclusions_of_a_namespace_are_removed_together(database: Database) {
    let admin = admin_api(database).await;
    admin.excluded(4, 123, "first");
    admin.excluded(5, 123, "second");
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let csrf = visitor.csrf(LIMITS).await;
    let stale = visitor.post(REMOVE, &[("authenticity_token", &*csrf), ("exclusion_id", "5")]).await;
    assert_eq!((stale.status, admin.exclusions()), (409, 2));
    let removed = visitor.post(REMOVE, &[("authenticity_token", &*csrf), ("exclusion_id", "4")]).await;
    assert_eq!((removed.status, admin.exclusions()), (303, 0));
}

#[testkit::test]
async fn form_of_an_older_session_is_shown_again(database: Database) {
    let admin = admin_api(database).await;
    admin.excluded(1, 130, "x");
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let old = visitor.csrf(LIMITS).await;
    visitor.forget();
    visitor.sign_in().await;
    for token in [&*old, "", "x"] {
        let fields = [
            ("authenticity_token", token),
            ("namespace_search", "acme"),
            ("namespace_id", "123"),
            ("reason", "kept reason"),
        ];
        let answer = visitor.post(LIMITS, &fields).await;
        assert_eq!(answer.status, 403);
        assert!(answer.text.contains(OUT_OF_DATE) && answer.text.contains("kept reason"), "{}", answer.text);
        assert!(answer.text.contains("value=\"123\" checked>"), "{}", answer.text);
        // The form on the page has the CSRF token of the current session.
        assert!(!answer.text.contains(&old));
        let fields = [("authenticity_token", token), ("exclusion_id", "1")];
        let answer = visitor.post("/admin/namespace_limits/130/remove", &fields).await;
        assert_eq!(answer.status, 403);
        assert!(answer.text.contains(OUT_OF_DATE) && answer.text.contains("Remove this exclusion?"));
    }
    assert_eq!((admin.exclusions(), admin.number("SELECT count(*) FROM admin_audit_events")), (1, 0));
}
