//! The number of database statements that a request makes.
use super::support::{GROUP, INSTANCE, RFC, TG, TI, data_dir, filtered, identity, person, plant};
use testkit::Process;

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
    let arguments = ["--database-url", database.url(), "--data-dir", data.path().to_str().unwrap()];
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
