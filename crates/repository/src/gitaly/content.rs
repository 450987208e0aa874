//! The content of a push, as Gitaly lists it.
use gitaly_proto as pb;
use gitaly_proto::blob_service_client::BlobServiceClient;
use gitaly_proto::changed_paths::Status as PathChange;
use gitaly_proto::commit_service_client::CommitServiceClient;
use gitaly_proto::diff_service_client::DiffServiceClient;
use gitaly_proto::find_changed_paths_request as changes;
use tonic::Status;

use super::call::{MEDIUM, read_all};
use super::{MAX_MESSAGE_BYTES, Repository};
use crate::{Blob, ChangedPath, Commit, Error, LfsPointer, PathStatus, Result};

/// How many revisions one request names: a Gitaly accepts messages up to 4 MiB.
const MAX_REVISIONS: usize = 20_000;

/// The id of the empty tree, which git knows without having the object.
const EMPTY_TREE_SHA1: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
const EMPTY_TREE_SHA256: &str = "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321";

impl Repository {
    pub async fn new_commits(&self, revisions: &[String]) -> Result<Vec<Commit>> {
        let mut commits = Vec::new();
        for revisions in revisions.chunks(MAX_REVISIONS) {
            let message = pb::ListCommitsRequest {
                repository: Some(self.pushed.clone()),
                revisions: excluding_accepted(revisions),
            };
            let answer = self.call.send("CommitService/ListCommits", MEDIUM, message, async |request| {
                let mut client =
                    CommitServiceClient::new(self.channel()).max_decoding_message_size(MAX_MESSAGE_BYTES);
                read_all(client.list_commits(request).await?).await
            });
            let messages = answer.await?;
            for commit in messages.into_iter().flat_map(|message| message.commits) {
                commits.push(read_commit(commit)?);
            }
        }
        Ok(commits)
    }

    pub async fn changed_paths(&self, commits: &[Commit]) -> Result<Vec<ChangedPath>> {
        let mut paths = Vec::new();
        for commits in commits.chunks(MAX_REVISIONS) {
            let requests =
                commits.iter().map(|commit| changes::Request { r#type: Some(request_for_changes(commit)) });
            let message = pb::FindChangedPathsRequest {
                repository: Some(self.pushed.clone()),
                requests: requests.collect(),
                merge_commit_diff_mode: changes::MergeCommitDiffMode::AllParents.into(),
            };
            let answer = self.call.send("DiffService/FindChangedPaths", MEDIUM, message, async |request| {
                let mut client =
                    DiffServiceClient::new(self.channel()).max_decoding_message_size(MAX_MESSAGE_BYTES);
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
        for revisions in revisions.chunks(MAX_REVISIONS) {
            let message = pb::ListBlobsRequest {
                repository: Some(self.pushed.clone()),
                revisions: excluding_accepted(revisions),
                with_paths: true,
            };
            let answer = self.call.send("BlobService/ListBlobs", MEDIUM, message, async |request| {
                let mut client =
                    BlobServiceClient::new(self.channel()).max_decoding_message_size(MAX_MESSAGE_BYTES);
                read_all(client.list_blobs(request).await?).await
            });
            let messages = answer.await?;
            blobs.extend(messages.into_iter().flat_map(|message| message.blobs).map(|blob| Blob {
                id: blob.oid,
                path: Some(text(&blob.path)).filter(|path| !path.is_empty()),
                // A negative size counts as the largest one.
                size: u64::try_from(blob.size).unwrap_or(u64::MAX),
            }));
        }
        Ok(blobs)
    }

    pub async fn new_lfs_pointers(&self, revisions: &[String]) -> Result<Vec<LfsPointer>> {
        let mut pointers = Vec::new();
        for revisions in revisions.chunks(MAX_REVISIONS) {
            let message = pb::ListLfsPointersRequest {
                repository: Some(self.pushed.clone()),
                revisions: excluding_accepted(revisions),
            };
            let answer = self.call.send("BlobService/ListLFSPointers", MEDIUM, message, async |request| {
                let mut client =
                    BlobServiceClient::new(self.channel()).max_decoding_message_size(MAX_MESSAGE_BYTES);
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
        let answer = self.call.send("CommitService/ListFiles", MEDIUM, message, async |request| {
            let mut client =
                CommitServiceClient::new(self.channel()).max_decoding_message_size(MAX_MESSAGE_BYTES);
            read_all(client.list_files(request).await?).await
        });
        let messages = answer.await?;
        Ok(messages.iter().map(|message| message.paths.len() as u64).sum())
    }
}

/// Asks for the paths that a commit changes. Gitaly lists none for a commit without parents, so such a commit is
/// compared with the empty tree.
fn request_for_changes(commit: &Commit) -> changes::request::Type {
    use changes::request::{CommitRequest, TreeRequest, Type};
    if commit.parents > 0 {
        return Type::CommitRequest(CommitRequest { commit_revision: commit.id.clone() });
    }
    let empty_tree =
        if commit.id.len() == EMPTY_TREE_SHA256.len() { EMPTY_TREE_SHA256 } else { EMPTY_TREE_SHA1 };
    Type::TreeRequest(TreeRequest {
        left_tree_revision: empty_tree.to_owned(),
        right_tree_revision: commit.id.clone(),
    })
}

/// Limits a walk from these revisions to what no branch or tag reaches.
fn excluding_accepted(revisions: &[String]) -> Vec<String> {
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

/// Fails if Gitaly sends only the beginning of the message.
pub(super) fn read_commit(commit: pb::GitCommit) -> Result<Commit> {
    if usize::try_from(commit.body_size).is_ok_and(|size| size > commit.body.len()) {
        let status = Status::out_of_range(format!("the message of commit {} is too long", commit.id));
        return Err(Error::Gitaly("CommitService/ListCommits", Box::new(status)));
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
