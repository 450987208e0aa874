//! Concurrent purchases and moves neither lose nor create minutes, even if the service is killed repeatedly.
//!
//! `CONSERVATION_SECONDS` sets the duration of a longer run.
use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::support::{self, A, number, write_files};
use diesel::RunQueryDsl;
use diesel::sql_types::Text;
use serde_json::json;
use tempfile::TempDir;
use testkit::fixture::THEN;
use testkit::{Database, Process};

const CLIENTS: u64 = 64;
const FIRST: u64 = 20_000;
const NAMESPACES: u64 = 50;
const KILLS: u32 = 3;

/// The results that the clients have seen.
#[derive(Default)]
struct Ledger {
    /// Purchases and minutes that were answered 201.
    bought: Mutex<BTreeSet<(String, u64)>>,
    /// Purchases without a response, which were stored once or not at all.
    open: Mutex<BTreeSet<(String, u64)>>,
    moves: AtomicU64,
    /// Responses that a client must not get.
    wrong: Mutex<Vec<String>>,
    ended: AtomicBool,
}

/// Pseudorandom numbers, the same in every run.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// One client: buys and moves until the end, each purchase with an id of its own.
async fn work(client: u64, url: Arc<Mutex<String>>, ledger: Arc<Ledger>) {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
    let (mut state, mut purchase) = (client + 1, 0);
    while !ledger.ended.load(Ordering::Relaxed) {
        let (one, other) = (FIRST + next(&mut state) % NAMESPACES, FIRST + next(&mut state) % NAMESPACES);
        let base = url.lock().unwrap().clone();
        let root = format!("{base}/api/v4/namespaces/{one}/minutes");
        if next(&mut state).is_multiple_of(2) || one == other {
            purchase += 1;
            let (xid, minutes) = (format!("{client}-{purchase}"), 1 + next(&mut state) % 1000);
            let pack = json!({ "packs": [{ "number_of_minutes": minutes, "expires_at": "2030-01-01",
                "purchase_xid": xid }] });
            match http.post(&root).header("PRIVATE-TOKEN", A).json(&pack).send().await {
                Ok(answer) if answer.status() == 201 => ledger.buy(xid, minutes),
                Ok(answer) => ledger.refuse(answer).await,
                Err(_) => ledger.doubt(xid, minutes),
            }
        } else {
            match http.patch(format!("{root}/move/{other}")).header("PRIVATE-TOKEN", A).send().await {
                Ok(answer) if answer.status() == 202 => ledger.count_move(),
                Ok(answer) => ledger.refuse(answer).await,
                // The service is down. Let other clients run before the next attempt.
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }
}

impl Ledger {
    fn buy(&self, xid: String, minutes: u64) {
        self.bought.lock().unwrap().insert((xid, minutes));
    }

    /// Lets the clients work for at least `lap`, and until some purchases and moves have succeeded since.
    async fn fill(&self, lap: Duration) {
        let (purchases, moves) = self.progress();
        let (started, end) = (Instant::now(), Instant::now() + Duration::from_mins(1));
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let (bought, moved) = self.progress();
            if started.elapsed() >= lap && bought >= purchases + 30 && moved >= moves + 30 {
                return;
            }
            assert!(Instant::now() < end, "only {bought} purchases and {moved} moves");
        }
    }

    fn progress(&self) -> (usize, u64) {
        (self.bought.lock().unwrap().len(), self.moves.load(Ordering::Relaxed))
    }

    fn doubt(&self, xid: String, minutes: u64) {
        self.open.lock().unwrap().insert((xid, minutes));
    }

    fn count_move(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    async fn refuse(&self, answer: reqwest::Response) {
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        self.wrong.lock().unwrap().push(format!("{status} {text}"));
    }
}

fn plant(database: &Database) {
    support::plant(database);
    let ids = if database.is_postgresql() { "{}" } else { "[]" };
    let mut rows = String::new();
    for id in FIRST..FIRST + NAMESPACES {
        let comma = if rows.is_empty() { "" } else { "," };
        write!(rows, "{comma}({id}, 'n{id}', 'n{id}', 'Group', 1, '{ids}', '{THEN}', '{THEN}')").unwrap();
    }
    database.sql(&format!(
        "INSERT INTO namespaces (id, name, path, type, organization_id, traversal_ids, created_at, \
         updated_at) VALUES {rows}"
    ));
}

/// The ids of all stored purchases.
fn xids(database: &Database) -> HashSet<String> {
    let all = diesel::dsl::sql::<Text>("SELECT purchase_xid FROM ci_minutes_additional_packs");
    all.load(&mut database.open()).unwrap().into_iter().collect()
}

fn sum(purchases: &BTreeSet<(String, u64)>) -> u64 {
    purchases.iter().map(|(_, minutes)| minutes).sum()
}

#[testkit::test]
async fn no_minute_is_lost(database: Database) {
    plant(&database);
    let data = TempDir::new().unwrap();
    let directory = write_files(&data);
    let unlimited = testkit::without_rate_limits(data.path(), &[]);
    let start = || {
        let mut arguments = vec![
            "--database-url",
            database.url_for("billing-api"),
            "--data-dir",
            &directory,
            "--log-level",
            "error",
            "--database-pool-timeout",
            "15s",
        ];
        arguments.extend(unlimited.iter().map(String::as_str));
        Process::start("billing-api", &arguments, &[])
    };
    let seconds = std::env::var("CONSERVATION_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let lap = Duration::from_secs(seconds) / (KILLS + 1);
    let mut process = answering(start()).await;
    let url = Arc::new(Mutex::new(process.url.clone()));
    let ledger = Arc::new(Ledger::default());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| actix_web::rt::spawn(work(client, Arc::clone(&url), Arc::clone(&ledger))))
        .collect();
    let started = Instant::now();
    for _ in 0..KILLS {
        ledger.fill(lap).await;
        process.signal("KILL");
        process = answering(start()).await;
        url.lock().unwrap().clone_from(&process.url);
    }
    ledger.fill(lap).await;
    ledger.ended.store(true, Ordering::Relaxed);
    futures_util::future::join_all(clients).await;
    let elapsed = started.elapsed();

    assert_eq!(*ledger.wrong.lock().unwrap(), Vec::<String>::new());
    let (bought, open) = (ledger.bought.lock().unwrap(), ledger.open.lock().unwrap());
    let stored = u64::try_from(number(
        &database,
        "SELECT CAST(COALESCE(sum(number_of_minutes), 0) AS bigint) FROM ci_minutes_additional_packs",
    ))
    .unwrap();
    let made: HashSet<String> = xids(&database);
    let in_doubt: u64 = open.iter().filter(|(xid, _)| made.contains(xid)).map(|(_, minutes)| minutes).sum();
    assert_eq!(stored, sum(&bought) + in_doubt);
    let twice = "SELECT count(*) FROM (SELECT purchase_xid FROM ci_minutes_additional_packs GROUP BY \
                 purchase_xid HAVING count(*) > 1) AS x";
    assert_eq!(number(&database, twice), 0);
    let (purchases, moves) = (bought.len(), ledger.moves.load(Ordering::Relaxed));
    println!(
        "{} in {:?}: {purchases} purchases ({} in doubt), {moves} moves, {KILLS} kills, {stored} minutes \
         bought and kept",
        if database.is_postgresql() { "PostgreSQL" } else { "SQLite" },
        elapsed,
        open.len(),
    );
}

/// Waits until the service is ready. Its log is discarded.
async fn answering(process: Process) -> Process {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let end = Instant::now() + Duration::from_mins(1);
    let is_ready = async || {
        let answer = http.get(format!("{}/-/readiness", process.monitoring)).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    };
    while !is_ready().await {
        assert!(Instant::now() < end, "it does not start: {}", process.errors());
        tokio::task::yield_now().await;
    }
    process
}
