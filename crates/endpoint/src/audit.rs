//! Audit events: one log entry for each change by a request, in the same format in every service.
//!
//! The field names are those of [GitLab's audit
//! log](https://docs.gitlab.com/administration/compliance/audit_event_reports/). An event is logged after
//! the commit, and only if something has changed.
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use crate::Context;

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// `user`, `customers_dot`, `kas`, `scim_token`, …
    pub kind: &'static str,
    pub id: Option<i64>,
    pub name: Option<String>,
    /// The administrator who acts as this user.
    pub impersonated_by: Option<String>,
}

impl Author {
    /// A user of the instance.
    pub fn user(id: i64, name: impl Into<String>) -> Self {
        Self { kind: "user", id: Some(id), name: Some(name.into()), impersonated_by: None }
    }

    /// A service, which is not a user.
    pub fn service(kind: &'static str, name: &str) -> Self {
        Self { kind, id: None, name: Some(name.to_owned()), impersonated_by: None }
    }
}

/// The group, project or user whose data changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// `Group`, `Project`, `User` or `Instance`.
    pub kind: &'static str,
    pub id: Option<i64>,
    /// The full path.
    pub path: Option<String>,
}

/// The object that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name of GitLab's class.
    pub kind: &'static str,
    pub id: Option<i64>,
}

/// The stored columns before and after a change. Null before a creation and after a removal.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub before: Value,
    pub after: Value,
}

impl Difference {
    /// Compares two states.
    pub fn new(before: impl Into<Value>, after: impl Into<Value>) -> Self {
        Self { before: before.into(), after: after.into() }
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.before == self.after
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    pub event_name: &'static str,
    pub author: Author,
    pub entity: Entity,
    pub target: Target,
    pub gl_namespace_id: Option<i64>,
    /// `None` if the values must not be logged.
    pub difference: Option<Difference>,
    /// Further fields of the dictionary that only some events have.
    pub further: Map<String, Value>,
}

impl AuditEvent {
    /// Logs and counts the event, as a change by the current request.
    pub fn write(&self) {
        let context = Context::current();
        if let Some(context) = &context {
            context.metrics.audit_event(self.event_name);
        }
        self.log(
            context.as_ref().and_then(|context| context.remote_ip),
            context.as_ref().map(|context| &*context.correlation_id),
        );
    }

    /// Like [`Self::write`], unless both sides of the difference are equal.
    pub fn write_if_changed(&self) {
        if !self.difference.as_ref().is_some_and(Difference::is_empty) {
            self.write();
        }
    }

    fn log(&self, ip_address: Option<IpAddr>, correlation_id: Option<&str>) {
        let Self { event_name, author, entity, target, gl_namespace_id, difference, further } = self;
        let further = (!further.is_empty()).then(|| tracing::field::display(json!(further)));
        tracing::info!(
            event_name,
            author_type = author.kind,
            json.author_id = %json!(author.id),
            author_name = author.name,
            impersonated_by = author.impersonated_by,
            entity_type = entity.kind,
            json.entity_id = %json!(entity.id),
            entity_path = entity.path,
            target_type = target.kind,
            json.target_id = %json!(target.id),
            gl_namespace_id = *gl_namespace_id,
            ip_address = ip_address.map(tracing::field::display),
            correlation_id,
            json.fields = further,
            json.before = difference.as_ref().map(|difference| tracing::field::display(&difference.before)),
            json.after = difference.as_ref().map(|difference| tracing::field::display(&difference.after)),
            "audit"
        );
    }
}
