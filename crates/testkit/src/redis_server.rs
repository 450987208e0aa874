//! A Redis for a single test, which can stop it.
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::FromRedisValue;
use tempfile::TempDir;

use crate::port;

#[derive(Debug)]
pub struct Redis {
    port: u16,
    child: Option<Child>,
    /// The data directory, if it is durable.
    kept: Option<TempDir>,
}

impl Redis {
    /// Starts a server without persistence.
    pub fn start() -> Self {
        let mut redis = Self { port: port::free(), child: None, kept: None };
        redis.restart();
        redis
    }

    /// Starts a server that writes every change to disk before it acknowledges it.
    pub fn durable() -> Self {
        let kept = TempDir::new().expect("a temporary directory");
        let mut redis = Self { port: port::free(), child: None, kept: Some(kept) };
        redis.restart();
        redis
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills the server.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the server ends");
            child.wait().expect("the server has ended");
        }
    }

    /// Starts the server again at the same port. It is empty unless it is durable.
    pub fn restart(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--port", &self.port.to_string()]);
        match &self.kept {
            None => command.args(["--appendonly", "no"]),
            Some(kept) => {
                command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(kept.path())
            }
        };
        let child =
            command.stdout(Stdio::null()).spawn().expect("redis-server is installed: run `make test`");
        self.child = Some(child);
        let end = Instant::now() + Duration::from_mins(1);
        while self.try_ask::<String>(&["PING"]).is_none() {
            assert!(Instant::now() < end, "redis-server does not answer");
            std::thread::yield_now();
        }
    }

    /// The response of Redis to a command.
    pub fn ask<T: FromRedisValue>(&self, command: &[&str]) -> T {
        self.try_ask(command).expect("Redis answers")
    }

    fn try_ask<T: FromRedisValue>(&self, command: &[&str]) -> Option<T> {
        let client = redis::Client::open(self.url()).ok()?;
        let mut connection = client.get_connection().ok()?;
        let mut asked = redis::cmd(command.first()?);
        for argument in &command[1..] {
            asked.arg(*argument);
        }
        asked.query(&mut connection).ok()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}
