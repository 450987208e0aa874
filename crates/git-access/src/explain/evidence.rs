//! The rows of tables, and the options, that a rule reads.
use std::fmt::Display;

use chrono::NaiveDateTime;
use database::settings::Settings;
use domain::access::protected_refs::{BranchRules, Grant, TagRules};
use domain::access::{ClientAddress, ProjectFacts, Rule, Target};
use domain::actor::Actor;
use domain::git::ref_name::RefName;
use domain::namespace::NamespaceFacts;

use super::Recorder;
use crate::{AccessContext, Query, RepositoryParam, Sources};

/// Values that a rule has read from one row of a table, or from the options of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The table. `options` are those of the service, `parameters` those of the request, `repository` is the
    /// storage.
    pub table: &'static str,
    /// The row, as a condition: `id = 41`. Empty where there is one row only.
    pub row: String,
    /// The columns and their values.
    pub values: Vec<(&'static str, String)>,
}

/// What evidence is taken from: the facts that the decision has used.
pub(super) struct Source<'a> {
    pub sources: Sources<'a>,
    pub query: &'a Query,
    pub context: &'a AccessContext,
    pub settings: &'a Settings,
    pub recorder: &'a Recorder,
}

fn from(table: &'static str, row: impl Display, values: &[(&'static str, String)]) -> Evidence {
    Evidence { table, row: row.to_string(), values: values.to_vec() }
}

fn optional<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| value.to_string())
}

fn list<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    if values.is_empty() { "none".to_owned() } else { values.join(", ") }
}

fn time(time: Option<NaiveDateTime>) -> String {
    optional(time.map(|time| time.format("%Y-%m-%dT%H:%M:%SZ")))
}

fn grant(grant: &Grant) -> String {
    match grant {
        Grant::Role(role) => format!("access_level {}", role.0),
        Grant::User(id) => format!("user {id}"),
        Grant::Group { role } => format!("a group, in which the user has {}", role.0),
        Grant::DeployKey { owner_id } => format!("a deploy key of user {}", optional(*owner_id)),
    }
}

impl Source<'_> {
    /// The evidence of a rule. `reference` is the full name of the ref that is checked.
    pub fn evidence(&self, rule: Rule, reference: Option<&str>) -> Vec<Evidence> {
        match rule {
            Rule::RateLimit | Rule::Timeout | Rule::Allowed => Vec::new(),
            Rule::SnippetMissing | Rule::MechanismUnsupported => [self.snippet(), self.actor()].concat(),
            Rule::ProtocolDisabled => self.protocols(),
            Rule::KeyTypeForbidden | Rule::KeyExpired => self.actor(),
            Rule::UserBlocked => [self.user(), self.user_settings()].concat(),
            Rule::HttpDisabled => Self::options(&[
                ("upload_pack", self.sources.options.upload_pack),
                ("receive_pack", self.sources.options.receive_pack),
            ]),
            Rule::UnknownCommand => self.parameters(),
            Rule::GeoSecondary => Self::options(&[("geo.role = secondary", self.sources.is_geo_secondary)]),
            Rule::ReadOnlyInstance => {
                let maintenance = ("maintenance_mode", self.settings.maintenance_mode.to_string());
                let settings = from("application_settings", "", &[maintenance]);
                let mut evidence = Self::options(&[("read_only", self.sources.options.read_only)]);
                evidence.push(settings);
                evidence
            }
            Rule::NamespaceMissing | Rule::ProjectMissing | Rule::OutsideNamespace => {
                [self.parameters(), self.container_state()].concat()
            }
            Rule::ProjectNotReadable => [self.visibility(), self.access()].concat(),
            Rule::IpRestricted => self.addresses(),
            Rule::PushToCreate => self.new_project(),
            Rule::RepositoryMissing => self.location(),
            Rule::DownloadForbidden => [self.features(), self.access()].concat(),
            Rule::RepositoryReadOnly | Rule::ProjectArchived => self.container_state(),
            Rule::DeployKeyReadOnly => self.access(),
            Rule::AnonymousPush => self.actor(),
            Rule::DesignRepository
            | Rule::PushForbidden
            | Rule::WikiPushForbidden
            | Rule::PushCode
            | Rule::TagUpdate => [self.access(), self.collaboration()].concat(),
            Rule::SnippetPushForbidden => [self.snippet(), self.access()].concat(),
            Rule::DefaultBranchDeletion | Rule::TagNamedAsDefaultBranch => self.repository_state(),
            Rule::BranchNameProhibited | Rule::BranchNameInvalid | Rule::TagNameProhibited => Vec::new(),
            Rule::DefaultBranchMissing => {
                [self.repository_state(), self.first_branch(), self.access()].concat()
            }
            Rule::ForcePush
            | Rule::ProtectedBranch
            | Rule::ProtectedBranchDeletion
            | Rule::ProtectedBranchUpdate => [self.protected_branches(reference), self.access()].concat(),
            Rule::ProtectedTag => [self.protected_tags(reference), self.access()].concat(),
            Rule::LfsLock | Rule::LfsObjectsMissing | Rule::FileSizeLimit | Rule::PushRule => {
                self.content(rule)
            }
            Rule::SnippetFiles => self.snippet(),
        }
    }

    fn project(&self) -> Option<&ProjectFacts> {
        self.context.facts.target.project()
    }

    fn namespace(&self) -> Option<&NamespaceFacts> {
        match &self.context.facts.target {
            Target::GroupWiki(facts) | Target::NewProject { namespace: facts, .. } => Some(facts),
            _ => None,
        }
    }

    fn options(options: &[(&'static str, bool)]) -> Vec<Evidence> {
        let values: Vec<_> = options.iter().map(|(name, value)| (*name, value.to_string())).collect();
        vec![from("options", "", &values)]
    }

    fn parameters(&self) -> Vec<Evidence> {
        let repository = match &self.query.repository {
            RepositoryParam::Id { repository, .. } => ("gl_repository", repository.to_string()),
            RepositoryParam::Path { text, .. } => ("project", text.clone()),
        };
        let mut values = vec![repository];
        if let Some(path) = &self.query.request.namespace_path {
            values.push(("namespace_path", path.clone()));
        }
        vec![from("parameters", "", &values)]
    }

    fn actor(&self) -> Vec<Evidence> {
        match &self.context.facts.actor {
            Actor::Key { key, .. } | Actor::DeployKey { key, .. } => {
                let kind = key.text.split_whitespace().next().unwrap_or_default().to_owned();
                let values = [("key", kind), ("expires_at", time(key.expires_at))];
                vec![from("keys", format_args!("id = {}", key.id), &values)]
            }
            Actor::User(_) => self.user(),
            Actor::DeployToken { id } => vec![from("deploy_tokens", format_args!("id = {id}"), &[])],
            Actor::Anonymous => Vec::new(),
        }
    }

    fn user(&self) -> Vec<Evidence> {
        let Some(user) = self.context.facts.actor.responsible_user() else { return Vec::new() };
        let values = [
            ("username", user.username.clone()),
            ("state", format!("{:?}", user.state).to_lowercase()),
            ("user_type", user.user_type.0.to_string()),
            ("confirmed", user.confirmed.to_string()),
            ("accepted_term_id", optional(user.accepted_term_id)),
            ("password_expires_at", time(user.password_expires_at)),
            ("locked_at", time(user.locked_at)),
        ];
        vec![from("users", format_args!("id = {}", user.id), &values)]
    }

    fn user_settings(&self) -> Vec<Evidence> {
        let values = [
            ("enforce_terms", self.settings.enforce_terms.to_string()),
            ("email_confirmation required", self.settings.confirmation_required.to_string()),
        ];
        vec![from("application_settings", "", &values)]
    }

    fn protocols(&self) -> Vec<Evidence> {
        let only = self.settings.only_protocol.map_or("all", |protocol| protocol.name());
        let only = ("enabled_git_access_protocol", only.to_owned());
        let mut evidence = vec![from("application_settings", "", &[only])];
        if let Some(root) = self.context.facts.target.root() {
            let value = ("enabled_git_access_protocol", format!("{:?}", root.git_protocols).to_lowercase());
            evidence.push(from("namespace_settings", format_args!("namespace_id = {}", root.id), &[value]));
        }
        evidence
    }

    fn snippet(&self) -> Vec<Evidence> {
        let Target::Snippet { snippet, .. } = &self.context.facts.target else { return Vec::new() };
        let values = [
            ("author_id", snippet.author_id.to_string()),
            ("visibility_level", snippet.visibility.name().to_owned()),
        ];
        vec![from("snippets", format_args!("id = {}", snippet.id), &values)]
    }

    fn container_state(&self) -> Vec<Evidence> {
        if let Some(ProjectFacts { project, .. }) = self.project() {
            let values = [
                ("path", project.full_path.clone()),
                ("archived", project.archived.to_string()),
                ("pending_delete", project.pending_delete.to_string()),
                ("hidden", project.hidden.to_string()),
                ("marked_for_deletion", project.is_marked_for_deletion.to_string()),
                ("repository_read_only", project.repository_read_only.to_string()),
            ];
            return vec![from("projects", format_args!("id = {}", project.id), &values)];
        }
        let Some(NamespaceFacts { namespace, .. }) = self.namespace() else { return Vec::new() };
        let values = [
            ("path", namespace.full_path.clone()),
            ("archived", namespace.archived.to_string()),
            ("deleted", namespace.deleted.to_string()),
            ("repository_read_only", namespace.repository_read_only.to_string()),
        ];
        vec![from("namespaces", format_args!("id = {}", namespace.id), &values)]
    }

    fn visibility(&self) -> Vec<Evidence> {
        let mut evidence = Vec::new();
        if let Some(ProjectFacts { project, .. }) = self.project() {
            let value = ("visibility_level", project.visibility.name().to_owned());
            evidence.push(from("projects", format_args!("id = {}", project.id), &[value]));
        }
        if let Some(NamespaceFacts { namespace, .. }) = self.namespace() {
            let value = ("visibility_level", namespace.visibility.name().to_owned());
            evidence.push(from("namespaces", format_args!("id = {}", namespace.id), &[value]));
        }
        if let Some(root) = self.context.facts.target.root() {
            let value = ("enforce_ssh_certificates", root.enforce_ssh_certificates.to_string());
            evidence.push(from("namespace_settings", format_args!("namespace_id = {}", root.id), &[value]));
        }
        evidence
    }

    /// The user's role, and what a deploy key or token may do.
    fn access(&self) -> Vec<Evidence> {
        let actor = &self.context.facts.actor;
        let user = actor.responsible_user();
        let mut evidence = Vec::new();
        if let Some(user) = user {
            let values = [("admin", user.admin.to_string()), ("external", user.external.to_string())];
            evidence.push(from("users", format_args!("id = {}", user.id), &values));
        }
        let user_id = optional(user.map(|user| user.id));
        if let Some(ProjectFacts { project, actor_access, .. }) = self.project() {
            let row = format!("user_id = {user_id}, project_id = {}", project.id);
            let role = ("access_level", actor_access.role.0.to_string());
            evidence.push(from("project_authorizations", row, &[role]));
            if actor_access.banned {
                let row = format!("user_id = {user_id}, namespace_id = {}", project.root.id);
                evidence.push(from("namespace_bans", row, &[]));
            }
            if let Actor::DeployKey { key, .. } = actor {
                let row = format!("deploy_key_id = {}, project_id = {}", key.id, project.id);
                let grant = actor_access.deploy_key.map(|grant| grant.can_push);
                evidence.push(from("deploy_keys_projects", row, &[("can_push", optional(grant))]));
            }
            if let Actor::DeployToken { id } = actor {
                let grant = actor_access.deploy_token.map(|grant| grant.read_repository);
                let value = ("read_repository", optional(grant));
                evidence.push(from("deploy_tokens", format_args!("id = {id}"), &[value]));
            }
        }
        if let Some(NamespaceFacts { namespace, role, banned, .. }) = self.namespace() {
            let row = format!("user_id = {user_id}, source_id = {} and its ancestors", namespace.id);
            evidence.push(from("members", row, &[("access_level", role.0.to_string())]));
            if *banned {
                let row = format!("user_id = {user_id}, namespace_id = {}", namespace.root.id);
                evidence.push(from("namespace_bans", row, &[]));
            }
        }
        evidence
    }

    fn features(&self) -> Vec<Evidence> {
        let Some(ProjectFacts { project, .. }) = self.project() else { return self.snippet() };
        let values = [
            ("repository_access_level", format!("{:?}", project.repository).to_lowercase()),
            ("wiki_access_level", format!("{:?}", project.wiki).to_lowercase()),
        ];
        vec![from("project_features", format_args!("project_id = {}", project.id), &values)]
    }

    fn addresses(&self) -> Vec<Evidence> {
        let Some(root) = self.context.facts.target.root() else { return Vec::new() };
        let address = match self.query.request.check_ip {
            Some(ClientAddress::Ip(ip)) => ip.to_string(),
            Some(ClientAddress::Unknown) | None => "unknown".to_owned(),
        };
        let allowed = ("globally_allowed_ips", list(&self.settings.globally_allowed_ips));
        vec![
            from("parameters", "", &[("check_ip", address)]),
            from(
                "ip_restrictions",
                format_args!("group_id = {}", root.id),
                &[("range", list(&root.ip_ranges))],
            ),
            from("application_settings", "", &[allowed]),
        ]
    }

    fn new_project(&self) -> Vec<Evidence> {
        let option = Self::options(&[("push_to_create", self.sources.options.push_to_create)]);
        let Target::NewProject { namespace, name } = &self.context.facts.target else { return option };
        let values = [
            ("path", namespace.namespace.full_path.clone()),
            ("name of the new project", name.clone()),
            ("projects_left", namespace.projects_left.to_string()),
        ];
        let row = format!("id = {}", namespace.namespace.id);
        [option, vec![from("namespaces", row, &values)], self.access()].concat()
    }

    fn location(&self) -> Vec<Evidence> {
        let Some(location) = &self.context.location else { return Vec::new() };
        let status = format!("{:?}", self.context.facts.repository).to_lowercase();
        let values = [
            ("storage", location.storage.name.clone()),
            ("path", location.relative_path.clone()),
            ("status", status),
        ];
        vec![from("repository", "", &values)]
    }

    fn collaboration(&self) -> Vec<Evidence> {
        let branches = &self.recorder.merge_requests.collaboration_branches;
        let has_any = !branches.is_empty() || self.project().is_some_and(|facts| facts.collaborates);
        let value = ("branches with allow_maintainer_to_push", list(branches));
        if has_any { vec![from("merge_requests", "", &[value])] } else { Vec::new() }
    }

    fn repository_state(&self) -> Vec<Evidence> {
        let Some(state) = &self.recorder.state else { return Vec::new() };
        let branch = optional(state.default_branch.as_ref());
        vec![from("repository", "", &[("empty", state.empty.to_string()), ("default branch", branch)])]
    }

    fn first_branch(&self) -> Vec<Evidence> {
        let Some(ProjectFacts { project, .. }) = self.project() else { return Vec::new() };
        let protection = project.branch_protection.unwrap_or(self.settings.branch_protection);
        let values = [
            ("protected", protection.on.to_string()),
            ("developer_can_initial_push", protection.developers_may_start.to_string()),
        ];
        let table =
            if project.branch_protection.is_some() { "namespace_settings" } else { "application_settings" };
        vec![from(table, "default_branch_protection_defaults", &values)]
    }

    fn protected_branches(&self, reference: Option<&str>) -> Vec<Evidence> {
        let Some(RefName::Branch(name)) = reference.map(|name| RefName::parse(name.as_bytes())) else {
            return Vec::new();
        };
        let name = String::from_utf8_lossy(name);
        let rules = BranchRules::matching(&self.recorder.rules.branches, &name);
        let rule_rows = rules.iter().map(|rule| {
            let values = [
                ("name", rule.name.clone()),
                ("allow_force_push", rule.allow_force_push.to_string()),
                ("push_access_levels", list(rule.push.iter().map(grant))),
                ("merge_access_levels", list(rule.merge.iter().map(grant))),
            ];
            from("protected_branches", format_args!("id = {}", rule.id), &values)
        });
        rule_rows.collect()
    }

    fn protected_tags(&self, reference: Option<&str>) -> Vec<Evidence> {
        let Some(RefName::Tag(name)) = reference.map(|name| RefName::parse(name.as_bytes())) else {
            return Vec::new();
        };
        let name = String::from_utf8_lossy(name);
        let rules = TagRules::matching(&self.recorder.rules.tags, &name);
        let rule_rows = rules.iter().map(|rule| {
            let values =
                [("name", rule.name.clone()), ("create_access_levels", list(rule.create.iter().map(grant)))];
            from("protected_tags", format_args!("id = {}", rule.id), &values)
        });
        rule_rows.collect()
    }

    fn content(&self, rule: Rule) -> Vec<Evidence> {
        let Some(content) = &self.recorder.content else { return Vec::new() };
        match rule {
            Rule::LfsLock => {
                vec![from("lfs_file_locks", "", &[("held by others", content.locked.to_string())])]
            }
            Rule::LfsObjectsMissing => {
                vec![from("lfs_objects_projects", "", &[("enabled", content.lfs.to_string())])]
            }
            Rule::FileSizeLimit => {
                let limit = ("file_size_limit_mb", content.file_size_limit.to_string());
                vec![from("options", "", &[limit])]
            }
            _ => {
                let Some(rule) = &content.push_rule else { return Vec::new() };
                let patterns = [
                    ("branch_name_regex", &rule.branch_name_regex),
                    ("commit_message_regex", &rule.commit_message_regex),
                    ("commit_message_negative_regex", &rule.commit_message_negative_regex),
                    ("author_email_regex", &rule.author_email_regex),
                    ("file_name_regex", &rule.file_name_regex),
                ];
                let flags = [
                    ("deny_delete_tag", rule.deny_delete_tag),
                    ("member_check", rule.member_check),
                    ("prevent_secrets", rule.prevent_secrets),
                    ("reject_unsigned_commits", rule.reject_unsigned_commits),
                    ("commit_committer_check", rule.commit_committer_check),
                    ("commit_committer_name_check", rule.commit_committer_name_check),
                    ("reject_non_dco_commits", rule.reject_non_dco_commits),
                ];
                let patterns = patterns.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
                let flags =
                    flags.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| (name, "true".to_owned()));
                let size = Some(rule.max_file_size).filter(|size| *size > 0);
                let size = size.map(|size| ("max_file_size", size.to_string()));
                let values: Vec<_> = patterns.chain(flags).chain(size).collect();
                vec![from("push_rules", "", &values)]
            }
        }
    }
}
