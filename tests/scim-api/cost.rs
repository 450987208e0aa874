//! The number of database statements that a request makes.
use super::support::{GROUP, INSTANCE, RFC, TG, TH, TI, data_dir, filtered, identity, person, plant};
use testkit::Process;

/// The number of statements of a request, and its status.
async fn cost(process: &Process, token: &str, method: &str, path: &str) -> (u64, u16) {
    let request = process.request(method, path).header("Authorization", &format!("Bearer {token}"));
    let status = request.send().await.status;
    let line = process.log_line(|line| line["message"] == "access");
    (line["db_count"].as_u64().unwrap(), status)
}

/// An outsider cannot tell from the work of the service which groups exist and which of them use SCIM.
#[testkit::test]
async fn unknown_token_costs_as_many_statements_for_every_path(database: Database) {
    let mut conn = database.open();
    plant(&mut conn);
    testkit::fixture::group(&mut conn, 15, "without_sign_on", None);
    testkit::fixture::run(&mut conn, "UPDATE saml_providers SET enabled = false WHERE group_id = 11");
    let data = data_dir();
    let unlimited = testkit::without_rate_limits(data.path(), &[]);
    let mut arguments =
        vec!["--database-url", database.url_for("scim-api"), "--data-dir", data.path().to_str().unwrap()];
    arguments.extend(unlimited.iter().map(String::as_str));
    let process = Process::start("scim-api", &arguments, &[]).until_ready();
    let paths = [
        "application",
        "groups/test_group",
        "groups/TEST_GROUP",
        "groups/test_group%2Fsub",
        "groups/test_group/sub",
        "groups/other",
        "groups/without_sign_on",
        "groups/alice",
        "groups/none",
        "groups/none%2Fnone",
        "groups/%00",
    ];
    for (method, rest) in [("GET", "Users"), ("POST", "Users"), ("DELETE", "Users/1"), ("GET", "Nothing")] {
        for path in paths {
            let path = format!("/api/scim/v2/{path}/{rest}");
            assert_eq!(cost(&process, "glsoat-wrong", method, &path).await, (1, 401), "{method} {path}");
        }
    }
    // A token of another group learns no more.
    let there = cost(&process, TH, "GET", "/api/scim/v2/groups/test_group/Users").await;
    let unused = cost(&process, TH, "GET", "/api/scim/v2/groups/without_sign_on/Users").await;
    assert_eq!((there.1, unused.1, there.0), (401, 401, unused.0));
}

/// One statement authenticates; the other reads the page, its addresses and the total.
#[testkit::test]
async fn a_list_is_two_statements(database: Database) {
    let mut conn = database.open();
    plant(&mut conn);
    for id in 60..63 {
        person(&mut conn, id, &format!("crowd{id}"), "A B", &format!("crowd{id}@example.com"));
        identity(&mut conn, Some(10), id, &format!("uid{id}"));
        identity(&mut conn, None, id, &format!("uid{id}"));
    }
    let data = data_dir();
    let arguments =
        ["--database-url", database.url_for("scim-api"), "--data-dir", data.path().to_str().unwrap()];
    let process = Process::start("scim-api", &arguments, &[]).until_ready();
    let paths = [
        "/Users".to_owned(),
        "/Users?count=2".to_owned(),
        "/Users?count=0".to_owned(),
        "/Users?startIndex=3&count=2&sortBy=userName".to_owned(),
        filtered("userName eq \"crowd60\""),
        format!("{}&count=1", filtered("externalId eq \"uid60\"")),
        filtered("active eq true and userName co \"crowd\""),
        "/Users/uid61".to_owned(),
    ];
    for (base, token) in [(GROUP, TG), (INSTANCE, TI)] {
        for accept in ["*/*", RFC] {
            for path in &paths {
                let request = process.request("GET", &format!("{base}{path}"));
                let answer = request
                    .header("Authorization", &format!("Bearer {token}"))
                    .header("Accept", accept)
                    .send()
                    .await;
                assert_eq!(answer.status, 200, "{path}: {}", answer.text);
                let line = process.log_line(|line| line["message"] == "access");
                assert_eq!(line["db_count"], 2, "{base}{path}: {line}");
            }
        }
    }
}
