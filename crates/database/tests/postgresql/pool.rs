//! The pool with a real server: through a real PgBouncer, while the server is down, and after its schema has changed.
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use database::git_access::{self, ActorId, ProjectId};
use database::{Conn, ConnectOptions, Error, Location, Pool, PoolOptions, Pooler, PreparedStatements};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use domain::actor::Actor;

use super::support::{TestDatabase, USERS, open, run, server_url};

fn pool(url: &str, size: u32) -> Pool {
    pool_with(url, size, &ConnectOptions::default())
}

fn pool_with(url: &str, size: u32, connect: &ConnectOptions) -> Pool {
    let connect = ConnectOptions {
        statement_timeout: Duration::from_secs(15),
        application_name: "pool-test".to_owned(),
        ..connect.clone()
    };
    let options = PoolOptions { size, timeout: Duration::from_secs(5), connect };
    Pool::new(Location::parse(url).unwrap(), options, |_| ())
}

/// The user of a key, by the statement that decides about access.
fn user_of_key(conn: &mut Conn, key: i64) -> database::Result<Option<i64>> {
    let found = git_access::find(conn, &ActorId::Key(key), &ProjectId::Id(1))?;
    Ok(match found.actor {
        Actor::Key { user, .. } => user.map(|user| user.id),
        _ => None,
    })
}

/// Makes one of three kinds of requests, and returns whether the result is its own.
async fn ask(pool: &Pool, number: i64) -> database::Result<bool> {
    let id = 1 + number % USERS;
    match number % 3 {
        0 => Ok(pool.read(move |conn| user_of_key(conn, id)).await? == Some(id)),
        1 => {
            let name = format!("USER-{id}");
            let find = move |conn: &mut Conn| {
                git_access::find(conn, &ActorId::Username(name.clone()), &ProjectId::Path("a/b".to_owned()))
            };
            let found = pool.read(find).await?;
            Ok(matches!(found.actor, Actor::User(user) if user.id == id) && found.project.is_none())
        }
        // Our own table, which only our `search_path` finds.
        _ => {
            let topic = format!("topic-{number}");
            let now = chrono::DateTime::UNIX_EPOCH.naive_utc();
            let messages = pool.run(move |conn| {
                conn.write(|conn| database::outbox::put(conn, &topic, "{}", None, now))?;
                database::outbox::list(conn, &topic)
            });
            Ok(messages.await? == ["{}"])
        }
    }
}

/// A real PgBouncer in front of the test server.
struct PgBouncer {
    child: Child,
    port: u16,
    directory: PathBuf,
}

impl PgBouncer {
    fn start(settings: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = std::env::temp_dir().join(format!("pgbouncer-{}-{port}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
        let Location::Postgresql(server) = Location::parse(&server_url()).unwrap() else { unreachable!() };
        let (host, server_port) = server.hosts().swap_remove(0);
        let users = directory.join("users.txt");
        fs::write(&users, "\"postgres\" \"\"\n").unwrap();
        let config = directory.join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host={host} port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {}\n{settings}\n",
            users.display()
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new("/usr/sbin/pgbouncer");
        // PgBouncer refuses to run as root.
        if fs::metadata("/proc/self").is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0)
        {
            command.args(["-u", "postgres"]);
        }
        let child =
            command.arg("-q").arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let bouncer = Self { child, port, directory };
        let end = Instant::now() + Duration::from_mins(1);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "PgBouncer does not answer");
            std::thread::yield_now();
        }
        bouncer
    }

    fn url(&self, database: &TestDatabase) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}", self.port, database.name)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        fs::remove_dir_all(&self.directory).unwrap();
    }
}

/// The settings that another client of the same server session sees.
#[derive(QueryableByName, Debug, PartialEq)]
struct Settings {
    #[diesel(sql_type = Text)]
    statement_timeout: String,
    #[diesel(sql_type = Text)]
    search_path: String,
    #[diesel(sql_type = BigInt)]
    prepared_statements: i64,
}

const SETTINGS: &str = "SELECT current_setting('statement_timeout') AS statement_timeout, \
    current_setting('search_path') AS search_path, \
    (SELECT count(*) FROM pg_prepared_statements) AS prepared_statements";

async fn requests_behind_pgbouncer(settings: &str, requests: i64) {
    let database = TestDatabase::new();
    let bouncer = PgBouncer::start(settings);
    let url = bouncer.url(&database);
    let pool = pool(&url, 8);
    let started = Instant::now();
    let clients = (0..8).map(|client| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let (mut wrong, mut errors) = (0, Vec::new());
            for number in (client..requests).step_by(8) {
                match ask(&pool, number).await {
                    Ok(is_right) => wrong += i32::from(!is_right),
                    Err(error) => errors.push(format!("{error:?}")),
                }
            }
            (wrong, errors)
        })
    });
    for client in clients.collect::<Vec<_>>() {
        assert_eq!(client.await.unwrap(), (0, Vec::new()));
    }
    let rate = f64::from(u32::try_from(requests).unwrap()) / started.elapsed().as_secs_f64();
    println!("{requests} requests through PgBouncer ({settings}), {rate:.0} a second");
    // As many other clients as PgBouncer has server sessions, so that each session is checked.
    let mut others: Vec<PgConnection> = (0..3).map(|_| PgConnection::establish(&url).unwrap()).collect();
    for other in &mut others {
        let seen: Settings = diesel::sql_query(SETTINGS).get_result(other).unwrap();
        assert_eq!(
            seen,
            Settings {
                statement_timeout: "0".to_owned(),
                search_path: "\"$user\", public".to_owned(),
                prepared_statements: 0
            }
        );
    }
    let locks = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                 WHERE l.locktype = 'advisory' AND d.datname = current_database()";
    let locks: i64 = diesel::dsl::sql::<BigInt>(locks).get_result(&mut others[0]).unwrap();
    assert_eq!(locks, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_gets_its_own_answer_behind_a_transaction_pooler() {
    requests_behind_pgbouncer("pool_mode = transaction\ndefault_pool_size = 3", 10_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_drops_start_up_options_is_found() {
    let settings = "pool_mode = transaction\ndefault_pool_size = 1\nignore_startup_parameters = options";
    requests_behind_pgbouncer(settings, 900).await;
}

/// Prepared statements of another client with the same names are not used.
#[tokio::test(flavor = "multi_thread")]
async fn named_statements_of_another_client_are_left_alone() {
    let database = TestDatabase::new();
    let bouncer = PgBouncer::start("pool_mode = transaction\ndefault_pool_size = 1");
    let url = bouncer.url(&database);
    let mut other = PgConnection::establish(&url).unwrap();
    other.batch_execute("PREPARE __diesel_stmt_0 AS SELECT 'theirs'").unwrap();
    let pool = pool(&url, 2);
    for number in 0..30 {
        assert!(ask(&pool, number).await.unwrap(), "request {number}");
    }
    let theirs = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%theirs%'";
    let theirs: i64 =
        diesel::select(diesel::dsl::sql::<BigInt>(&format!("({theirs})"))).get_result(&mut other).unwrap();
    assert_eq!(theirs, 1);
}

#[tokio::test]
async fn a_pooler_is_an_error_where_none_is_expected() {
    let database = TestDatabase::new();
    let bouncer = PgBouncer::start("pool_mode = transaction");
    for connect in [
        ConnectOptions { pooler: Pooler::None, ..ConnectOptions::default() },
        ConnectOptions { prepared_statements: PreparedStatements::On, ..ConnectOptions::default() },
    ] {
        let pool = pool_with(&bouncer.url(&database), 1, &connect);
        let error = ask(&pool, 0).await.unwrap_err();
        assert!(matches!(&error, Error::Configuration(text) if text.contains("pooler")), "{error:?}");
    }
}

#[tokio::test]
async fn a_direct_session_has_our_settings_from_the_start() {
    let database = TestDatabase::new();
    let pool = pool(&database.url(), 1);
    let seen = pool.read(|conn| {
        let Conn::Postgresql(pg) = conn else { unreachable!() };
        Ok(diesel::sql_query(SETTINGS).get_result::<Settings>(pg)?)
    });
    let seen = seen.await.unwrap();
    assert_eq!((seen.statement_timeout.as_str(), seen.search_path.as_str()), ("15s", "public,internal_api"));
}

/// Makes concurrent requests that must fail, and returns how long each took.
async fn failures(pool: &Pool, requests: i64) -> Vec<Duration> {
    let requests = (0..requests).map(|number| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let started = Instant::now();
            let error = ask(&pool, number).await.unwrap_err();
            assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
            started.elapsed()
        })
    });
    let mut times = Vec::new();
    for request in requests.collect::<Vec<_>>() {
        times.push(request.await.unwrap());
    }
    times
}

/// Requests fail within a second while the database refuses connections, and work again within a second.
#[tokio::test(flavor = "multi_thread")]
async fn unavailable_database_fails_fast_and_recovers_fast() {
    let database = TestDatabase::new();
    let pool = pool(&database.url(), 4);
    assert!(ask(&pool, 0).await.unwrap());
    for _ in 0..2 {
        database.allow_connections(false);
        database.end_connections();
        let times = failures(&pool, 40).await;
        let longest = times.iter().max().unwrap();
        assert!(*longest < Duration::from_secs(1), "{longest:?}");
        database.allow_connections(true);
        let started = Instant::now();
        assert!(ask(&pool, 1).await.unwrap());
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_survive_the_end_of_every_connection() {
    let database = TestDatabase::new();
    let pool = pool(&database.url(), 4);
    for _ in 0..3 {
        database.end_connections();
        let reads = (0..20).map(|number| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.read(move |conn| user_of_key(conn, 1 + number)).await })
        });
        for (number, read) in (0..20).zip(reads.collect::<Vec<_>>()) {
            assert_eq!(read.await.unwrap().unwrap(), Some(1 + number));
        }
    }
}

/// At most 32 requests wait for each connection, as long as configured; further ones fail at once.
#[tokio::test(flavor = "multi_thread")]
async fn requests_that_find_a_long_queue_are_refused_at_once() {
    let database = TestDatabase::new();
    let pool = pool(&database.url(), 1);
    let sleep = |conn: &mut Conn| Ok(conn.batch_execute("SELECT pg_sleep(6)")?);
    let busy = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(sleep).await }
    });
    while pool.status().busy == 0 {
        tokio::task::yield_now().await;
    }
    let mut times = failures(&pool, 100).await;
    times.sort();
    assert!(times[67] < Duration::from_secs(1), "68 are refused at once: {:?}", times[67]);
    assert!(times[68] >= Duration::from_secs(5), "32 wait: {:?}", times[68]);
    busy.await.unwrap().unwrap();
}

/// If an optional column is dropped while the service runs, the statement is rebuilt without it.
#[tokio::test]
async fn dropped_column_is_no_longer_used() {
    let database = TestDatabase::new();
    run(&database.url(), "ALTER TABLE namespaces ADD COLUMN state smallint");
    let pool = pool(&database.url(), 1);
    assert!(ask(&pool, 0).await.unwrap());
    run(&database.url(), "ALTER TABLE namespaces DROP COLUMN state");
    assert!(ask(&pool, 3).await.unwrap());
}

#[test]
fn maintenance_and_migrations_leave_no_lock_behind_a_pooler() {
    let database = TestDatabase::new();
    let bouncer = PgBouncer::start("pool_mode = transaction\ndefault_pool_size = 2");
    let url = bouncer.url(&database);
    let now = chrono::DateTime::UNIX_EPOCH.naive_utc();
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let url = url.clone();
            std::thread::spawn(move || {
                database::migrate(&mut open(&url)).unwrap();
                database::maintenance::run(&mut open(&url), now).unwrap();
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let report = database::maintenance::run(&mut open(&url), now).unwrap();
    assert_eq!(report.map(|report| report.users), Some(USERS.try_into().unwrap()));
}
