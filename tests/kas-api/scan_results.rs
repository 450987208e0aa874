//! The results of scans, which resolve vulnerabilities.
use super::support::error;
use super::vulnerabilities::{named, put};
use super::{Kas, kas_api};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::kas_fixture::T6;

const PATH: &str = "/modules/starboard_vulnerability/scan_result";

async fn scanned(kas: &Kas, uuids: Value) -> (u16, Value) {
    kas.agent("POST", PATH).json(&json!({ "uuids": uuids })).answer().await
}

/// Reports vulnerabilities with these names. Returns their UUIDs.
async fn found(kas: &Kas, names: &[&str]) -> Vec<String> {
    let mut uuids = Vec::new();
    for name in names {
        let (status, answer) = put(kas, &named(name)).await;
        assert_eq!(status, 200, "{answer}");
        uuids.push(answer["uuid"].as_str().unwrap().to_owned());
    }
    uuids
}

/// The states in the order of detection, which must be equal in `vulnerabilities` and `vulnerability_reads`.
fn states(kas: &Kas) -> Vec<i64> {
    let read =
        |query: &str| -> Vec<i64> { kas.texts(query).iter().map(|state| state.parse().unwrap()).collect() };
    let states = read("SELECT CAST(state AS text) FROM vulnerabilities ORDER BY id");
    assert_eq!(read("SELECT CAST(state AS text) FROM vulnerability_reads ORDER BY vulnerability_id"), states);
    states
}

fn set_state(kas: &Kas, uuid: &str, state: i64) {
    let of_uuid = format!(
        "(SELECT vulnerability_id FROM vulnerability_occurrences WHERE CAST(uuid AS text) = '{uuid}')"
    );
    kas.sql(&format!(
        "UPDATE vulnerabilities SET state = {state} WHERE id = {of_uuid}; UPDATE \
                      vulnerability_reads SET state = {state} WHERE vulnerability_id = {of_uuid}"
    ));
}

#[testkit::test]
async fn vulnerabilities_missing_from_the_scan_are_resolved(database: Database) {
    let kas = kas_api(database).await;
    let uuids = found(&kas, &["a", "b", "c"]).await;
    assert_eq!(
        scanned(&kas, json!([uuids[0].to_uppercase(), "00000000-0000-4000-8000-000000000000"])).await,
        (200, json!({}))
    );
    assert_eq!(states(&kas), [1, 3, 3]);
    let resolved = "SELECT count(*) FROM vulnerabilities WHERE state = 3 AND resolved_at IS NOT NULL AND \
                    resolved_by_id = 1 AND resolved_on_default_branch AND auto_resolved";
    assert_eq!(kas.number(resolved), 2);
    let transitions = "SELECT count(*) FROM vulnerability_state_transitions WHERE from_state = 1 AND \
                       to_state = 3 AND author_id = 1 AND project_id = 7";
    assert_eq!(kas.number(transitions), 2);
    // The repeated request changes nothing.
    assert_eq!(scanned(&kas, json!([uuids[0]])).await, (200, json!({})));
    assert_eq!((states(&kas), kas.number(transitions)), (vec![1, 3, 3], 2));
}

#[testkit::test]
async fn dismissed_vulnerability_stays_dismissed(database: Database) {
    let kas = kas_api(database).await;
    let uuids = found(&kas, &["a", "b", "c"]).await;
    set_state(&kas, &uuids[1], 2);
    set_state(&kas, &uuids[2], 4);
    assert_eq!(scanned(&kas, json!([uuids[0]])).await, (200, json!({})));
    assert_eq!(states(&kas), [1, 2, 3]);
    assert_eq!(
        kas.number(
            "SELECT count(*) FROM vulnerability_state_transitions WHERE from_state = 4 AND to_state = 3"
        ),
        1
    );
}

#[testkit::test]
async fn other_scans_results_are_not_touched(database: Database) {
    let kas = kas_api(database).await;
    found(&kas, &["a", "b"]).await;
    kas.sql("UPDATE vulnerabilities SET report_type = 0 WHERE id = (SELECT max(id) FROM vulnerabilities)");
    assert_eq!(scanned(&kas, json!([])).await, (200, json!({})));
    assert_eq!(states(&kas), [3, 1]);
}

#[testkit::test]
async fn other_projects_are_not_touched(database: Database) {
    let kas = kas_api(database).await;
    found(&kas, &["a"]).await;
    let other = kas.agent_with("PUT", "/modules/starboard_vulnerability", T6).json(&named("b"));
    assert_eq!(other.send().await.status, 200);
    assert_eq!(scanned(&kas, json!([])).await, (200, json!({})));
    assert_eq!(states(&kas), [3, 1]);
}

#[testkit::test]
async fn invalid_list_resolves_nothing(database: Database) {
    let kas = kas_api(database).await;
    let uuids = found(&kas, &["a"]).await;
    for bad in [
        json!(["x"]),
        json!([uuids[0], ""]),
        json!([1]),
        json!([null]),
        json!("x"),
        json!({}),
        json!([uuids[0].replace('-', "")]),
    ] {
        assert_eq!(scanned(&kas, bad.clone()).await, (400, error("uuids is invalid")), "{bad}");
    }
    assert_eq!(kas.agent("POST", PATH).json(&json!({})).answer().await, (400, error("uuids is missing")));
    assert_eq!(scanned(&kas, Value::Null).await, (400, error("uuids is missing")));
    assert_eq!(states(&kas), [1]);
    assert_eq!(
        kas.agent("POST", PATH).form(&format!("uuids[]={}", uuids[0])).answer().await,
        (200, json!({}))
    );
    assert_eq!(states(&kas), [1]);
}

#[testkit::test]
async fn more_than_one_batch_is_resolved(database: Database) {
    let kas = kas_api(database).await;
    let uuids = found(&kas, &["kept"]).await;
    let names: Vec<String> = (0..230).map(|n| format!("n{n}")).collect();
    for names in names.chunks(46) {
        let bodies: Vec<Value> = names.iter().map(|name| named(name)).collect();
        let answers = join_all(bodies.iter().map(|body| put(&kas, body))).await;
        assert!(answers.iter().all(|answer| answer.0 == 200));
    }
    // Two scans end at the same time, while new findings are reported.
    let kept = named("kept");
    let (one, two, again) = futures_util::join!(
        scanned(&kas, json!([uuids[0]])),
        scanned(&kas, json!([uuids[0]])),
        put(&kas, &kept)
    );
    assert_eq!((one, two, again.0), ((200, json!({})), (200, json!({})), 200));
    let states = states(&kas);
    assert_eq!((states[0], states.iter().filter(|state| **state == 3).count()), (1, 230));
    assert_eq!(kas.number("SELECT count(*) FROM vulnerability_state_transitions"), 230);
}
