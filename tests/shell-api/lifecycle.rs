//! Signals, graceful shutdown, and secrets that change while the service runs.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::binary::{Binary, Setup};
use super::support::{SECRET, eventually, token};
use serde_json::{Value, json};
use testkit::Database;

/// A request whose body is not sent yet.
struct Unfinished(TcpStream);

impl Unfinished {
    /// Sends the head, and waits until the service processes the request.
    async fn send(binary: &Binary) -> Self {
        let mut stream = TcpStream::connect(binary.process.url.strip_prefix("http://").unwrap()).unwrap();
        let head = format!(
            "POST /api/v4/internal/pre_receive HTTP/1.1\r\nHost: x\r\nGitlab-Shell-Api-Request: \
             {}\r\nContent-Type: application/json\r\nContent-Length: 29\r\n\r\n",
            token()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // The request for the metrics counts, too.
        eventually("the request runs", async || {
            let metrics = binary.process.monitor("/-/metrics").await.text;
            metrics.contains("internal_api_inflight_requests 2\n")
        })
        .await;
        Self(stream)
    }

    /// Sends the body, and reads until the connection is closed.
    fn finish(mut self) -> String {
        self.0.write_all(br#"{"gl_repository":"project-3"}"#).unwrap();
        self.0.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// Whether the main listener still responds.
fn is_served(binary: &Binary) -> bool {
    let ask = || -> std::io::Result<usize> {
        let mut stream = TcpStream::connect(binary.process.url.strip_prefix("http://").unwrap())?;
        stream.set_read_timeout(Some(Duration::from_millis(500)))?;
        stream.write_all(b"GET /-/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        stream.read(&mut [0; 64])
    };
    ask().is_ok_and(|read| read > 0)
}

fn draining() -> (u16, Value) {
    (503, json!({ "status": "failed", "master_check": [{ "status": "failed", "message": "draining" }] }))
}

fn message(text: &str) -> impl Fn(&Value) -> bool {
    move |line| line["message"] == text
}

#[actix_web::test]
async fn readiness_fails_before_the_shutdown() {
    let database = Database::sqlite();
    let binary = Setup::new(&database).start(&["--shutdown-blackout", "10m"], &[]);
    let ready = (200, json!({ "status": "ok", "master_check": [{ "status": "ok" }] }));
    assert_eq!(binary.process.monitor("/-/readiness").await.json(), ready);
    assert_eq!(binary.process.request("GET", "/-/readiness").answer().await, ready);
    binary.process.signal("TERM");
    assert_eq!(binary.process.log_line(message("draining"))["blackout_s"], 600.0);
    assert_eq!(binary.process.monitor("/-/readiness").await.json(), draining());
    assert_eq!(binary.process.request("GET", "/-/readiness").answer().await, draining());
    assert_eq!(binary.process.monitor("/-/liveness").await.status, 200);
    assert!(binary.process.monitor("/-/metrics").await.text.contains("internal_api_draining 1\n"));
    let answer = binary.request("POST", "/allowed").json(&super::binary::clone()).send().await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
}

#[actix_web::test]
async fn sigterm_lets_running_requests_finish() {
    let database = Database::sqlite();
    let mut binary = Setup::new(&database).start(&["--shutdown-blackout", "1s"], &[]);
    let unfinished = Unfinished::send(&binary).await;
    binary.process.signal("TERM");
    assert_eq!(binary.process.log_line(message("draining"))["blackout_s"], 1.0);
    eventually("the blackout ends", async || !is_served(&binary)).await;
    let answer = unfinished.finish();
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(r#"{"reference_counter_increased":true}"#),
        "{answer}"
    );
    assert_eq!(binary.process.wait().code(), Some(0));
    binary.process.log_line(message("stopped"));
}

#[actix_web::test]
async fn sigint_skips_the_shutdown_blackout() {
    let database = Database::sqlite();
    let mut binary = Setup::new(&database).start(&["--shutdown-blackout", "60s"], &[]);
    let unfinished = Unfinished::send(&binary).await;
    let started = Instant::now();
    binary.process.signal("INT");
    assert_eq!(binary.process.log_line(message("draining"))["blackout_s"], 0.0);
    assert!(unfinished.finish().starts_with("HTTP/1.1 200 "));
    assert_eq!(binary.process.wait().code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(50), "{:?}", started.elapsed());
}

#[actix_web::test]
async fn shutdown_ends_unfinished_requests() {
    let database = Database::sqlite();
    let mut binary =
        Setup::new(&database).start(&["--shutdown-blackout", "0s", "--shutdown-timeout", "1s"], &[]);
    let _unfinished = Unfinished::send(&binary).await;
    binary.process.signal("TERM");
    binary.process.log_line(message("requests were still running at the end"));
    assert_eq!(binary.process.wait().code(), Some(0));
}

#[actix_web::test]
async fn second_signal_stops_at_once() {
    for (first, second) in [("TERM", "TERM"), ("TERM", "INT"), ("INT", "TERM")] {
        let database = Database::sqlite();
        let mut binary = Setup::new(&database).start(&["--shutdown-blackout", "60s"], &[]);
        let _unfinished = Unfinished::send(&binary).await;
        binary.process.signal(first);
        binary.process.log_line(message("draining"));
        binary.process.signal(second);
        assert_eq!(binary.process.wait().code(), Some(1), "{first} {second}");
    }
}

#[actix_web::test]
async fn sighup_reads_the_secret_again() {
    let database = Database::sqlite();
    let binary = Binary::start(&database);
    // The file is unchanged, so only the signal makes the service read it.
    binary.process.signal("HUP");
    binary.process.log_line(message("read the secret again"));
    assert!(binary.is_trusted().await);
    assert_eq!(reloads(&binary, "ok").await, 1);
    assert_eq!(reloads(&binary, "error").await, 0);
}

#[actix_web::test]
async fn invalid_secret_file_keeps_the_old_secret() {
    let database = Database::sqlite();
    let binary = Binary::start(&database);
    binary.write_secret(" \n");
    let line = binary.process.log_line(message("kept the old secret"));
    assert_eq!((&line["severity"], &line["secret"]), (&json!("error"), &json!("gitlab_shell")));
    assert!(binary.is_trusted().await);
    // The service has already read this file, so only the signal makes it read the file again.
    binary.process.signal("HUP");
    binary.process.log_line(message("kept the old secret"));
    assert!(binary.is_trusted().await);
    assert_eq!(reloads(&binary, "ok").await, 0);
    assert_eq!(reloads(&binary, "error").await, 2);
}

/// How often the service has reloaded its secret.
async fn reloads(binary: &Binary, result: &str) -> u32 {
    let metrics = binary.process.monitor("/-/metrics").await.text;
    let series = format!("internal_api_secret_reload_total{{result=\"{result}\",secret=\"gitlab_shell\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&series));
    value.map_or(0, |value| value.parse().unwrap())
}

#[actix_web::test]
async fn both_secrets_are_valid_during_a_rotation() {
    let database = Database::sqlite();
    let setup = Setup::new(&database);
    let previous = setup.path("previous");
    std::fs::write(&previous, "").unwrap();
    let binary = setup.start(&["--shell-secret-previous-file", previous.to_str().unwrap()], &[]);
    std::fs::write(&previous, SECRET).unwrap();
    binary.write_secret("another secret");
    binary.process.signal("HUP");
    // The service may have read the files on its own between these lines, so only the responses are checked.
    eventually("both secrets hold", async || {
        (binary.check_with("another secret").await, binary.is_trusted().await) == (200, true)
    })
    .await;
    std::fs::write(&previous, "").unwrap();
    binary.process.signal("HUP");
    eventually("the new secret holds alone", async || {
        (binary.check_with("another secret").await, binary.is_trusted().await) == (200, false)
    })
    .await;
}

#[actix_web::test]
async fn changed_secret_file_is_reloaded() {
    let database = Database::sqlite();
    let binary = Binary::start(&database);
    binary.write_secret("another secret");
    binary.process.log_line(message("read the secret again"));
    assert_eq!((binary.check_with("another secret").await, binary.is_trusted().await), (200, false));
}

#[actix_web::test]
async fn sighup_changes_the_level_of_the_log() {
    let (database, level) = (Database::sqlite(), |binary: &Binary, level: &str| {
        let path = binary.setup.path("config.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let rest: String = text
            .lines()
            .filter(|line| !line.starts_with("log_level"))
            .map(|line| format!("{line}\n"))
            .collect();
        std::fs::write(path, format!("{rest}log_level: {level}\n")).unwrap();
        binary.process.signal("HUP");
    });
    let setup = Setup::new(&database);
    setup.configure("log_level: info\n");
    let binary = setup.start(&[], &[]);
    level(&binary, "debug");
    binary.process.log_line(message("read the secret again"));
    eventually("health is logged", async || {
        binary.process.request("GET", "/-/health").header("X-Request-Id", "abc").send().await;
        let line = binary.process.rest_of_log(Duration::from_millis(100));
        line.iter().any(|line| line.contains(r#""correlation_id":"abc""#))
    })
    .await;
    level(&binary, "loud");
    assert_eq!(binary.process.log_line(message("kept the old log level"))["severity"], "error");
    binary.process.request("GET", "/-/health").header("X-Request-Id", "still").send().await;
    binary.process.log_line(|line| line["correlation_id"] == "still" && line["message"] == "access");
    level(&binary, "error");
    eventually("requests are not logged", async || {
        let _ = binary.process.rest_of_log(Duration::from_millis(100));
        binary.clone().await;
        binary.process.rest_of_log(Duration::from_millis(100)).is_empty()
    })
    .await;
}
