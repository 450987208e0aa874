//! What is known when a request is decided: of the installation, of who asks, and of what is to be reached.
use chrono::NaiveDateTime;

use super::Request;
use crate::actor::Actor;
use crate::instance::Instance;
use crate::messages as text;
use crate::namespace::NamespaceFacts;
use crate::project::{ActorAccess, Project, RootNamespace};
use crate::snippet::Snippet;

/// What the installation knows of a request's actor and of what it wants to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub instance: Instance,
    pub actor: Actor,
    pub target: Target,
    pub repository: RepositoryStatus,
    pub now: NaiveDateTime,
}

/// Whether the repository itself is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepositoryStatus {
    Present,
    /// A push has made the project, and its repository is yet to be made.
    Pending,
    Missing,
}

/// Where a path or a `gl_repository` led.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Project(ProjectFacts),
    Wiki(ProjectFacts),
    GroupWiki(NamespaceFacts),
    Design(ProjectFacts),
    /// `project` is there for the snippet of a project.
    Snippet {
        snippet: Snippet,
        project: Option<ProjectFacts>,
    },
    /// No such snippet.
    NoSnippet,
    /// No such wiki.
    NoWiki,
    /// No such project, but one that this push may make, in a namespace where the person may do so.
    NewProject {
        namespace: NamespaceFacts,
        /// The last part of its path, as it was typed.
        name: String,
    },
    /// No such project; `namespace_named` tells whether the path had a namespace part to look into.
    NoProject {
        namespace_named: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFacts {
    pub project: Project,
    pub standing: ActorAccess,
    /// An open merge request lets the person push to some branch of this project.
    pub collaborates: bool,
}

impl Target {
    /// What one hears who may not know that it is there, and what one hears when it is not.
    pub(super) fn not_found(&self) -> &'static str {
        match self {
            Self::Wiki(_) | Self::GroupWiki(_) | Self::NoWiki => text::WIKI_NOT_FOUND,
            Self::Snippet { .. } | Self::NoSnippet => text::SNIPPET_NOT_FOUND,
            Self::Project(_) | Self::Design(_) | Self::NewProject { .. } | Self::NoProject { .. } => {
                text::PROJECT_NOT_FOUND
            }
        }
    }

    /// The project that is reached, or whose wiki, designs or snippet are.
    pub fn project(&self) -> Option<&ProjectFacts> {
        match self {
            Self::Project(facts) | Self::Wiki(facts) | Self::Design(facts) => Some(facts),
            Self::Snippet { project, .. } => project.as_ref(),
            Self::GroupWiki(_)
            | Self::NewProject { .. }
            | Self::NoSnippet
            | Self::NoWiki
            | Self::NoProject { .. } => None,
        }
    }

    /// The top-level group, or the personal namespace, that it lies in.
    pub fn root(&self) -> Option<&RootNamespace> {
        match self {
            Self::GroupWiki(facts) | Self::NewProject { namespace: facts, .. } => Some(&facts.namespace.root),
            _ => self.project().map(|facts| &facts.project.root),
        }
    }

    /// What is there, as this actor meets it. Of a personal snippet, and of what is not there, nothing is.
    pub(super) fn container(&self, request: &Request, actor: &Actor) -> Option<Container> {
        let within = request.namespace_path.as_deref();
        let of_namespace = |facts: &'_ NamespaceFacts, readable| Container {
            exists: !facts.namespace.deleted,
            readable,
            banned: facts.banned,
            within: within.is_none_or(|path| facts.namespace.lies_in(path)),
            read_only: facts.namespace.repository_read_only,
            archived: facts.namespace.archived,
        };
        Some(match self {
            Self::GroupWiki(facts) => of_namespace(facts, facts.may_read(actor.user())),
            // Only for somebody who may make it.
            Self::NewProject { namespace, .. } => of_namespace(namespace, true),
            _ => {
                let ProjectFacts { project, standing, .. } = self.project()?;
                Container {
                    exists: !project.pending_delete && !project.hidden,
                    readable: project.may_read(actor, *standing),
                    banned: standing.banned && !matches!(actor, Actor::DeployKey { .. }),
                    within: within.is_none_or(|path| project.lies_below(path)),
                    read_only: project.repository_read_only,
                    archived: project.is_archived(),
                }
            }
        })
    }
}

/// A project or a namespace, as far as rows 15 to 23 ask.
#[expect(clippy::struct_excessive_bools, reason = "each is a row")]
pub(super) struct Container {
    pub exists: bool,
    pub readable: bool,
    pub banned: bool,
    /// It lies in the namespace of the certificate, if one was used.
    pub within: bool,
    pub read_only: bool,
    pub archived: bool,
}
