//! Failed requests of scripts, and sessions that end: the page says so and keeps the form.
use super::driver::Browser;
use super::{A, LIMITS, admin_api, at, sign_in};

const UNREACHABLE: &str = "The server cannot be reached. Check your connection and try again.";

#[testkit::test]
async fn failed_search_is_announced_and_its_old_result_removed(database: Database) {
    let admin = admin_api(database).await;
    admin.two();
    let browser = Browser::start().await;
    sign_in(&admin, &browser).await;
    browser.until_text("#result", "Other").await;
    browser.write("#namespace_search", "alice").await;
    browser.until_there("input[name=namespace_id][value='125']").await;
    // The live regions are in the page from the start and are not replaced.
    let mark = "for (const id of ['list-error', 'picker-error', 'count', 'picker-hint']) \
                document.getElementById(id).marked = true; \
                return document.querySelectorAll('#list-error[role=alert], \
                #picker-error[role=alert]').length";
    assert_eq!(browser.script(mark).await, 2);
    browser.set_offline(true).await;
    browser.write("#search", "acme").await;
    browser.until_text("#list-error", UNREACHABLE).await;
    browser.until_gone("#result tr").await;
    assert_eq!(browser.text("#count").await.unwrap(), "");
    browser.write("#namespace_search", "acm").await;
    browser.until_text("#picker-error", UNREACHABLE).await;
    browser.until_gone("input[name=namespace_id]").await;
    browser.set_offline(false).await;
    browser.write("#search", "other").await;
    browser.until_text("#result", "Other").await;
    browser.until_text("#count", "1 namespace").await;
    assert_eq!(browser.text("#list-error").await.unwrap(), "");
    browser.write("#namespace_search", "alice-too").await;
    browser.until_there("input[name=namespace_id][value='125']").await;
    assert_eq!(browser.text("#picker-error").await.unwrap(), "");
    let same = "return ['list-error', 'picker-error', 'count', 'picker-hint'] \
                .every(id => document.getElementById(id).marked)";
    assert_eq!(browser.script(same).await, true);
}

#[testkit::test]
async fn refused_search_shows_the_sentence_of_the_server(database: Database) {
    let admin = admin_api(database).await;
    let browser = Browser::start().await;
    sign_in(&admin, &browser).await;
    let type_long = |id: &str| {
        format!(
            "const field = document.getElementById('{id}'); field.value = 'x'.repeat(1100); \
             field.dispatchEvent(new Event('input', {{ bubbles: true }}))"
        )
    };
    let sentence = "The search is too long (at most 1024 characters).";
    browser.script(&type_long("search")).await;
    browser.until_text("#list-error", sentence).await;
    browser.script(&type_long("namespace_search")).await;
    browser.until_text("#picker-error", sentence).await;
    admin.sql("ALTER TABLE namespaces_storage_limit_exclusions RENAME TO away");
    browser.write("#search", "acme").await;
    browser.until_text("#list-error", "Something went wrong. Try again in a moment.").await;
}

#[testkit::test]
async fn ended_session_keeps_the_draft_of_the_form(database: Database) {
    let admin = admin_api(database).await;
    let browser = Browser::start().await;
    sign_in(&admin, &browser).await;
    browser.write("#namespace_search", "acme").await;
    browser.until_there("input[name=namespace_id][value='123']:checked").await;
    browser.write("#reason", "typed before the session ended").await;
    browser.delete_cookies().await;
    browser.write("#search", "oth").await;
    browser.until_text("#list-error", "Your session has ended.").await;
    browser.click("#list-sign-in").await;
    browser.until_text("main", "Your session has ended. Sign in to continue.").await;
    browser.write("#token", A).await;
    browser.click("main button[type=submit]").await;
    browser.until_text("h1", "Usage limits").await;
    assert_eq!(browser.value("#reason").await.trim(), "typed before the session ended");
    assert_eq!(browser.value("#namespace_search").await, "acme");
    browser.until_there("input[name=namespace_id][value='123']:checked").await;
    assert_eq!(admin.exclusions(), 0);
    browser.click("form > button.primary").await;
    browser.until_text(".notice", "is now excluded").await;
    assert_eq!((admin.exclusions(), browser.value("#reason").await.trim()), (1, ""));
}

/// After the sign-in, the list is filtered by the search that was typed.
#[actix_web::test]
async fn ended_session_leads_back_to_the_typed_search() {
    let admin = admin_api(testkit::Database::sqlite()).await;
    let browser = Browser::start().await;
    sign_in(&admin, &browser).await;
    browser.open(&at(&admin, "/admin/users")).await;
    browser.delete_cookies().await;
    browser.write("#search", "alice").await;
    browser.until_text("#list-error", "Your session has ended.").await;
    browser.click("#list-sign-in").await;
    browser.until_text("h1", "Sign in").await;
    browser.write("#token", A).await;
    browser.click("main button[type=submit]").await;
    browser.until_text("h1", "Users").await;
    assert!(browser.url().await.ends_with("/admin/users?search=alice"), "{}", browser.url().await);
}

#[actix_web::test]
async fn draft_survives_the_sign_in_without_scripts() {
    let admin = admin_api(testkit::Database::sqlite()).await;
    let browser = Browser::without_scripts().await;
    sign_in(&admin, &browser).await;
    browser.write("#reason", "without scripts").await;
    browser.write("#namespace_search", "acme").await;
    browser.delete_cookies().await;
    browser.click("button[name=find]").await;
    browser.until_text("main", "Your session has ended. Sign in to continue.").await;
    browser.write("#token", A).await;
    browser.click("main button[type=submit]").await;
    browser.until_text("h1", "Usage limits").await;
    assert_eq!(browser.value("#reason").await.trim(), "without scripts");
    browser.until_text("#choices", "A Namespace Name").await;
}

/// Without a link to an icon, the browser would request `/favicon.ico` and log an error.
#[actix_web::test]
async fn icon_is_loaded() {
    let admin = admin_api(testkit::Database::sqlite()).await;
    let browser = Browser::start().await;
    browser.open(&at(&admin, LIMITS)).await;
    let icon = "const done = arguments[arguments.length - 1]; \
                fetch(document.querySelector('link[rel=icon]').href).then(answer => done(answer.status))";
    assert_eq!(browser.script_later(icon).await, 200);
}
