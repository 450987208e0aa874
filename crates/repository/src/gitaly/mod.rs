//! A repository that is read through Gitaly, by gRPC.
//!
//! A repository that Gitaly does not find is [`Error::NotFound`]. Any other failure (no connection, timeout,
//! wrong token) is [`Error::Gitaly`].
//!
//! Calls name the project's own path, the only one that the Praefect of a Gitaly Cluster knows. The path that the
//! hook sent is added as metadata, so that a Gitaly with transactions finds the snapshot. A call for a request with
//! a quarantine goes to the primary, because each replica has a quarantine of its own.
mod address;
mod call;
mod content;
mod token;

#[cfg(test)]
mod tests;

use domain::access::push::{Question, RepositoryState, StateNeeds};
use gitaly_proto as pb;
use gitaly_proto::commit_service_client::CommitServiceClient;
use gitaly_proto::ref_service_client::RefServiceClient;
use gitaly_proto::repository_service_client::RepositoryServiceClient;
use gitaly_proto::server_service_client::ServerServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Request};

use self::address::Address;
use self::call::{Call, FAST, MEDIUM, read_all};
use self::token::Token;
use crate::repository::Answer;
use crate::usage::Observer;
use crate::{CallContext, Error, Place, Quarantine, Result, Storage};

pub use self::address::InvalidAddress;

/// The limit for one message. A commit message may have 10 MiB; everything else comes in small pieces.
const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// The Gitaly of a storage. It has one connection, which the first call opens, and which is opened again after a
/// failure. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Gitaly {
    channel: Channel,
    address: Address,
    token: Option<Token>,
    client_name: &'static str,
    observer: Observer,
}

/// The version and the storages of a Gitaly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// The version of Gitaly, e.g. `16.7.0`.
    pub version: String,
    /// The names of its storages. Praefect names its virtual storages.
    pub storages: Vec<String>,
}

impl Gitaly {
    /// Must be called within the event loop.
    pub fn new(
        client_name: &'static str,
        storage: &Storage,
        observer: Observer,
    ) -> Result<Self, InvalidAddress> {
        let token = storage.token.as_deref().filter(|token| !token.is_empty());
        let address = Address::parse(&storage.address)?;
        Ok(Self {
            channel: address.endpoint.connect_lazy(),
            address,
            token: token.map(Token::new),
            client_name,
            observer,
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
        let needs_primary = quarantine.object_directory.is_some();
        let pushed = pb::Repository {
            git_object_directory: quarantine.object_directory.unwrap_or_default(),
            git_alternate_object_directories: quarantine.alternates,
            ..accepted.clone()
        };
        let call = Call {
            gitaly: self.clone(),
            context: place.context.clone(),
            hook_relative_path: quarantine.relative_path,
            needs_primary,
        };
        Repository { call, accepted, pushed }
    }

    pub async fn server_info(&self, context: &CallContext) -> Result<ServerInfo> {
        let call = Call {
            gitaly: self.clone(),
            context: context.clone(),
            hook_relative_path: None,
            needs_primary: false,
        };
        let send =
            async |request: Request<_>| ServerServiceClient::new(call.channel()).server_info(request).await;
        let info =
            call.send("ServerService/ServerInfo", FAST, pb::ServerInfoRequest {}, send).await?.into_inner();
        let storages = info.storage_statuses.into_iter().map(|storage| storage.storage_name);
        Ok(ServerInfo { version: info.server_version, storages: storages.collect() })
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Repository {
    call: Call,
    /// The repository without the objects of the push.
    accepted: pb::Repository,
    /// The repository with the objects of the push.
    pushed: pb::Repository,
}

impl Repository {
    pub async fn exists(&self) -> Result<bool> {
        let message = pb::RepositoryExistsRequest { repository: Some(self.accepted.clone()) };
        let send = async |request: Request<_>| {
            RepositoryServiceClient::new(self.channel()).repository_exists(request).await
        };
        match self.call.send("RepositoryService/RepositoryExists", FAST, message, send).await {
            Err(Error::NotFound(_)) => Ok(false),
            answer => Ok(answer?.into_inner().exists),
        }
    }

    /// A repository that exists already was created by an earlier attempt.
    pub async fn create(&self, default_branch: &str) -> Result<()> {
        let message = pb::CreateRepositoryRequest {
            repository: Some(self.accepted.clone()),
            default_branch: default_branch.as_bytes().to_vec(),
        };
        let send = async |request: Request<_>| {
            let mut client = RepositoryServiceClient::new(self.channel());
            match client.create_repository(request).await {
                Err(status) if status.code() == Code::AlreadyExists => Ok(()),
                answer => answer.map(drop),
            }
        };
        self.call.send("RepositoryService/CreateRepository", MEDIUM, message, send).await
    }

    pub async fn has_branch(&self, name: &str) -> Result<bool> {
        let message = pb::RefExistsRequest {
            repository: Some(self.accepted.clone()),
            r#ref: format!("refs/heads/{name}").into_bytes(),
        };
        let send =
            async |request: Request<_>| RefServiceClient::new(self.channel()).ref_exists(request).await;
        Ok(self.call.send("RefService/RefExists", FAST, message, send).await?.into_inner().value)
    }

    pub async fn state(&self, needs: StateNeeds) -> Result<RepositoryState> {
        let empty = async { if needs.empty { self.is_empty().await } else { Ok(false) } };
        let default_branch =
            async { if needs.default_branch { self.default_branch().await } else { Ok(None) } };
        let (empty, default_branch) = tokio::try_join!(empty, default_branch)?;
        Ok(RepositoryState { empty, default_branch })
    }

    async fn is_empty(&self) -> Result<bool> {
        let message = pb::HasLocalBranchesRequest { repository: Some(self.accepted.clone()) };
        let send = async |request: Request<_>| {
            RepositoryServiceClient::new(self.channel()).has_local_branches(request).await
        };
        let answer = self.call.send("RepositoryService/HasLocalBranches", FAST, message, send).await?;
        Ok(!answer.into_inner().value)
    }

    async fn default_branch(&self) -> Result<Option<String>> {
        let message = pb::FindDefaultBranchNameRequest { repository: Some(self.accepted.clone()) };
        let send = async |request: Request<_>| {
            RefServiceClient::new(self.channel()).find_default_branch_name(request).await
        };
        let answer = self.call.send("RefService/FindDefaultBranchName", FAST, message, send).await?;
        let name = answer.into_inner().name;
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
        let send = async |request: Request<_>| {
            CommitServiceClient::new(self.channel()).commit_is_ancestor(request).await
        };
        Ok(self.call.send("CommitService/CommitIsAncestor", FAST, message, send).await?.into_inner().value)
    }

    async fn branches_with(&self, commit: &str) -> Result<Vec<String>> {
        let message = pb::ListBranchNamesContainingCommitRequest {
            repository: Some(self.pushed.clone()),
            commit_id: commit.to_owned(),
        };
        let send = async |request: Request<_>| {
            let mut client =
                RefServiceClient::new(self.channel()).max_decoding_message_size(MAX_MESSAGE_BYTES);
            read_all(client.list_branch_names_containing_commit(request).await?).await
        };
        let method = "RefService/ListBranchNamesContainingCommit";
        let messages = match self.call.send(method, MEDIUM, message, send).await {
            // No branch contains a commit that does not exist.
            Err(Error::NoSuchObject) => Vec::new(),
            messages => messages?,
        };
        let names = messages.into_iter().flat_map(|message| message.branch_names);
        Ok(names.map(|name| String::from_utf8_lossy(&name).into_owned()).collect())
    }

    fn channel(&self) -> Channel {
        self.call.channel()
    }
}
