//! HAProxy with its real configuration, in front of stubs that respond with their name and record their
//! requests.
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::services::{SERVICES, read};

/// The timeout for another process.
const PATIENCE: Duration = Duration::from_mins(1);

/// The delivered configuration.
pub fn configuration() -> String {
    read("deploy/haproxy/haproxy.cfg")
}

/// The path of a file in the directory of HAProxy's configuration.
pub const NETWORKS: &str = "private-networks.lst";

/// A running HAProxy. It is killed when the value is dropped.
#[derive(Debug)]
pub struct Balancer {
    child: Child,
    directory: TempDir,
    pub address: SocketAddr,
}

impl Balancer {
    /// Starts HAProxy in front of a stub for every service, without GitLab.
    pub fn start() -> Self {
        Self::launch(&configuration(), Stubs::start().variables())
    }

    /// Starts HAProxy with this configuration, and with the delivered list of private networks.
    pub fn launch(configuration: &str, variables: Vec<(String, String)>) -> Self {
        Self::launch_with(configuration, &read("deploy/haproxy/private-networks.lst"), variables)
    }

    pub fn launch_with(configuration: &str, networks: &str, variables: Vec<(String, String)>) -> Self {
        let directory = TempDir::new().unwrap();
        std::fs::write(directory.path().join("haproxy.cfg"), configuration).unwrap();
        std::fs::write(directory.path().join(NETWORKS), networks).unwrap();
        // HAProxy inherits the bound socket, so no other process can take the port, and early clients wait.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let log = File::create(directory.path().join("log")).unwrap();
        let mut command = Command::new("haproxy");
        command.arg("-db").args(files(directory.path())).envs(variables);
        command.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").env("BALANCER_BIND", "fd@0");
        for (variable, name) in [("EDGE_BIND", "edge"), ("BALANCER_MONITORING_BIND", "monitoring")] {
            command.env(variable, format!("unix@{}", directory.path().join(name).display()));
        }
        let child = command.stdin(Stdio::from(OwnedFd::from(listener))).stdout(log).spawn().unwrap();
        let balancer = Self { child, directory, address };
        wait_until("it listens", || balancer.unix("monitoring").is_ok().then_some(()));
        balancer
    }

    fn unix(&self, name: &str) -> std::io::Result<UnixStream> {
        UnixStream::connect(self.directory.path().join(name))
    }

    /// A response of the internal listener to these bytes.
    pub fn send(&self, request: &str) -> Response {
        exchange(TcpStream::connect(self.address).unwrap(), request)
    }

    /// A response of the internal listener to a GET with these header lines.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.send(&request("GET", path, headers))
    }

    /// A response of the edge listener.
    pub fn edge_get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        exchange(self.unix("edge").unwrap(), &request("GET", path, headers))
    }

    /// A response of the listener for monitoring.
    pub fn monitor(&self, path: &str) -> Response {
        exchange(self.unix("monitoring").unwrap(), &request("GET", path, &[]))
    }

    /// The response as soon as it has this status. Backends are checked once a second.
    pub fn until(&self, status: u16, ask: impl Fn(&Self) -> Response) -> Response {
        wait_until(&format!("status {status}"), || Some(ask(self)).filter(|got| got.status == status))
    }

    /// The service that answers this path, byte for byte, on the internal listener; `None` is 404.
    pub fn route(&self, path: &str) -> Option<String> {
        let response = Self::until_ready(|| self.get(path, &[]));
        answered(path, &response, r#"{"error":"404 Not Found"}"#)
    }

    /// The same on the edge listener, whose clients read errors of SCIM.
    pub fn edge(&self, path: &str) -> Option<String> {
        let response = Self::until_ready(|| self.edge_get(path, &[]));
        answered(path, &response, SCIM_NOT_FOUND)
    }

    /// Retries briefly, because a stub that was slow to answer the health check causes a 503.
    fn until_ready(ask: impl Fn() -> Response) -> Response {
        wait_until("a backend is ready", || Some(ask()).filter(|response| response.status != 503))
    }

    /// Waits for `count` lines of the access log that satisfy the condition.
    pub fn log_lines(&self, count: usize, is_wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        wait_until("the log lines", || {
            let text = std::fs::read_to_string(self.directory.path().join("log")).unwrap();
            let complete = text.lines().take(text.matches('\n').count());
            let lines = complete.filter(|line| line.contains("\"access\"")).map(|line| {
                serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            });
            let lines: Vec<Value> = lines.filter(|line| is_wanted(line)).collect();
            (lines.len() >= count).then_some(lines)
        })
    }
}

pub const SCIM_NOT_FOUND: &str =
    r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"Not Found","status":"404"}"#;

fn files(directory: &Path) -> [PathBuf; 2] {
    ["-f".into(), directory.join("haproxy.cfg")]
}

fn answered(path: &str, response: &Response, not_found: &str) -> Option<String> {
    match response.status {
        200 => Some(response.body.clone()),
        404 => {
            assert_eq!(response.body, not_found, "{path}");
            None
        }
        _ => panic!("{path}: {response:?}"),
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value of the probe, as soon as it has one.
pub fn wait_until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < end, "{what} did not happen within {PATIENCE:?}");
        std::thread::yield_now();
    }
}

/// A response with its header names in lower case.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Response {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// An HTTP request that closes its connection. `Host` is `localhost` unless it is among the headers.
fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        text += "Host: localhost\r\n";
    }
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text + "\r\n"
}

fn exchange(mut stream: impl Read + Write, request: &str) -> Response {
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{request:?}: {text:?}"));
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Response { status, headers, body: body.to_owned() }
}

/// A server that answers everything with its name, or with a status, and records the heads of the requests.
#[derive(Clone, Debug)]
pub struct Stub {
    pub port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    pub fn start(name: &'static str) -> Self {
        Self::start_with_status(name, 200)
    }

    /// Answers with this status, but 200 to the health check.
    pub fn start_with_status(name: &'static str, status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stub = Self { port: listener.local_addr().unwrap().port(), heads: Arc::default() };
        let heads = Arc::clone(&stub.heads);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let heads = Arc::clone(&heads);
                std::thread::spawn(move || respond(stream, name, status, &heads));
            }
        });
        stub
    }

    /// The heads of the requests so far, health checks aside.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn respond(
    mut stream: TcpStream,
    name: &str,
    status: u16,
    heads: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(()); // a health check by TCP
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let is_check = head.starts_with("GET /-/readiness ");
    if !is_check {
        heads.lock().unwrap().push(head);
    }
    let status = if is_check { 200 } else { status };
    let length = name.len();
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{name}")
}

/// A stub for each service.
#[derive(Debug)]
pub struct Stubs(BTreeMap<&'static str, Stub>);

impl Stubs {
    pub fn start() -> Self {
        Self(SERVICES.iter().map(|service| (service.name, Stub::start(service.name))).collect())
    }

    pub fn get(&self, name: &str) -> &Stub {
        &self.0[name]
    }

    /// The addresses of all of them, as environment variables of HAProxy.
    pub fn variables(&self) -> Vec<(String, String)> {
        let mut variables = Vec::new();
        for (name, stub) in &self.0 {
            variables.push((variable(name, "ADDRESS"), format!("127.0.0.1:{}", stub.port)));
            variables.push(("CHECK_PORT".to_owned(), stub.port.to_string()));
        }
        variables
    }
}

/// The environment variable of HAProxy for a service, such as `SHELL_API_ADDRESS`.
pub fn variable(service: &str, suffix: &str) -> String {
    format!("{}_{suffix}", service.to_uppercase().replace('-', "_"))
}
