//! HAProxy with its real configuration, in front of stubs that say who they are.
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::services::{SERVICES, read};

/// A running HAProxy; it ends with the value.
#[derive(Debug)]
pub struct Balancer {
    child: Child,
    directory: TempDir,
    pub address: SocketAddr,
}

impl Balancer {
    /// In front of a stub for every service.
    pub fn start() -> Self {
        let mut variables = Vec::new();
        for service in &SERVICES {
            let port = stub(service.name);
            let variable = service.name.to_uppercase().replace('-', "_") + "_ADDRESS";
            variables.push((variable, format!("127.0.0.1:{port}")));
            variables.push(("CHECK_PORT".to_owned(), port.to_string()));
        }
        Self::launch(&read("deploy/haproxy/haproxy.cfg"), variables)
    }

    /// With this text for its configuration.
    pub fn launch(configuration: &str, variables: Vec<(String, String)>) -> Self {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("haproxy.cfg");
        std::fs::write(&file, configuration).unwrap();
        // It gets the socket, bound: no port can be taken in between, and who comes early waits.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut command = Command::new("haproxy");
        command.args(["-db", "-f"]).arg(file).envs(variables);
        command.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").env("BALANCER_BIND", "fd@0");
        command.env("EDGE_BIND", format!("unix@{}", directory.path().join("edge").display()));
        let child = command.stdin(Stdio::from(OwnedFd::from(listener))).stdout(Stdio::null()).spawn();
        Self { child: child.unwrap(), directory, address }
    }

    /// Who answers this path, byte for byte, on the internal listener; `None` is 404.
    pub fn route(&self, path: &str) -> Option<String> {
        ask(|| TcpStream::connect(self.address).unwrap(), path, r#"{"error":"404 Not Found"}"#)
    }

    /// The same on the edge's listener, whose callers read the errors of SCIM.
    pub fn edge(&self, path: &str) -> Option<String> {
        let not_found = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"Not Found","status":"404"}"#;
        ask(|| UnixStream::connect(self.directory.path().join("edge")).unwrap(), path, not_found)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask<S: Read + Write>(connect: impl Fn() -> S, path: &str, not_found: &str) -> Option<String> {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        let mut stream = connect();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: {answer:?}"));
        match head.split(' ').nth(1) {
            Some("200") => return Some(body.to_owned()),
            Some("404") => {
                assert_eq!(body, not_found);
                return None;
            }
            // A stub was slow to say that it is ready: the machine stands still.
            Some("503") if Instant::now() < end => {}
            _ => panic!("{path}: {answer}"),
        }
    }
}

/// Answers everything with its name, for as long as the test runs.
fn stub(name: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(stream, name));
        }
    });
    port
}

fn answer(mut stream: TcpStream, name: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    let length = name.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{name}");
    stream.write_all(answer.as_bytes())
}
