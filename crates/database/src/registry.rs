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
    /// Tables that the service inserts into.
    inserted: &'static str,
    /// Tables that the service updates but does not insert into.
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
        inserted: "namespaces outbox_messages personal_access_tokens project_authorizations project_features \
                   project_settings project_statistics projects routes",
        changed: "keys users",
        deleted: "outbox_messages",
    },
    Service {
        name: "kas-api",
        core: "agent_group_authorizations agent_organization_authorizations agent_project_authorizations \
               application_settings cluster_agent_tokens cluster_agents group_group_links members namespaces \
               organizations personal_access_tokens project_authorizations project_features \
               project_repositories projects redirect_routes routes shards users",
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
        inserted: "agent_activity_events agent_group_authorizations agent_organization_authorizations \
                   agent_project_authorizations agent_user_access_group_authorizations \
                   agent_user_access_project_authorizations alert_management_alerts internal_ids kas_counters \
                   kas_events kas_unique_counters vulnerabilities vulnerability_finding_links \
                   vulnerability_identifiers vulnerability_occurrence_identifiers vulnerability_occurrences \
                   vulnerability_reads vulnerability_scanners vulnerability_state_transitions",
        changed: "cluster_agent_tokens personal_access_tokens",
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
                "allowed_email_domains emails namespace_settings organization_users redirect_routes user_details",
            ),
        ],
        inserted: "emails group_scim_identities identities members namespace_settings namespaces organization_users \
                   outbox_messages project_authorizations routes scim_api_emails scim_api_records scim_identities \
                   user_details users",
        changed: "",
        deleted: "emails identities members outbox_messages project_authorizations scim_api_emails scim_api_records",
    },
    Service {
        name: "admin-api",
        core: "admin_audit_events application_settings identities namespaces \
               namespaces_storage_limit_exclusions personal_access_tokens routes users",
        capabilities: &[],
        inserted: "admin_audit_events namespaces_storage_limit_exclusions",
        changed: "personal_access_tokens users",
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
        inserted: "ci_minutes_additional_packs gitlab_subscription_histories gitlab_subscriptions namespace_limits \
                   plans subscription_add_on_purchases subscription_add_ons upcoming_reconciliations \
                   user_credit_card_validations",
        changed: "namespaces personal_access_tokens",
        deleted: "upcoming_reconciliations",
    },
];

/// How a service uses a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableUse {
    pub table: &'static str,
    /// The feature that needs it. `None` means that the service does not start without it.
    pub capability: Option<&'static str>,
    pub is_inserted: bool,
    /// Whether rows are inserted or updated.
    pub is_written: bool,
    pub is_deleted: bool,
}

impl Service {
    pub fn find(name: &str) -> Option<Self> {
        SERVICES.into_iter().find(|service| service.name == name)
    }

    /// The tables that the service uses.
    pub fn tables(&self) -> impl Iterator<Item = TableUse> {
        let (inserted, changed, deleted) = (self.inserted, self.changed, self.deleted);
        let parts = std::iter::once((None, self.core))
            .chain(self.capabilities.iter().map(|capability| (Some(capability.name), capability.tables)));
        parts.flat_map(move |(capability, tables)| {
            words(tables).map(move |table| {
                let is_inserted = words(inserted).any(|other| other == table);
                let is_written = is_inserted || words(changed).any(|other| other == table);
                let is_deleted = words(deleted).any(|other| other == table);
                TableUse { table, capability, is_inserted, is_written, is_deleted }
            })
        })
    }
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

/// Columns that only hand-written SQL names.
pub(crate) fn undeclared_columns(table: &str) -> impl Iterator<Item = &'static str> {
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
    "emails.organization_id",
    "namespaces.shared_runners_enabled",
    "namespaces.state",
    "personal_access_tokens.granular",
    "personal_access_tokens.user_type",
    "projects.autoclose_referenced_issues",
    "projects.ci_config_path",
    "projects.last_repository_updated_at",
    "projects.only_allow_merge_if_all_discussions_are_resolved",
    "projects.packages_enabled",
    "projects.remove_source_branch_after_merge",
    "projects.resolve_outdated_diff_discussions",
    "projects.shared_runners_enabled",
    "subscription_add_on_purchases.subscription_add_on_uid",
    "users.can_create_group",
    "users.can_create_team",
    "users.color_scheme_id",
    "users.hide_no_password",
    "users.hide_no_ssh_key",
    "users.notified_of_own_activity",
    "users.organization_id",
    "users.preferred_language",
    "users.private_profile",
    "users.project_view",
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
    "namespaces.description",
    "namespaces.push_rule_id",
    "namespaces.state",
    "personal_access_tokens.granular",
    "personal_access_tokens.user_type",
    "plans.plan_name_uid",
    "pool_repositories.organization_id",
    "project_authorizations.is_unique",
    "scim_identities.group_id",
    "scim_oauth_access_tokens.group_id",
    "scim_oauth_access_tokens.organization_id",
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
    const OWN: [&str; 7] = [
        "admin_audit_events",
        "kas_counters",
        "kas_events",
        "kas_unique_counters",
        "outbox_messages",
        "scim_api_emails",
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
                assert!(!columns(table).is_empty(), "{}: {table}", service.name);
            }
            for table in words(service.inserted).chain(words(service.changed)).chain(words(service.deleted)) {
                assert!(tables.iter().any(|used| used.table == table), "{}: {table}", service.name);
            }
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
