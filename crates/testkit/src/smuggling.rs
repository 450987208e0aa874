//! A body that actix-http before 3.21.3 (CVE-2026-134342) does not end where it ends: it reads the head of
//! the next request as trailers, and the body of that request as another request.
use std::cell::RefCell;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Process;

/// The request in the body of a request.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
/// A path that no service serves, for the request that marks the end of the log.
const MARKER: &str = "/end-of-the-attack";
/// How long the service may take to answer and to close the connection.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the first part of the attack may wait for a response, which vulnerable releases do not give.
const PAUSE: Duration = Duration::from_millis(300);

/// Smuggles a request past the end of a chunked body, with each broken end and in one or two packets.
/// `head` is the request line and headers of a request with a JSON body, each with its line break.
///
/// # Panics
/// Panics if the connection stays open, or if the access log has more than the first request.
pub async fn assert_refused(process: &Process, head: &str) {
    let third = SMUGGLED.len();
    let second = format!("{head}Content-Type: text/plain\r\nContent-Length: {third}\r\n\r\n{SMUGGLED}");
    let chunked = format!("{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    for body in [
        "2\r\n{}\r\n0\r\n\n",
        "2\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\n\r\n",
        "2\r\n{}\r\n0\r\nA: b\n\r\n",
        "2\n{}\r\n0\r\n\r\n",
        "2;x=\n\r\n{}\r\n0\r\n\r\n",
        "00000000000000002\r\n{}\r\n0\r\n\r\n",
    ] {
        let first = format!("{chunked}{body}");
        for parts in [vec![first.clone(), second.clone()], vec![format!("{first}{second}")]] {
            let answers = exchange(process, &parts).await;
            let requests = requests_so_far(process).await;
            assert!(requests.len() <= 1, "{body:?}: {requests:#?}");
            assert!(!requests.concat().contains("smuggled"), "{body:?}: {requests:#?}");
            assert!(answers.matches("HTTP/1.1 ").count() <= 2, "{body:?}: {answers}");
        }
    }
}

/// How often each malformed body is sent: whether the connection ended before the response was a race.
const TRIES: usize = 6;

/// Sends bodies that are malformed or that end early. Each is refused, and then the connection is closed.
/// `head` is the request line and headers of a request with valid credentials, and `expected` its response.
///
/// # Panics
/// Panics if there is no response or another one, or if the connection stays open.
pub async fn assert_answered(process: &Process, head: &str, expected: &(u16, Value)) {
    let json = format!("{head}Content-Type: application/json\r\n");
    let chunked = format!("{json}Transfer-Encoding: chunked\r\n\r\n");
    let malformed =
        ["x", "2\n{}\r\n0\r\n\r\n", "2\r\n{}0\r\n\r\n", "2\r\n{}\r\n0\r\n\n", "2\r\n{}\r\n0\r\nA: b\n\r\n"];
    let early = ["", "2", "5\r\n{}", "2\r\n{}\r\n", "2\r\n{}\r\n0\r\n"];
    let malformed = malformed.map(|body| format!("{chunked}{body}"));
    let early = early.map(|body| format!("{chunked}{body}"));
    let short = format!("{json}Content-Length: 3\r\n\r\n{{}}");
    let filling = "a".repeat(256 * 1024);
    for _ in 0..TRIES {
        for bytes in &malformed {
            assert_refusal(process, bytes, false, expected).await;
            assert_refusal(process, bytes, true, expected).await;
            assert_refusal(process, &format!("{bytes}{filling}"), false, expected).await;
        }
        for bytes in early.iter().chain([&short]) {
            assert_refusal(process, bytes, true, expected).await;
        }
    }
}

async fn assert_refusal(process: &Process, bytes: &str, ends: bool, expected: &(u16, Value)) {
    let address = process.url.strip_prefix("http://").expect("an HTTP URL");
    let mut stream = TcpStream::connect(address).await.expect("the service listens");
    // The service may have closed the connection already.
    let _ = stream.write_all(bytes.as_bytes()).await;
    if ends {
        let _ = stream.shutdown().await;
    }
    let mut received = Vec::new();
    let rest = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut received)).await;
    let text = String::from_utf8_lossy(&received);
    let sent = &bytes[..bytes.len().min(600)];
    assert!(rest.is_ok(), "the connection stays open after {sent:?}: {text}");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?} after {sent:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
    assert_eq!(&(status, body), expected, "{sent:?}");
    assert!(head.to_ascii_lowercase().contains("connection: close"), "{head} after {sent:?}");
}

/// Sends these parts on one connection. Returns all responses until the service closes it.
async fn exchange(process: &Process, parts: &[String]) -> String {
    let address = process.url.strip_prefix("http://").expect("an HTTP URL");
    let mut stream = TcpStream::connect(address).await.expect("the service listens");
    let mut received = Vec::new();
    for part in parts {
        // The service may have closed the connection already.
        let _ = stream.write_all(part.as_bytes()).await;
        let _ = tokio::time::timeout(PAUSE, stream.read_buf(&mut received)).await;
    }
    let rest = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut received)).await;
    let text = String::from_utf8_lossy(&received).into_owned();
    assert!(rest.is_ok(), "the connection stays open: {text}");
    text
}

/// The lines of the access log since the last call.
async fn requests_so_far(process: &Process) -> Vec<String> {
    process.request("GET", MARKER).send().await;
    let lines = RefCell::new(Vec::new());
    process.log_line(|line| {
        let is_access = line["message"] == "access";
        let is_marker = is_access && line["url"].as_str().is_some_and(|url| url.contains(MARKER));
        if is_access && !is_marker {
            lines.borrow_mut().push(Value::to_string(line));
        }
        is_marker
    });
    lines.into_inner()
}
