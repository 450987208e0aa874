//! What a push brings, as `git` lists it. A few programs a question, however many refs a push changes; what they print
//! is read as it comes, and no more of it is kept than [`KEPT`].
use std::collections::HashSet;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use super::Repository;
use super::pipe::{self, Output};
use crate::content::{Blob, ChangedPath, Commit, LfsPointer, PathStatus};
use crate::{Error, Result};

/// Bytes that one answer may be put together from.
const KEPT: u64 = 64 * 1024 * 1024;
/// Pointers that one push may bring.
const POINTERS: usize = 100_000;

/// What `revisions` lead to and no branch or tag does; the revisions are read from standard input.
const NEW: [&str; 5] = ["rev-list", "--stdin", "--not", "--branches", "--tags"];
const NEW_BLOBS: [&str; 8] = [
    "rev-list",
    "--objects",
    "--filter=object:type=blob",
    "--filter-provided-objects",
    "--stdin",
    "--not",
    "--branches",
    "--tags",
];
const NEW_SMALL_BLOBS: [&str; 10] = [
    "rev-list",
    "--objects",
    "--no-object-names",
    "--filter=object:type=blob",
    "--filter=blob:limit=1024",
    "--filter-provided-objects",
    "--stdin",
    "--not",
    "--branches",
    "--tags",
];
const CONTENTS: [&str; 3] = ["cat-file", "--batch", "--buffer"];
const SIZES: [&str; 3] = ["cat-file", "--batch-check=%(objectname) %(objectsize) %(rest)", "--buffer"];
/// Of a merge, what differs from all its parents.
const CHANGES: [&str; 9] =
    ["diff-tree", "--stdin", "-r", "-z", "-c", "--root", "--no-renames", "--no-commit-id", "--name-status"];

impl Repository {
    pub(crate) async fn new_commits(&self, revisions: &[String]) -> Result<Vec<Commit>> {
        self.list(&[&NEW, &CONTENTS], revisions, async |output| {
            let (mut output, mut commits) = (output.take(KEPT), Vec::new());
            while let Some((id, object)) = next_object(&mut output).await? {
                commits.push(Commit::parse(&id, &object).ok_or_else(unreadable)?);
            }
            whole(&output, commits)
        })
        .await
    }

    pub(crate) async fn changed_paths(&self, commits: &[String]) -> Result<Vec<ChangedPath>> {
        self.list(&[&CHANGES], commits, async |output| {
            let (mut output, mut paths) = (output.take(KEPT), Vec::new());
            while let Some(status) = next_text(&mut output, 0).await? {
                let path = next_text(&mut output, 0).await?.ok_or_else(unreadable)?;
                paths.push(ChangedPath { path, status: status_of(&status) });
            }
            whole(&output, paths)
        })
        .await
    }

    pub(crate) async fn new_blobs(&self, revisions: &[String]) -> Result<Vec<Blob>> {
        self.list(&[&NEW_BLOBS, &SIZES], revisions, async |output| {
            let (mut output, mut blobs) = (output.take(KEPT), Vec::new());
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
        self.list(&[&NEW_SMALL_BLOBS, &CONTENTS], revisions, async |output| {
            let (mut seen, mut pointers) = (HashSet::new(), Vec::new());
            // Files that are none are let go at once: only the number of pointers counts.
            while let Some((_, object)) = next_object(output).await? {
                let pointer = LfsPointer::parse(&object);
                pointers.extend(pointer.filter(|pointer| seen.insert(pointer.oid.clone())));
                if pointers.len() > POINTERS {
                    return Err(Error::TooMuch);
                }
            }
            Ok(pointers)
        })
        .await
    }

    pub(crate) async fn file_count(&self, revision: &str) -> Result<u64> {
        are_object_ids([revision])?;
        let list = self.command(&["ls-tree", "-r", "-z", "--name-only", revision])?;
        pipe::run(vec![list], String::new(), async |output| {
            let mut files = 0;
            loop {
                let bytes = output.fill_buf().await.map_err(Error::Storage)?;
                if bytes.is_empty() {
                    return Ok(files);
                }
                files += bytes.iter().map(|byte| u64::from(*byte == 0)).sum::<u64>();
                let read = bytes.len();
                output.consume(read);
            }
        })
        .await
    }

    async fn list<T>(
        &self,
        programs: &[&[&str]],
        revisions: &[String],
        read: impl AsyncFnOnce(&mut Output) -> Result<Vec<T>>,
    ) -> Result<Vec<T>> {
        are_object_ids(revisions.iter().map(String::as_str))?;
        if revisions.is_empty() {
            return Ok(Vec::new());
        }
        let programs = programs.iter().map(|arguments| self.command(arguments)).collect::<Result<_>>()?;
        pipe::run(programs, revisions.join("\n") + "\n", read).await
    }
}

/// Git's letter; of a merge one for each parent.
fn status_of(letters: &str) -> PathStatus {
    if letters.bytes().all(|letter| letter == b'A') {
        PathStatus::Added
    } else if letters.contains('D') {
        PathStatus::Deleted
    } else {
        PathStatus::Modified
    }
}

/// Nothing else is written to git's standard input: it would take options from there, too. No object has another name.
fn are_object_ids<'a>(revisions: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let is_id =
        |text: &str| matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if revisions.into_iter().all(is_id) { Ok(()) } else { Err(Error::NoSuchObject) }
}

/// One object of `cat-file --batch`: a line with id, type and size, the content, a line's end.
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

/// What comes before the next `end`; `None` when there is nothing more.
async fn next_text(output: &mut (impl AsyncBufRead + Unpin), end: u8) -> Result<Option<String>> {
    let mut bytes = Vec::new();
    output.read_until(end, &mut bytes).await.map_err(Error::Storage)?;
    match bytes.pop() {
        None => Ok(None),
        Some(last) if last == end => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        // It was cut.
        Some(_) => Err(Error::TooMuch),
    }
}

/// The list, unless the limit was reached before its end.
fn whole<T>(output: &tokio::io::Take<&mut Output>, list: Vec<T>) -> Result<Vec<T>> {
    if output.limit() == 0 { Err(Error::TooMuch) } else { Ok(list) }
}

fn unreadable() -> Error {
    Error::Git("it printed what cannot be read".to_owned())
}

#[cfg(test)]
mod tests;
