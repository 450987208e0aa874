//! Listing exclusions and namespaces: pagination, search and filters.
use super::support::{A, LIST, two};
use super::{Admin, admin_api};
use serde_json::{Value, json};
use testkit::Answer;

fn ids(answer: &Answer) -> Vec<i64> {
    let (status, body) = answer.json();
    assert_eq!(status, 200, "{body}");
    body.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

/// `X-Page`, `X-Per-Page`, `X-Next-Page`, `X-Prev-Page`, `X-Total`, `X-Total-Pages`.
fn counts(answer: &Answer) -> [Option<&str>; 6] {
    ["X-Page", "X-Per-Page", "X-Next-Page", "X-Prev-Page", "X-Total", "X-Total-Pages"]
        .map(|name| answer.header(name))
}

fn error(text: &str) -> Value {
    json!({ "error": text })
}

async fn listed(admin: &Admin, query: &str) -> Answer {
    admin.get(&format!("{LIST}?{query}")).await
}

/// Exclusions are listed under both prefixes, with pagination headers.
#[testkit::test]
async fn exclusions_are_listed_under_both_prefixes(database: Database) {
    let admin = admin_api(database).await;
    let empty = admin.get(LIST).await;
    assert_eq!(empty.json(), (200, json!([])));
    assert_eq!(counts(&empty), [Some("1"), Some("20"), Some(""), Some(""), Some("0"), Some("1")]);
    assert_eq!(empty.header("Content-Type"), Some("application/json"));
    admin.two();
    for path in [LIST, "/v4/namespaces/storage/limit_exclusions", "/v4/namespaces/storage/limit_exclusions/"]
    {
        let answer = admin.get(path).await;
        assert_eq!(answer.json(), (200, two()));
        let base = format!("<{}{path}?page=1&per_page=20>", admin.service.url());
        assert_eq!(answer.header("Link"), Some(&*format!("{base}; rel=\"first\", {base}; rel=\"last\"")));
    }
}

/// `page` and `per_page` select a page, and the headers link its neighbours.
#[testkit::test]
async fn pages_follow_one_another(database: Database) {
    let admin = admin_api(database).await;
    admin.many(150);
    let second = listed(&admin, "per_page=20&page=2&search=Reason").await;
    assert_eq!(ids(&second), (21..=40).collect::<Vec<_>>());
    assert_eq!(counts(&second), [Some("2"), Some("20"), Some("3"), Some("1"), Some("150"), Some("8")]);
    let link = |page: i64, rel: &str| {
        format!("<{}{LIST}?search=Reason&page={page}&per_page=20>; rel=\"{rel}\"", admin.service.url())
    };
    let links = [link(1, "prev"), link(3, "next"), link(1, "first"), link(8, "last")].join(", ");
    assert_eq!(second.header("Link"), Some(&*links));
    let capped = listed(&admin, "per_page=500").await;
    assert_eq!((ids(&capped).len(), capped.header("X-Per-Page")), (100, Some("100")));
    let last = listed(&admin, "per_page=50&page=3").await;
    assert_eq!((ids(&last).len(), counts(&last)[2], counts(&last)[3]), (50, Some(""), Some("2")));
    let past = listed(&admin, "page=9").await;
    assert_eq!((past.json(), counts(&past)[3]), ((200, json!([])), Some("")));
    for first in ["page=0", "page=-7", "page=", "per_page="] {
        assert_eq!(ids(&listed(&admin, first).await).len(), 20, "{first}");
    }
}

/// Invalid pagination parameters are answered with 400, offsets above 50,000 with 405.
#[testkit::test]
async fn invalid_pagination_is_refused(database: Database) {
    let admin = admin_api(database).await;
    let offset = "Offset pagination has a maximum allowed offset of 50000 for requests that return objects \
        of type Namespaces::Storage::LimitExclusion. Remaining records can be retrieved using keyset \
        pagination.";
    for (query, status, text) in [
        ("per_page=0", 400, "per_page has a value not allowed"),
        ("per_page=-1", 400, "per_page has a value not allowed"),
        ("per_page=x", 400, "per_page is invalid"),
        ("page=abc", 400, "page is invalid"),
        ("page[]=1", 400, "page is invalid"),
        ("page=1.5", 400, "page is invalid"),
        ("page=99999999999999999999", 400, "page is invalid"),
        ("namespace_id=x", 400, "namespace_id is invalid"),
        ("search[]=x", 400, "search is invalid"),
        ("search=%00", 400, "search is invalid"),
        ("pagination=x", 400, "pagination has a value not allowed"),
        ("pagination=keyset&sort=x", 400, "sort has a value not allowed"),
        (
            "pagination=keyset&order_by=reason",
            405,
            "Keyset pagination is not yet available for this type of request",
        ),
        ("page=600&per_page=100", 405, offset),
        ("page=9223372036854775807", 405, offset),
    ] {
        assert_eq!(listed(&admin, query).await.json(), (status, error(text)), "{query}");
    }
    assert_eq!(listed(&admin, "page=501&per_page=100").await.json(), (200, json!([])));
}

#[testkit::test]
async fn search_is_limited_to_1024_characters(database: Database) {
    let admin = admin_api(database).await;
    let longest = "%C3%A9".repeat(1024);
    for path in [LIST, "/api/v4/namespaces", "/api/v4/users"] {
        assert_eq!(admin.ask("GET", &format!("{path}?search={longest}")).await, (200, json!([])), "{path}");
        let answer = admin.ask("GET", &format!("{path}?search={longest}x")).await;
        assert_eq!(answer, (400, error("search is too long")), "{path}");
    }
}

/// Keyset pagination returns every exclusion once, in ascending or descending order.
#[testkit::test]
async fn keyset_pagination_returns_every_row(database: Database) {
    let admin = admin_api(database).await;
    admin.many(45);
    for (order, expected) in [
        ("&sort=asc", (1..=45).collect::<Vec<i64>>()),
        ("&sort=desc", (1..=45).rev().collect()),
        ("", (1..=45).rev().collect()),
    ] {
        let mut seen = Vec::new();
        let mut path = format!("{LIST}?pagination=keyset&order_by=id&per_page=15{order}&private_token={A}");
        let mut pages = 0;
        loop {
            let answer = admin.get(&path).await;
            assert_eq!(counts(&answer), [None; 6]);
            seen.extend(ids(&answer));
            pages += 1;
            let Some(link) = answer.header("Link") else { break };
            let (url, rel) = link.split_once('>').unwrap();
            assert_eq!(rel, "; rel=\"next\"");
            assert!(!link.contains("token"), "{link}");
            let next = url.strip_prefix(&format!("<{}", admin.service.url())).unwrap();
            path = next.to_string();
        }
        assert_eq!((pages, seen), (3, expected), "{order}");
    }
}

/// A search matches the name, path and reason, and `namespace_id` selects one namespace.
#[testkit::test]
async fn exclusions_are_found_by_name_path_and_reason(database: Database) {
    let admin = admin_api(database).await;
    admin.two();
    admin.sql("UPDATE namespaces SET name = 'Über % 100\\' WHERE id = 130");
    for (search, expected) in [
        ("another", vec![2]),
        ("ANOTHER+Reason", vec![2]),
        ("acme", vec![1]),
        ("a+namespace+name", vec![1]),
        ("o", vec![1, 2]),
        ("%25", vec![2]),
        ("_", vec![]),
        ("%C3%9Cber", vec![2]),
        ("%C3%BCBER", vec![2]),
        ("100%5C", vec![2]),
        ("nothing", vec![]),
        ("'+OR+1%3D1", vec![]),
        ("", vec![1, 2]),
    ] {
        assert_eq!(ids(&listed(&admin, &format!("search={search}")).await), expected, "{search}");
    }
    assert_eq!(ids(&listed(&admin, "namespace_id=130").await), [2]);
    assert_eq!(ids(&listed(&admin, "namespace_id=130&search=acme").await), [0_i64; 0]);
    assert_eq!(ids(&listed(&admin, "namespace_id=").await), [1, 2]);
    // No namespace has such an id.
    for id in [0, -1, i64::MAX] {
        let none = listed(&admin, &format!("namespace_id={id}")).await;
        assert_eq!((none.json(), counts(&none)[4]), ((200, json!([])), Some("0")), "{id}");
        let keyset = listed(&admin, &format!("namespace_id={id}&pagination=keyset")).await;
        assert_eq!(keyset.json(), (200, json!([])), "{id}");
    }
}

/// SQLite and PostgreSQL lower letters such as `İ` differently, but both find an exact spelling.
#[testkit::test]
async fn a_text_is_found_by_its_own_spelling(database: Database) {
    let admin = admin_api(database).await;
    admin.two();
    admin.excluded(3, 125, "ΟΔΟΣ İstanbul STRASSE");
    for search in ["ΟΔΟΣ", "İstanbul", "STRASSE", "strasse", "ΟΔΟΣ İstanbul"] {
        let encoded: String = search.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(ids(&listed(&admin, &format!("search={encoded}")).await), [3], "{search}");
    }
}

#[testkit::test]
async fn namespaces_are_found_to_choose_from(database: Database) {
    let admin = admin_api(database).await;
    let item = json!({
        "id": 123, "name": "A Namespace Name", "path": "acme", "kind": "group", "full_path": "acme",
        "parent_id": null,
        "avatar_url": null, "web_url": "https://gitlab.example.com/groups/acme",
    });
    assert_eq!(admin.ask("GET", "/v4/namespaces?search=ACM&top_level_only=true").await, (200, json!([item])));
    let person = json!({
        "id": 125, "name": "alice too", "path": "alice-too", "kind": "user", "full_path": "alice-too",
        "parent_id": null,
        "avatar_url": null, "web_url": "https://gitlab.example.com/alice-too",
    });
    assert_eq!(admin.ask("GET", "/api/v4/namespaces?search=alice+too").await, (200, json!([person])));
    let found = async |query: &str| ids(&admin.get(&format!("/api/v4/namespaces?{query}")).await);
    assert_eq!(found("search=sub").await, [21, 124]);
    assert_eq!(found("search=sub&top_level_only=true").await, [0_i64; 0]);
    assert_eq!(found("search=acme/s").await, [124]);
    // Project namespaces are not listed.
    assert_eq!(found("search=app").await, [0_i64; 0]);
    assert_eq!(found("per_page=2&pagination=keyset&sort=asc").await, [20, 21]);
    let wrong = admin.ask("GET", "/api/v4/namespaces?top_level_only=perhaps").await;
    assert_eq!(wrong, (400, error("top_level_only is invalid")));
}
