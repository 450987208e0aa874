//! Processes of `git`: how many run at once, how long they run, and how their output is read.
use std::process::{ExitStatus, Output as WholeOutput, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::Span;

use super::is_about_missing_object;
use crate::usage::{Observer, ProcessResult, Usage};
use crate::{Error, Result};

pub(super) type Output = BufReader<ChildStdout>;

/// How many processes of `git` a service runs at the same time, over all requests. Further ones wait, within their
/// timeout.
const MAX_PROCESSES: u32 = 32;
/// How much of a program's standard error is kept.
const MAX_COMPLAINT_BYTES: u64 = 4096;

/// The processes of `git` in a service. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Processes {
    permits: Arc<Semaphore>,
    observer: Observer,
}

/// A command that has not started yet.
#[derive(Debug)]
pub(super) struct Program {
    /// The command of git, e.g. `rev-list`.
    pub name: &'static str,
    pub command: Command,
}

/// A running process. It is killed when it is dropped.
struct Process<'a> {
    name: &'static str,
    child: Child,
    observer: &'a Observer,
    started: Instant,
    /// Ends when the process is dropped.
    span: Span,
    /// `None` until it has ended.
    result: Option<ProcessResult>,
}

impl Processes {
    pub fn new(observer: Observer) -> Self {
        let permits = Semaphore::new(usize::try_from(MAX_PROCESSES).unwrap_or(Semaphore::MAX_PERMITS));
        Self { permits: Arc::new(permits), observer }
    }

    /// Runs one program and keeps its whole output, whatever its exit code is.
    pub(super) async fn output(&self, timeout: Duration, mut program: Program) -> Result<WholeOutput> {
        let name = program.name;
        program.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let run = async {
            let _permit = self.acquire(1).await?;
            let mut process = self.start(program)?;
            let (stdout, stderr) = (process.child.stdout.take(), process.child.stderr.take());
            let (stdout, stderr, status) =
                tokio::try_join!(read_all(stdout), read_all(stderr), process.wait())?;
            Ok(WholeOutput { status, stdout, stderr })
        };
        tokio::time::timeout(timeout, run).await.unwrap_or(Err(Error::Timeout(name)))
    }

    /// Runs `programs` as a pipeline: the first one reads `input`, and `read` reads the output of the last one. If
    /// anything fails, all of them are killed.
    pub(super) async fn pipe<T>(
        &self,
        timeout: Duration,
        programs: Vec<Program>,
        input: String,
        read: impl AsyncFnOnce(&mut Output) -> Result<T>,
    ) -> Result<T> {
        let name = programs.first().map_or("", |program| program.name);
        let run = async {
            let _permits = self.acquire(u32::try_from(programs.len()).unwrap_or(MAX_PROCESSES)).await?;
            let mut processes: Vec<Process<'_>> = Vec::new();
            for mut program in programs {
                let before = processes.last_mut().and_then(|process| process.child.stdout.take());
                let stdin = before.map_or(Ok(Stdio::piped()), TryInto::try_into).map_err(Error::Spawn)?;
                program.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
                processes.push(self.start(program)?);
            }
            let stdin = processes.first_mut().and_then(|process| process.child.stdin.take());
            let stdout = processes.last_mut().and_then(|process| process.child.stdout.take());
            let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
                return Err(Error::Git("it has no pipes".to_owned()));
            };
            let mut output = BufReader::new(stdout);
            let ends = try_join_all(processes.iter_mut().map(Process::succeed));
            let (value, (), _) = tokio::try_join!(read(&mut output), feed(stdin, input), ends)?;
            Ok(value)
        };
        tokio::time::timeout(timeout, run).await.unwrap_or(Err(Error::Timeout(name)))
    }

    /// Waits until `count` more processes may run. All of them start together, so that two pipes cannot wait for each
    /// other.
    async fn acquire(&self, count: u32) -> Result<SemaphorePermit<'_>> {
        self.permits.acquire_many(count).await.map_err(|error| Error::Spawn(std::io::Error::other(error)))
    }

    fn start(&self, mut program: Program) -> Result<Process<'_>> {
        let child = program.command.spawn().map_err(Error::Spawn)?;
        self.observer.notify(Usage::ProcessStarted);
        let (name, started) = (program.name, Instant::now());
        let span = if Span::current().is_none() {
            Span::none()
        } else {
            tracing::info_span!(
                "git",
                otel.name = format!("git {name}"),
                process.executable.name = "git",
                process.exit.code = tracing::field::Empty,
            )
        };
        Ok(Process { name, child, observer: &self.observer, started, span, result: None })
    }
}

impl Process<'_> {
    async fn wait(&mut self) -> Result<ExitStatus> {
        let status = self.child.wait().await.map_err(Error::Spawn)?;
        self.span.record("process.exit.code", status.code().map(i64::from));
        let is_answer = matches!(status.code(), Some(0 | 1));
        self.result = Some(if is_answer { ProcessResult::Ok } else { ProcessResult::Failed });
        Ok(status)
    }

    /// Waits for the process to end with success.
    async fn succeed(&mut self) -> Result<()> {
        let mut complaint = Vec::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            (&mut stderr)
                .take(MAX_COMPLAINT_BYTES)
                .read_to_end(&mut complaint)
                .await
                .map_err(Error::Spawn)?;
            tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await.map_err(Error::Spawn)?;
        }
        let status = self.wait().await?;
        if status.success() {
            return Ok(());
        }
        let complaint = String::from_utf8_lossy(&complaint);
        if is_about_missing_object(&complaint) {
            return Err(Error::NoSuchObject);
        }
        Err(Error::Git(format!("{status}: {}", complaint.trim())))
    }
}

impl Drop for Process<'_> {
    fn drop(&mut self) {
        let result = self.result.unwrap_or(ProcessResult::Timeout);
        let (command, duration) = (self.name, self.started.elapsed());
        self.observer.notify(Usage::ProcessEnded { command, result, duration });
    }
}

/// Writes the input. A failure is ignored: a program that has ended early reports the reason itself.
async fn feed(mut stdin: ChildStdin, input: String) -> Result<()> {
    let _ = stdin.write_all(input.as_bytes()).await;
    Ok(())
}

async fn read_all(pipe: Option<impl tokio::io::AsyncRead + Unpin>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).await.map_err(Error::Spawn)?;
    }
    Ok(bytes)
}
