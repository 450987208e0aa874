//! Explains a decision: every row that was read, and the rows of tables that it was read from.
mod evidence;

use database::settings::Settings;
use domain::access::push::{self, MergeRequests, RepositoryState, Rules};
use domain::access::push_content::ContentFacts;
use domain::access::{self, Outcome, Rule, Verdict};

pub use evidence::Evidence;

use crate::{AccessContext, Error, Query, Result, Sources, StepTimer, Trace, facts, judge};

/// A decision and how it was made.
#[derive(Debug)]
pub struct Explanation {
    pub context: AccessContext,
    /// The rows that were read, in order. The last one has decided, unless nothing refuses the request.
    pub rows: Vec<Row>,
    pub outcome: Result<Verdict>,
}

/// A row of the decision table, or a check of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub rule: Rule,
    /// The full name of the ref, for the check of a line.
    pub reference: Option<String>,
    pub result: RowResult,
    pub evidence: Vec<Evidence>,
}

/// What a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowResult {
    NotApplicable,
    Passed,
    Refused,
    /// The row ends the table without refusing.
    Decided,
}

impl RowResult {
    /// The name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotApplicable => "not applicable",
            Self::Passed => "passed",
            Self::Refused => "refused",
            Self::Decided => "decided",
        }
    }
}

/// The facts of a push with changes.
#[derive(Debug, Default)]
struct Recorder {
    rules: Rules,
    merge_requests: MergeRequests,
    state: Option<RepositoryState>,
    content: Option<ContentFacts>,
    content_rules: Vec<Rule>,
    checks: Vec<(Rule, Option<String>)>,
}

impl push::Trace for Recorder {
    fn check(&mut self, rule: Rule, name: &str) {
        let check = (rule, Some(name.to_owned()));
        if self.checks.last() != Some(&check) {
            self.checks.push(check);
        }
    }
}

impl Trace for Recorder {
    fn push(&mut self, rules: &Rules, merge_requests: &MergeRequests, state: &RepositoryState) {
        self.rules = rules.clone();
        self.merge_requests = merge_requests.clone();
        self.state = Some(state.clone());
    }

    fn content(&mut self, facts: &ContentFacts, rules: &[Rule]) {
        self.content = Some(facts.clone());
        self.content_rules = rules.to_vec();
    }

    fn whole(&mut self, rule: Rule) {
        self.checks.push((rule, None));
    }
}

/// Decides as the service does, and records how. Writes nothing, and counts nothing for the rate limit.
pub async fn explain(sources: Sources<'_>, query: &Query, settings: &Settings) -> Result<Explanation> {
    let looked_up = facts::look_up(sources, query).await?;
    let context = facts::gather(sources, query, settings, looked_up).await?;
    let mut recorder = Recorder::default();
    let judged = judge(sources, query, &context, settings, &StepTimer::default(), &mut recorder).await;
    let outcome = judged.and_then(|verdict| match verdict {
        Verdict::CreateProject => facts::new_project_path(&context).map(|_| verdict),
        Verdict::Allowed | Verdict::ForwardToPrimary | Verdict::CreateRepository => Ok(verdict),
    });
    let refused_by = outcome.as_ref().err().and_then(Error::rule);

    let steps = access::explain(&query.request, &context.facts).into_iter();
    let mut rows: Vec<(Rule, Option<String>, RowResult)> = steps
        .map(|step| {
            let result = match step.outcome {
                Outcome::NotApplicable => RowResult::NotApplicable,
                Outcome::Passed => RowResult::Passed,
                Outcome::Decided(Ok(_)) => RowResult::Decided,
                Outcome::Decided(Err(_)) => RowResult::Refused,
            };
            (step.rule, None, result)
        })
        .collect();
    let content = recorder.content_rules.iter().map(|rule| (*rule, None));
    let checks = recorder.checks.iter().cloned().chain(content);
    let refusing = checks.clone().rposition_of(refused_by);
    for (index, (rule, reference)) in checks.enumerate() {
        let result = match refusing {
            Some(refusing) if index > refusing => break,
            Some(refusing) if index == refusing => RowResult::Refused,
            _ => RowResult::Passed,
        };
        rows.push((rule, reference, result));
    }
    // The repository was missing only when its changes were checked, or the path cannot be that of a project.
    if let Some(rule) = refused_by
        && rows.last().is_none_or(|(last, _, result)| (*last, *result) != (rule, RowResult::Refused))
    {
        rows.retain(|(last, ..)| *last != rule);
        rows.push((rule, None, RowResult::Refused));
    }
    let source = evidence::Source { sources, query, context: &context, settings, recorder: &recorder };
    let rows = rows
        .into_iter()
        .map(|(rule, reference, result)| {
            let is_read = result != RowResult::NotApplicable;
            let evidence = if is_read { source.evidence(rule, reference.as_deref()) } else { Vec::new() };
            Row { rule, reference, result, evidence }
        })
        .collect();
    Ok(Explanation { context, rows, outcome })
}

/// The position of the last check by a rule.
trait LastCheck {
    fn rposition_of(self, rule: Option<Rule>) -> Option<usize>;
}

impl<I: Iterator<Item = (Rule, Option<String>)>> LastCheck for I {
    fn rposition_of(self, rule: Option<Rule>) -> Option<usize> {
        let rule = rule?;
        self.enumerate().filter(|(_, (checked, _))| *checked == rule).last().map(|(index, _)| index)
    }
}
