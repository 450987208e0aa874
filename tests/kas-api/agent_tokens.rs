//! The last use of agent tokens, and the connections of agents.
use super::support::kas_api_on;
use super::{Kas, kas_api, kas_api_with};
use serde_json::Value;
use testkit::{Redis, kas_fixture};

const LAST_USED: &str =
    "SELECT COALESCE(CAST(last_used_at AS text), '') FROM cluster_agent_tokens WHERE id = ";

/// The timestamp some minutes ago, in the format of both databases.
fn ago(minutes: i64) -> String {
    let moment = endpoint::Clock::System.now() - chrono::TimeDelta::minutes(minutes);
    moment.format("%Y-%m-%d %H:%M:%S%.6f").to_string()
}

fn set_last_used(kas: &Kas, id: i64, moment: &str) {
    kas.sql(&format!("UPDATE cluster_agent_tokens SET last_used_at = '{moment}' WHERE id = {id}"));
}

fn last_used(kas: &Kas, id: i64) -> String {
    kas.texts(&format!("{LAST_USED}{id}"))[0].clone()
}

async fn ask(kas: &Kas) {
    assert_eq!(kas.agent("GET", "/agent_info").send().await.status, 200);
}

fn events(kas: &Kas) -> i64 {
    kas.number("SELECT count(*) FROM agent_activity_events")
}

#[testkit::test]
async fn first_use_is_recorded_and_the_agent_connects(database: Database) {
    let redis = Redis::start();
    let kas = kas_api_with(database, &["--redis-url", &redis.url()]).await;
    let before = ago(0);
    ask(&kas).await;
    let noted = last_used(&kas, 50);
    assert!(*noted >= *before && *noted <= *ago(0), "{before} {noted}");
    let updated = "SELECT CAST(updated_at AS text) FROM cluster_agent_tokens WHERE id = 50";
    assert!(kas.texts(updated)[0].starts_with("2020-01-01 00:00:00"));
    let event = "SELECT count(*) FROM agent_activity_events WHERE agent_id = 5 AND agent_token_id = 50 AND \
                 kind = 2 AND level = 1 AND agent_project_id = 7";
    assert_eq!((events(&kas), kas.number(event)), (1, 1));
    // The newer timestamp is in the key that GitLab reads.
    let kept: String = redis.ask(&["GET", "cache:Clusters::AgentToken:50:attributes"]);
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert!(kept["last_used_at"].as_str().unwrap().ends_with('Z'), "{kept}");
    // Also valid on a slow machine.
    assert!(
        (86_000..=86_400).contains(&redis.ask::<i64>(&["TTL", "cache:Clusters::AgentToken:50:attributes"]))
    );
}

#[testkit::test]
async fn use_soon_after_another_is_not_recorded(database: Database) {
    let kas = kas_api(database).await;
    let then = ago(10);
    set_last_used(&kas, 50, &then);
    let before = last_used(&kas, 50);
    ask(&kas).await;
    assert_eq!((last_used(&kas, 50), events(&kas)), (before, 0));
    // Updated never within 40 minutes, and always after 55.
    set_last_used(&kas, 50, &ago(35));
    let before = last_used(&kas, 50);
    ask(&kas).await;
    assert_eq!(last_used(&kas, 50), before);
    set_last_used(&kas, 50, &ago(56));
    let before = last_used(&kas, 50);
    ask(&kas).await;
    assert_ne!(last_used(&kas, 50), before);
    assert_eq!(events(&kas), 0, "it was connected");
}

#[testkit::test]
async fn an_agent_with_another_token_in_use_is_connected(database: Database) {
    kas_fixture_with_second_token(&database);
    let kas = kas_api_on(database, &[]).await;
    set_last_used(&kas, 50, &ago(120));
    set_last_used(&kas, 52, &ago(5));
    let before = last_used(&kas, 50);
    ask(&kas).await;
    assert_ne!(last_used(&kas, 50), before);
    assert_eq!(events(&kas), 0);
    // A revoked token counts for no connection.
    set_last_used(&kas, 50, &ago(120));
    kas.sql("UPDATE cluster_agent_tokens SET status = 1 WHERE id = 52");
    ask(&kas).await;
    assert_eq!(events(&kas), 1);
}

#[testkit::test]
async fn failure_to_record_usage_fails_no_request(database: Database) {
    let mut redis = Redis::start();
    let kas = kas_api_with(database, &["--redis-url", &redis.url()]).await;
    kas.sql("ALTER TABLE agent_activity_events RENAME TO gone");
    redis.stop();
    ask(&kas).await;
    assert_eq!(last_used(&kas, 50), "", "the transaction is rolled back");
    kas.sql("ALTER TABLE gone RENAME TO agent_activity_events");
    ask(&kas).await;
    assert_eq!(events(&kas), 1);
}

#[testkit::test]
async fn concurrent_requests_record_one_connection(database: Database) {
    let kas = kas_api(database).await;
    let answers =
        futures_util::future::join_all((0..20).map(|_| kas.agent("GET", "/agent_info").send())).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(events(&kas), 1);
}

#[testkit::test]
async fn the_newest_200_events_of_an_agent_are_kept(database: Database) {
    let kas = kas_api(database).await;
    for n in 0..250 {
        kas.sql(&format!(
            "INSERT INTO agent_activity_events (agent_id, recorded_at, kind, level, \
                          agent_project_id) VALUES ({}, '2020-01-01 00:{:02}:{:02}', 0, 1, 7)",
            if n < 240 { 5 } else { 6 },
            n / 60,
            n % 60
        ));
    }
    ask(&kas).await;
    assert_eq!(kas.number("SELECT count(*) FROM agent_activity_events WHERE agent_id = 5"), 200);
    assert_eq!(kas.number("SELECT count(*) FROM agent_activity_events WHERE agent_id = 6"), 10);
    assert_eq!(kas.number("SELECT count(*) FROM agent_activity_events WHERE agent_id = 5 AND kind = 2"), 1);
}

fn kas_fixture_with_second_token(database: &testkit::Database) {
    let mut conn = database.open();
    kas_fixture::insert(&mut conn);
    kas_fixture::token(&mut conn, 52, 5, "glagent-second", 0);
}
