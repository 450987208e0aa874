//! The rollout of one consumer, and the way back, under load: HAProxy as on a virtual machine, whose
//! settings change by reloads, between kas, our service and a stand-in for GitLab.
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::balancer::{NETWORKS, Stub, Stubs, configuration, wait_until};
use crate::services::read;

const AGENT: &str = "/api/v4/internal/kubernetes/agent_info";
const CHECK: &str = "/api/v4/internal/check";
/// Only GitLab serves this path of kas.
const JOBS: &str = "/api/v4/job/allowed_agents";

/// HAProxy with a master process, which reloads its settings.
struct Reloadable {
    master: Child,
    directory: TempDir,
    address: SocketAddr,
    settings: Vec<(String, String)>,
}

impl Reloadable {
    fn start(stubs: &Stubs, gitlab: &Stub) -> Self {
        let directory = TempDir::new().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("haproxy.cfg"), configuration()).unwrap();
        std::fs::write(path(NETWORKS), read("deploy/haproxy/private-networks.lst")).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut settings = stubs.variables();
        settings.push(("BALANCER_BIND".to_owned(), address.to_string()));
        for (variable, name) in [("EDGE_BIND", "edge"), ("BALANCER_MONITORING_BIND", "monitoring")] {
            settings.push((variable.to_owned(), format!("unix@{}", path(name).display())));
        }
        settings.push(("GITLAB_ADDRESS".to_owned(), format!("127.0.0.1:{}", gitlab.port)));
        settings.push(("KAS_SHARE".to_owned(), "0".to_owned()));
        write_settings(directory.path(), &settings);
        let log = File::create(path("log")).unwrap();
        let errors = log.try_clone().unwrap();
        let mut command = Command::new("haproxy");
        command.arg("-W").arg("-f").arg(path("settings.cfg")).arg("-f").arg(path("haproxy.cfg"));
        command.env_clear().env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").stdin(Stdio::null());
        let master = command.stdout(log).stderr(errors).spawn().unwrap();
        wait_until("it listens", || TcpStream::connect(address).ok());
        Self { master, directory, address, settings }
    }

    /// Changes the share of kas, and reloads as `systemctl reload` does.
    fn set_share(&mut self, share: &str) {
        self.settings.retain(|(name, _)| name != "KAS_SHARE");
        self.settings.push(("KAS_SHARE".to_owned(), share.to_owned()));
        write_settings(self.directory.path(), &self.settings);
        self.reload();
    }

    /// Sends the signal again if it was lost, as it is while HAProxy starts or reloads.
    fn reload(&self) {
        let (log, master) = (self.directory.path().join("log"), self.master.id().to_string());
        let reloads = || std::fs::read_to_string(&log).unwrap().matches("Reloading HAProxy").count();
        let before = reloads();
        wait_until("it reloads", || {
            assert!(Command::new("kill").args(["-USR2", &master]).status().unwrap().success());
            let end = Instant::now() + Duration::from_secs(1);
            while reloads() == before && Instant::now() < end {
                std::thread::park_timeout(Duration::from_millis(10));
            }
            (reloads() > before).then_some(())
        });
    }
}

impl Drop for Reloadable {
    fn drop(&mut self) {
        // The master ends its workers.
        let _ = Command::new("kill").args(["-TERM", &self.master.id().to_string()]).status();
        let _ = self.master.wait();
    }
}

fn write_settings(directory: &Path, settings: &[(String, String)]) {
    let lines = settings.iter().map(|(name, value)| format!("  setenv {name} {value}\n"));
    std::fs::write(directory.join("settings.cfg"), format!("global\n{}", lines.collect::<String>())).unwrap();
}

/// The backend of the response to one request, or what went wrong.
fn ask(address: SocketAddr, path: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(|error| error.to_string())?;
    let backend = text.lines().find_map(|line| line.strip_prefix("x-internal-api-backend: "));
    match backend {
        Some(backend) if text.starts_with("HTTP/1.1 200 ") => Ok(backend.to_owned()),
        _ => Err(text),
    }
}

/// A client that sends about a hundred requests a second.
struct Client {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<BTreeMap<Result<String, String>, u32>>,
}

impl Client {
    fn start(address: SocketAddr) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let has_ended = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let mut results: BTreeMap<Result<String, String>, u32> = BTreeMap::new();
            while !has_ended.load(Ordering::Relaxed) {
                *results.entry(ask(address, AGENT)).or_default() += 1;
                std::thread::park_timeout(Duration::from_millis(10));
            }
            results
        });
        Self { is_over, thread }
    }

    fn end(self) -> BTreeMap<Result<String, String>, u32> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Waits until `count` requests in a row have this backend.
fn until_all(address: SocketAddr, backend: &str, count: usize) {
    let expected = Ok(backend.to_owned());
    wait_until(backend, || (0..count).all(|_| ask(address, AGENT) == expected).then_some(()));
}

#[test]
fn one_consumer_is_rolled_out_and_handed_back_without_a_failed_request() {
    let (stubs, gitlab) = (Stubs::start(), Stub::start("gitlab"));
    let mut balancer = Reloadable::start(&stubs, &gitlab);
    let address = balancer.address;
    // Before the rollout, kas already uses the balancer, and GitLab serves all that it asks.
    until_all(address, "gitlab", 20);
    let other = |path| ask(address, path).unwrap();
    assert_eq!((other(CHECK).as_str(), other(JOBS).as_str()), ("shell-api", "gitlab"));

    let client = Client::start(address);
    balancer.set_share("10");
    wait_until("a part is ours", || (ask(address, AGENT) == Ok("kas-api".to_owned())).then_some(()));
    wait_until("a part is GitLab's", || (ask(address, AGENT) == Ok("gitlab".to_owned())).then_some(()));
    balancer.set_share("100");
    until_all(address, "kas-api", 60);
    assert_eq!((other(CHECK).as_str(), other(JOBS).as_str()), ("shell-api", "gitlab"));
    // The way back.
    balancer.set_share("0");
    until_all(address, "gitlab", 60);
    assert_eq!(other(CHECK), "shell-api");
    let results = client.end();
    let backends: Vec<&Result<String, String>> = results.keys().collect();
    assert_eq!(backends, [&Ok("gitlab".to_owned()), &Ok("kas-api".to_owned())], "{results:?}");
    println!("{results:?}");
}

/// A mistake in the settings is refused by the reload, and nothing changes.
#[test]
fn a_share_that_is_no_number_keeps_the_old_configuration() {
    let (stubs, gitlab) = (Stubs::start(), Stub::start("gitlab"));
    let mut balancer = Reloadable::start(&stubs, &gitlab);
    let address = balancer.address;
    until_all(address, "gitlab", 20);
    let client = Client::start(address);
    balancer.set_share("x");
    let log = balancer.directory.path().join("log");
    wait_until("the reload fails", || {
        std::fs::read_to_string(&log).unwrap().contains("error detected while parsing").then_some(())
    });
    until_all(address, "gitlab", 20);
    assert_eq!(client.end().into_keys().collect::<Vec<_>>(), [Ok("gitlab".to_owned())]);
}
