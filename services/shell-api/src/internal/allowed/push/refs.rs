//! A push whose changes are known: rules, merge requests and the repository are asked, then the lines are judged.
use database::settings::Settings;
use database::{merge_requests, protected_refs, push_checks};
use domain::access::ProjectFacts;
use domain::access::push::{self, Answers, PushFacts, Question, RepositoryState, StateNeeds};
use domain::git::changes::Change;
use domain::git::ref_name::RefName;

use super::content::{self, Push};
use crate::App;
use crate::error::AllowedError;
use crate::internal::allowed::facts::AccessContext;
use crate::internal::allowed::input::Input;
use crate::internal::allowed::timing::StepTimer;

pub(crate) async fn check(
    app: &App,
    input: &Input,
    gathered: &AccessContext,
    target: &ProjectFacts,
    changes: &[Change],
    settings: &Settings,
    steps: &StepTimer,
) -> Result<(), AllowedError> {
    let (facts, Some(location)) = (&gathered.facts, &gathered.location) else { return Ok(()) };
    let repository = app.repository(&location.place(input), input.quarantine.clone())?;
    if let Some(first) = changes.first() {
        steps.begin(&step(first));
    }

    let (project_id, root_id) = (target.project.id, target.project.root.id);
    let (user_id, today) = (facts.actor.user().map(|user| user.id), facts.now.date());
    let from_database = app.core.pool.read(move |conn| {
        let rules = protected_refs::load(conn, project_id, root_id, user_id, today)?;
        let merge_requests = merge_requests::bearing_on_push(conn, project_id, user_id)?;
        Ok((rules, merge_requests, push_checks::load(conn, project_id, user_id)?))
    });
    let (rules, merge_requests, checks) = from_database.await?;
    let mut push_facts = PushFacts {
        actor: &facts.actor,
        project: &target.project,
        standing: target.standing,
        instance: &facts.instance,
        protocol: input.request.protocol,
        now: facts.now,
        rules,
        merge_requests,
        repository: RepositoryState::default(),
    };
    push::check_right(&push_facts, changes)?;
    let mut bearing = StateNeeds::of(changes);
    bearing.default_branch |= checks.push_rule.as_ref().is_some_and(|rule| rule.branch_name_regex.is_some());
    // What is taken for true of a repository that nobody can look into: GitLab's own count, and the usual branch.
    push_facts.repository = repository.state(bearing).await?.unwrap_or_else(|| RepositoryState {
        empty: !checks.has_commits,
        default_branch: Some(settings.default_branch_name.clone()),
    });

    let questions = push::questions(&push_facts, changes);
    let answers = if repository.is_inspected() {
        repository.answer(questions, |question| steps.begin(&step_of(question))).await?
    } else if app.options.allow_uninspected_pushes {
        tracing::warn!(
            gl_project_id = project_id,
            "a push was let through without a look into the repository"
        );
        believed(questions)
    } else {
        Answers::default()
    };
    push::check(&push_facts, &answers, changes)?;
    let default_branch = push_facts.repository.default_branch;
    let push = Push { app, repository: &repository, project_id, user_id, checks, changes, steps };
    let facts = push.facts(&location.storage.name, input.request.protocol, default_branch);
    content::check(&push, facts).await
}

/// What the operator has chosen to believe where nothing can be looked at.
fn believed(questions: Vec<Question>) -> Answers {
    let mut answers = Answers::default();
    for question in questions {
        if let Question::FastForward { old, new, .. } = question {
            answers.fast_forward.insert((old, new), true);
        }
    }
    answers
}

pub(crate) fn step(change: &Change) -> String {
    step_name(&change.name)
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
