//! Audit events, and the subject of each request's line in the log.
use super::support::{A, CURRENT, LEGACY, plant, write_files};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Database, Process, Request, Subjects};

struct Running {
    process: Process,
    _data: TempDir,
}

fn start(database: &Database) -> Running {
    plant(database);
    let data = TempDir::new().unwrap();
    let directory = write_files(&data);
    let arguments = ["--database-url", database.url_for("billing-api"), "--data-dir", &directory];
    Running { process: Process::start("billing-api", &arguments, &[]).until_ready(), _data: data }
}

impl Running {
    fn request(&self, method: &str, path: &str) -> Request {
        self.process.request(method, path).header("PRIVATE-TOKEN", A)
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> u16 {
        self.request(method, path).json(body).answer().await.0
    }

    /// The next audit event, which must have this name.
    fn event(&self, name: &str) -> Value {
        let line = self.process.log_line(|line| line["message"] == "audit");
        assert_eq!(line["event_name"], name, "{line}");
        line
    }
}

fn assert_fields(line: &Value, expected: &Value) {
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(line.get(field), Some(value), "{field} in {line}");
    }
}

fn columns(seats: i32, max: i32) -> Value {
    json!({
        "plan_code": "premium", "start_date": "2020-07-15", "end_date": null, "seats": seats,
        "seats_in_use": 1,
        "max_seats_used": max, "trial": false, "trial_starts_on": null, "trial_ends_on": null,
        "trial_extension_type": null, "auto_renew": null,
    })
}

#[testkit::test]
async fn subscription_event_has_both_states(database: Database) {
    let running = start(&database);
    let path = format!("{LEGACY}/namespaces/123/gitlab_subscription");
    let body =
        json!({ "start_date": "2020-07-15", "plan_code": "premium", "seats": 80, "max_seats_used": 5 });
    assert_eq!(running.send("POST", &path, &body).await, 201);
    let created = running.event("gitlab_subscription_created");
    let id = created["target_id"].as_i64().unwrap();
    let common = json!({
        "author_type": "user", "author_id": 1, "entity_type": "Group", "entity_id": 123,
        "entity_path": "acme",
        "target_type": "GitlabSubscription", "gl_namespace_id": 123, "severity": "info",
    });
    assert_fields(&created, &common);
    assert_fields(&created, &json!({ "before": null, "after": columns(80, 5) }));
    assert!(created["author_name"].is_string() && created["ip_address"].is_string(), "{created}");
    assert!(created["correlation_id"].is_string() && created.get("impersonated_by").is_none(), "{created}");
    // An unchanged subscription writes no event, so the next event is about the change.
    assert_eq!(running.send("PUT", &path, &json!({ "seats": 80 })).await, 200);
    assert_eq!(running.send("PUT", &path, &json!({ "seats": 85 })).await, 200);
    let updated = running.event("gitlab_subscription_updated");
    assert_fields(&updated, &common);
    assert_fields(&updated, &json!({ "target_id": id, "before": columns(80, 5), "after": columns(85, 5) }));
}

#[testkit::test]
async fn personal_namespace_is_the_entity_of_its_user(database: Database) {
    let running = start(&database);
    let path = format!("{LEGACY}/namespaces/125/gitlab_subscription");
    assert_eq!(running.send("POST", &path, &json!({ "start_date": "2020-07-15" })).await, 201);
    let line = running.event("gitlab_subscription_created");
    let expected = json!({
        "entity_type": "User", "entity_id": 2, "entity_path": "alice-too", "gl_namespace_id": 125,
    });
    assert_fields(&line, &expected);
}

#[testkit::test]
async fn purchases_and_moves_have_events(database: Database) {
    let running = start(&database);
    let pack =
        |xid: &str| json!({ "expires_at": "2022-01-01", "number_of_minutes": 1000, "purchase_xid": xid });
    let path = format!("{LEGACY}/namespaces/123/minutes");
    let body = json!({ "packs": [pack("a"), pack("b"), pack("a")] });
    assert_eq!(running.send("POST", &path, &body).await, 201);
    let line = running.event("compute_minutes_purchased");
    let packs = line["after"]["packs"].as_array().unwrap();
    let ids: Vec<&Value> = packs.iter().map(|pack| &pack["id"]).collect();
    assert_eq!((packs.len(), &line["before"], &line["target_id"]), (2, &Value::Null, ids[0]));
    assert_eq!(line["target_type"], "Ci::Minutes::AdditionalPack");
    assert_eq!(packs[1]["purchase_xid"], "b");
    // A repeated purchase and an empty move write no events.
    assert_eq!(running.send("POST", &path, &body).await, 201);
    assert_eq!(
        running.send("PATCH", &format!("{LEGACY}/namespaces/129/minutes/move/127"), &json!({})).await,
        202
    );
    assert_eq!(running.send("PATCH", &format!("{path}/move/321"), &json!({})).await, 202);
    let line = running.event("compute_minutes_moved");
    let after = json!({ "namespace_id": 321, "packs": 2, "number_of_minutes": 2000, "ids": ids });
    let expected = json!({ "gl_namespace_id": 123, "before": { "namespace_id": 123 }, "after": after });
    assert_fields(&line, &expected);
}

#[testkit::test]
async fn reconciliations_have_events(database: Database) {
    let running = start(&database);
    let path = format!("{CURRENT}/namespaces/127/upcoming_reconciliations");
    let dates = |day: u8| {
        json!({ "next_reconciliation_date": format!("2021-06-0{day}"),
        "display_alert_from": "2021-06-01" })
    };
    let target = json!({ "target_type": "UpcomingReconciliation", "entity_id": 127, "gl_namespace_id": 127 });
    // The second request changes nothing and has no event.
    for day in [2, 2, 3] {
        assert_eq!(running.send("PUT", &path, &dates(day)).await, 200);
    }
    for (before, after) in [(Value::Null, dates(2)), (dates(2), dates(3))] {
        let line = running.event("upcoming_reconciliation_updated");
        assert_fields(&line, &target);
        assert_fields(&line, &json!({ "before": before, "after": after }));
    }
    assert_eq!(running.send("DELETE", &path, &json!({})).await, 204);
    let line = running.event("upcoming_reconciliation_removed");
    assert_fields(&line, &json!({ "before": dates(3), "after": null }));
}

#[testkit::test]
async fn provision_has_an_event_for_each_part(database: Database) {
    let running = start(&database);
    let item = json!({
        "quantity": 1, "started_on": "2024-01-01", "expires_on": "2024-12-31", "purchase_xid": "C-1",
    });
    let body = json!({ "provision": {
        "base_product": { "plan_code": "premium", "start_date": "2020-07-15" },
        "storage": { "additional_purchased_storage_size": 100 },
        "compute_minutes": { "shared_runners_minutes_limit": 2000 },
        "add_on_purchases": { "duo_pro": [item] },
    } });
    let path = format!("{CURRENT}/namespaces/127/provision");
    assert_eq!(running.send("POST", &path, &body).await, 200);
    running.event("gitlab_subscription_created");
    let storage = running.event("namespace_limits_updated");
    assert_eq!(storage["before"]["additional_purchased_storage_size"], 0);
    assert_eq!(storage["after"]["additional_purchased_storage_size"], 100);
    assert_fields(&storage, &json!({ "target_type": "Namespace", "target_id": 127 }));
    let minutes = running.event("namespace_limits_updated");
    assert_eq!(minutes["after"]["shared_runners_minutes_limit"], 2000);
    let purchase = running.event("subscription_add_on_purchase_created");
    assert_eq!((&purchase["before"], &purchase["after"]["purchase_xid"]), (&Value::Null, &json!("C-1")));
    // The repeated request changes nothing, so the next event is about another request.
    assert_eq!(running.send("POST", &path, &body).await, 200);
    let card =
        format!("{CURRENT}/users/2/credit_card_validation?credit_card_validated_at=2020-01-01T00:00:00Z");
    assert_eq!(running.send("PUT", &card, &json!({ "credit_card_mask_number": "4711" })).await, 200);
    let line = running.event("credit_card_validated");
    assert_fields(
        &line,
        &json!({ "entity_type": "User", "entity_id": 2, "target_type": "User", "target_id": 2 }),
    );
    assert!(line.get("before").is_none() && line.get("after").is_none(), "{line}");
}

#[testkit::test]
async fn request_line_names_the_namespace(database: Database) {
    let running = start(&database);
    let create = json!({ "start_date": "2020-07-15" });
    let item = json!({
        "quantity": 1, "started_on": "2024-01-01", "expires_on": "2024-12-31", "purchase_xid": "C-1",
    });
    let dates = json!({ "next_reconciliation_date": "2021-06-02", "display_alert_from": "2021-06-01" });
    let mut subjects = Subjects::new(&billing_api::ENDPOINTS);
    for (method, path, body) in [
        ("POST", format!("{LEGACY}/namespaces/acme/gitlab_subscription"), create),
        ("GET", format!("{LEGACY}/namespaces/123/gitlab_subscription"), json!({})),
        ("PUT", format!("{LEGACY}/namespaces/ACME/gitlab_subscription"), json!({ "seats": 2 })),
        ("PATCH", format!("{LEGACY}/namespaces/123/minutes/move/321"), json!({})),
        ("GET", format!("{CURRENT}/namespaces/123"), json!({})),
        ("PUT", format!("{CURRENT}/namespaces/123"), json!({})),
        ("GET", format!("{CURRENT}/namespaces/123/owners"), json!({})),
        ("GET", format!("{CURRENT}/namespaces/123/user_permissions/3"), json!({})),
        (
            "POST",
            format!("{CURRENT}/namespaces/123/subscription_add_on_purchases"),
            json!({ "add_on_purchases": { "duo_pro": [item] } }),
        ),
        ("GET", format!("{CURRENT}/namespaces/123/subscription_add_on_purchases/duo_pro"), json!({})),
        ("POST", format!("{CURRENT}/namespaces/123/provision"), json!({ "provision": {} })),
        ("PUT", format!("{CURRENT}/namespaces/123/upcoming_reconciliations"), dates),
        ("DELETE", format!("{LEGACY}/internal/upcoming_reconciliations?namespace_id=123"), json!({})),
    ] {
        let status = running.send(method, &path, &body).await;
        let line = running.process.log_line(|line| line["message"] == "access");
        assert!((200..300).contains(&status), "{method} {path}: {line}");
        assert_fields(&line, &json!({ "gl_namespace_id": 123, "gl_user_id": 1 }));
        subjects.check(&line);
    }
    assert_eq!(running.send("GET", &format!("{CURRENT}/users/2"), &json!({})).await, 200);
    let line = running.process.log_line(|line| line["message"] == "access");
    assert_fields(&line, &json!({ "target_user_id": 2 }));
    subjects.check(&line);
}

#[testkit::test]
async fn refused_credential_is_logged_with_its_reason(database: Database) {
    let running = start(&database);
    let path = format!("{LEGACY}/namespaces/123/gitlab_subscription");
    let request = running.process.request("GET", &path).header("PRIVATE-TOKEN", "glpat-unknown");
    assert_eq!(request.answer().await, (401, json!({ "message": "401 Unauthorized" })));
    let line = running.process.log_line(|line| line["message"] == "access");
    assert_fields(&line, &json!({ "auth_scheme": "personal_access_token" }));
    let reason = line["auth_failure_reason"].as_str().unwrap();
    assert_eq!(line["error_message"], format!("Unauthorized ({reason})"));
}
