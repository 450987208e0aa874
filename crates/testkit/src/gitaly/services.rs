//! The methods that our services call.
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use gitaly_proto as pb;
use gitaly_proto::blob_service_server::{BlobService, BlobServiceServer};
use gitaly_proto::changed_paths::Status as PathStatus;
use gitaly_proto::commit_service_server::{CommitService, CommitServiceServer};
use gitaly_proto::diff_service_server::{DiffService, DiffServiceServer};
use gitaly_proto::find_changed_paths_request::request::Type;
use gitaly_proto::ref_service_server::{RefService, RefServiceServer};
use gitaly_proto::repository_service_server::{RepositoryService, RepositoryServiceServer};
use gitaly_proto::server_service_server::{ServerService, ServerServiceServer};
use tonic::transport::Server;
use tonic::transport::server::Router;
use tonic::{Request, Response, Status};

use super::State;

type Answer<T> = Result<Response<T>, Status>;
type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[derive(Clone)]
pub(super) struct Services(pub Arc<State>);

impl Services {
    pub fn router(&self, mut server: Server) -> Router {
        server
            .add_service(RepositoryServiceServer::new(self.clone()))
            .add_service(RefServiceServer::new(self.clone()))
            .add_service(CommitServiceServer::new(self.clone()))
            .add_service(DiffServiceServer::new(self.clone()))
            .add_service(BlobServiceServer::new(self.clone()))
            .add_service(ServerServiceServer::new(self.clone()))
    }

    /// Sends each item as a separate message of the response.
    fn messages<T: Send + 'static>(&self, all: Vec<T>) -> Response<Messages<T>> {
        let all = all.into_iter().map(Ok);
        let stream = futures_util::stream::iter(all);
        if self.0.breaks() {
            let broken = futures_util::stream::iter([Err(Status::aborted("the stream breaks"))]);
            return Response::new(stream.take(1).chain(broken).boxed());
        }
        Response::new(stream.boxed())
    }
}

#[tonic::async_trait]
impl ServerService for Services {
    async fn server_info(&self, request: Request<pb::ServerInfoRequest>) -> Answer<pb::ServerInfoResponse> {
        self.0.record("ServerService/ServerInfo", &request, pb::Repository::default()).await?;
        let storage = pb::server_info_response::StorageStatus {
            storage_name: "default".to_owned(),
            readable: true,
            writeable: true,
        };
        Ok(Response::new(pb::ServerInfoResponse {
            server_version: "16.7.0".to_owned(),
            git_version: "2.42.0".to_owned(),
            storage_statuses: vec![storage],
        }))
    }
}

#[tonic::async_trait]
impl RepositoryService for Services {
    async fn repository_exists(
        &self,
        request: Request<pb::RepositoryExistsRequest>,
    ) -> Answer<pb::RepositoryExistsResponse> {
        let repository = request.get_ref().repository.as_ref();
        let repository = self.0.begin("RepositoryService/RepositoryExists", &request, repository).await?;
        let exists = repository.exists();
        Ok(Response::new(pb::RepositoryExistsResponse { exists }))
    }

    async fn has_local_branches(
        &self,
        request: Request<pb::HasLocalBranchesRequest>,
    ) -> Answer<pb::HasLocalBranchesResponse> {
        let repository = request.get_ref().repository.as_ref();
        let repository = self.0.begin("RepositoryService/HasLocalBranches", &request, repository).await?;
        let first = repository.git(&["for-each-ref", "--count=1", "refs/heads"])?;
        Ok(Response::new(pb::HasLocalBranchesResponse { value: !first.is_empty() }))
    }

    async fn create_repository(
        &self,
        request: Request<pb::CreateRepositoryRequest>,
    ) -> Answer<pb::CreateRepositoryResponse> {
        let asked = request.get_ref();
        let repository =
            self.0.begin("RepositoryService/CreateRepository", &request, asked.repository.as_ref()).await?;
        if repository.exists() {
            return Err(Status::already_exists("repository exists already"));
        }
        repository.create(&String::from_utf8_lossy(&asked.default_branch));
        Ok(Response::new(pb::CreateRepositoryResponse {}))
    }
}

#[tonic::async_trait]
impl RefService for Services {
    async fn ref_exists(&self, request: Request<pb::RefExistsRequest>) -> Answer<pb::RefExistsResponse> {
        let asked = request.get_ref();
        let repository = self.0.begin("RefService/RefExists", &request, asked.repository.as_ref()).await?;
        let name = String::from_utf8_lossy(&asked.r#ref).into_owned();
        let found = repository.run(&["show-ref", "--verify", "--quiet", "--", &name])?;
        let value = found.status.success();
        Ok(Response::new(pb::RefExistsResponse { value }))
    }

    async fn find_default_branch_name(
        &self,
        request: Request<pb::FindDefaultBranchNameRequest>,
    ) -> Answer<pb::FindDefaultBranchNameResponse> {
        let repository = request.get_ref().repository.as_ref();
        let repository = self.0.begin("RefService/FindDefaultBranchName", &request, repository).await?;
        let name = repository.default_branch()?.unwrap_or_default().into_bytes();
        Ok(Response::new(pb::FindDefaultBranchNameResponse { name }))
    }

    type ListBranchNamesContainingCommitStream = Messages<pb::ListBranchNamesContainingCommitResponse>;

    async fn list_branch_names_containing_commit(
        &self,
        request: Request<pb::ListBranchNamesContainingCommitRequest>,
    ) -> Answer<Self::ListBranchNamesContainingCommitStream> {
        let asked = request.get_ref();
        let method = "RefService/ListBranchNamesContainingCommit";
        let repository = self.0.begin(method, &request, asked.repository.as_ref()).await?;
        let contains = format!("--contains={}", asked.commit_id);
        let arguments = ["for-each-ref", &contains, "--format=%(refname:lstrip=2)", "refs/heads"];
        let names = repository.lines(&arguments)?.into_iter().map(String::into_bytes);
        let message = |name| pb::ListBranchNamesContainingCommitResponse { branch_names: vec![name] };
        Ok(self.messages(names.map(message).collect()))
    }
}

#[tonic::async_trait]
impl CommitService for Services {
    async fn commit_is_ancestor(
        &self,
        request: Request<pb::CommitIsAncestorRequest>,
    ) -> Answer<pb::CommitIsAncestorResponse> {
        let asked = request.get_ref();
        let method = "CommitService/CommitIsAncestor";
        let repository = self.0.begin(method, &request, asked.repository.as_ref()).await?;
        let arguments = ["merge-base", "--is-ancestor", &asked.ancestor_id, &asked.child_id];
        let value = repository.run(&arguments)?.status.success();
        Ok(Response::new(pb::CommitIsAncestorResponse { value }))
    }

    type ListCommitsStream = Messages<pb::ListCommitsResponse>;

    async fn list_commits(
        &self,
        request: Request<pb::ListCommitsRequest>,
    ) -> Answer<Self::ListCommitsStream> {
        let asked = request.get_ref();
        let repository =
            self.0.begin("CommitService/ListCommits", &request, asked.repository.as_ref()).await?;
        let revisions = asked.revisions.iter().map(String::as_str);
        let arguments: Vec<&str> = std::iter::once("rev-list").chain(revisions).collect();
        let ids = repository.lines(&arguments)?;
        let commits =
            ids.iter().map(|id| Ok(pb::ListCommitsResponse { commits: vec![repository.commit(id)?] }));
        Ok(self.messages(commits.collect::<Result<_, Status>>()?))
    }

    type ListFilesStream = Messages<pb::ListFilesResponse>;

    async fn list_files(&self, request: Request<pb::ListFilesRequest>) -> Answer<Self::ListFilesStream> {
        let asked = request.get_ref();
        let repository = self.0.begin("CommitService/ListFiles", &request, asked.repository.as_ref()).await?;
        let revision = String::from_utf8_lossy(&asked.revision);
        // As in Gitaly, a revision that does not exist has no files.
        let exists = repository.run(&["cat-file", "-e", &revision])?.status.success();
        let arguments = ["ls-tree", "-r", "--full-tree", "--format=%(objecttype) %(path)", &revision];
        let entries = if exists { repository.lines(&arguments)? } else { Vec::new() };
        let paths: Vec<String> =
            entries.iter().filter_map(|entry| entry.strip_prefix("blob ").map(ToOwned::to_owned)).collect();
        let message = |path: String| pb::ListFilesResponse { paths: vec![path.into_bytes()] };
        Ok(self.messages(paths.into_iter().map(message).collect()))
    }
}

#[tonic::async_trait]
impl DiffService for Services {
    type FindChangedPathsStream = Messages<pb::FindChangedPathsResponse>;

    async fn find_changed_paths(
        &self,
        request: Request<pb::FindChangedPathsRequest>,
    ) -> Answer<Self::FindChangedPathsStream> {
        let asked = request.get_ref();
        let repository =
            self.0.begin("DiffService/FindChangedPaths", &request, asked.repository.as_ref()).await?;
        let mut messages = Vec::new();
        for request in &asked.requests {
            // As in Gitaly, `--root` is not set, so nothing is listed for a commit without parents.
            let mut arguments =
                vec!["diff-tree", "-r", "-c", "--no-renames", "--no-commit-id", "--name-status"];
            match &request.r#type {
                Some(Type::CommitRequest(commit)) => arguments.push(&commit.commit_revision),
                Some(Type::TreeRequest(trees)) => {
                    arguments.extend([trees.left_tree_revision.as_str(), &trees.right_tree_revision]);
                }
                None => return Err(Status::invalid_argument("unknown request")),
            }
            for line in repository.lines(&arguments)? {
                let (letters, path) = line.split_once('\t').expect("a status and a path");
                let status = match letters {
                    letters if letters.bytes().all(|letter| letter == b'A') => PathStatus::Added,
                    letters if letters.bytes().all(|letter| letter == b'D') => PathStatus::Deleted,
                    _ => PathStatus::Modified,
                };
                let path = pb::ChangedPaths { path: path.as_bytes().to_vec(), status: status.into() };
                messages.push(pb::FindChangedPathsResponse { paths: vec![path] });
            }
        }
        Ok(self.messages(messages))
    }
}

#[tonic::async_trait]
impl BlobService for Services {
    type ListBlobsStream = Messages<pb::ListBlobsResponse>;

    async fn list_blobs(&self, request: Request<pb::ListBlobsRequest>) -> Answer<Self::ListBlobsStream> {
        let asked = request.get_ref();
        let repository = self.0.begin("BlobService/ListBlobs", &request, asked.repository.as_ref()).await?;
        let mut messages = Vec::new();
        for (oid, path) in repository.blobs(&asked.revisions)? {
            let size = repository.git(&["cat-file", "blob", &oid])?.len();
            let path = if asked.with_paths { path.into_bytes() } else { Vec::new() };
            let blob =
                pb::list_blobs_response::Blob { oid, size: i64::try_from(size).expect("a size"), path };
            messages.push(pb::ListBlobsResponse { blobs: vec![blob] });
        }
        Ok(self.messages(messages))
    }

    type ListLFSPointersStream = Messages<pb::ListLfsPointersResponse>;

    async fn list_lfs_pointers(
        &self,
        request: Request<pb::ListLfsPointersRequest>,
    ) -> Answer<Self::ListLFSPointersStream> {
        let asked = request.get_ref();
        let repository =
            self.0.begin("BlobService/ListLFSPointers", &request, asked.repository.as_ref()).await?;
        let mut messages = Vec::new();
        for (oid, _) in repository.blobs(&asked.revisions)? {
            let data = repository.git(&["cat-file", "blob", &oid])?;
            if data.len() <= 200 && data.starts_with(b"version https://git-lfs.github.com/spec/v1\n") {
                let pointer = pb::LfsPointer { data, oid };
                messages.push(pb::ListLfsPointersResponse { lfs_pointers: vec![pointer] });
            }
        }
        Ok(self.messages(messages))
    }
}
