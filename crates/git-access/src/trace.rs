//! Observes a decision, for an explanation of it.
use domain::access::Rule;
use domain::access::push::{self, MergeRequests, RepositoryState, Rules};
use domain::access::push_content::ContentFacts;

/// Receives the facts and the checks of a push with changes. Nothing is called for a request that is decided as a
/// whole.
pub trait Trace: push::Trace {
    /// The facts that the checks of the lines use, before they run.
    fn push(&mut self, _rules: &Rules, _merge_requests: &MergeRequests, _state: &RepositoryState) {}

    /// The facts about the content of the push, and the rules that are checked, before they run.
    fn content(&mut self, _facts: &ContentFacts, _rules: &[Rule]) {}

    /// A rule about the push as a whole is about to be checked.
    fn whole(&mut self, _rule: Rule) {}
}

/// Traces nothing.
impl Trace for () {}
