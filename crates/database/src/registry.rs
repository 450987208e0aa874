//! The tables and columns that each service uses, and which columns some releases of GitLab lack.
//!
//! The columns and their types are declared in `schema.rs`. A service needs every declared column of its
//! tables, except the optional ones. To add a table, add it to the services that use it.
use std::collections::HashMap;
use std::sync::OnceLock;

/// The database requirements of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// `shell-api`
    pub name: &'static str,
    /// Tables that the service needs to start, separated by spaces.
    core: &'static str,
    /// Features that are disabled if one of their tables does not fit.
    capabilities: &'static [Capability],
    /// Tables that the service uses if the database has them.
    optional: &'static str,
    /// Tables that the service inserts into.
    inserted: &'static str,
    /// Tables whose rows the service updates or locks.
    changed: &'static str,
    /// Tables that it deletes from.
    deleted: &'static str,
}

/// A feature with its own tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Capability {
    name: &'static str,
    tables: &'static str,
}

const fn capability(name: &'static str, tables: &'static str) -> Capability {
    Capability { name, tables }
}

/// The five services.
pub const SERVICES: [Service; 5] = [
    Service {
        name: "shell-api",
        // Tables that restrict access are core, so that an unreadable restriction is never treated as
        // absent.
        core: "application_setting_terms application_settings broadcast_messages deploy_keys_projects deploy_tokens \
               emails group_deploy_tokens group_group_links group_wiki_repositories identities ip_restrictions keys \
               lfs_file_locks lfs_objects lfs_objects_projects members merge_requests namespace_bans \
               namespace_details namespace_settings namespaces outbox_messages pool_repositories \
               project_authorizations project_deploy_tokens project_features project_group_links \
               project_repositories project_statistics projects protected_branch_merge_access_levels \
               protected_branch_push_access_levels protected_branches protected_tag_create_access_levels \
               protected_tags push_rules redirect_routes routes shards term_agreements users",
        capabilities: &[
            capability("error_tracking", "error_tracking_client_keys project_error_tracking_settings"),
            capability("personal_access_token", "personal_access_tokens user_details"),
            capability("push_to_create", "project_settings"),
            capability("snippets", "snippets snippet_repositories"),
            capability("ssh_certificates", "group_ssh_certificates"),
            capability("two_factor", "webauthn_registrations"),
        ],
        optional: "container_expiration_policies organization_push_rules project_ci_cd_settings \
                   project_pages_metadata",
        inserted: "container_expiration_policies members namespace_details namespaces outbox_messages \
                   personal_access_tokens project_authorizations project_ci_cd_settings project_features \
                   project_pages_metadata project_repositories project_settings project_statistics projects routes",
        changed: "keys members namespaces users",
        deleted: "outbox_messages",
    },
    Service {
        name: "kas-api",
        core: "agent_group_authorizations agent_organization_authorizations agent_project_authorizations \
               application_settings cluster_agent_tokens cluster_agents feature_gates group_group_links members \
               namespaces \
               organizations personal_access_tokens project_authorizations project_features \
               projects redirect_routes routes users",
        capabilities: &[
            capability("activity_events", "agent_activity_events"),
            capability("alerts", "alert_management_alerts internal_ids"),
            capability("receptive_agents", "cluster_agent_url_configurations"),
            capability(
                "security_policies",
                "scan_execution_policy_rules security_orchestration_policy_configurations security_policies",
            ),
            capability("usage", "kas_counters kas_events kas_unique_counters"),
            capability(
                "user_access",
                "agent_user_access_group_authorizations agent_user_access_project_authorizations",
            ),
            capability(
                "vulnerabilities",
                "vulnerabilities vulnerability_finding_links vulnerability_identifiers \
                 vulnerability_occurrence_identifiers vulnerability_occurrences vulnerability_reads \
                 vulnerability_scanners vulnerability_state_transitions",
            ),
        ],
        optional: "",
        inserted: "agent_activity_events agent_group_authorizations agent_organization_authorizations \
                   agent_project_authorizations agent_user_access_group_authorizations \
                   agent_user_access_project_authorizations alert_management_alerts internal_ids kas_counters \
                   kas_events kas_unique_counters vulnerabilities vulnerability_finding_links \
                   vulnerability_identifiers vulnerability_occurrence_identifiers vulnerability_occurrences \
                   vulnerability_reads vulnerability_scanners vulnerability_state_transitions",
        changed: "agent_group_authorizations agent_organization_authorizations agent_project_authorizations \
                  agent_user_access_group_authorizations agent_user_access_project_authorizations \
                  alert_management_alerts cluster_agent_tokens cluster_agents internal_ids kas_counters \
                  personal_access_tokens vulnerabilities vulnerability_identifiers vulnerability_occurrences \
                  vulnerability_reads vulnerability_scanners",
        deleted: "agent_activity_events agent_group_authorizations agent_organization_authorizations \
                  agent_project_authorizations agent_user_access_group_authorizations \
                  agent_user_access_project_authorizations kas_events kas_unique_counters \
                  vulnerability_finding_links vulnerability_occurrence_identifiers",
    },
    Service {
        name: "scim-api",
        core: "application_settings group_scim_auth_access_tokens group_scim_identities identities namespaces \
               outbox_messages routes saml_providers scim_api_emails scim_api_records scim_identities \
               scim_oauth_access_tokens users",
        capabilities: &[
            capability(
                "add_members",
                "group_group_links members project_authorizations project_group_links projects",
            ),
            capability(
                "create_users",
                "allowed_email_domains emails namespace_details namespace_settings organization_users \
                 redirect_routes user_details",
            ),
            capability(
                "groups",
                "saml_group_links scim_api_groups scim_api_prior_members scim_group_memberships",
            ),
        ],
        optional: "",
        inserted: "emails group_scim_identities identities members namespace_details namespace_settings namespaces \
                   organization_users outbox_messages project_authorizations routes scim_api_emails scim_api_groups \
                   scim_api_prior_members scim_api_records scim_group_memberships scim_identities user_details users",
        changed: "group_scim_identities identities members namespaces routes saml_group_links scim_api_groups \
                  scim_api_records scim_identities users",
        deleted: "emails identities members outbox_messages project_authorizations scim_api_emails scim_api_groups \
                  scim_api_prior_members scim_api_records scim_group_memberships",
    },
    Service {
        name: "admin-api",
        core: "admin_audit_events application_settings group_scim_identities identities namespaces \
               namespaces_storage_limit_exclusions personal_access_tokens routes saml_providers scim_identities users",
        capabilities: &[],
        optional: "",
        inserted: "admin_audit_events namespaces_storage_limit_exclusions",
        changed: "personal_access_tokens",
        deleted: "namespaces_storage_limit_exclusions",
    },
    Service {
        name: "billing-api",
        core: "application_settings gitlab_subscriptions group_group_links member_roles members namespaces \
               personal_access_tokens plans project_group_links projects routes users",
        capabilities: &[
            capability("add_ons", "subscription_add_on_purchases subscription_add_ons"),
            capability("cards", "user_credit_card_validations"),
            capability("history", "gitlab_subscription_histories"),
            capability("limits", "namespace_limits namespace_root_storage_statistics"),
            capability("packs", "ci_minutes_additional_packs"),
            capability("reconciliations", "upcoming_reconciliations"),
        ],
        optional: "",
        inserted: "ci_minutes_additional_packs gitlab_subscription_histories gitlab_subscriptions namespace_limits \
                   plans subscription_add_on_purchases subscription_add_ons upcoming_reconciliations \
                   user_credit_card_validations",
        changed: "ci_minutes_additional_packs gitlab_subscription_histories gitlab_subscriptions namespace_limits \
                  namespaces personal_access_tokens subscription_add_on_purchases upcoming_reconciliations \
                  user_credit_card_validations",
        deleted: "upcoming_reconciliations",
    },
];

/// How a service uses a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableUse {
    pub table: &'static str,
    /// The feature that needs it. `None` means that the service does not start without it.
    pub capability: Option<&'static str>,
    /// Whether the service works without it.
    pub is_optional: bool,
    pub is_inserted: bool,
    /// Whether rows are updated or locked.
    pub is_changed: bool,
    pub is_deleted: bool,
}

impl Service {
    pub fn find(name: &str) -> Option<Self> {
        SERVICES.into_iter().find(|service| service.name == name)
    }

    /// The tables that the service uses.
    pub fn tables(&self) -> impl Iterator<Item = TableUse> {
        let (inserted, changed, deleted) = (self.inserted, self.changed, self.deleted);
        let parts = [(None, false, self.core), (None, true, self.optional)].into_iter().chain(
            self.capabilities.iter().map(|capability| (Some(capability.name), false, capability.tables)),
        );
        parts.flat_map(move |(capability, is_optional, tables)| {
            words(tables).map(move |table| {
                let is_in = |list| words(list).any(|other| other == table);
                TableUse {
                    table,
                    capability,
                    is_optional,
                    is_inserted: is_in(inserted),
                    is_changed: is_in(changed),
                    is_deleted: is_in(deleted),
                }
            })
        })
    }
}

/// The columns whose unique index `ON CONFLICT` needs, in alphabetical order.
const UPSERT_KEYS: &[(&str, &[&str])] = &[
    ("agent_group_authorizations", &["agent_id", "group_id"]),
    ("agent_project_authorizations", &["agent_id", "project_id"]),
    ("agent_user_access_group_authorizations", &["agent_id", "group_id"]),
    ("agent_user_access_project_authorizations", &["agent_id", "project_id"]),
    ("namespace_details", &["namespace_id"]),
    ("namespace_limits", &["namespace_id"]),
    ("plans", &["name"]),
    ("subscription_add_ons", &["name"]),
    ("upcoming_reconciliations", &["namespace_id"]),
    ("user_credit_card_validations", &["user_id"]),
    ("vulnerability_identifiers", &["fingerprint", "project_id"]),
    ("vulnerability_occurrence_identifiers", &["identifier_id", "occurrence_id"]),
    ("vulnerability_reads", &["vulnerability_id"]),
    ("vulnerability_scanners", &["external_id", "project_id"]),
];

/// The columns whose unique index an upsert into the table needs.
pub(crate) fn upsert_key(table: &str) -> Option<&'static [&'static str]> {
    UPSERT_KEYS.iter().find(|(name, _)| *name == table).map(|(_, columns)| *columns)
}

/// Secrets of users, which only the service that verifies them may read. scim-api writes a random password
/// hash.
const SECRETS: &[(&str, &[&str])] = &[
    ("encrypted_password", &["scim-api"]),
    ("encrypted_otp_secret", &["shell-api"]),
    ("encrypted_otp_secret_iv", &["shell-api"]),
    ("encrypted_otp_secret_salt", &["shell-api"]),
    ("otp_backup_codes", &["shell-api"]),
];

impl Service {
    /// Whether the service may use this column of a table.
    pub fn may_use(&self, table: &str, column: &str) -> bool {
        let secret = SECRETS.iter().find(|(secret, _)| table == "users" && *secret == column);
        secret.is_none_or(|(_, services)| services.contains(&self.name))
    }
}

/// The columns of a table that a service may use, whether or not the database has them.
pub(crate) fn used_columns(service: Service, table: &'static str) -> impl Iterator<Item = &'static str> {
    let declared = columns(table).iter().map(|column| column.name);
    declared.chain(undeclared_columns(table)).filter(move |column| service.may_use(table, column))
}

/// Tables that only hand-written SQL names.
pub(crate) fn undeclared_tables() -> impl Iterator<Item = &'static str> {
    UNDECLARED_COLUMNS.iter().filter_map(|column| column.split_once('.').map(|(table, _)| table))
}

/// Columns that only hand-written SQL names.
pub(crate) fn undeclared_columns(table: &'static str) -> impl Iterator<Item = &'static str> {
    UNDECLARED_COLUMNS
        .iter()
        .filter_map(move |column| column.split_once('.').filter(|(name, _)| *name == table))
        .map(|(_, column)| column)
}

const UNDECLARED_COLUMNS: &[&str] = &[
    "application_settings.admin_mode",
    "application_settings.can_create_group",
    "application_settings.default_ci_config_path",
    "application_settings.default_preferred_language",
    "application_settings.default_syntax_highlighting_theme",
    "application_settings.restricted_visibility_levels",
    "application_settings.shared_runners_enabled",
    "application_settings.user_default_external",
    "application_settings.user_default_internal_regex",
    "application_settings.user_defaults_to_private_profile",
    "container_expiration_policies.created_at",
    "container_expiration_policies.project_id",
    "container_expiration_policies.updated_at",
    "emails.organization_id",
    "gitlab_subscription_histories.hosted_plan_name_uid",
    "gitlab_subscriptions.hosted_plan_name_uid",
    "namespaces.shared_runners_enabled",
    "namespaces.state",
    "organization_push_rules.author_email_regex",
    "organization_push_rules.branch_name_regex",
    "organization_push_rules.commit_committer_check",
    "organization_push_rules.commit_committer_name_check",
    "organization_push_rules.commit_message_negative_regex",
    "organization_push_rules.commit_message_regex",
    "organization_push_rules.deny_delete_tag",
    "organization_push_rules.file_name_regex",
    "organization_push_rules.id",
    "organization_push_rules.max_file_size",
    "organization_push_rules.member_check",
    "organization_push_rules.organization_id",
    "organization_push_rules.prevent_secrets",
    "organization_push_rules.reject_non_dco_commits",
    "organization_push_rules.reject_unsigned_commits",
    "personal_access_tokens.granular",
    "personal_access_tokens.user_type",
    "plans.plan_name_uid",
    "project_ci_cd_settings.default_git_depth",
    "project_ci_cd_settings.forward_deployment_enabled",
    "project_ci_cd_settings.project_id",
    "project_ci_cd_settings.separated_caches",
    "project_features.analytics_access_level",
    "project_features.container_registry_access_level",
    "project_features.environments_access_level",
    "project_features.feature_flags_access_level",
    "project_features.infrastructure_access_level",
    "project_features.metrics_dashboard_access_level",
    "project_features.model_experiments_access_level",
    "project_features.model_registry_access_level",
    "project_features.monitor_access_level",
    "project_features.operations_access_level",
    "project_features.package_registry_access_level",
    "project_features.security_and_compliance_access_level",
    "project_pages_metadata.project_id",
    "projects.autoclose_referenced_issues",
    "projects.ci_config_path",
    "projects.last_repository_updated_at",
    "projects.only_allow_merge_if_all_discussions_are_resolved",
    "projects.packages_enabled",
    "projects.remove_source_branch_after_merge",
    "projects.resolve_outdated_diff_discussions",
    "projects.shared_runners_enabled",
    "saml_group_links.access_level",
    "saml_group_links.created_at",
    "saml_group_links.group_id",
    "saml_group_links.id",
    "saml_group_links.member_role_id",
    "saml_group_links.saml_group_name",
    "saml_group_links.scim_group_uid",
    "saml_group_links.updated_at",
    "scim_api_groups.created_at",
    "scim_api_groups.external_id",
    "scim_api_groups.scim_group_uid",
    "scim_api_groups.updated_at",
    "scim_api_groups.version",
    "scim_api_prior_members.access_level",
    "scim_api_prior_members.expires_at",
    "scim_api_prior_members.member_role_id",
    "scim_api_prior_members.namespace_id",
    "scim_api_prior_members.user_id",
    "scim_group_memberships.created_at",
    "scim_group_memberships.id",
    "scim_group_memberships.scim_group_uid",
    "scim_group_memberships.updated_at",
    "scim_group_memberships.user_id",
    "subscription_add_on_purchases.subscription_add_on_uid",
    "users.can_create_group",
    "users.can_create_team",
    "users.color_scheme_id",
    "users.confirmation_token",
    "users.hide_no_password",
    "users.hide_no_ssh_key",
    "users.notified_of_own_activity",
    "users.organization_id",
    "users.preferred_language",
    "users.private_profile",
    "users.project_view",
    "users.unconfirmed_email",
    "webauthn_registrations.authentication_mode",
];

fn words(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split_ascii_whitespace()
}

/// Columns that exist only in some releases between GitLab 18.0 and 19.x, and columns that no statement
/// needs: `table.column`.
const OPTIONAL_COLUMNS: &[&str] = &[
    "emails.organization_id",
    "gitlab_subscription_histories.hosted_plan_name_uid",
    "gitlab_subscriptions.hosted_plan_name_uid",
    "group_scim_auth_access_tokens.temp_source_id",
    "group_scim_identities.temp_source_id",
    "namespace_details.deleted_at",
    "namespaces.push_rule_id",
    "namespaces.state",
    "personal_access_tokens.granular",
    "personal_access_tokens.user_type",
    "plans.plan_name_uid",
    "pool_repositories.organization_id",
    "project_authorizations.is_unique",
    "scim_identities.group_id",
    "scim_oauth_access_tokens.group_id",
    "subscription_add_on_purchases.subscription_add_on_id",
    "subscription_add_on_purchases.subscription_add_on_uid",
    "users.organization_id",
    "webauthn_registrations.authentication_mode",
];

/// Whether a service works without this column. GitLab moves settings to other columns over time, so each
/// has a default.
pub fn is_optional(table: &str, column: &str) -> bool {
    let is_listed = OPTIONAL_COLUMNS.iter().any(|optional| optional.split_once('.') == Some((table, column)));
    is_listed || (table == "application_settings" && column != "id")
}

/// Our own tables, in the schema `internal_api` on PostgreSQL.
pub fn is_own(table: &str) -> bool {
    const OWN: [&str; 9] = [
        "admin_audit_events",
        "kas_counters",
        "kas_events",
        "kas_unique_counters",
        "outbox_messages",
        "scim_api_emails",
        "scim_api_groups",
        "scim_api_prior_members",
        "scim_api_records",
    ];
    OWN.contains(&table)
}

/// A column as `schema.rs` declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclaredColumn {
    pub name: &'static str,
    /// Diesel's name of the type, without `Nullable`: `BigInt`.
    pub sql_type: &'static str,
}

/// The columns of a table in `schema.rs`.
pub fn columns(table: &str) -> &'static [DeclaredColumn] {
    static TABLES: OnceLock<HashMap<&str, Vec<DeclaredColumn>>> = OnceLock::new();
    let tables = TABLES.get_or_init(|| parse(include_str!("schema.rs")));
    tables.get(table).map_or(&[], Vec::as_slice)
}

/// Parses the `table!` declarations: `name (key) {`, `column -> Type,` and `#[sql_name = "column"]`.
fn parse(schema: &'static str) -> HashMap<&'static str, Vec<DeclaredColumn>> {
    let mut tables: HashMap<&str, Vec<DeclaredColumn>> = HashMap::new();
    let mut table = "";
    let mut sql_name = None;
    for line in schema.lines().map(str::trim) {
        if let Some((name, _)) = line.strip_suffix(") {").and_then(|head| head.split_once(" (")) {
            table = name;
        } else if let Some(name) = line.strip_prefix("#[sql_name = \"") {
            sql_name = name.strip_suffix("\"]");
        } else if let Some((name, sql_type)) = line.strip_suffix(',').and_then(|line| line.split_once(" -> "))
        {
            let sql_type = sql_type
                .strip_prefix("Nullable<")
                .and_then(|inner| inner.strip_suffix('>'))
                .unwrap_or(sql_type);
            let name = sql_name.take().unwrap_or(name);
            tables.entry(table).or_default().push(DeclaredColumn { name, sql_type });
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_a_service_is_declared() {
        for service in SERVICES {
            let tables: Vec<TableUse> = service.tables().collect();
            for TableUse { table, .. } in &tables {
                let is_declared = !columns(table).is_empty() || undeclared_columns(table).next().is_some();
                assert!(is_declared, "{}: {table}", service.name);
            }
            for table in words(service.inserted).chain(words(service.changed)).chain(words(service.deleted)) {
                assert!(tables.iter().any(|used| used.table == table), "{}: {table}", service.name);
            }
        }
    }

    /// A column that is not declared is granted to no role.
    #[test]
    fn every_optional_column_is_declared() {
        for column in OPTIONAL_COLUMNS {
            let (table, name) = column.split_once('.').unwrap();
            let is_declared = columns(table).iter().any(|declared| declared.name == name);
            assert!(is_declared || UNDECLARED_COLUMNS.contains(column), "{column}");
        }
    }

    #[test]
    fn declarations_are_read_with_their_names_and_types() {
        let column = |table, name| {
            columns(table).iter().find(|column| column.name == name).map(|column| column.sql_type)
        };
        assert_eq!(column("users", "id"), Some("BigInt"));
        assert_eq!(column("members", "type"), Some("Text"));
        assert_eq!(column("members", "type_"), None);
        assert_eq!(column("keys", "expires_at"), Some("Timestamp"));
    }
}
