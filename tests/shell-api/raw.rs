//! Requests that no HTTP library would send.
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Shell;
use super::support::token;

/// The head of a request with a new token.
pub fn head(line: &str, headers: &str) -> Vec<u8> {
    anonymous_head(line, &format!("Gitlab-Shell-Api-Request: {}\r\n{headers}", token()))
}

pub fn anonymous_head(line: &str, headers: &str) -> Vec<u8> {
    format!("{line} HTTP/1.1\r\nHost: shell\r\nConnection: close\r\n{headers}\r\n").into_bytes()
}

/// A chunked body with one chunk.
pub fn chunked(body: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat()
}

/// Sends these bytes, and returns the status and body of the response.
pub async fn send(shell: &Shell, bytes: &[u8]) -> (u16, String) {
    let address = shell.service.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    // If the request is rejected early, the connection may be closed, but the response can still be read.
    let _ = stream.write_all(bytes).await;
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(whole) = parse(&answer) {
            return whole;
        }
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => answer.extend_from_slice(&buffer[..read]),
            end => panic!("{end:?} after {:?}", String::from_utf8_lossy(&answer)),
        }
    }
}

/// The response, once it is complete.
fn parse(bytes: &[u8]) -> Option<(u16, String)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    (body.len() >= length.unwrap_or(0)).then(|| (status, body.to_owned()))
}
