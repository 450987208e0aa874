//! A repository that a Gitaly keeps, asked by gRPC.
//!
//! What Gitaly does not find is an answer. Whatever else goes wrong (nobody there, too slow, not let in) is an error:
//! never a yes.
mod address;
mod content;
mod token;

#[cfg(test)]
mod tests;

use std::time::Duration;

use domain::access::push::{Question, RepositoryState, StateNeeds};
use gitaly_proto as pb;
use gitaly_proto::commit_service_client::CommitServiceClient;
use gitaly_proto::ref_service_client::RefServiceClient;
use gitaly_proto::repository_service_client::RepositoryServiceClient;
use prost::Message;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status, Streaming};
use tracing::Instrument;

use self::token::Token;
use crate::local::Answer;
use crate::{Error, Place, Quarantine, Result, Storage};

pub use self::address::InvalidAddress;

/// How long a short answer may take, and one that walks through history: what GitLab calls fast and medium.
const FAST: Duration = Duration::from_secs(10);
const MEDIUM: Duration = Duration::from_secs(30);
/// Of one message. A commit's message may have 10 MiB; all else comes in small pieces.
const MAX_MESSAGE: usize = 16 << 20;
/// Of all the messages of one answer.
const MAX_ANSWER: usize = 64 << 20;

const CORRELATION_ID: &str = "x-gitlab-correlation-id";

/// A storage's Gitaly: one connection, made when it is first needed, and again after it broke. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Gitaly {
    channel: Channel,
    token: Option<Token>,
}

impl Gitaly {
    /// Belongs to the event loop that it is made in.
    pub fn new(storage: &Storage) -> Result<Self, InvalidAddress> {
        let token = storage.token.as_deref().filter(|token| !token.is_empty());
        Ok(Self {
            channel: address::endpoint(&storage.address)?.connect_lazy(),
            token: token.map(Token::new),
        })
    }

    pub fn repository(&self, place: &Place<'_>, quarantine: Quarantine) -> Repository {
        let accepted = pb::Repository {
            storage_name: place.storage_name.to_owned(),
            relative_path: place.relative_path.to_owned(),
            gl_repository: place.gl_repository.clone(),
            gl_project_path: place.gl_project_path.to_owned(),
            ..pb::Repository::default()
        };
        let pushed = pb::Repository {
            relative_path: quarantine.relative_path.unwrap_or_else(|| accepted.relative_path.clone()),
            git_object_directory: quarantine.object_directory.unwrap_or_default(),
            git_alternate_object_directories: quarantine.alternates,
            ..accepted.clone()
        };
        let correlation_id = place.correlation_id.map(ToOwned::to_owned);
        Repository { gitaly: self.clone(), accepted, pushed, correlation_id }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Repository {
    gitaly: Gitaly,
    /// Without the push.
    accepted: pb::Repository,
    /// With the objects that the push brings.
    pushed: pb::Repository,
    correlation_id: Option<String>,
}

impl Repository {
    pub async fn exists(&self) -> Result<bool> {
        let message = pb::RepositoryExistsRequest { repository: Some(self.accepted.clone()) };
        let answer = self.ask("RepositoryExists", FAST, message, async |request| {
            RepositoryServiceClient::new(self.channel()).repository_exists(request).await
        });
        Ok(answer.await?.is_some_and(|answer| answer.into_inner().exists))
    }

    /// One that is there already was made by a try before this one.
    pub async fn create(&self, default_branch: &str) -> Result<()> {
        let message = pb::CreateRepositoryRequest {
            repository: Some(self.accepted.clone()),
            default_branch: default_branch.as_bytes().to_vec(),
        };
        let answer =
            self.find(
                "CreateRepository",
                MEDIUM,
                message,
                async |request| match RepositoryServiceClient::new(self.channel())
                    .create_repository(request)
                    .await
                {
                    Err(status) if status.code() == Code::AlreadyExists => Ok(()),
                    outcome => outcome.map(drop),
                },
            );
        answer.await
    }

    pub async fn has_branch(&self, name: &str) -> Result<bool> {
        let message = pb::RefExistsRequest {
            repository: Some(self.accepted.clone()),
            r#ref: format!("refs/heads/{name}").into_bytes(),
        };
        let answer = self.ask("RefExists", FAST, message, async |request| {
            RefServiceClient::new(self.channel()).ref_exists(request).await
        });
        Ok(answer.await?.is_some_and(|answer| answer.into_inner().value))
    }

    /// Of what has been accepted, and only what matters.
    pub async fn state(&self, bearing: StateNeeds) -> Result<RepositoryState> {
        let empty = async { if bearing.empty { self.is_empty().await } else { Ok(false) } };
        let default_branch =
            async { if bearing.default_branch { self.default_branch().await } else { Ok(None) } };
        let (empty, default_branch) = tokio::try_join!(empty, default_branch)?;
        Ok(RepositoryState { empty, default_branch })
    }

    async fn is_empty(&self) -> Result<bool> {
        let message = pb::HasLocalBranchesRequest { repository: Some(self.accepted.clone()) };
        let answer = self.find("HasLocalBranches", FAST, message, async |request| {
            RepositoryServiceClient::new(self.channel()).has_local_branches(request).await
        });
        Ok(!answer.await?.into_inner().value)
    }

    async fn default_branch(&self) -> Result<Option<String>> {
        let message = pb::FindDefaultBranchNameRequest { repository: Some(self.accepted.clone()) };
        let answer = self.find("FindDefaultBranchName", FAST, message, async |request| {
            RefServiceClient::new(self.channel()).find_default_branch_name(request).await
        });
        let name = answer.await?.into_inner().name;
        Ok(String::from_utf8_lossy(&name).strip_prefix("refs/heads/").map(ToOwned::to_owned))
    }

    pub async fn answer(&self, question: Question) -> Result<Answer> {
        match question {
            Question::FastForward { old, new, .. } => {
                let yes = self.is_ancestor(&old, &new).await?;
                Ok(Answer::FastForward((old, new), yes))
            }
            Question::BranchesWith { commit, .. } => {
                let branches = self.branches_with(&commit).await?;
                Ok(Answer::BranchesWith(commit, branches))
            }
        }
    }

    async fn is_ancestor(&self, ancestor: &str, child: &str) -> Result<bool> {
        let message = pb::CommitIsAncestorRequest {
            repository: Some(self.pushed.clone()),
            ancestor_id: ancestor.to_owned(),
            child_id: child.to_owned(),
        };
        let answer = self.ask("CommitIsAncestor", FAST, message, async |request| {
            CommitServiceClient::new(self.channel()).commit_is_ancestor(request).await
        });
        Ok(answer.await?.is_some_and(|answer| answer.into_inner().value))
    }

    async fn branches_with(&self, commit: &str) -> Result<Vec<String>> {
        let message = pb::ListBranchNamesContainingCommitRequest {
            repository: Some(self.pushed.clone()),
            commit_id: commit.to_owned(),
        };
        let answer = self.ask("ListBranchNamesContainingCommit", MEDIUM, message, async |request| {
            let mut client = RefServiceClient::new(self.channel()).max_decoding_message_size(MAX_MESSAGE);
            read_all(client.list_branch_names_containing_commit(request).await?).await
        });
        let names = answer.await?.unwrap_or_default().into_iter().flat_map(|message| message.branch_names);
        Ok(names.map(|name| String::from_utf8_lossy(&name).into_owned()).collect())
    }

    fn channel(&self) -> Channel {
        self.gitaly.channel.clone()
    }

    /// Asks, and waits for the answer, but not for ever. `None` is what Gitaly does not find.
    async fn ask<M: Clone, T>(
        &self,
        method: &'static str,
        patience: Duration,
        message: M,
        call: impl AsyncFn(Request<M>) -> Result<T, Status>,
    ) -> Result<Option<T>> {
        let asked = async {
            match call(self.request(patience, message.clone())).await {
                // Gitaly has been started again, say: what only reads may be asked once more.
                Err(status) if broke(&status) => call(self.request(patience, message)).await,
                outcome => outcome,
            }
        };
        let span = tracing::info_span!("gitaly", rpc.method = method);
        let outcome = tokio::time::timeout(patience, asked).instrument(span).await;
        match outcome.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time"))) {
            Ok(answer) => Ok(Some(answer)),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(Error::Gitaly(method, Box::new(status))),
        }
    }

    /// The same, of what must be there.
    async fn find<M: Clone, T>(
        &self,
        method: &'static str,
        patience: Duration,
        message: M,
        call: impl AsyncFn(Request<M>) -> Result<T, Status>,
    ) -> Result<T> {
        self.ask(method, patience, message, call).await?.ok_or(Error::NotFound(method))
    }

    fn request<M>(&self, patience: Duration, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(patience);
        let metadata = request.metadata_mut();
        if let Some(header) = self.gitaly.token.as_ref().and_then(Token::header) {
            metadata.insert("authorization", header);
        }
        if let Some(id) = self.correlation_id.as_ref().and_then(|id| id.parse().ok()) {
            metadata.insert(CORRELATION_ID, id);
        }
        request
    }
}

/// Whether the connection failed, and not Gitaly: its own words have no source.
fn broke(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

/// Every message of an answer, to its proper end.
async fn read_all<M: Message>(answer: Response<Streaming<M>>) -> Result<Vec<M>, Status> {
    let mut stream = answer.into_inner();
    let (mut messages, mut size) = (Vec::new(), 0);
    while let Some(message) = stream.message().await? {
        size += message.encoded_len();
        if size > MAX_ANSWER {
            return Err(Status::resource_exhausted("the answer is too large"));
        }
        messages.push(message);
    }
    Ok(messages)
}
