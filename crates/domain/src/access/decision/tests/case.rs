//! A valid request and its facts, which the conditions then change.
use super::super::*;
use crate::access::{Denial, test_facts};
use crate::actor::Key;
use crate::project::DeployKeyGrant;
use crate::snippet::Snippet;
use crate::user::User;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    pub request: Request,
    pub facts: Facts,
}

impl Case {
    /// A maintainer clones a private project with an SSH key.
    pub fn new() -> Self {
        Self { request: test_facts::request(), facts: test_facts::facts() }
    }

    pub fn decide(&self) -> Result<(), Denial> {
        self.verdict().map(|verdict| assert_eq!(verdict, Verdict::Allowed))
    }

    pub fn verdict(&self) -> Result<Verdict, Denial> {
        decide(&self.request, &self.facts).map_err(|refusal| refusal.denial)
    }

    /// The row of the rule that refuses the request.
    pub fn refusing_row(&self) -> Option<&'static str> {
        decide(&self.request, &self.facts).err().map(|refusal| refusal.rule.row())
    }

    /// Changes the project of the target; has no effect without one.
    pub fn with_project(&mut self, change: impl FnOnce(&mut ProjectFacts)) {
        match &mut self.facts.target {
            Target::Project(facts)
            | Target::Wiki(facts)
            | Target::Design(facts)
            | Target::Snippet { project: Some(facts), .. } => change(facts),
            _ => {}
        }
    }

    pub fn project(&mut self) -> &mut ProjectFacts {
        let Target::Project(facts) = &mut self.facts.target else { panic!("a project is reached") };
        facts
    }

    fn take_project(&self) -> ProjectFacts {
        self.facts.target.project().cloned().unwrap_or_else(test_facts::project_facts)
    }

    pub fn reach_project(&mut self) {
        self.facts.target = Target::Project(self.take_project());
    }

    pub fn reach_wiki(&mut self) {
        self.facts.target = Target::Wiki(self.take_project());
    }

    pub fn reach_design(&mut self) {
        self.facts.target = Target::Design(self.take_project());
    }

    pub fn reach_snippet(&mut self) {
        if !matches!(self.facts.target, Target::Snippet { .. }) {
            let project = Some(self.take_project());
            self.facts.target = Target::Snippet { snippet: test_facts::snippet(), project };
        }
    }

    pub fn with_snippet(&mut self, change: impl FnOnce(&mut Snippet)) {
        self.reach_snippet();
        if let Target::Snippet { snippet, .. } = &mut self.facts.target {
            change(snippet);
        }
    }

    pub fn key(&mut self) -> Option<&mut Key> {
        match &mut self.facts.actor {
            Actor::Key { key, .. } | Actor::DeployKey { key, .. } => Some(key),
            _ => None,
        }
    }

    pub fn user(&mut self) -> Option<&mut User> {
        match &mut self.facts.actor {
            Actor::User(user) | Actor::Key { user: Some(user), .. } => Some(user),
            _ => None,
        }
    }

    /// Turns the key into a deploy key of the project.
    pub fn use_deploy_key(&mut self, can_push: bool) {
        let key = self.facts.actor.key().cloned().unwrap_or_else(test_facts::key);
        let owner = self.facts.actor.responsible_user().cloned();
        self.facts.actor = Actor::DeployKey { key, owner };
        self.with_project(|facts| facts.actor_access.deploy_key = Some(DeployKeyGrant { can_push }));
    }
}
