//! Responses while the database, Redis or Gitaly is unavailable.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::pre_post_receive::CHANGES;
use super::support::{ALLOWED, Shell, eventually, in_one_minute, token, verdict};
use super::{shell_api, shell_api_with};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Database, Redis};

const UNAVAILABLE: &str = "503 Service Unavailable";
/// The pool's timeout is one second, and the machine may be busy.
const IN_TIME: Duration = Duration::from_secs(3);

/// Runs statements on the test server, outside the database of this test.
fn at_the_server(statements: &str) {
    let url = std::env::var("TEST_DATABASE_URL").unwrap();
    let mut conn = database::Location::parse(&url).unwrap().open(Duration::from_secs(20)).unwrap();
    testkit::fixture::run(&mut conn, statements);
}

fn end_connections(database: &Database) {
    database.sql(
        "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE datname = \
        current_database() AND pid <> pg_backend_pid()",
    );
}

async fn is_unharmed(shell: &Shell) {
    assert_eq!(shell.service.metric("rack_uncaught_errors_total").await, Some(0.0));
    assert_eq!(
        shell.service.get("/-/readiness").await.json(),
        (200, json!({ "status": "ok", "master_check": [{ "status": "ok" }] }))
    );
}

#[actix_web::test]
async fn database_outage_is_answered_in_time() {
    let shell = shell_api(Database::postgresql()).await;
    assert_eq!(verdict(&shell.clone(11, "grp/p").await), ALLOWED);
    let name = shell.service.database.url().rsplit_once('/').unwrap().1.to_owned();
    at_the_server(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"));
    at_the_server(&format!(
        "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE datname = '{name}'"
    ));
    let unavailable = (503, json!({ "message": UNAVAILABLE }));
    // More concurrent requests than connections, of each kind.
    let asked = (0..40).map(|n| {
        let shell = &shell;
        async move {
            let started = Instant::now();
            let answer = match n % 4 {
                0 => shell.get("/discover?key_id=11").await,
                1 => shell.get("/authorized_keys?key=AAAAC3NzaC1lZDI1NTE5AAAAIA").await,
                _ => shell.clone(11, "grp/p").await,
            };
            (answer, started.elapsed())
        }
    });
    for (answer, took) in join_all(asked).await {
        assert_eq!(answer, unavailable);
        assert!(took < IN_TIME, "{took:?}");
    }
    let (status, body) = shell.service.get("/-/readiness?all=1").await.json();
    let failed = |message: &str| json!([{ "status": "failed", "message": message }]);
    assert_eq!(
        (status, &body["status"], &body["master_check"]),
        (503, &json!("failed"), &json!([{ "status": "ok" }]))
    );
    let message = "the database is unavailable";
    let late = failed(&format!("{message}: no answer within a second"));
    assert!(body["db_check"] == failed(message) || body["db_check"] == late, "{body}");
    assert_eq!(body["migrations_check"], json!([{ "status": "ok" }]));
    assert_eq!(body["redis_check"], json!([{ "status": "ok" }]));
    is_unharmed(&shell).await;
    assert_eq!(shell.get("/check").await.0, 200);
    assert_eq!(shell.pre_receive("project-3").await.0, 200);
    at_the_server(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"));
    eventually("the database is there again", async || verdict(&shell.clone(11, "grp/p").await) == ALLOWED)
        .await;
    eventually("all checks pass again", async || shell.service.get("/-/readiness?all=1").await.status == 200)
        .await;
}

#[actix_web::test]
async fn unreachable_database_is_answered_in_time() {
    let database = Database::postgresql();
    let setup = super::binary::Setup::bare();
    let process =
        setup.launch(&["--database-url", "postgres://me:hunter2@127.0.0.1:1/x", "--migrations", "off"], &[]);
    for _ in ["main", "monitoring"] {
        process.log_line(|line| line["message"] == "listening");
    }
    let binary = super::binary::Binary { process, setup };
    drop(database);
    let started = Instant::now();
    assert_eq!(binary.clone().await, (503, json!({ "message": UNAVAILABLE })));
    assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
    let starting =
        json!({ "status": "failed", "master_check": [{ "status": "failed", "message": "starting" }] });
    assert_eq!(binary.process.monitor("/-/readiness").await.json(), (503, starting));
    assert_eq!(binary.process.monitor("/-/readiness?all=1").await.status, 503);
    let line = binary.process.log_line(|line| line["message"] == "access");
    assert_eq!((&line["severity"], &line["status"]), (&json!("error"), &json!(503)));
    assert!(!line.to_string().contains("hunter2"), "{line}");
}

/// No read fails after a restart of the server, although the pool has only broken connections.
#[actix_web::test]
async fn the_next_read_after_broken_connections_succeeds() {
    let shell = shell_api(Database::postgresql()).await;
    for _ in 0..3 {
        let warm = join_all((0..20).map(|_| shell.clone(11, "grp/p"))).await;
        assert!(warm.iter().all(|answer| verdict(answer) == ALLOWED));
        end_connections(&shell.service.database);
        assert_eq!(verdict(&shell.clone(11, "grp/p").await), ALLOWED);
        end_connections(&shell.service.database);
        let answers = join_all((0..20).map(|_| shell.get("/discover?key_id=11"))).await;
        assert!(answers.iter().all(|(status, body)| *status == 200 && body["id"] == 2), "{answers:?}");
    }
    is_unharmed(&shell).await;
}

#[testkit::test]
async fn without_redis_limits_are_open_and_pushes_are_refused(database: Database) {
    database.sql("UPDATE application_settings SET gitlab_shell_operation_limit = 1");
    let mut redis = Redis::start();
    let shell = shell_api_with(database, &["--redis-url", &redis.url()]).await;
    let throttled = async || {
        let (first, second) =
            in_one_minute(async |_| (shell.clone(11, "grp/p").await.0, shell.clone(11, "grp/p").await.0))
                .await;
        [first, second].contains(&429)
    };
    let redis_of = |answer: (u16, Value)| (answer.0, answer.1["redis"].clone());
    assert!(throttled().await);
    assert_eq!(redis_of(shell.get("/check").await), (200, json!(true)));
    redis.stop();
    let started = Instant::now();
    for _ in 0..3 {
        assert_eq!(verdict(&shell.clone(11, "grp/p").await), ALLOWED);
    }
    assert_eq!(shell.pre_receive("project-3").await, (200, json!({ "reference_counter_increased": false })));
    let (status, body) = shell.post_receive(&CHANGES.replace("refs/tags", "refs/heads")).await;
    assert_eq!((status, &body["reference_counter_decreased"]), (200, &json!(false)));
    assert_eq!(body["messages"].as_array().map(Vec::len), Some(1));
    assert_eq!(redis_of(shell.get("/check").await), (200, json!(false)));
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let (status, body) = shell.service.get("/-/readiness?all=1").await.json();
    assert_eq!(
        (status, &body["redis_check"][0]["status"], &body["db_check"][0]["status"]),
        (503, &json!("failed"), &json!("ok"))
    );
    is_unharmed(&shell).await;
    redis.restart();
    eventually("Redis is seen again", async || redis_of(shell.get("/check").await).1 == json!(true)).await;
    assert_eq!(shell.pre_receive("project-3").await, (200, json!({ "reference_counter_increased": true })));
    assert!(throttled().await);
    eventually("all checks pass again", async || shell.service.get("/-/readiness?all=1").await.status == 200)
        .await;
}

#[actix_web::test]
async fn slow_senders_do_not_block_other_requests() {
    let shell = shell_api(Database::sqlite()).await;
    let address = shell.service.url().strip_prefix("http://").unwrap();
    let head = "POST /api/v4/internal/allowed HTTP/1.1\r\nHost: x\r\n";
    let body = format!("{head}Gitlab-Shell-Api-Request: {}\r\nContent-Length: 1000\r\n\r\n{{", token());
    // The server starts to accept connections when this test first waits for it.
    assert_eq!(verdict(&shell.clone(11, "grp/p").await), ALLOWED);
    let slow: Vec<TcpStream> = (0..200)
        .map(|n| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(if n % 2 == 0 { head.as_bytes() } else { body.as_bytes() }).unwrap();
            stream
        })
        .collect();
    for _ in 0..20 {
        let started = Instant::now();
        assert_eq!(verdict(&shell.clone(11, "grp/p").await), ALLOWED);
        assert!(
            started.elapsed() < Duration::from_secs(8),
            "other requests do not wait for the slow senders"
        );
    }
    is_unharmed(&shell).await;
    // A request head that takes longer than ten seconds is answered with 408.
    let first = slow.into_iter().next().unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let (mut stream, mut answer) = (first, String::new());
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        stream.read_to_string(&mut answer).map(|_| answer)
    });
    let answer = read.await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}
