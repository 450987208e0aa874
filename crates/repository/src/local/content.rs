//! The content of a push, as `git` lists it. A question takes one or two processes, however many refs a push
//! changes. Their output is read as a stream, up to [`MAX_OUTPUT_BYTES`].
use std::collections::HashSet;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use super::process::Output;
use super::{MEDIUM, Repository};
use crate::{Blob, ChangedPath, Commit, Error, LfsPointer, PathStatus, Result};

/// The maximum output of git for one question.
const MAX_OUTPUT_BYTES: u64 = 64 * 1024 * 1024;
/// The limit for the pointers of one push.
const MAX_POINTERS: usize = 100_000;

/// A command of git and its arguments.
type Arguments = (&'static str, &'static [&'static str]);

/// Lists what is reachable from the revisions on standard input, but from no branch or tag.
const NEW: Arguments = ("rev-list", &["--stdin", "--not", "--branches", "--tags"]);
const NEW_BLOBS: Arguments = (
    "rev-list",
    &[
        "--objects",
        "--filter=object:type=blob",
        "--filter-provided-objects",
        "--stdin",
        "--not",
        "--branches",
        "--tags",
    ],
);
const NEW_SMALL_BLOBS: Arguments = (
    "rev-list",
    &[
        "--objects",
        "--no-object-names",
        "--filter=object:type=blob",
        "--filter=blob:limit=1024",
        "--filter-provided-objects",
        "--stdin",
        "--not",
        "--branches",
        "--tags",
    ],
);
const CONTENTS: Arguments = ("cat-file", &["--batch", "--buffer"]);
const SIZES: Arguments = ("cat-file", &["--batch-check=%(objectname) %(objectsize) %(rest)", "--buffer"]);
/// Lists the paths that commits change. For a merge, the paths that differ from all its parents.
const CHANGES: Arguments = (
    "diff-tree",
    &["--stdin", "-r", "-z", "-c", "--root", "--no-renames", "--no-commit-id", "--name-status"],
);

impl Repository {
    pub(crate) async fn new_commits(&self, revisions: &[String]) -> Result<Vec<Commit>> {
        self.list(&[NEW, CONTENTS], revisions, async |output| {
            let (mut output, mut commits) = (output.take(MAX_OUTPUT_BYTES), Vec::new());
            while let Some((id, object)) = next_object(&mut output).await? {
                commits.push(Commit::parse(&id, &object).ok_or_else(unreadable)?);
            }
            whole(&output, commits)
        })
        .await
    }

    pub(crate) async fn changed_paths(&self, commits: &[Commit]) -> Result<Vec<ChangedPath>> {
        let commits: Vec<String> = commits.iter().map(|commit| commit.id.clone()).collect();
        self.list(&[CHANGES], &commits, async |output| {
            let (mut output, mut paths) = (output.take(MAX_OUTPUT_BYTES), Vec::new());
            while let Some(status) = next_text(&mut output, 0).await? {
                let path = next_text(&mut output, 0).await?.ok_or_else(unreadable)?;
                paths.push(ChangedPath { path, status: status_of(&status) });
            }
            whole(&output, paths)
        })
        .await
    }

    pub(crate) async fn new_blobs(&self, revisions: &[String]) -> Result<Vec<Blob>> {
        self.list(&[NEW_BLOBS, SIZES], revisions, async |output| {
            let (mut output, mut blobs) = (output.take(MAX_OUTPUT_BYTES), Vec::new());
            while let Some(line) = next_text(&mut output, b'\n').await? {
                let mut words = line.splitn(3, ' ');
                let (Some(id), Some(size), path) = (words.next(), words.next(), words.next()) else {
                    return Err(unreadable());
                };
                let path = path.filter(|path| !path.is_empty()).map(ToOwned::to_owned);
                let size = size.parse().map_err(|_| unreadable())?;
                blobs.push(Blob { id: id.to_owned(), path, size });
            }
            whole(&output, blobs)
        })
        .await
    }

    pub(crate) async fn new_lfs_pointers(&self, revisions: &[String]) -> Result<Vec<LfsPointer>> {
        self.list(&[NEW_SMALL_BLOBS, CONTENTS], revisions, async |output| {
            let (mut seen, mut pointers) = (HashSet::new(), Vec::new());
            // Other files are dropped at once: only the number of pointers counts.
            while let Some((_, object)) = next_object(output).await? {
                let pointer = LfsPointer::parse(&object);
                pointers.extend(pointer.filter(|pointer| seen.insert(pointer.oid.clone())));
                if pointers.len() > MAX_POINTERS {
                    return Err(Error::TooMuch);
                }
            }
            Ok(pointers)
        })
        .await
    }

    pub(crate) async fn file_count(&self, revision: &str) -> Result<u64> {
        are_object_ids([revision])?;
        self.pipe(&[("ls-tree", &["-r", "-z", "--full-tree", revision])], String::new(), async |output| {
            let mut files = 0;
            // E.g. `100644 blob <id>\t<path>`. A submodule is no file.
            while let Some(entry) = next_text(output, 0).await? {
                files += u64::from(entry.split(' ').nth(1) == Some("blob"));
            }
            Ok(files)
        })
        .await
    }

    async fn list<T>(
        &self,
        programs: &[Arguments],
        revisions: &[String],
        read: impl AsyncFnOnce(&mut Output) -> Result<Vec<T>>,
    ) -> Result<Vec<T>> {
        are_object_ids(revisions.iter().map(String::as_str))?;
        if revisions.is_empty() {
            return Ok(Vec::new());
        }
        self.pipe(programs, revisions.join("\n") + "\n", read).await
    }

    /// Runs `git` once for each of `programs`, each reading what the one before it writes.
    async fn pipe<T>(
        &self,
        programs: &[(&'static str, &[&str])],
        input: String,
        read: impl AsyncFnOnce(&mut Output) -> Result<T>,
    ) -> Result<T> {
        let view = self.pushed.resolve().await?;
        let git = programs.iter().map(|&(name, arguments)| view.git(name, arguments));
        let git = git.collect::<Result<_>>()?;
        let answer = self.processes.pipe(self.context.timeout(MEDIUM), git, input, read).await;
        self.check_exists(programs[0].0, matches!(answer, Err(Error::Git(_)))).await?;
        answer
    }
}

/// Reads the status letters: one, or one for each parent of a merge.
fn status_of(letters: &str) -> PathStatus {
    if letters.bytes().all(|letter| letter == b'A') {
        PathStatus::Added
    } else if letters.contains('D') {
        PathStatus::Deleted
    } else {
        PathStatus::Modified
    }
}

/// Checks what is written to git's standard input, where git would accept options, too.
fn are_object_ids<'a>(revisions: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let is_id =
        |text: &str| matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if revisions.into_iter().all(is_id) { Ok(()) } else { Err(Error::NoSuchObject) }
}

/// Reads one object of `cat-file --batch`: a line with id, type and size, the content, a line feed.
async fn next_object(output: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<(String, Vec<u8>)>> {
    let Some(line) = next_text(output, b'\n').await? else { return Ok(None) };
    let mut words = line.split(' ');
    let (Some(id), Some(_), Some(size)) = (words.next(), words.next(), words.next()) else {
        return Err(unreadable());
    };
    let size = size.parse().ok().and_then(|size: u64| size.checked_add(1)).ok_or_else(unreadable)?;
    let mut content = Vec::new();
    output.take(size).read_to_end(&mut content).await.map_err(Error::Storage)?;
    if content.len() as u64 != size {
        return Err(Error::TooMuch);
    }
    content.pop();
    Ok(Some((id.to_owned(), content)))
}

/// Reads up to the next `end`. `None` at the end of the output.
async fn next_text(output: &mut (impl AsyncBufRead + Unpin), end: u8) -> Result<Option<String>> {
    let mut bytes = Vec::new();
    output.read_until(end, &mut bytes).await.map_err(Error::Storage)?;
    match bytes.pop() {
        None => Ok(None),
        Some(last) if last == end => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        // The limit cut it off.
        Some(_) => Err(Error::TooMuch),
    }
}

/// Fails if the limit was reached before the end of the output.
fn whole<T>(output: &tokio::io::Take<&mut Output>, list: Vec<T>) -> Result<Vec<T>> {
    if output.limit() == 0 { Err(Error::TooMuch) } else { Ok(list) }
}

fn unreadable() -> Error {
    Error::Git("its output cannot be read".to_owned())
}

#[cfg(test)]
mod tests;
