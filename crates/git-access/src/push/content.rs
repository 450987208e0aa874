//! Checks the content of a push. Loads only the data that the checks need from the database and the
//! repository.
use database::push_checks::{self, PushChecks};
use domain::access::Protocol;
use domain::access::push_content::{self, ContentAnswers, ContentFacts, Needs};
use domain::git::changes::ChangeList;
use repository::{LfsPointer, Repository};

use crate::{Error, Result, Sources, StepTimer, Trace};

/// The check of what a push brings to a project.
pub(crate) struct ContentCheck<'a> {
    pub sources: Sources<'a>,
    pub repository: &'a Repository,
    pub project_id: i64,
    pub user_id: Option<i64>,
    pub checks: PushChecks,
    pub changes: &'a ChangeList,
    pub steps: &'a StepTimer,
}

impl ContentCheck<'_> {
    pub fn facts(&self, storage: &str, protocol: Protocol, default_branch: Option<String>) -> ContentFacts {
        let (options, checks) = (self.sources.options, &self.checks);
        // Git LFS is on by default. That alone must not refuse pushes to a repository that cannot be read.
        let lfs_matters = self.repository.is_inspected() || checks.lfs_in_use;
        ContentFacts {
            protocol,
            default_branch,
            storage: storage.to_owned(),
            lfs: options.lfs_enabled && checks.lfs_enabled && lfs_matters,
            locked: checks.locked,
            file_size_limit: options.file_size_limit_mb,
            push_rule: checks.push_rule.clone(),
        }
    }

    async fn ask(&self, needs: Needs) -> Result<ContentAnswers> {
        let Self { sources, repository, project_id, user_id, .. } = *self;
        let revisions = push_content::revisions(self.changes);
        let mut answers = ContentAnswers::default();
        if needs.commits {
            self.steps.begin("Listing new commits");
            answers.commits = repository.new_commits(&revisions).await?;
        }
        let commits = answers.commits.as_deref().unwrap_or_default();
        if needs.changed_paths {
            self.steps.begin("Listing changed paths");
            answers.changed_paths = repository.changed_paths(commits).await?;
        }
        if needs.locks && answers.changed_paths.as_ref().is_some_and(|paths| !paths.is_empty()) {
            answers.locks =
                sources.pool.read(move |conn| push_checks::locks(conn, project_id, user_id)).await?;
        }
        if needs.members && !commits.is_empty() {
            let emails = commits.iter().flat_map(|commit| [&commit.author_email, &commit.committer_email]);
            let mut emails: Vec<String> = emails.map(|email| domain::text::fold(email)).collect();
            emails.sort_unstable();
            emails.dedup();
            answers.members = sources.pool.read(move |conn| push_checks::members(conn, &emails)).await?;
        }
        if needs.identity && !commits.is_empty() {
            answers.identity = sources.pool.read(move |conn| push_checks::identity(conn, user_id)).await?;
        }
        if needs.lfs_pointers {
            self.steps.begin("Scanning for LFS objects");
            answers.lfs_pointers = self.lfs_pointers(&revisions).await?;
        }
        if let Some(pointers) = answers.lfs_pointers.as_ref().filter(|pointers| !pointers.is_empty()) {
            let oids: Vec<String> = pointers.iter().map(|pointer| pointer.oid.clone()).collect();
            let linked =
                sources.pool.read(move |conn| push_checks::linked_lfs_objects(conn, project_id, &oids));
            answers.lfs_objects = linked.await?;
        }
        if needs.blobs {
            self.steps.begin("Measuring new files");
            answers.blobs = repository.new_blobs(&revisions).await?;
        }
        Ok(answers)
    }

    /// Finds the LFS pointers of a push. Missing objects are tolerated in a project that has never used or
    /// enabled Git LFS.
    async fn lfs_pointers(&self, revisions: &[String]) -> repository::Result<Option<Vec<LfsPointer>>> {
        match self.repository.new_lfs_pointers(revisions).await {
            Err(repository::Error::NoSuchObject) if !self.checks.lfs_in_use => {
                tracing::warn!(gl_project_id = self.project_id, "objects of a push were not found");
                Ok(Some(Vec::new()))
            }
            pointers => pointers,
        }
    }
}

pub(crate) async fn check<T: Trace>(
    content: &ContentCheck<'_>,
    facts: ContentFacts,
    trace: &mut T,
) -> Result<()> {
    let needs = facts.needs(content.changes);
    if needs == Needs::default() && facts.push_rule.is_none() {
        return Ok(());
    }
    let rules = facts.rules(content.changes);
    trace.content(&facts, &rules);
    let answers = if content.repository.is_inspected() {
        content.ask(needs).await?
    } else if content.sources.options.allow_uninspected_pushes {
        ContentAnswers::nothing()
    } else {
        ContentAnswers::default()
    };
    content.steps.begin("Checking what the push brings");
    let changes = content.changes.clone();
    // Matching patterns against every message and path takes long for a large push, so it runs on a blocking
    // thread.
    let judged = tokio::task::spawn_blocking(move || facts.check(&answers, &changes));
    Ok(judged.await.map_err(|panic| Error::Panicked(panic.to_string()))??)
}
