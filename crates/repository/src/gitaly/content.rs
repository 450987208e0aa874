//! What a push brings, as Gitaly tells it.
use gitaly_proto as pb;
use gitaly_proto::blob_service_client::BlobServiceClient;
use gitaly_proto::changed_paths::Status as PathChange;
use gitaly_proto::commit_service_client::CommitServiceClient;
use gitaly_proto::diff_service_client::DiffServiceClient;
use gitaly_proto::find_changed_paths_request as changes;
use tonic::Status;

use super::{MAX_MESSAGE, MEDIUM, Repository, read_all};
use crate::{Blob, ChangedPath, Commit, Error, LfsPointer, PathStatus, Result};

/// Revisions in one request: a Gitaly takes no message of more than 4 MiB.
const REVISIONS: usize = 20_000;

impl Repository {
    pub async fn new_commits(&self, revisions: &[String]) -> Result<Vec<Commit>> {
        let mut commits = Vec::new();
        for revisions in revisions.chunks(REVISIONS) {
            let message = pb::ListCommitsRequest {
                repository: Some(self.pushed.clone()),
                revisions: without_old(revisions),
            };
            let answer = self.find("ListCommits", MEDIUM, message, async |request| {
                let mut client =
                    CommitServiceClient::new(self.channel()).max_decoding_message_size(MAX_MESSAGE);
                read_all(client.list_commits(request).await?).await
            });
            let messages = answer.await?;
            for commit in messages.into_iter().flat_map(|message| message.commits) {
                commits.push(read_commit(commit)?);
            }
        }
        Ok(commits)
    }

    pub async fn changed_paths(&self, commits: &[String]) -> Result<Vec<ChangedPath>> {
        let mut paths = Vec::new();
        for commits in commits.chunks(REVISIONS) {
            let requests = commits.iter().map(|commit| {
                let commit_request = changes::request::CommitRequest { commit_revision: commit.clone() };
                changes::Request { r#type: Some(changes::request::Type::CommitRequest(commit_request)) }
            });
            let message = pb::FindChangedPathsRequest {
                repository: Some(self.pushed.clone()),
                requests: requests.collect(),
                merge_commit_diff_mode: changes::MergeCommitDiffMode::AllParents.into(),
            };
            let answer = self.find("FindChangedPaths", MEDIUM, message, async |request| {
                let mut client =
                    DiffServiceClient::new(self.channel()).max_decoding_message_size(MAX_MESSAGE);
                read_all(client.find_changed_paths(request).await?).await
            });
            let messages = answer.await?;
            paths.extend(
                messages
                    .into_iter()
                    .flat_map(|message| message.paths)
                    .map(|path| ChangedPath { status: status(path.status()), path: text(&path.path) }),
            );
        }
        Ok(paths)
    }

    pub async fn new_blobs(&self, revisions: &[String]) -> Result<Vec<Blob>> {
        let mut blobs = Vec::new();
        for revisions in revisions.chunks(REVISIONS) {
            let message = pb::ListBlobsRequest {
                repository: Some(self.pushed.clone()),
                revisions: without_old(revisions),
                with_paths: true,
            };
            let answer = self.find("ListBlobs", MEDIUM, message, async |request| {
                let mut client =
                    BlobServiceClient::new(self.channel()).max_decoding_message_size(MAX_MESSAGE);
                read_all(client.list_blobs(request).await?).await
            });
            let messages = answer.await?;
            blobs.extend(messages.into_iter().flat_map(|message| message.blobs).map(|blob| Blob {
                id: blob.oid,
                path: Some(text(&blob.path)).filter(|path| !path.is_empty()),
                // No file has less than nothing; one that says so is as large as can be.
                size: u64::try_from(blob.size).unwrap_or(u64::MAX),
            }));
        }
        Ok(blobs)
    }

    pub async fn new_lfs_pointers(&self, revisions: &[String]) -> Result<Vec<LfsPointer>> {
        let mut pointers = Vec::new();
        for revisions in revisions.chunks(REVISIONS) {
            let message = pb::ListLfsPointersRequest {
                repository: Some(self.pushed.clone()),
                revisions: without_old(revisions),
            };
            let answer = self.find("ListLFSPointers", MEDIUM, message, async |request| {
                let mut client =
                    BlobServiceClient::new(self.channel()).max_decoding_message_size(MAX_MESSAGE);
                read_all(client.list_lfs_pointers(request).await?).await
            });
            let messages = answer.await?;
            let files = messages.into_iter().flat_map(|message| message.lfs_pointers);
            pointers.extend(files.filter_map(|file| LfsPointer::parse(&file.data)));
        }
        Ok(pointers)
    }

    pub async fn file_count(&self, revision: &str) -> Result<u64> {
        let message = pb::ListFilesRequest {
            repository: Some(self.pushed.clone()),
            revision: revision.as_bytes().to_vec(),
        };
        let answer = self.find("ListFiles", MEDIUM, message, async |request| {
            let mut client = CommitServiceClient::new(self.channel()).max_decoding_message_size(MAX_MESSAGE);
            read_all(client.list_files(request).await?).await
        });
        let messages = answer.await?;
        Ok(messages.iter().map(|message| message.paths.len() as u64).sum())
    }
}

/// What leads to these and to no branch or tag of the repository.
fn without_old(revisions: &[String]) -> Vec<String> {
    revisions.iter().cloned().chain(["--not", "--branches", "--tags"].map(ToOwned::to_owned)).collect()
}

fn status(change: PathChange) -> PathStatus {
    match change {
        PathChange::Added | PathChange::Copied | PathChange::Renamed => PathStatus::Added,
        PathChange::Deleted => PathStatus::Deleted,
        PathChange::Modified | PathChange::TypeChange => PathStatus::Modified,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A message of which Gitaly sends the beginning alone cannot be judged.
pub(super) fn read_commit(commit: pb::GitCommit) -> Result<Commit> {
    if usize::try_from(commit.body_size).is_ok_and(|size| size > commit.body.len()) {
        let status = Status::out_of_range(format!("the message of commit {} is too long", commit.id));
        return Err(Error::Gitaly("ListCommits", Box::new(status)));
    }
    let signed = commit.signature_type != i32::from(pb::SignatureType::None);
    let author = commit.author.unwrap_or_default();
    let committer = commit.committer.unwrap_or_default();
    Ok(Commit {
        id: commit.id,
        parents: commit.parent_ids.len(),
        message: text(&commit.body),
        author_name: text(&author.name),
        author_email: text(&author.email),
        committer_name: text(&committer.name),
        committer_email: text(&committer.email),
        signed,
    })
}
