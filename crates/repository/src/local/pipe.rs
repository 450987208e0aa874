//! Git programs whose output is read as it comes: one, or one into the other.
use std::process::Stdio;

use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::{Error, Result};

pub(super) type Output = BufReader<ChildStdout>;

/// Of what a program complains, as much is kept.
const COMPLAINT: u64 = 4096;

/// Git's words for an object that is not there; a name of 64 digits in a repository of SHA-1 is a "bad revision".
const NOT_THERE: [&str; 3] = ["fatal: bad object", "fatal: bad revision", "fatal: not a tree object"];

/// Runs `programs`, each reading what the one before it writes, the first reading `input`; `read` reads the last one.
/// Where `read` gives up, they all end.
pub(super) async fn run<T>(
    programs: Vec<Command>,
    input: String,
    read: impl AsyncFnOnce(&mut Output) -> Result<T>,
) -> Result<T> {
    let mut children: Vec<Child> = Vec::new();
    for mut program in programs {
        let before = children.last_mut().and_then(|child| child.stdout.take());
        let stdin = before.map_or(Ok(Stdio::piped()), TryInto::try_into).map_err(Error::Spawn)?;
        program.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        children.push(program.spawn().map_err(Error::Spawn)?);
    }
    let stdin = children.first_mut().and_then(|child| child.stdin.take());
    let stdout = children.last_mut().and_then(|child| child.stdout.take());
    let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
        return Err(Error::Git("it has no pipes".to_owned()));
    };
    let mut output = BufReader::new(stdout);
    let (value, (), _) =
        tokio::try_join!(read(&mut output), feed(stdin, input), try_join_all(children.iter_mut().map(end)))?;
    Ok(value)
}

/// A program that ended before it had read everything says why itself.
async fn feed(mut stdin: ChildStdin, input: String) -> Result<()> {
    let _ = stdin.write_all(input.as_bytes()).await;
    Ok(())
}

/// Waits for a program to end well.
async fn end(child: &mut Child) -> Result<()> {
    let mut complaint = Vec::new();
    if let Some(mut stderr) = child.stderr.take() {
        (&mut stderr).take(COMPLAINT).read_to_end(&mut complaint).await.map_err(Error::Spawn)?;
        tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await.map_err(Error::Spawn)?;
    }
    let status = child.wait().await.map_err(Error::Spawn)?;
    if status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&complaint);
    if NOT_THERE.iter().any(|words| complaint.contains(words)) {
        return Err(Error::NoSuchObject);
    }
    Err(Error::Git(format!("{status}: {}", complaint.trim())))
}
