//! Answers that git gives, in the repository and the quarantine of a call.
use std::process::{Command, Output};

use gitaly_proto as pb;
use tonic::Status;

use super::State;

impl State {
    /// Runs git, whatever comes of it.
    pub fn run(&self, repository: &pb::Repository, arguments: &[&str]) -> Result<Output, Status> {
        let path = self.repositories.join(&repository.relative_path);
        if !path.join("HEAD").exists() {
            return Err(Status::not_found("repository does not exist"));
        }
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(&path).args(arguments);
        if !repository.git_object_directory.is_empty() {
            command.env("GIT_OBJECT_DIRECTORY", path.join(&repository.git_object_directory));
        }
        let alternates =
            repository.git_alternate_object_directories.iter().map(|alternate| path.join(alternate));
        let alternates = std::env::join_paths(alternates).expect("paths");
        command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", alternates);
        Ok(command.output().expect("git runs"))
    }

    /// Makes an empty repository.
    pub fn create(&self, repository: &pb::Repository, default_branch: &str) {
        let path = self.repositories.join(&repository.relative_path);
        std::fs::create_dir_all(&path).expect("the directory is made");
        let branch = format!("--initial-branch={default_branch}");
        crate::git::git(&path, &["init", "--quiet", "--bare", &branch, "."]);
    }

    /// What git prints, when it succeeds.
    pub fn git(&self, repository: &pb::Repository, arguments: &[&str]) -> Result<Vec<u8>, Status> {
        let output = self.run(repository, arguments)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(Status::internal(String::from_utf8_lossy(&output.stderr)))
    }

    pub fn lines(&self, repository: &pb::Repository, arguments: &[&str]) -> Result<Vec<String>, Status> {
        let output = self.git(repository, arguments)?;
        Ok(String::from_utf8_lossy(&output).lines().map(ToOwned::to_owned).collect())
    }

    /// Id and path of every blob that the revisions lead to.
    pub fn blobs(
        &self,
        repository: &pb::Repository,
        revisions: &[String],
    ) -> Result<Vec<(String, String)>, Status> {
        let walk = ["rev-list", "--objects", "--filter=object:type=blob", "--filter-provided-objects"];
        let arguments: Vec<&str> = walk.into_iter().chain(revisions.iter().map(String::as_str)).collect();
        let lines = self.lines(repository, &arguments)?;
        let split = |line: &String| {
            let (id, path) = line.split_once(' ').unwrap_or((line, ""));
            (id.to_owned(), path.to_owned())
        };
        Ok(lines.iter().map(split).collect())
    }

    pub fn commit(&self, repository: &pb::Repository, id: &str) -> Result<pb::GitCommit, Status> {
        let raw = self.git(repository, &["cat-file", "commit", id])?;
        let raw = String::from_utf8_lossy(&raw).into_owned();
        let (headers, body) = raw.split_once("\n\n").expect("a commit");
        let header = |name: &'static str| {
            headers.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix(' '))
        };
        let person = |name: &'static str| {
            let line = header(name).next()?;
            let (name, rest) = line.split_once(" <")?;
            let (email, _) = rest.split_once('>')?;
            Some(pb::CommitAuthor { name: name.into(), email: email.into() })
        };
        Ok(pb::GitCommit {
            id: id.to_owned(),
            body: body.as_bytes().to_vec(),
            body_size: i64::try_from(body.len()).expect("a size"),
            author: person("author"),
            committer: person("committer"),
            parent_ids: header("parent").map(ToOwned::to_owned).collect(),
            signature_type: header("gpgsig")
                .next()
                .map_or(pb::SignatureType::None, |_| pb::SignatureType::Ssh)
                .into(),
        })
    }
}
