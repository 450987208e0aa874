//! The methods that services ask.
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
    }

    /// One message each, so that an answer is in pieces.
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
impl RepositoryService for Services {
    async fn repository_exists(
        &self,
        request: Request<pb::RepositoryExistsRequest>,
    ) -> Answer<pb::RepositoryExistsResponse> {
        let repository = request.get_ref().repository.as_ref();
        let repository = self.0.begin("RepositoryService/RepositoryExists", &request, repository).await?;
        let exists = self.0.run(&repository, &["version"]).is_ok();
        Ok(Response::new(pb::RepositoryExistsResponse { exists }))
    }

    async fn has_local_branches(
        &self,
        request: Request<pb::HasLocalBranchesRequest>,
    ) -> Answer<pb::HasLocalBranchesResponse> {
        let repository = request.get_ref().repository.as_ref();
        let repository = self.0.begin("RepositoryService/HasLocalBranches", &request, repository).await?;
        let first = self.0.git(&repository, &["for-each-ref", "--count=1", "refs/heads"])?;
        Ok(Response::new(pb::HasLocalBranchesResponse { value: !first.is_empty() }))
    }

    async fn create_repository(
        &self,
        request: Request<pb::CreateRepositoryRequest>,
    ) -> Answer<pb::CreateRepositoryResponse> {
        let asked = request.get_ref();
        let repository =
            self.0.begin("RepositoryService/CreateRepository", &request, asked.repository.as_ref()).await?;
        if self.0.run(&repository, &["version"]).is_ok() {
            return Err(Status::already_exists("repository exists already"));
        }
        self.0.create(&repository, &String::from_utf8_lossy(&asked.default_branch));
        Ok(Response::new(pb::CreateRepositoryResponse {}))
    }
}

#[tonic::async_trait]
impl RefService for Services {
    async fn ref_exists(&self, request: Request<pb::RefExistsRequest>) -> Answer<pb::RefExistsResponse> {
        let asked = request.get_ref();
        let repository = self.0.begin("RefService/RefExists", &request, asked.repository.as_ref()).await?;
        let name = String::from_utf8_lossy(&asked.r#ref).into_owned();
        let found = self.0.run(&repository, &["show-ref", "--verify", "--quiet", "--", &name])?;
        let value = found.status.success();
        Ok(Response::new(pb::RefExistsResponse { value }))
    }

    async fn find_default_branch_name(
        &self,
        request: Request<pb::FindDefaultBranchNameRequest>,
    ) -> Answer<pb::FindDefaultBranchNameResponse> {
        let repository = request.get_ref().repository.as_ref();
        let repository = self.0.begin("RefService/FindDefaultBranchName", &request, repository).await?;
        let name = self.0.lines(&repository, &["symbolic-ref", "HEAD"])?.swap_remove(0).into_bytes();
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
        let names = self.0.lines(&repository, &arguments)?.into_iter().map(String::into_bytes);
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
        let value = self.0.run(&repository, &arguments)?.status.success();
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
        let ids = self.0.lines(&repository, &arguments)?;
        let commits = ids
            .iter()
            .map(|id| Ok(pb::ListCommitsResponse { commits: vec![self.0.commit(&repository, id)?] }));
        Ok(self.messages(commits.collect::<Result<_, Status>>()?))
    }

    type ListFilesStream = Messages<pb::ListFilesResponse>;

    async fn list_files(&self, request: Request<pb::ListFilesRequest>) -> Answer<Self::ListFilesStream> {
        let asked = request.get_ref();
        let repository = self.0.begin("CommitService/ListFiles", &request, asked.repository.as_ref()).await?;
        let revision = String::from_utf8_lossy(&asked.revision);
        let paths = self.0.lines(&repository, &["ls-tree", "-r", "--name-only", &revision])?;
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
            let Some(Type::CommitRequest(commit)) = &request.r#type else { continue };
            let arguments = [
                "diff-tree",
                "--root",
                "-r",
                "-c",
                "--no-commit-id",
                "--name-status",
                &commit.commit_revision,
            ];
            for line in self.0.lines(&repository, &arguments)? {
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
        for (oid, path) in self.0.blobs(&repository, &asked.revisions)? {
            let size = self.0.git(&repository, &["cat-file", "blob", &oid])?.len();
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
        for (oid, _) in self.0.blobs(&repository, &asked.revisions)? {
            let data = self.0.git(&repository, &["cat-file", "blob", &oid])?;
            if data.len() <= 200 && data.starts_with(b"version https://git-lfs.github.com/spec/v1\n") {
                let pointer = pb::LfsPointer { data, oid };
                messages.push(pb::ListLfsPointersResponse { lfs_pointers: vec![pointer] });
            }
        }
        Ok(self.messages(messages))
    }
}
