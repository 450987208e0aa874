//! Alerts about a cluster.
use super::requests::raw;
use super::support::{KUBERNETES, NOTHING, error};
use super::{Kas, kas_api};
use futures_util::future::join_all;
use serde_json::{Value, json};

const PATH: &str = "/modules/cilium_alert";

async fn alert(kas: &Kas, alert: Value) -> (u16, Value) {
    kas.agent("POST", PATH).json(&json!({ "alert": alert })).answer().await
}

fn count(kas: &Kas, condition: &str) -> i64 {
    kas.number(&format!("SELECT count(*) FROM alert_management_alerts WHERE {condition}"))
}

/// The example of GitLab's documentation.
fn minimal() -> Value {
    json!({ "title": "minimal", "message": "network problem", "evalMatches": [{ "value": 1, "metric": "Count",
        "tags": {} }] })
}

#[testkit::test]
async fn repeated_alert_is_counted(database: Database) {
    let kas = kas_api(database).await;
    assert_eq!(alert(&kas, minimal()).await, NOTHING);
    assert_eq!(
        count(
            &kas,
            "title = 'minimal' AND domain = 1 AND status = 0 AND events = 1 AND iid = 1 AND project_id = 7 \
             AND severity = 0 AND monitoring_tool = 'Cilium' AND ended_at IS NULL"
        ),
        1
    );
    let payload: Value =
        serde_json::from_str(&kas.texts("SELECT CAST(payload AS text) FROM alert_management_alerts")[0])
            .unwrap();
    assert_eq!(payload, minimal());
    // As in GitLab's documentation: a string that contains the object.
    let twice = Value::String(json!({ "alert": minimal() }).to_string()).to_string();
    for (n, path) in [(2, PATH.to_owned()), (3, format!("{PATH}/"))] {
        let answer = kas.agent("POST", &path).body("application/json", twice.clone()).answer().await;
        assert_eq!(answer, NOTHING);
        assert_eq!(count(&kas, &format!("events = {n}")), 1, "{path}");
    }
    // kas forwards the body of agentk as a stream.
    let chunks = format!(
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{twice}\r\n0\r\n\r\n",
        twice.len()
    );
    let answer = raw(&kas, &format!("POST {KUBERNETES}{PATH}/"), &chunks).await;
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    assert_eq!((count(&kas, "events = 4"), count(&kas, "1 = 1")), (1, 1));
}

#[testkit::test]
async fn every_field_is_stored(database: Database) {
    let kas = kas_api(database).await;
    let body = json!({
        "title": "t".repeat(300), "description": "d".repeat(1100), "service": "web",
        "monitoring_tool": "Hubble", "severity": "low",
        "hosts": ["a\"b", ["c,d"]], "start_time": "2022-06-02T05:36:26Z", "fingerprint": "f",
        "gitlab_environment_name": "production",
    });
    assert_eq!(alert(&kas, body).await, NOTHING);
    assert_eq!(
        count(
            &kas,
            "length(title) = 200 AND length(description) = 1000 AND service = 'web' AND monitoring_tool = \
             'Hubble' AND severity = 3"
        ),
        1
    );
    let started = kas.texts("SELECT CAST(started_at AS text) FROM alert_management_alerts");
    assert!(started[0].starts_with("2022-06-02 05:36:26"), "{started:?}");
    let hosts = if kas.service.database.is_postgresql() {
        "SELECT hosts[1] || ' ' || hosts[2] FROM alert_management_alerts"
    } else {
        "SELECT json_extract(hosts, '$[0]') || ' ' || json_extract(hosts, '$[1]') FROM \
         alert_management_alerts"
    };
    assert_eq!(kas.texts(hosts), ["a\"b c,d"]);
}

#[testkit::test]
async fn alert_of_a_policy_has_its_name(database: Database) {
    let kas = kas_api(database).await;
    let flow = |namespace: &str| {
        json!({ "flow": { "time": "2022-06-02T05:36:26Z",
        "source": { "namespace": namespace } }, "ciliumNetworkPolicy": { "metadata": { "name": "deny",
            "namespace": "n" } } })
    };
    for namespace in ["a", "b", "a"] {
        assert_eq!(alert(&kas, flow(namespace)).await, NOTHING);
    }
    assert_eq!(
        (
            count(&kas, "title = 'deny' AND events = 2 AND iid = 1"),
            count(&kas, "title = 'deny' AND events = 1 AND iid = 2")
        ),
        (1, 1)
    );
    assert_eq!(kas.number("SELECT last_value FROM internal_ids WHERE usage = 8 AND project_id = 7"), 2);
}

#[testkit::test]
async fn ended_alert_is_resolved(database: Database) {
    let kas = kas_api(database).await;
    assert_eq!(alert(&kas, minimal()).await, NOTHING);
    let mut over = minimal();
    over["end_time"] = json!("2022-06-02T06:00:00Z");
    assert_eq!(alert(&kas, over).await, NOTHING);
    assert_eq!(count(&kas, "status = 2 AND ended_at IS NOT NULL AND events = 1"), 1);
    // The next event is a new alert, and also after a user has resolved one. An ignored alert counts
    // further events.
    assert_eq!(alert(&kas, minimal()).await, NOTHING);
    kas.sql("UPDATE alert_management_alerts SET status = 3 WHERE iid = 2");
    assert_eq!(alert(&kas, minimal()).await, NOTHING);
    assert_eq!((count(&kas, "1 = 1"), count(&kas, "iid = 2 AND events = 2")), (2, 1));
}

#[testkit::test]
async fn numbers_continue_those_of_gitlab(database: Database) {
    let kas = kas_api(database).await;
    let number = || kas.number("SELECT max(iid) FROM alert_management_alerts");
    assert_eq!(alert(&kas, json!({ "title": "1" })).await, NOTHING);
    kas.sql("DELETE FROM internal_ids; UPDATE alert_management_alerts SET iid = 41");
    assert_eq!(alert(&kas, json!({ "title": "2" })).await, NOTHING);
    assert_eq!(number(), 42);
    kas.sql("UPDATE internal_ids SET last_value = 77");
    assert_eq!(alert(&kas, json!({ "title": "3" })).await, NOTHING);
    assert_eq!(number(), 78);
}

#[testkit::test]
async fn concurrent_alerts_are_counted_once_each(database: Database) {
    let kas = kas_api(database).await;
    let answers = join_all((0..30).map(|n| alert(&kas, json!({ "title": format!("t{}", n % 3) })))).await;
    assert!(answers.iter().all(|answer| *answer == NOTHING), "{answers:?}");
    assert_eq!(
        (count(&kas, "events = 10"), count(&kas, "1 = 1"), count(&kas, "iid IN (1, 2, 3)")),
        (3, 3, 3)
    );
}

/// PostgreSQL cannot store U+0000. It is removed from every string and key of an alert.
#[testkit::test]
async fn nul_is_removed_from_an_alert(database: Database) {
    let kas = kas_api(database).await;
    let unused = json!({ "title": "unused", "flow": { "l7\0": ["\0", { "dns": "a\0b" }] } });
    assert_eq!(alert(&kas, unused).await, NOTHING);
    let used =
        json!({ "title": "us\0ed", "description": "\0d", "hosts": ["h\0", "\0"], "fingerprint": "\0" });
    for n in 1..3 {
        assert_eq!(alert(&kas, used.clone()).await, NOTHING);
        assert_eq!(count(&kas, &format!("title = 'used' AND description = 'd' AND events = {n}")), 1);
    }
    let blank = Value::String(json!({ "alert\0": 1, "alert": { "title": "\0" } }).to_string()).to_string();
    let answer = kas.agent("POST", PATH).body("application/json", blank).answer().await;
    assert_eq!((answer, count(&kas, "title = 'New: Alert'")), (NOTHING, 1));
    let payloads = kas.texts("SELECT CAST(payload AS text) FROM alert_management_alerts ORDER BY iid");
    let payloads: Vec<Value> = payloads.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!(payloads[0], json!({ "title": "unused", "flow": { "l7": ["", { "dns": "ab" }] } }));
    assert_eq!(payloads.len(), 3);
}

#[testkit::test]
async fn invalid_alert_is_refused(database: Database) {
    let kas = kas_api(database).await;
    for (body, expected) in [
        (json!({}), "alert is missing"),
        (json!({ "alert": null }), "alert is missing"),
        (json!({ "alert": [] }), "alert is invalid"),
        (json!({ "alert": "x" }), "alert is invalid"),
    ] {
        assert_eq!(kas.agent("POST", PATH).json(&body).answer().await, (400, error(expected)), "{body}");
    }
    assert_eq!(count(&kas, "1 = 1"), 0);
    assert_eq!(alert(&kas, json!({})).await, NOTHING);
    assert_eq!(count(&kas, "title = 'New: Alert'"), 1);
}
