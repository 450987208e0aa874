//! Facts for tests: an actor with every permission, and the targets.
use chrono::{NaiveDate, NaiveDateTime};

use super::{Action, Facts, ProjectFacts, Protocol, RepositoryStatus, Request, Target};
use crate::access::branch_protection::BranchProtection;
use crate::actor::{Actor, Key};
use crate::git::changes::Changes;
use crate::instance::Instance;
use crate::namespace::{Kind, Namespace, NamespaceFacts};
use crate::project::{ActorAccess, GitProtocols, Project, RootNamespace};
use crate::snippet::Snippet;
use crate::ssh_key::{Restrictions, Rule};
use crate::user::{State, User, UserType};
use crate::{FeatureLevel, Role, Visibility};

pub(crate) fn now() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2026, 11, 20).unwrap().and_hms_opt(12, 0, 0).unwrap()
}

pub(crate) fn user() -> User {
    User {
        id: 2,
        username: "alice".to_owned(),
        admin: false,
        external: false,
        state: State::Active,
        user_type: UserType::HUMAN,
        confirmed: true,
        accepted_term_id: Some(3),
        password_expires_at: None,
        password_managed_elsewhere: false,
        locked_at: None,
    }
}

pub(crate) fn key() -> Key {
    let text = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned();
    Key { id: 11, text, expires_at: None }
}

/// An instance with strict settings, which the user, the key and the project below satisfy.
pub(crate) fn instance() -> Instance {
    Instance {
        url: "https://gitlab.example.com".to_owned(),
        only_protocol: None,
        key_restrictions: Restrictions {
            rsa: Rule::MinBits(3072),
            dsa: Rule::Forbidden,
            ecdsa: Rule::Any,
            ed25519: Rule::Any,
            ecdsa_sk: Rule::Any,
            ed25519_sk: Rule::Any,
        },
        enforce_terms: true,
        latest_term_id: Some(3),
        confirmation_required: true,
        read_only: false,
        geo_secondary: false,
        http_pull: true,
        http_push: true,
        globally_allowed_ips: Vec::new(),
        branch_protection: BranchProtection::FULL,
    }
}

pub(crate) fn project() -> Project {
    Project {
        id: 3,
        full_path: "grp/p".to_owned(),
        visibility: Visibility::Private,
        repository: FeatureLevel::Enabled,
        wiki: FeatureLevel::Enabled,
        archived: false,
        pending_delete: false,
        hidden: false,
        is_marked_for_deletion: false,
        repository_read_only: false,
        root: RootNamespace {
            id: 20,
            git_protocols: GitProtocols::All,
            enforce_ssh_certificates: false,
            ip_ranges: vec!["10.0.0.0/8".parse().unwrap()],
        },
        branch_protection: None,
    }
}

pub(crate) fn project_facts() -> ProjectFacts {
    let actor_access = ActorAccess { role: Role::MAINTAINER, ..ActorAccess::default() };
    ProjectFacts { project: project(), actor_access, collaborates: false }
}

/// The private group of the project, or a personal namespace; the user is a maintainer there.
pub(crate) fn namespace_facts(kind: Kind) -> NamespaceFacts {
    let namespace = Namespace {
        id: 20,
        full_path: "grp".to_owned(),
        kind,
        visibility: Visibility::Private,
        archived: false,
        deleted: false,
        repository_read_only: false,
        root: project().root,
    };
    NamespaceFacts { namespace, role: Role::MAINTAINER, banned: false, projects_left: 1 }
}

/// A snippet of the project, written by the user.
pub(crate) fn snippet() -> Snippet {
    Snippet { id: 8, author_id: 2, visibility: Visibility::Private, feature: Some(FeatureLevel::Enabled) }
}

pub(crate) fn facts() -> Facts {
    Facts {
        instance: instance(),
        actor: Actor::Key { key: key(), user: Some(user()) },
        target: Target::Project(project_facts()),
        repository: RepositoryStatus::Present,
        now: now(),
    }
}

pub(crate) fn request() -> Request {
    Request {
        action: Action::Download,
        protocol: Protocol::Ssh,
        changes: Changes::Any,
        check_ip: None,
        namespace_path: None,
    }
}
