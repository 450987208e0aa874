//! What administrators do, with and without scripts, and by keyboard.
use super::driver::{Browser, ENTER, SPACE, TAB};
use super::{A, LIMITS, admin_api, at, sign_in};
use crate::support::B;

#[testkit::test]
async fn an_administrator_excludes_searches_and_removes(database: Database) {
    let admin = admin_api(database).await;
    admin.excluded(7, 130, "a standing reason");
    let browser = Browser::start().await;
    // A token without the rights shows an error message, which gets the focus.
    browser.open(&at(&admin, LIMITS)).await;
    browser.until_text("h1", "Sign in").await;
    browser.write("#token", B).await;
    browser.click("main button[type=submit]").await;
    browser.until_text(".problem", "Invalid or insufficient token").await;
    assert_eq!(browser.script("return document.activeElement.id").await, "problem");
    sign_in(&admin, &browser).await;
    // The empty form shows an error for each field.
    browser.click("form > button.primary").await;
    browser.until_text(".problem", "You must select a namespace and add a reason for excluding it").await;
    assert_eq!(browser.script("return document.activeElement.className").await, "problem");
    browser.until_text("#namespace-problem", "Select a namespace.").await;
    browser.until_text("#reason-problem", "Add a reason.").await;
    let described = "return ['namespace_search', 'reason'].map(id => \
    document.getElementById(id).getAttribute('aria-describedby')).join(', ')";
    assert_eq!(browser.script(described).await, "picker-hint namespace-problem, reason-hint reason-problem");
    // The picker searches while the user types, and selects a single match.
    browser.write("#namespace_search", "acm").await;
    browser.until_there("input[name=namespace_id][value='123']:checked").await;
    browser.write("#reason", "written by hand").await;
    browser.until_text("[data-count-of=reason]", "240 of 255 characters left").await;
    browser.click("form > button.primary").await;
    browser.until_text(".notice", "is now excluded").await;
    browser.until_text("#result", "written by hand").await;
    // An excluded namespace cannot be chosen.
    browser.write("#namespace_search", "acme").await;
    browser.until_there("input[name=namespace_id][value='123']:disabled").await;
    browser.until_text("#choices", "Already excluded").await;
    // Another administrator was faster: the request is rejected, and the form keeps its values.
    browser.write("#namespace_search", "alice-too").await;
    browser.until_there("input[name=namespace_id][value='125']:checked").await;
    assert_eq!(admin.exclude("125", &serde_json::json!({ "reason": "faster" })).await.0, 201);
    browser.write("#reason", "again").await;
    browser.click("form > button.primary").await;
    browser.until_text(".problem", "400 Bad request - already excluded").await;
    assert_eq!(
        (browser.value("#reason").await.trim(), &*browser.value("#namespace_search").await),
        ("again", "alice-too")
    );
    // The list is filtered while the user types, and stays filtered after a removal.
    browser.open(&at(&admin, LIMITS)).await;
    browser.until_text("#result", "a standing reason").await;
    let visited = browser.script("return history.length").await;
    browser.write("#search", "by hand").await;
    browser.until_text("#count", "1 namespace for").await;
    browser.until_gone("a[href*='/130/remove']").await;
    // The form below the list gets the search, too.
    let goes_along = "return document.querySelector('#exclude-form').elements.namedItem('search').value";
    assert_eq!(browser.script(goes_along).await, "by hand");
    // Typing adds no entries to the browser's history.
    assert_eq!(browser.script("return history.length").await, visited);
    // Going back within the page keeps the form.
    browser.click("a[href='#exclude']").await;
    browser.until_there("#exclude:target").await;
    browser.write("#reason", "half written").await;
    let back = "const done = arguments[arguments.length - 1]; let isLoaded = false; \
                    document.addEventListener('htmx:historyCacheMiss', () => isLoaded = true); \
                    window.addEventListener('hashchange', () => done([isLoaded, \
                    document.getElementById('reason').value])); history.back()";
    assert_eq!(browser.script_later(back).await, serde_json::json!([false, "half written"]));
    browser.click("a[href*='/123/remove']").await;
    browser.until_text("h1", "Remove this exclusion?").await;
    browser.click("button.danger").await;
    browser.until_text(".notice", "The exclusion was removed").await;
    browser.until_text("#result", "Nothing matches your search").await;
    assert!(browser.url().await.ends_with("?search=by%20hand"), "{}", browser.url().await);
    browser.click("nav a[href='/admin/audit_events']").await;
    browser.until_text("main table", "Exclusion removed").await;
    browser.click(".who button").await;
    browser.until_text("h1", "Sign in").await;
    browser.open(&at(&admin, LIMITS)).await;
    browser.until_text("h1", "Sign in").await;
    assert_eq!(admin.exclusions(), 2);
}

#[actix_web::test]
async fn everything_works_without_scripts() {
    let admin = admin_api(testkit::Database::sqlite()).await;
    let browser = Browser::without_scripts().await;
    sign_in(&admin, &browser).await;
    // Without scripts there is no character counter.
    browser.until_text("#reason-hint", "At most 255 characters.").await;
    browser.write("#reason", "without scripts").await;
    browser.write("#namespace_search", "o").await;
    browser.click("button[name=find]").await;
    browser.until_text("#choices", "Other").await;
    assert_eq!(browser.value("#reason").await.trim(), "without scripts");
    browser.click("input[name=namespace_id][value='130']").await;
    browser.click("form > button.primary").await;
    browser.until_text(".notice", "is now excluded").await;
    browser.write("#search", "nothing like it").await;
    browser.click(".search button").await;
    browser.until_text("#result", "Nothing matches your search").await;
    browser.click("#result a").await;
    browser.click("a[href*='/130/remove']").await;
    browser.click("button.danger").await;
    browser.until_text("#result", "No namespaces are currently excluded").await;
    browser.click("nav a[href='/admin/users']").await;
    browser.write("#search", "alice").await;
    browser.click(".search button").await;
    browser.until_text("#count", "1 user").await;
    browser.click("a[href='/admin/users/alice/identities']").await;
    browser.until_text("h1", "alice the user").await;
    browser.click(".who button").await;
    browser.until_text("h1", "Sign in").await;
}

/// Presses Tab until the focused element matches. Every focused element must have a visible outline.
async fn tab_to(browser: &Browser, css: &str) {
    for _ in 0..80 {
        browser.press(TAB).await;
        let is_there = format!("return document.activeElement.matches(`{css}`)");
        let outline = "const active = document.activeElement; if (active === document.body) return 'solid'; \
                       const near = active.closest('.choice') || active; return \
                       getComputedStyle(near).outlineStyle";
        assert_ne!(browser.script(outline).await, "none", "the focus cannot be seen");
        if browser.script(&is_there).await == true {
            return;
        }
    }
    panic!("{css} is not reached by keyboard");
}

#[actix_web::test]
async fn everything_works_by_keyboard_alone() {
    let admin = admin_api(testkit::Database::sqlite()).await;
    let browser = Browser::start().await;
    browser.open(&at(&admin, "/admin")).await;
    browser.until_there("#token:focus").await;
    browser.press(A).await;
    browser.press(ENTER).await;
    browser.until_text("h1", "Usage limits").await;
    // The first link skips to the content.
    browser.press(TAB).await;
    assert_eq!(browser.script("return document.activeElement.className").await, "skip");
    browser.press(ENTER).await;
    browser.until_there("main:focus").await;
    tab_to(&browser, "#namespace_search").await;
    browser.press("other").await;
    browser.until_there("input[name=namespace_id][value='130']").await;
    tab_to(&browser, "input[name=namespace_id]").await;
    browser.press(SPACE).await;
    tab_to(&browser, "#reason").await;
    browser.press("by keyboard").await;
    tab_to(&browser, "button.primary").await;
    browser.press(ENTER).await;
    browser.until_text(".notice", "is now excluded").await;
    tab_to(&browser, "a[href*='/130/remove']").await;
    browser.press(ENTER).await;
    browser.until_text("h1", "Remove this exclusion?").await;
    tab_to(&browser, "button.danger").await;
    browser.press(SPACE).await;
    browser.until_text("#result", "No namespaces are currently excluded").await;
    tab_to(&browser, ".who button").await;
    browser.press(ENTER).await;
    browser.until_text("h1", "Sign in").await;
}

#[actix_web::test]
async fn scripts_of_other_origins_do_not_run() {
    let admin = admin_api(testkit::Database::sqlite()).await;
    let evil = "<img src=x onerror=\"window.caught=1\"><script>window.caught=1</script>";
    admin.sql(&format!("UPDATE namespaces SET name = '{evil}' WHERE id = 123"));
    admin.excluded(1, 123, evil);
    let browser = Browser::start().await;
    sign_in(&admin, &browser).await;
    browser.until_text("#result", "<script>window.caught=1</script>").await;
    browser.write("#namespace_search", "script>").await;
    browser.until_text("#choices", "<script>window.caught=1</script>").await;
    assert_eq!(browser.script("return window.caught === undefined").await, true);
    // Not even a script that is injected into the page runs, because it is not one of our files.
    let injected = "const script = document.createElement('script'); script.textContent = \
    'window.caught = 2'; document.body.append(script); \
                    const div = document.createElement('div'); div.innerHTML = '<img src=x \
                    onerror=\"window.caught=3\">'; document.body.append(div); \
                    return window.caught === undefined";
    assert_eq!(browser.script(injected).await, true);
}
