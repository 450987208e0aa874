//! The facts that a decision needs: the instance, the actor and the target.
use chrono::NaiveDateTime;

use super::Request;
use crate::actor::Actor;
use crate::instance::Instance;
use crate::messages as text;
use crate::namespace::NamespaceFacts;
use crate::project::{ActorAccess, Project, RootNamespace};
use crate::snippet::Snippet;

/// The facts about a request's actor and target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The settings of the instance.
    pub instance: Instance,
    /// The actor of the request.
    pub actor: Actor,
    /// The target of the request.
    pub target: Target,
    /// Whether the target's repository exists.
    pub repository: RepositoryStatus,
    /// The time of the request, in UTC.
    pub now: NaiveDateTime,
}

/// Whether the repository itself exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepositoryStatus {
    /// The repository exists.
    Present,
    /// A push has created the project; its repository is not yet created.
    Pending,
    /// The target has no repository.
    Missing,
}

/// The target of a path or a `gl_repository`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The repository of a project.
    Project(ProjectFacts),
    /// The wiki of a project.
    Wiki(ProjectFacts),
    /// The wiki of a group.
    GroupWiki(NamespaceFacts),
    /// The designs of a project.
    Design(ProjectFacts),
    /// A snippet.
    Snippet {
        /// The snippet.
        snippet: Snippet,
        /// The project of a project snippet.
        project: Option<ProjectFacts>,
    },
    /// No such snippet.
    NoSnippet,
    /// No such wiki.
    NoWiki,
    /// No such project, but the user may create it in this namespace by a push.
    NewProject {
        /// The namespace, and the user's access to it.
        namespace: NamespaceFacts,
        /// The last segment of its path, as it was typed.
        name: String,
    },
    /// No such project.
    NoProject {
        /// Whether the path has a namespace part.
        namespace_named: bool,
    },
}

/// A project, and the actor's access to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFacts {
    /// The project.
    pub project: Project,
    /// The actor's access to the project.
    pub actor_access: ActorAccess,
    /// An open merge request lets the user push to some branch of this project.
    pub collaborates: bool,
}

impl Target {
    /// The message for a target that does not exist or that the actor may not see.
    pub(super) fn not_found(&self) -> &'static str {
        match self {
            Self::Wiki(_) | Self::GroupWiki(_) | Self::NoWiki => text::WIKI_NOT_FOUND,
            Self::Snippet { .. } | Self::NoSnippet => text::SNIPPET_NOT_FOUND,
            Self::Project(_) | Self::Design(_) | Self::NewProject { .. } | Self::NoProject { .. } => {
                text::PROJECT_NOT_FOUND
            }
        }
    }

    /// The project itself, or the project of the wiki, the designs or the snippet.
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

    /// The top-level group, or the personal namespace, of the target.
    pub fn root(&self) -> Option<&RootNamespace> {
        match self {
            Self::GroupWiki(facts) | Self::NewProject { namespace: facts, .. } => Some(&facts.namespace.root),
            _ => self.project().map(|facts| &facts.project.root),
        }
    }

    /// The project or namespace as the actor can access it. `None` for a personal snippet and a target that
    /// does not exist.
    pub(super) fn container(&self, request: &Request, actor: &Actor) -> Option<Container> {
        let within = request.namespace_path.as_deref();
        let from_namespace = |facts: &'_ NamespaceFacts, readable| Container {
            exists: !facts.namespace.deleted,
            readable,
            banned: facts.banned,
            within: within.is_none_or(|path| facts.namespace.lies_in(path)),
            read_only: facts.namespace.repository_read_only,
            archived: facts.namespace.archived,
        };
        Some(match self {
            Self::GroupWiki(facts) => from_namespace(facts, facts.may_read(actor.user())),
            // This target exists only for a user who may create the project.
            Self::NewProject { namespace, .. } => from_namespace(namespace, true),
            _ => {
                let ProjectFacts { project, actor_access, .. } = self.project()?;
                Container {
                    exists: !project.pending_delete && !project.hidden,
                    readable: project.may_read(actor, *actor_access),
                    banned: actor_access.banned && !actor.is_deploy_key(),
                    within: within.is_none_or(|path| project.lies_below(path)),
                    read_only: project.repository_read_only,
                    archived: project.is_archived(),
                }
            }
        })
    }
}

/// The state of a project or a namespace for an actor.
#[expect(clippy::struct_excessive_bools, reason = "each is a condition of the table")]
pub(super) struct Container {
    pub exists: bool,
    pub readable: bool,
    pub banned: bool,
    /// Whether it is inside the namespace of the SSH certificate, if one was used.
    pub within: bool,
    pub read_only: bool,
    pub archived: bool,
}
