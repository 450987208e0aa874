//! The tables and columns that each service uses, and which columns some releases of GitLab lack.
//!
//! The columns and their types are declared in `schema.rs`. A service needs every declared column of its
//! tables, except the optional ones. To add a table, add it to the services that use it ([`SERVICES`]).
mod database_name;
mod services;

use std::collections::HashMap;
use std::sync::OnceLock;

pub use database_name::DatabaseName;
pub(crate) use services::Right;
pub use services::{SERVICES, Service, TableUse};

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
    "application_settings.cluster_agents",
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
    "member_roles.occupies_seat",
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
    let tables = TABLES.get_or_init(|| parse(include_str!("../schema.rs")));
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
