//! A failover under load: two servers of one URL, of which the standby is promoted.
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use database::{ConnectOptions, Error, Location, Pool, PoolOptions};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::support::{open, run};

const CLIENTS: usize = 8;

/// A directory that belongs to the account of PostgreSQL.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("failover-{}", free_port()));
        fs::create_dir_all(&path).unwrap();
        if is_root() {
            let status = Command::new("chown").arg("postgres").arg(&path).status().unwrap();
            assert!(status.success());
        }
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// PostgreSQL refuses to run as root.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program of the newest installed PostgreSQL.
fn program(name: &str) -> Command {
    let versions = fs::read_dir("/usr/lib/postgresql").unwrap().map(|entry| entry.unwrap().path());
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = versions.max_by_key(number).unwrap();
    let program = newest.join("bin").join(name);
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    }
    command.arg(program).stdin(Stdio::null()).current_dir("/");
    command
}

fn run_to_end(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

struct Server {
    child: Child,
    port: u16,
    data: PathBuf,
}

impl Server {
    fn start(data: &Path) -> Self {
        let port = free_port();
        let child = program("postgres")
            .arg("-D")
            .arg(data)
            .args(["-h", "127.0.0.1", "-k", "", "-p", &port.to_string(), "-c", "fsync=off"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, port, data: data.to_owned() };
        let end = Instant::now() + Duration::from_mins(1);
        while PgConnection::establish(&server.url()).is_err() {
            assert!(Instant::now() < end, "PostgreSQL does not respond");
            std::thread::yield_now();
        }
        server
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Waits until a condition in SQL is met.
    fn until(&self, condition: &str) {
        let mut conn = PgConnection::establish(&self.url()).unwrap();
        let end = Instant::now() + Duration::from_mins(1);
        while !diesel::select(diesel::dsl::sql::<Bool>(condition)).get_result::<bool>(&mut conn).unwrap() {
            assert!(Instant::now() < end, "{condition}");
            std::thread::yield_now();
        }
    }

    fn number(&self, query: &str) -> i64 {
        let mut conn = PgConnection::establish(&self.url()).unwrap();
        diesel::select(diesel::dsl::sql::<BigInt>(&format!("({query})"))).get_result(&mut conn).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A primary, and a standby that has every acknowledged transaction.
struct Cluster {
    primary: Server,
    standby: Server,
    _directory: Directory,
}

impl Cluster {
    fn start() -> Self {
        let directory = Directory::new();
        let (data, copy) = (directory.0.join("primary"), directory.0.join("standby"));
        let mut initdb = program("initdb");
        run_to_end(initdb.arg("-D").arg(&data).args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]));
        let primary = Server::start(&data);
        database::migrate(&mut open(&primary.url())).unwrap();
        let mut backup = program("pg_basebackup");
        backup.arg("-D").arg(&copy).args([
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-c",
            "fast",
            "-R",
            "--no-sync",
        ]);
        run_to_end(backup.args(["-p", &primary.port.to_string()]));
        let standby = Server::start(&copy);
        run(&primary.url(), "ALTER SYSTEM SET synchronous_standby_names = '*'");
        run(&primary.url(), "SELECT pg_reload_conf()");
        primary.until("EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync')");
        Self { primary, standby, _directory: directory }
    }

    /// The standby comes first, so that a service must find the primary.
    fn pool(&self) -> Pool {
        let url = format!(
            "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres",
            self.standby.port, self.primary.port
        );
        let connect = ConnectOptions {
            statement_timeout: Duration::from_secs(15),
            application_name: "failover-test".to_owned(),
            ..ConnectOptions::default()
        };
        let options = PoolOptions { size: 4, timeout: Duration::from_secs(5), connect };
        Pool::new(Location::parse(&url).unwrap(), options, |_| ())
    }

    fn promote(&self) {
        let mut promote = program("pg_ctl");
        run_to_end(promote.args(["promote", "-w", "-D"]).arg(&self.standby.data));
    }
}

/// Writes rows until `is_over`, and returns the topics that were acknowledged.
async fn write(pool: Pool, client: usize, is_over: Arc<AtomicBool>, done: Arc<AtomicI64>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let topic = format!("{client}-{number}");
        let put = {
            let topic = topic.clone();
            let now = chrono::DateTime::UNIX_EPOCH.naive_utc();
            pool.run(move |conn| conn.write(|conn| database::outbox::put(conn, &topic, "{}", None, now)))
        };
        match put.await {
            Ok(()) => {
                done.fetch_add(1, Ordering::Relaxed);
                acknowledged.push(topic);
            }
            Err(Error::Unavailable(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    acknowledged
}

async fn until_done(done: &AtomicI64, number: i64) {
    let end = Instant::now() + Duration::from_mins(1);
    while done.load(Ordering::Relaxed) < number {
        assert!(Instant::now() < end, "no write succeeds");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_is_used_under_load() {
    let mut cluster = Cluster::start();
    let pool = cluster.pool();
    let (is_over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| tokio::spawn(write(pool.clone(), client, Arc::clone(&is_over), Arc::clone(&done))))
        .collect();
    until_done(&done, 200).await;
    cluster.primary.child.kill().unwrap();
    cluster.primary.child.wait().unwrap();
    let killed = Instant::now();
    cluster.promote();
    let (promoted, before) = (Instant::now(), done.load(Ordering::Relaxed));
    until_done(&done, before + 1).await;
    let service = promoted.elapsed();
    until_done(&done, before + 200).await;
    is_over.store(true, Ordering::Relaxed);

    let mut topics = Vec::new();
    for client in clients {
        topics.extend(client.await.unwrap());
    }
    let list = topics.iter().map(|topic| format!("'{topic}'")).collect::<Vec<_>>().join(",");
    let acknowledged = i64::try_from(topics.len()).unwrap();
    let stored = cluster.standby.number(&format!(
        "SELECT count(DISTINCT topic) FROM internal_api.outbox_messages WHERE topic IN ({list})"
    ));
    let doubled = cluster.standby.number(
        "SELECT count(*) FROM (SELECT topic FROM internal_api.outbox_messages GROUP BY topic HAVING count(*) > 1) t",
    );
    println!(
        "{} of {acknowledged} acknowledged writes lost, {doubled} doubled; promoted after {:.2} s, service {:.2} s \
         later",
        acknowledged - stored,
        promoted.duration_since(killed).as_secs_f64(),
        service.as_secs_f64(),
    );
    assert_eq!((acknowledged - stored, doubled), (0, 0));
    assert!(service < Duration::from_secs(2), "{service:?} after the promotion");
}

/// A failed-over service may keep its connections: the server only becomes read-only.
#[tokio::test]
async fn a_write_to_a_server_that_became_read_only_goes_to_the_other_one() {
    let cluster = Cluster::start();
    let pool = cluster.pool();
    let now = chrono::DateTime::UNIX_EPOCH.naive_utc();
    let put = |topic: &'static str| {
        pool.run(move |conn| conn.write(|conn| database::outbox::put(conn, topic, "{}", None, now)))
    };
    put("before").await.unwrap();
    // The former primary is no longer replicated.
    run(&cluster.primary.url(), "ALTER SYSTEM SET default_transaction_read_only = on");
    run(&cluster.primary.url(), "SELECT pg_reload_conf()");
    cluster.primary.until("current_setting('default_transaction_read_only') = 'on'");
    cluster.promote();
    put("after").await.unwrap();
    let topics = "SELECT count(*) FROM internal_api.outbox_messages WHERE topic = 'after'";
    assert_eq!((cluster.primary.number(topics), cluster.standby.number(topics)), (0, 1));
}
