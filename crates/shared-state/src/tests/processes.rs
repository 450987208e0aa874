//! Real servers and sentinels on ports of their own.
use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use redis::FromRedisValue;
use tempfile::TempDir;

/// The name of the primary, and the password of the servers.
pub const NAME: &str = "gitlab-redis";
pub const PASSWORD: &str = "p@ss word";
/// The password as it is written in a URL.
pub const ENCODED_PASSWORD: &str = "p%40ss%20word";

/// How long a server or a failover may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A port below the kernel's ephemeral ports, which this process returns only once.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(997);
    loop {
        let next = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 6000;
        let port = u16::try_from(21_000 + next).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Waits until `is_met` returns a value.
pub fn until<T>(what: &str, is_met: impl FnMut() -> Option<T>) -> T {
    let mut is_met = is_met;
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = is_met() {
            return value;
        }
        assert!(Instant::now() < end, "{what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// A running server or sentinel.
pub struct Process {
    pub port: u16,
    /// Credentials of a URL, with the `@`.
    credentials: String,
    child: Child,
    pub directory: TempDir,
}

impl Process {
    /// Starts a server or sentinel with these lines of a configuration file.
    fn start(program: &str, port: u16, credentials: &str, settings: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("redis.conf");
        let dir = directory.path().display();
        fs::write(&file, format!("bind 127.0.0.1\nprotected-mode no\ndir {dir}\n{settings}\n")).unwrap();
        let child = Command::new(program).arg(&file).stdout(Stdio::null()).spawn().unwrap();
        Self { port, credentials: credentials.to_owned(), child, directory }
    }

    /// Starts a server and waits until it responds.
    pub fn server(settings: &str) -> Self {
        Self::server_with(free_port(), "", settings)
    }

    pub fn server_with(port: u16, credentials: &str, settings: &str) -> Self {
        let settings = format!("port {port}\nsave \"\"\nappendonly no\n{settings}");
        let server = Self::start("redis-server", port, credentials, &settings);
        until("redis-server does not respond", || server.try_ask::<String>(&["PING"]));
        server
    }

    /// Starts a sentinel that monitors the primary at this port.
    pub fn sentinel(primary: u16, credentials: &str, settings: &str) -> Self {
        let port = free_port();
        let settings = format!(
            "port {port}\nsentinel monitor {NAME} 127.0.0.1 {primary} 2\n\
             sentinel auth-pass {NAME} \"{PASSWORD}\"\nsentinel down-after-milliseconds {NAME} 500\n\
             sentinel failover-timeout {NAME} 3000\n{settings}"
        );
        let sentinel = Self::start("redis-sentinel", port, credentials, &settings);
        until("redis-sentinel does not respond", || sentinel.try_ask::<String>(&["PING"]));
        sentinel
    }

    pub fn url(&self) -> String {
        format!("redis://{}127.0.0.1:{}", self.credentials, self.port)
    }

    pub fn ask<T: FromRedisValue>(&self, command: &[&str]) -> T {
        self.try_ask(command).expect("Redis responds")
    }

    pub fn try_ask<T: FromRedisValue>(&self, command: &[&str]) -> Option<T> {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(2)).ok()?;
        let mut asked = redis::cmd(command[0]);
        asked.arg(&command[1..]);
        asked.query(&mut connection).ok()
    }

    pub fn is_primary(&self) -> bool {
        self.try_ask::<redis::Value>(&["ROLE"]).is_some_and(|role| crate::sentinel::is_primary(&role))
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A primary, a replica and three sentinels.
pub struct Deployment {
    pub primary: Process,
    pub replica: Process,
    pub sentinels: Vec<Process>,
}

impl Deployment {
    pub fn start() -> Self {
        Self::start_with("", "")
    }

    /// Starts sentinels with these settings, to which a client connects with these credentials of a URL.
    pub fn start_with(credentials: &str, settings: &str) -> Self {
        let login =
            format!("requirepass \"{PASSWORD}\"\nmasterauth \"{PASSWORD}\"\nrepl-diskless-sync-delay 0");
        let of_servers = format!(":{ENCODED_PASSWORD}@");
        let primary = Process::server_with(free_port(), &of_servers, &login);
        let replica = format!("{login}\nreplicaof 127.0.0.1 {}", primary.port);
        let replica = Process::server_with(free_port(), &of_servers, &replica);
        until("the replica is not in step", || {
            let info: String = replica.ask(&["INFO", "replication"]);
            info.contains("master_link_status:up").then_some(())
        });
        let sentinels: Vec<Process> =
            (0..3).map(|_| Process::sentinel(primary.port, credentials, settings)).collect();
        for sentinel in &sentinels {
            until("the sentinels do not know each other", || {
                let state: Vec<redis::Value> = sentinel.try_ask(&["SENTINEL", "SENTINELS", NAME])?;
                let replicas: Vec<redis::Value> = sentinel.try_ask(&["SENTINEL", "REPLICAS", NAME])?;
                (state.len() == 2 && replicas.len() == 1).then_some(())
            });
        }
        Self { primary, replica, sentinels }
    }

    /// The addresses of the sentinels.
    pub fn addresses(&self) -> Vec<crate::SentinelAddress> {
        self.sentinels.iter().map(address).collect()
    }
}

pub fn address(process: &Process) -> crate::SentinelAddress {
    crate::SentinelAddress { host: "127.0.0.1".to_owned(), port: process.port }
}
