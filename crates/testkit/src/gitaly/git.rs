//! Runs git in the repository and the quarantine of a call.
use std::process::{Command, Output};

use gitaly_proto as pb;
use tonic::Status;

use super::forms::Location;

impl Location {
    /// Runs git and accepts any exit code.
    pub fn run(&self, arguments: &[&str]) -> Result<Output, Status> {
        if !self.exists() {
            return Err(Status::not_found("repository does not exist"));
        }
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(&self.git_dir).args(arguments);
        if let Some(objects) = &self.objects {
            command.env("GIT_OBJECT_DIRECTORY", objects);
        }
        if !self.alternates.is_empty() {
            let alternates = std::env::join_paths(&self.alternates).expect("paths");
            command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", alternates);
        }
        Ok(command.output().expect("git runs"))
    }

    pub fn exists(&self) -> bool {
        self.git_dir.join("HEAD").exists()
    }

    /// Creates an empty repository.
    pub fn create(&self, default_branch: &str) {
        std::fs::create_dir_all(&self.git_dir).expect("the directory is created");
        let branch = format!("--initial-branch={default_branch}");
        crate::git::git(&self.git_dir, &["init", "--quiet", "--bare", &branch, "."]);
    }

    /// Returns the default branch, by Gitaly's rules.
    pub fn default_branch(&self) -> Result<Option<String>, Status> {
        let head = self.lines(&["symbolic-ref", "HEAD"])?.swap_remove(0);
        for name in [head.as_str(), "refs/heads/main", "refs/heads/master"] {
            if self.run(&["rev-parse", "--verify", "--quiet", name])?.status.success() {
                return Ok(Some(name.to_owned()));
            }
        }
        Ok(self.lines(&["for-each-ref", "--count=1", "--format=%(refname)", "refs/heads/"])?.pop())
    }

    /// Returns git's output, or an error if it fails.
    pub fn git(&self, arguments: &[&str]) -> Result<Vec<u8>, Status> {
        let output = self.run(arguments)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(Status::internal(String::from_utf8_lossy(&output.stderr)))
    }

    pub fn lines(&self, arguments: &[&str]) -> Result<Vec<String>, Status> {
        let output = self.git(arguments)?;
        Ok(String::from_utf8_lossy(&output).lines().map(ToOwned::to_owned).collect())
    }

    /// Returns the id and path of every blob that is reachable from the revisions.
    pub fn blobs(&self, revisions: &[String]) -> Result<Vec<(String, String)>, Status> {
        let walk = ["rev-list", "--objects", "--filter=object:type=blob", "--filter-provided-objects"];
        let arguments: Vec<&str> = walk.into_iter().chain(revisions.iter().map(String::as_str)).collect();
        let lines = self.lines(&arguments)?;
        let split = |line: &String| {
            let (id, path) = line.split_once(' ').unwrap_or((line, ""));
            (id.to_owned(), path.to_owned())
        };
        Ok(lines.iter().map(split).collect())
    }

    pub fn commit(&self, id: &str) -> Result<pb::GitCommit, Status> {
        let raw = self.git(&["cat-file", "commit", id])?;
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
