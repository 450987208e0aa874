//! The memory of the process under the largest load that the limits allow.
use super::support::{A, LEGACY, plant, write_files};
use endpoint::MIB;
use futures_util::future::join_all;
use tempfile::TempDir;
use testkit::Process;

const REQUESTS: usize = 10;
/// The limit of the pod.
const MAX_PEAK_MIB: usize = 256;

/// Reconciliations of many namespaces, in nearly 5 MiB.
fn reconciliations() -> String {
    let item = |n: usize| {
        format!(
            concat!(
                r#"{{"namespace_id":{},"#,
                r#""next_reconciliation_date":"2034-06-13","display_alert_from":"2034-06-06"}}"#
            ),
            100_000 + n
        )
    };
    let count = 5 * MIB / (item(0).len() + 1) - 1;
    let items: Vec<String> = (0..count).map(item).collect();
    format!(r#"{{"upcoming_reconciliations":[{}]}}"#, items.join(","))
}

#[testkit::test]
async fn ten_large_requests_stay_within_the_pod(database: Database) {
    plant(&database);
    let data = TempDir::new().unwrap();
    let directory = write_files(&data);
    let mut arguments = vec!["--database-url", database.url_for("billing-api"), "--data-dir", &directory];
    let unlimited = testkit::without_rate_limits(data.path(), &[]);
    arguments.extend(unlimited.iter().map(String::as_str));
    let process = Process::start("billing-api", &arguments, &[]).until_ready();
    let request = |method: &str, path: &str| {
        process.request(method, &format!("{LEGACY}{path}")).header("PRIVATE-TOKEN", A)
    };
    let body = reconciliations();
    let large = (0..REQUESTS).map(|_| {
        request("PUT", "/internal/upcoming_reconciliations").body("application/json", body.clone()).try_send()
    });
    let small = request("GET", "/namespaces/123/gitlab_subscription").send();
    let (answers, small) = futures_util::join!(join_all(large), small);
    // A refusal closes the connection, which the client may see before the response.
    let statuses: Vec<u16> =
        answers.iter().map(|answer| answer.as_ref().map_or(503, |answer| answer.status)).collect();
    let peak = process.peak_memory_mib();
    println!("{statuses:?}, {peak} MiB");
    assert_eq!(small.status, 200);
    assert!(statuses.iter().all(|status| [200, 400, 503].contains(status)), "{statuses:?}");
    assert!(statuses.iter().any(|status| *status != 503), "{statuses:?}");
    assert!(peak < MAX_PEAK_MIB, "{peak} MiB");
}
