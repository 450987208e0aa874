//! The tables that each service uses, and how.
use super::{columns, undeclared_columns};

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
    /// Tables whose rows the service updates.
    changed: &'static str,
    /// Tables whose rows the service locks without updating them.
    locked: &'static str,
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
        locked: "",
        deleted: "outbox_messages",
    },
    Service {
        name: "kas-api",
        core: "agent_group_authorizations agent_organization_authorizations agent_project_authorizations \
               application_setting_terms application_settings cluster_agent_tokens cluster_agents feature_gates \
               group_group_links members namespaces organizations personal_access_tokens project_authorizations \
               project_features projects redirect_routes routes users",
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
        locked: "projects",
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
        locked: "",
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
        locked: "namespaces",
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
        locked: "",
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
    pub is_changed: bool,
    /// Whether rows are locked but not updated.
    pub is_locked: bool,
    pub is_deleted: bool,
}

impl TableUse {
    pub fn is_written(&self) -> bool {
        self.is_inserted || self.is_changed || self.is_deleted
    }
}

impl Service {
    pub fn find(name: &str) -> Option<Self> {
        SERVICES.into_iter().find(|service| service.name == name)
    }

    /// The tables that the service uses.
    pub fn tables(&self) -> impl Iterator<Item = TableUse> {
        let (inserted, changed, locked, deleted) = (self.inserted, self.changed, self.locked, self.deleted);
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
                    is_locked: is_in(locked),
                    is_deleted: is_in(deleted),
                }
            })
        })
    }
}

/// Secret columns of `users`.
struct Secret {
    column: &'static str,
    /// The services that read it.
    readers: &'static [&'static str],
    /// The services that write it.
    writers: &'static [&'static str],
}

const fn secret(
    column: &'static str,
    readers: &'static [&'static str],
    writers: &'static [&'static str],
) -> Secret {
    Secret { column, readers, writers }
}

/// A password's hash signs the LFS tokens of shell-api, and scim-api writes a random one.
const SECRETS: &[Secret] = &[
    secret("encrypted_password", &["scim-api", "shell-api"], &["scim-api"]),
    secret("encrypted_otp_secret", &["shell-api"], &[]),
    secret("encrypted_otp_secret_iv", &["shell-api"], &[]),
    secret("encrypted_otp_secret_salt", &["shell-api"], &[]),
    secret("otp_backup_codes", &["shell-api"], &["shell-api"]),
];

/// A right on columns of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Select,
    Insert,
    Update,
}

impl Service {
    /// The columns of a table on which the service needs a right, whether or not the database has them.
    pub(crate) fn columns_with(&self, table: TableUse, right: Right) -> Vec<&'static str> {
        let name = table.table;
        let is_needed = match right {
            Right::Select => true,
            Right::Insert => table.is_inserted,
            Right::Update => table.is_changed,
        };
        // PostgreSQL locks a row only for a role that may update one of its columns.
        if right == Right::Update && table.is_locked {
            return vec!["updated_at"];
        }
        let declared = columns(name).iter().map(|column| column.name).chain(undeclared_columns(name));
        declared.filter(|column| is_needed && self.may(right, name, column)).collect()
    }

    fn may(&self, right: Right, table: &str, column: &str) -> bool {
        let secret = SECRETS.iter().find(|secret| table == "users" && secret.column == column);
        secret.is_none_or(|secret| {
            let services = if right == Right::Select { secret.readers } else { secret.writers };
            services.contains(&self.name)
        })
    }
}

fn words(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use super::super::{columns, undeclared_columns};
    use super::*;

    #[test]
    fn every_table_of_a_service_is_declared() {
        for service in SERVICES {
            let tables: Vec<TableUse> = service.tables().collect();
            for TableUse { table, .. } in &tables {
                let is_declared = !columns(table).is_empty() || undeclared_columns(table).next().is_some();
                assert!(is_declared, "{}: {table}", service.name);
            }
            let lists = [service.inserted, service.changed, service.locked, service.deleted];
            for table in lists.into_iter().flat_map(words) {
                assert!(tables.iter().any(|used| used.table == table), "{}: {table}", service.name);
            }
            for TableUse { table, is_changed, .. } in tables.iter().filter(|used| used.is_locked) {
                let has_time = columns(table).iter().any(|column| column.name == "updated_at");
                assert!(has_time && !is_changed, "{}: {table}", service.name);
            }
        }
    }
}
