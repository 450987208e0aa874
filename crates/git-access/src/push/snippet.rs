//! A push to a snippet.
use database::settings::Settings;
use domain::access::push::StateNeeds;
use domain::access::push_content::revisions;
use domain::access::{Rule, snippet_push};
use domain::git::changes::ChangeList;
use domain::messages;

use crate::{AccessContext, Query, Result, Sources, StepTimer, Trace};

pub(crate) async fn check<T: Trace>(
    sources: Sources<'_>,
    query: &Query,
    gathered: &AccessContext,
    changes: &ChangeList,
    settings: &Settings,
    steps: &StepTimer,
    trace: &mut T,
) -> Result<()> {
    let Some(location) = &gathered.location else { return Ok(()) };
    let storage = &location.storage.name;
    let repository =
        sources.repository(&location.place(query, &gathered.facts.actor), query.quarantine.clone())?;
    repository.check_quarantine().await?;
    trace.whole(Rule::SnippetFiles);
    if let Some(first) = changes.first() {
        steps.begin(&super::refs::step(first));
    }
    let bearing = StateNeeds { default_branch: true, empty: false };
    let state = match repository.state(bearing).await {
        Ok(Some(state)) => state,
        Ok(None) => return uninspected(sources, storage),
        Err(repository::Error::NotFound(_)) => {
            return Err(Rule::RepositoryMissing.not_found(messages::NO_SNIPPET_REPOSITORY).into());
        }
        Err(error) => return Err(error.into()),
    };
    // Gitaly returns no default branch for a repository without branches.
    let default_branch = state.default_branch.as_ref().unwrap_or(&settings.default_branch_name);
    snippet_push::check_refs(changes, default_branch)?;
    for revision in revisions(changes) {
        match repository.file_count(&revision).await? {
            Some(files) => snippet_push::check_file_count(files)?,
            None => return uninspected(sources, storage),
        }
    }
    Ok(())
}

fn uninspected(sources: Sources<'_>, storage: &str) -> Result<()> {
    if sources.options.allow_uninspected_pushes {
        tracing::warn!(storage, "a push to a snippet was let through without a look into the repository");
        return Ok(());
    }
    Err(Rule::SnippetFiles.forbid(messages::not_inspected("files of snippets", storage)).into())
}
