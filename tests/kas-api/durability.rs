//! Acknowledged reports are not lost: 64 clients report while Redis and the service are each killed once.
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use super::support::{KUBERNETES, token, write_config};
use futures_util::future::join_all;
use serde_json::json;
use tempfile::TempDir;
use testkit::{Database, Process, Redis, kas_fixture};

const CLIENTS: i64 = 64;
const REPORTS: i64 = 40;
const INCREMENT: i64 = 40;

#[actix_web::test]
async fn acknowledged_increments_outlive_redis_and_the_service() {
    let database = Database::sqlite();
    kas_fixture::insert(&mut database.open());
    let mut redis = Redis::durable();
    let data = TempDir::new().unwrap();
    let config = write_config(data.path());
    let url = redis.url();
    let directory = data.path().to_str().unwrap();
    let unlimited = testkit::without_rate_limits(data.path(), &[]);
    let mut arguments = vec![
        "--config",
        &config,
        "--database-url",
        database.url_for("kas-api"),
        "--data-dir",
        directory,
        "--redis-url",
        &url,
    ];
    arguments.extend(unlimited.iter().map(String::as_str));
    let start = || Process::start("kas-api", &arguments, &[("IAPI_LOG_LEVEL", "info")]).until_ready();
    let process = std::cell::RefCell::new(std::rc::Rc::new(start()));
    let (acknowledged, uncertain, done) = (AtomicI64::new(0), AtomicI64::new(0), AtomicUsize::new(0));

    let client = async || {
        for _ in 0..REPORTS {
            // A client without a response repeats its report, as kas does. The first report may or may not
            // have counted.
            loop {
                let service = std::rc::Rc::clone(&process.borrow());
                let request = service.request("POST", &format!("{KUBERNETES}/usage_metrics"));
                let request = request.header("Gitlab-Kas-Api-Request", &token());
                let body = json!({ "counters": { "k8s_api_proxy_request": INCREMENT } });
                if request.json(&body).try_send().await.is_some_and(|answer| answer.status == 204) {
                    acknowledged.fetch_add(INCREMENT, Ordering::Relaxed);
                    break;
                }
                uncertain.fetch_add(INCREMENT, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let reached = async |part: usize| {
        while done.load(Ordering::Relaxed) < part {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let all = usize::try_from(CLIENTS * REPORTS).unwrap();
    let killer = async {
        reached(all / 3).await;
        redis.stop();
        redis.restart();
        reached(2 * all / 3).await;
        process.borrow().signal("KILL");
        let fresh = std::rc::Rc::new(start());
        process.replace(fresh);
    };
    let clients = join_all((0..CLIENTS).map(|_| client()));
    let ((), _) = futures_util::join!(killer, clients);

    let total: i64 = redis.ask(&["GET", "USAGE_KUBERNETES_AGENT_K8S_API_PROXY_REQUEST"]);
    let (acknowledged, uncertain) = (acknowledged.into_inner(), uncertain.into_inner());
    assert_eq!(acknowledged, CLIENTS * REPORTS * INCREMENT);
    // Each of the two kills interrupts at most one report of each client.
    let in_flight = uncertain.min(2 * CLIENTS * INCREMENT);
    assert!(
        (acknowledged..=acknowledged + in_flight).contains(&total),
        "{total} of {acknowledged} and {in_flight} in flight"
    );
}
