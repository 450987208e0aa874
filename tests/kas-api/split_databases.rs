//! A GitLab whose tables are split into the databases `main` and `sec`.
use std::time::{Duration, Instant};

use super::support::message;
use super::vulnerabilities::{UUID, page, put};
use super::{Kas, kas_api, kas_api_with};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::{Value, json};
use testkit::{Database, Release, kas_fixture};

/// The tables of `sec`.
const SEC: [&str; 8] = [
    "vulnerabilities",
    "vulnerability_finding_links",
    "vulnerability_identifiers",
    "vulnerability_occurrence_identifiers",
    "vulnerability_occurrences",
    "vulnerability_reads",
    "vulnerability_scanners",
    "vulnerability_state_transitions",
];

fn main_database() -> Database {
    let database = Database::release(Release::V19_5);
    database.lock_writes(&SEC);
    database
}

fn sec_database() -> Database {
    let database = Database::release(Release::V19_5);
    kas_fixture::insert(&mut database.open());
    database.lock_writes(&["cluster_agents", "cluster_agent_tokens", "projects"]);
    database
}

fn count(database: &Database, rows: &str) -> i64 {
    let count = diesel::dsl::sql::<BigInt>(&format!("(SELECT count(*) FROM {rows})"));
    diesel::select(count).get_result(&mut database.open()).unwrap()
}

/// Stores the page's example. The check of `sec` runs beside that of `main`.
async fn store(kas: &Kas) -> (u16, Value) {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let response = put(kas, &page()).await;
        if response.0 != 503 || Instant::now() > end {
            return response;
        }
    }
}

#[actix_web::test]
async fn vulnerabilities_are_in_their_own_database() {
    let sec = sec_database();
    let kas = kas_api_with(main_database(), &["--database-sec-url", sec.url()]).await;
    for _ in 0..2 {
        assert_eq!(store(&kas).await, (200, json!({ "uuid": UUID })));
        assert_eq!(count(&sec, "vulnerabilities WHERE state = 1"), 1);
    }
    let main = &kas.service.database;
    assert_eq!(SEC.map(|table| count(main, table)), [0; 8]);
    assert_eq!(count(main, "cluster_agents WHERE id = 5 AND has_vulnerabilities"), 1);
    let scanned = kas.agent("POST", "/modules/starboard_vulnerability/scan_result");
    assert_eq!(scanned.json(&json!({ "uuids": [] })).answer().await, (200, json!({})));
    assert_eq!(count(&sec, "vulnerabilities WHERE state = 3"), 1);
}

#[actix_web::test]
async fn without_the_other_database_the_rest_works() {
    let sec = sec_database();
    let kas = kas_api_with(main_database(), &["--database-sec-url", sec.url()]).await;
    assert_eq!(store(&kas).await, (200, json!({ "uuid": UUID })));
    sec.allow_connections(false);
    assert_eq!(put(&kas, &page()).await, (503, message("503 Service Unavailable")));
    assert_eq!(kas.agent("GET", "/agent_info").send().await.status, 200);
    let (status, body) = kas.service.get("/-/readiness?all=1").await.json();
    let failed = json!({ "status": "failed", "message": "the database is unavailable" });
    assert_eq!((status, &body["db_check"]), (503, &json!([{ "status": "ok" }, failed])));
    sec.allow_connections(true);
    assert_eq!(store(&kas).await, (200, json!({ "uuid": UUID })));
}

#[actix_web::test]
async fn without_its_url_vulnerabilities_are_not_supported() {
    let kas = kas_api(main_database()).await;
    assert_eq!(put(&kas, &page()).await, (501, message("501 Not Implemented")));
    assert_eq!(kas.agent("GET", "/agent_info").send().await.status, 200);
}

#[actix_web::test]
async fn one_database_has_one_pool() {
    let database = Database::release(Release::V19_5);
    let url = database.url_for("kas-api").to_owned();
    let kas = kas_api_with(database, &["--database-sec-url", &url]).await;
    assert!(kas.service.core.other_pool.is_none());
    assert_eq!(put(&kas, &page()).await, (200, json!({ "uuid": UUID })));
}
