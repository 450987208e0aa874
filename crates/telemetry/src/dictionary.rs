//! The dictionary of log fields: every name that a line may have, once. A name means the same in every service.
//!
//! The table in `docs/observability.md` has the same rows. Tests compare both with the names in the code.

/// The type of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    String,
    Integer,
    Number,
    Boolean,
    /// An array of strings or numbers.
    Array,
    /// An object.
    Json,
}

/// A field of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}

/// Every field, in the order of the documentation.
pub const FIELDS: &[Field] = &[
    // Every line.
    field("timestamp", Kind::String),
    field("severity", Kind::String),
    field("message", Kind::String),
    field("service_name", Kind::String),
    field("consumer", Kind::String),
    field("correlation_id", Kind::String),
    field("trace_id", Kind::String),
    // The request.
    field("method", Kind::String),
    field("url", Kind::String),
    field("route", Kind::String),
    field("endpoint_id", Kind::String),
    field("status", Kind::Integer),
    field("duration_s", Kind::Number),
    field("written_bytes", Kind::Integer),
    field("received_bytes", Kind::Integer),
    field("db_count", Kind::Integer),
    field("db_duration_s", Kind::Number),
    field("db_wait_s", Kind::Number),
    field("redis_calls", Kind::Integer),
    field("redis_duration_s", Kind::Number),
    field("gitaly_calls", Kind::Integer),
    field("gitaly_duration_s", Kind::Number),
    field("git_processes", Kind::Integer),
    field("git_duration_s", Kind::Number),
    field("remote_ip", Kind::String),
    field("user_agent", Kind::String),
    field("caller_client", Kind::String),
    field("feature_category", Kind::String),
    field("rate_limit_key", Kind::String),
    field("auth_scheme", Kind::String),
    field("auth_failure_reason", Kind::String),
    field("error_type", Kind::String),
    field("error_message", Kind::String),
    // Who and what.
    field("gl_user_id", Kind::Integer),
    field("gl_user_name", Kind::String),
    field("target_user_id", Kind::Integer),
    field("gl_key_type", Kind::String),
    field("gl_key_id", Kind::Integer),
    field("gl_deploy_token_id", Kind::Integer),
    field("gl_project_id", Kind::Integer),
    field("gl_project_path", Kind::String),
    field("gl_namespace_id", Kind::Integer),
    field("gl_repository", Kind::String),
    field("action", Kind::String),
    field("protocol", Kind::String),
    field("operation", Kind::String),
    field("changes_count", Kind::Integer),
    field("decision", Kind::String),
    field("decision_row", Kind::String),
    field("decision_name", Kind::String),
    field("success", Kind::Boolean),
    field("reference_counter_increased", Kind::Boolean),
    field("reference_counter_decreased", Kind::Boolean),
    field("token_id", Kind::Integer),
    field("token_scopes", Kind::String),
    field("token_expires_on", Kind::String),
    field("lfs_oid", Kind::String),
    field("disk_paths_count", Kind::Integer),
    field("results", Kind::Integer),
    // Agents for Kubernetes.
    field("agent_id", Kind::Integer),
    field("requested_project_id", Kind::Integer),
    field("counters", Kind::Array),
    field("unique_ids", Kind::Integer),
    field("events", Kind::Integer),
    field("dropped_events", Kind::Integer),
    field("authorizations_added", Kind::Integer),
    field("authorizations_removed", Kind::Integer),
    field("access_type", Kind::String),
    field("agents", Kind::Integer),
    field("vulnerability_uuid", Kind::String),
    field("vulnerability_created", Kind::Boolean),
    field("uuids", Kind::Integer),
    field("resolved", Kind::Integer),
    field("policies", Kind::Integer),
    field("skipped_rules", Kind::Integer),
    field("alert_iid", Kind::Integer),
    field("alert_events", Kind::Integer),
    // SCIM.
    field("scim_scope", Kind::String),
    field("scim_resource", Kind::String),
    field("scim_identity_id", Kind::Integer),
    field("scim_group_uid", Kind::String),
    field("ignored_attributes", Kind::Array),
    // Audit events.
    field("event_name", Kind::String),
    field("author_type", Kind::String),
    field("author_id", Kind::Integer),
    field("author_name", Kind::String),
    field("impersonated_by", Kind::String),
    field("entity_type", Kind::String),
    field("entity_id", Kind::Integer),
    field("entity_path", Kind::String),
    field("target_type", Kind::String),
    field("target_id", Kind::Integer),
    field("ip_address", Kind::String),
    field("before", Kind::Json),
    field("after", Kind::Json),
    field("changed", Kind::Array),
    field("members_added", Kind::Integer),
    field("members_removed", Kind::Integer),
    field("members_ignored", Kind::Integer),
    field("gl_group_ids", Kind::Array),
    // Operation.
    field("secret", Kind::String),
    field("certificate", Kind::String),
    field("storage", Kind::String),
    field("queue", Kind::String),
    field("table", Kind::String),
    field("address", Kind::String),
    field("blackout_s", Kind::Number),
    field("version", Kind::String),
    field("revision", Kind::String),
];

/// Whether the dictionary has a field with this name.
pub fn contains(name: &str) -> bool {
    FIELDS.iter().any(|field| field.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_have_no_dots() {
        let names: HashSet<_> = FIELDS.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), FIELDS.len());
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    }
}
