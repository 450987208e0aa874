//! Usernames of new accounts obey GitLab's rules.
use super::scim_api;
use super::support::{INSTANCE, b1_with};
use serde_json::json;

async fn made(scim: &super::Scim, base: &str, number: usize, name: &str) -> String {
    let body = b1_with(json!({
        "externalId": format!("u{number}"), "userName": name, "emails": format!("u{number}@x.example.com"),
    }));
    let request =
        if base == INSTANCE { scim.instance("POST", "/Users") } else { scim.group("POST", "/Users") };
    let (status, user) = request.json(&body).answer().await;
    assert_eq!(status, 201, "{name}: {user}");
    scim.text(&format!("SELECT username FROM users WHERE email = 'u{number}@x.example.com'")).unwrap()
}

/// Reserved names get a numeric suffix, at the instance and in a group.
#[testkit::test]
async fn reserved_names_get_a_number(database: Database) {
    let scim = scim_api(database).await;
    let names = [
        ("admin", "admin1"),
        ("API@corp.example", "API1"),
        ("users", "users1"),
        ("robots.txt", "robots.txt1"),
        ("s", "s1"),
        (".well-known", "well-known"),
        ("-", "blank"),
    ];
    for (number, (name, expected)) in names.into_iter().enumerate() {
        assert_eq!(made(&scim, INSTANCE, number, name).await, expected, "{name}");
    }
    assert_eq!(made(&scim, crate::support::GROUP, 90, "api").await, "api2", "one is taken");
    for (number, (name, expected)) in [
        ("a..b", "a.b"),
        ("_x_", "x"),
        ("../../etc", "etc"),
        ("y.git", "y"),
        ("a-_b", "a-b"),
        ("test.html", "test.html1"),
        ("a.JSON", "a.JSON1"),
        ("testhtml", "testhtml"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(made(&scim, INSTANCE, 20 + number, name).await, expected, "{name}");
    }
}

/// A name with a suffix must also be valid: `song.mp1` to `song.mp4` end in file extensions.
#[testkit::test]
async fn number_does_not_make_a_file_extension(database: Database) {
    let scim = scim_api(database).await;
    assert_eq!(made(&scim, INSTANCE, 1, "song.mp").await, "song.mp");
    let second = made(&scim, INSTANCE, 2, "song.mp").await;
    let number = second.strip_prefix("song.mp").unwrap();
    assert!(!["", "1", "2", "3", "4"].contains(&number), "{second}");
}
