//! Failovers under load: what is lost, what is doubled, and how long it takes.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redis::pipe;
use serde_json::json;

use super::processes::{Deployment, ENCODED_PASSWORD, NAME, PASSWORD, Process, address, until};
use super::{Log, count, counters, key};
use crate::connection::Repeat;
use crate::sidekiq::Job;
use crate::{Counters, RedisError, SentinelLogin, Server, StoreName, Stores};

/// The stores that the sentinels monitor.
fn stores(sentinels: Vec<crate::SentinelAddress>) -> Stores {
    let url = format!("redis://:{ENCODED_PASSWORD}@{NAME}");
    Stores::new(Some(Server { url: url.as_str().into(), sentinels }))
}

/// The requests of one client.
#[derive(Default)]
struct Outcome {
    /// Acknowledged increments.
    counted: i64,
    /// Increments whose fate is not known.
    unknown: i64,
    /// The jobs that were enqueued.
    jobs: Vec<String>,
    /// When the first request after the last failed one succeeded.
    recovered: Option<Instant>,
}

/// Increments a counter and waits until a replica has it. Without a replica in time, the fate is unknown.
async fn count_on_replica(counters: &Counters, name: &str) -> Result<bool, RedisError> {
    let store = counters.store(StoreName::SharedState).unwrap();
    let mut pipeline = pipe();
    pipeline.incr(&key(name)[0], 1).ignore().cmd("WAIT").arg(1).arg(100);
    let (replicas,): (i64,) = store.connections.ask(&pipeline, Repeat::Unsafe).await?;
    Ok(replicas >= 1)
}

async fn client(counters: Counters, number: usize, waits: bool, is_over: Arc<AtomicBool>) -> Outcome {
    let mut outcome = Outcome::default();
    let mut has_failed = false;
    let name = number.to_string();
    for request in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let counted = if waits {
            count_on_replica(&counters, &name).await
        } else {
            count(&counters, &name).await.map(|_| true)
        };
        match counted {
            Ok(true) => outcome.counted += 1,
            Ok(false) => outcome.unknown += 1,
            Err(ref error) => outcome.unknown += i64::from(error.is_fate_unknown()),
        }
        match counted {
            Err(_) => (has_failed, outcome.recovered) = (true, None),
            Ok(_) if has_failed && outcome.recovered.is_none() => outcome.recovered = Some(Instant::now()),
            Ok(_) => {}
        }
        let job = Job::new("Worker", vec![json!(number), json!(request)], "").envelope(0.0);
        if counters.store(StoreName::Queues).unwrap().enqueue("", &job).await.is_ok() {
            outcome.jobs.push(job.json);
        }
    }
    outcome
}

/// Runs clients during a failover, and compares what was acknowledged with what the new primary has.
async fn fail_over(what: &str, waits: bool, fail: impl FnOnce(&mut Deployment)) {
    const CLIENTS: usize = 8;
    let mut deployment = Deployment::start();
    let shared = counters(&stores(deployment.addresses()));
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            // `WAIT` delays every later command of its connection.
            let counters = if waits { counters(&stores(deployment.addresses())) } else { shared.clone() };
            tokio::spawn(client(counters, number, waits, Arc::clone(&is_over)))
        })
        .collect();
    let first = key("0").remove(0);
    let stored = |server: &Process| server.ask::<Option<i64>>(&["GET", &first]).unwrap_or_default();
    until("clients do not count", || (stored(&deployment.primary) > 50).then_some(()));
    fail(&mut deployment);
    until("the replica is not promoted", || deployment.replica.is_primary().then_some(()));
    let (promoted, before) = (Instant::now(), stored(&deployment.replica));
    until("clients do not count again", || (stored(&deployment.replica) > before + 10).then_some(()));
    is_over.store(true, Ordering::Relaxed);

    let (mut acknowledged, mut lost, mut unknown, mut jobs) = (0, 0, 0, Vec::new());
    let mut service = Duration::ZERO;
    for (number, client) in clients.into_iter().enumerate() {
        let outcome = client.await.unwrap();
        let stored: i64 = deployment.replica.ask(&["GET", &key(&number.to_string())[0]]);
        let most = outcome.counted + outcome.unknown;
        assert!(stored <= most, "{stored} increments are stored, of {most} that may have been executed");
        acknowledged += outcome.counted;
        lost += (outcome.counted - stored).max(0);
        unknown += outcome.unknown;
        jobs.extend(outcome.jobs);
        let recovered = outcome.recovered.map(|at| at.saturating_duration_since(promoted));
        service = service.max(recovered.unwrap_or_default());
    }
    let stored: Vec<String> = deployment.replica.ask(&["LRANGE", "queue:default", "0", "-1"]);
    let mut copies: BTreeMap<&str, u32> = BTreeMap::new();
    for job in &stored {
        *copies.entry(job.as_str()).or_default() += 1;
    }
    let doubled = copies.values().filter(|copies| **copies > 1).count();
    let lost_jobs = jobs.iter().filter(|job| !copies.contains_key(job.as_str())).count();
    println!(
        "{what}{}: {lost} of {acknowledged} acknowledged increments lost, {unknown} of unknown fate; {lost_jobs} of \
         {} jobs lost, {doubled} doubled; service {:.2} s after the promotion",
        if waits { " with WAIT 1" } else { "" },
        jobs.len(),
        service.as_secs_f64(),
    );
    assert_eq!(doubled, 0);
    assert!(lost * 4 <= acknowledged, "{lost} of {acknowledged} are lost");
    assert!(!waits || lost == 0, "{lost} of {acknowledged} are lost although a replica had them");
    assert!(service < Duration::from_secs(1), "{service:?} after the promotion");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_by_command_is_survived_under_load() {
    let fail = |deployment: &mut Deployment| {
        let _: String = deployment.sentinels[0].ask(&["SENTINEL", "FAILOVER", NAME]);
    };
    fail_over("SENTINEL FAILOVER", false, fail).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_primary_is_survived_under_load() {
    fail_over("killed primary", false, |deployment| deployment.primary.kill()).await;
}

/// Measures what waiting for a replica would save. The services do not wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_a_replica_has_survives_a_failover() {
    let fail = |deployment: &mut Deployment| {
        let _: String = deployment.sentinels[0].ask(&["SENTINEL", "FAILOVER", NAME]);
    };
    fail_over("SENTINEL FAILOVER", true, fail).await;
}

/// A sentinel that does not respond, and one that does not know the name, cost at most a second.
#[tokio::test]
async fn unusable_sentinels_are_passed_over() {
    let deployment = Deployment::start();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("127.0.0.1:{}", silent.local_addr().unwrap().port()).parse().unwrap();
    let stranger = Process::server("");
    for (first, limit) in [(silent, Duration::from_secs(2)), (address(&stranger), Duration::from_secs(1))] {
        let mut sentinels = deployment.addresses();
        sentinels.insert(0, first);
        let counters = counters(&stores(sentinels));
        let started = Instant::now();
        count(&counters, "passed").await.unwrap();
        assert!(started.elapsed() < limit, "{:?}", started.elapsed());
    }
    assert_eq!(deployment.primary.ask::<i64>(&["GET", &key("passed")[0]]), 2);
}

/// While all sentinels are stopped, the known primary is used, also by threads that have no connection yet.
#[tokio::test]
async fn a_known_primary_is_used_without_sentinels() {
    let mut deployment = Deployment::start();
    let counters = counters(&stores(deployment.addresses()));
    count(&counters, "alone").await.unwrap();
    for sentinel in &mut deployment.sentinels {
        sentinel.kill();
    }
    let log = Log::default();
    let (other, collected) = (counters.clone(), log.clone());
    let requests = async move {
        for _ in 0..20 {
            count(&other, "alone").await.unwrap();
        }
    };
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tracing::subscriber::with_default(collected, || runtime.block_on(requests));
    });
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
    assert_eq!(count(&counters, "alone").await.unwrap(), 22);
    assert!(log.lines().len() <= 1, "{:?}", log.lines());
}

#[tokio::test]
async fn sentinels_have_a_user_and_password_of_their_own() {
    const USER: &str = "user internal on >s3cret ~* &* +@all";
    let settings = format!("requirepass other\n{USER}\nsentinel sentinel-pass other");
    let deployment = Deployment::start_with("internal:s3cret@", &settings);
    let login = |username: Option<&str>, password: &str| SentinelLogin {
        username: username.map(str::to_owned),
        password: Some(password.into()),
        is_tls: false,
    };
    for (login, is_right) in [
        (login(Some("internal"), "s3cret"), true),
        (login(None, "other"), true),
        (login(Some("internal"), "wrong"), false),
        (login(None, PASSWORD), false),
        (SentinelLogin::default(), false),
    ] {
        let mut stores = stores(deployment.addresses());
        stores.sentinel_login = login;
        let result = count(&counters(&stores), "login").await;
        assert_eq!(result.is_ok(), is_right, "{result:?}");
        if let Err(error) = result {
            let text = error.to_string();
            assert!(text.contains("sentinel 127.0.0.1:") && !text.contains("wrong"), "{text}");
            assert!(!error.is_fate_unknown(), "{error:?}");
        }
    }
}
