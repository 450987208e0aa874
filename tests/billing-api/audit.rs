//! One line in the log for each change: from what to what.
use super::support::{A, plant, write_files};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Process;

const SET: &str = "set_upcoming_reconciliation";

#[testkit::test]
async fn each_change_tells_what_was_before(database: Database) {
    plant(&database);
    let data = TempDir::new().unwrap();
    let directory = write_files(&data);
    let process =
        Process::start("billing-api", &["--database-url", database.url(), "--data-dir", &directory], &[])
            .until_ready();
    let send = async |method: &str, path: &str, body: Value| {
        let path = format!("/api/v4/internal/gitlab_subscriptions/namespaces/127/{path}");
        process.request(method, &path).header("PRIVATE-TOKEN", A).json(&body).answer().await.0
    };
    let line = |action: &str| {
        let line = process.log_line(|line| line["message"] == "audit" && line["action"] == action);
        let text = |field: &str| line[field].as_str().unwrap().to_owned();
        assert_eq!((text("actor"), &line["gl_namespace_id"]), ("user-1".to_owned(), &json!(127)));
        (text("old"), text("new"))
    };
    let dates = |day: u8| json!({ "next_reconciliation_date": format!("2021-06-0{day}"), "display_alert_from": "2021-06-01" });
    assert_eq!(send("PUT", "upcoming_reconciliations", dates(2)).await, 200);
    let (old, new) = line(SET);
    assert!(old == "None" && new.contains("2021-06-02"), "{old} {new}");
    assert_eq!(send("PUT", "upcoming_reconciliations", dates(3)).await, 200);
    let (old, new) = line(SET);
    assert!(old.contains("2021-06-02") && new.contains("2021-06-03"), "{old} {new}");
    assert_eq!(send("DELETE", "upcoming_reconciliations", json!({})).await, 204);
    assert!(line("delete_upcoming_reconciliation").0.contains("2021-06-03"));
    let provision = |seats: i32| json!({ "provision": { "base_product": { "plan_code": "premium", "seats": seats }, "compute_minutes": { "shared_runners_minutes_limit": seats } } });
    assert_eq!(send("POST", "provision", provision(11)).await, 200);
    assert_eq!(send("POST", "provision", provision(12)).await, 200);
    assert_eq!(line("provision_base_product").0, "None");
    let (old, new) = line("provision_base_product");
    assert!(old.contains("seats: 11") && new.contains("seats: 12"), "{old} {new}");
    let (old, new) = line("provision_compute_minutes");
    assert!(old.contains("Some(11)") && new.contains("Some(12)"), "{old} {new}");
}
