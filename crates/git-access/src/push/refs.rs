//! Checks the changes of a push to a project: loads rules and merge requests, queries the repository, and
//! checks the lines.
use std::collections::HashSet;

use database::settings::Settings;
use database::{merge_requests, protected_refs, push_checks};
use domain::access::push::{self, Answers, MergeRequests, PushFacts, Question, RepositoryState, StateNeeds};
use domain::access::{ProjectFacts, Rule};
use domain::git::changes::{Change, ChangeList};
use domain::git::ref_name::RefName;

use super::content::{self, ContentCheck};
use crate::{AccessContext, Query, Result, Sources, StepTimer, Trace};

/// A push with changes to a project.
pub(crate) struct Push<'a> {
    pub sources: Sources<'a>,
    pub query: &'a Query,
    pub gathered: &'a AccessContext,
    pub project: &'a ProjectFacts,
    pub changes: &'a ChangeList,
    pub settings: &'a Settings,
    pub steps: &'a StepTimer,
}

pub(crate) async fn check<T: Trace>(push: Push<'_>, trace: &mut T) -> Result<()> {
    let Push { sources, query, gathered, project: target, changes, settings, steps } = push;
    let (facts, Some(location)) = (&gathered.facts, &gathered.location) else { return Ok(()) };
    let repository = sources.repository(&location.place(query, &facts.actor), query.quarantine.clone())?;
    repository.check_quarantine().await?;
    if let Some(first) = changes.first() {
        steps.begin(&step(first));
    }

    let (project_id, root_id) = (target.project.id, target.project.root.id);
    let pusher = facts.actor.responsible_user();
    let (user_id, today) = (pusher.map(|user| user.id), facts.now.date());
    let may_push_code =
        pusher.is_some_and(|user| target.project.may_push_code(user, target.actor_access.role));
    let project = target.project.clone();
    let from_database = sources.pool.read(move |conn| {
        let rules = protected_refs::load(conn, project_id, root_id, user_id, today)?;
        let collaboration_branches = match user_id {
            Some(user_id) if !may_push_code => {
                merge_requests::collaboration_branches(conn, &project, user_id, today)?
            }
            _ => HashSet::new(),
        };
        let merging = merge_requests::merging(conn, project_id)?;
        let checks = push_checks::load(conn, project_id, user_id)?;
        Ok((rules, MergeRequests { collaboration_branches, merging }, checks))
    });
    let (rules, merge_requests, checks) = from_database.await?;
    let mut push_facts = PushFacts {
        actor: &facts.actor,
        project: &target.project,
        actor_access: target.actor_access,
        instance: &facts.instance,
        protocol: query.request.protocol,
        now: facts.now,
        rules,
        merge_requests,
        repository: RepositoryState::default(),
    };
    trace.whole(Rule::PushCode);
    push::check_right(&push_facts, changes)?;
    let mut bearing = StateNeeds::new(&facts.actor, changes);
    bearing.default_branch |= checks.push_rule.as_ref().is_some_and(|rule| rule.branch_name_regex.is_some());
    // For a repository that is not inspected, GitLab's commit count and the default branch name of new
    // repositories are used.
    push_facts.repository = repository.state(bearing).await?.unwrap_or_else(|| RepositoryState {
        empty: !checks.has_commits,
        default_branch: Some(settings.default_branch_name.clone()),
    });

    trace.push(&push_facts.rules, &push_facts.merge_requests, &push_facts.repository);
    let questions = push::questions(&push_facts, changes);
    let answers = if repository.is_inspected() {
        repository.answer(questions, |question| steps.begin(&step_of(question))).await?
    } else if sources.options.allow_uninspected_pushes {
        tracing::warn!(gl_project_id = project_id, "allowed a push without inspecting the repository");
        assumed(questions)
    } else {
        Answers::default()
    };
    push::check(&push_facts, &answers, changes, trace)?;
    let default_branch = push_facts.repository.default_branch;
    let content =
        ContentCheck { sources, repository: &repository, project_id, user_id, checks, changes, steps };
    let facts = content.facts(&location.storage.name, query.request.protocol, default_branch);
    content::check(&content, facts, trace).await
}

/// The assumed answers for a repository that is not inspected, if the operator allows such pushes.
fn assumed(questions: Vec<Question>) -> Answers {
    let mut answers = Answers::default();
    for question in questions {
        if let Question::FastForward { old, new, .. } = question {
            answers.fast_forward.insert((old, new), true);
        }
    }
    answers
}

pub(crate) fn step(change: Change<'_>) -> String {
    step_name(change.name)
}

fn step_of(question: &Question) -> String {
    let (Question::FastForward { name, .. } | Question::BranchesWith { name, .. }) = question;
    step_name(name)
}

fn step_name(name: &str) -> String {
    let short = match RefName::parse(name.as_bytes()) {
        RefName::Branch(short) | RefName::Tag(short) => String::from_utf8_lossy(short),
        RefName::Other => name.into(),
    };
    format!("Running checks for ref: {short}")
}
