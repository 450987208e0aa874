//! Runs the binary of a service, to test its exit code, log and signal handling.
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::{Answer, Request, port};

/// The timeout of every step; generous, because the machine may be busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// The path of a binary of the workspace.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of the test");
    let path = test.parent().and_then(std::path::Path::parent).expect("target/release").join(name);
    assert!(path.exists(), "{} is not built: run `make test`", path.display());
    path
}

/// A running binary.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    errors: Arc<Mutex<String>>,
    /// The URL of the main listener; that of the monitoring port is `monitoring`.
    pub url: String,
    pub monitoring: String,
    client: reqwest::Client,
}

impl Process {
    /// Starts a binary with these arguments, with `listen` and `monitoring_listen` at free ports.
    pub fn start(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_at(&[free_address(), free_address()], name, arguments, environment)
    }

    /// Like [`Self::start`], at these two addresses.
    pub fn start_at(
        addresses: &[String; 2],
        name: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        Self::spawn(Command::new(binary(name)), addresses, arguments, environment)
    }

    /// Like [`Self::start`], after a shell has run the command `prelude`.
    pub fn start_after(prelude: &str, name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{prelude}; exec \"$0\" \"$@\"")]).arg(binary(name));
        Self::spawn(shell, &[free_address(), free_address()], arguments, environment)
    }

    fn spawn(
        mut command: Command,
        addresses: &[String; 2],
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let [main, monitoring] = addresses;
        let mut child = command
            .args(arguments)
            .args(["--listen", main, "--monitoring-listen", monitoring])
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("standard output"));
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let errors = Arc::new(Mutex::new(String::new()));
        let (mut stderr, kept) = (child.stderr.take().expect("standard error"), Arc::clone(&errors));
        std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            kept.lock().expect("no thread has panicked").push_str(&text);
        });
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self {
            child,
            lines,
            errors,
            url: format!("http://{main}"),
            monitoring: format!("http://{monitoring}"),
            client,
        }
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        Request::new(&self.client, method, &format!("{}{path}", self.url))
    }

    /// The response of the monitoring port.
    pub async fn monitor(&self, path: &str) -> Answer {
        Request::new(&self.client, reqwest::Method::GET, &format!("{}{path}", self.monitoring)).send().await
    }

    /// Returns the next log entry for which `is_it` holds.
    pub fn log_line(&self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self
                .lines
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| panic!("no such line came: {}", self.errors()));
            let value: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            if is_it(&value) {
                return value;
            }
        }
    }

    /// Waits until the service logs that it is ready.
    #[must_use]
    pub fn until_ready(self) -> Self {
        self.log_line(|line| line["message"].as_str().is_some_and(|message| message.ends_with("is ready")));
        self
    }

    /// The unread lines of the log, until the process exits or logs nothing for this long.
    pub fn rest_of_log(&self, silence: Duration) -> Vec<String> {
        std::iter::from_fn(|| self.lines.recv_timeout(silence).ok()).collect()
    }

    /// Sends a signal, such as `TERM`, `INT` or `HUP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// The contents of a file in `/proc/PID`, see `proc(5)`.
    pub fn proc_file(&self, name: &str) -> String {
        let path = format!("/proc/{}/{name}", self.child.id());
        std::fs::read_to_string(path).expect("the process runs")
    }

    /// The processor time of the process so far, in steps of 10 ms: `utime` and `stime` of `proc(5)`.
    pub fn processor_time(&self) -> Duration {
        let stat = self.proc_file("stat");
        let (_, fields) = stat.rsplit_once(") ").expect("the name is in parentheses");
        let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number"));
        Duration::from_millis(10 * ticks.sum::<u64>())
    }

    /// The highest resident memory so far, in MiB.
    pub fn peak_memory_mib(&self) -> usize {
        self.memory_mib("VmHWM:")
    }

    /// The resident memory, in MiB.
    pub fn resident_memory_mib(&self) -> usize {
        self.memory_mib("VmRSS:")
    }

    /// A size from the status of the process.
    fn memory_mib(&self, field: &str) -> usize {
        let status = self.proc_file("status");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a field of the status");
        let kib: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kib / 1024
    }

    /// Waits until the process exits.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("the process ends")
    }

    /// The standard error, once the process has exited.
    pub fn errors(&self) -> String {
        self.errors.lock().expect("no thread has panicked").clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address with a free port.
pub fn free_address() -> String {
    format!("127.0.0.1:{}", port::free())
}
