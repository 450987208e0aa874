//! The connection is closed after a body whose end is ambiguous.
use std::time::Duration;

use super::support::token;
use super::{Shell, shell_api};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HEALTH: &str = r#"internal_api_auth_failures_total{consumer="shell",reason="missing",scheme="jwt"}"#;

fn head(headers: &str) -> String {
    let token = token();
    format!(
        "POST /api/v4/internal/pre_receive HTTP/1.1\r\nHost: shell\r\nGitlab-Shell-Api-Request: {token}\r\n\
         Content-Type: application/json\r\n{headers}\r\n\r\n"
    )
}

/// Sends these parts on one connection, and returns all responses until the service closes it.
async fn answers(shell: &Shell, parts: &[String]) -> String {
    let address = shell.service.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut received = Vec::new();
    for part in parts {
        // The service may have closed the connection already.
        let _ = stream.write_all(part.as_bytes()).await;
        let _ = stream.flush().await;
        // Let the service read the parts one by one. The first one ends with the response or a closed
        // connection.
        let _ = tokio::time::timeout(Duration::from_millis(300), stream.read_buf(&mut received)).await;
    }
    let rest = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut received)).await;
    assert!(rest.is_ok(), "the connection stays open: {}", String::from_utf8_lossy(&received));
    String::from_utf8_lossy(&received).into_owned()
}

/// The third request has no token, so it would be counted if it reached a handler.
fn third() -> String {
    "GET /api/v4/internal/check HTTP/1.1\r\nHost: shell\r\n\r\n".to_owned()
}

fn second() -> String {
    let third = third();
    format!("{}{third}", head(&format!("Content-Length: {}", third.len())))
}

#[testkit::test]
async fn request_after_an_uncertain_body_is_not_handled(database: Database) {
    let shell = shell_api(database).await;
    let chunked = head("Transfer-Encoding: chunked");
    let body = "{\"gl_repository\":\"project-3\"}";
    let (size, length) = (format!("{:x}", body.len()), body.len());
    for first in [
        format!("{chunked}{size}\r\n{body}\r\n0\r\n\n"),
        format!("{chunked}{size}\n{body}\r\n0\r\n\r\n"),
        format!("{chunked}{size}\r\n{body}\r\n0\r\n\r\n"),
        format!("{chunked}{size}\r\n{body}\r\n0\r\nA: b\n\r\n"),
        format!(
            "{}{size}\r\n{body}\r\n0\r\n\r\n",
            head(&format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"))
        ),
        format!(
            "{}{size}\r\n{body}\r\n0\r\n\r\n",
            head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")
        ),
    ] {
        for parts in [vec![first.clone(), second()], vec![format!("{first}{}", second())]] {
            let text = answers(&shell, &parts).await;
            let statuses: Vec<&str> = text.matches("HTTP/1.1 ").collect();
            assert!(statuses.len() <= 2, "{first:?}: {text}");
            assert!(!text.contains("401 Unauthorized"), "{first:?}: {text}");
            assert!(text.to_ascii_lowercase().contains("connection: close"), "{first:?}: {text}");
        }
        assert_eq!(shell.service.metric(HEALTH).await, Some(0.0), "{first:?}");
    }
}

#[testkit::test]
async fn chunked_body_is_answered_and_closes_the_connection(database: Database) {
    let shell = shell_api(database).await;
    let body = "{\"gl_repository\":\"project-3\"}";
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let text = answers(&shell, &[format!("{}{chunked}", head("Transfer-Encoding: chunked"))]).await;
    assert!(
        text.starts_with("HTTP/1.1 200 OK") && text.ends_with(r#"{"reference_counter_increased":true}"#),
        "{text}"
    );
}

#[testkit::test]
async fn plain_bodies_keep_the_connection(database: Database) {
    let shell = shell_api(database).await;
    let body = "{\"gl_repository\":\"project-3\"}";
    let plain =
        |headers: &str| format!("{}{body}", head(&format!("Content-Length: {}{headers}", body.len())));
    let text = answers(&shell, &[plain(""), plain("\r\nConnection: close")]).await;
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
}
