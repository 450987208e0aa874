//! Audit events of this service. They name attributes, but contain no values that the client has sent.
use database::scim::StoredUser;
use database::scim::groups::GroupEffects;
use endpoint::audit::{AuditEvent, Author, Difference, Entity, Target};
use scim::Group;
use serde_json::{Map, Value, json};

use crate::ScimProvider;

/// What a request does to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Update,
    Delete,
}

/// Every event, for metrics.
pub(crate) const EVENT_NAMES: [&str; 8] = [
    "scim_user_created",
    "scim_user_updated",
    "scim_user_deactivated",
    "scim_user_reactivated",
    "scim_user_deleted",
    "scim_group_created",
    "scim_group_updated",
    "scim_group_deleted",
];

/// Writes the event of a change to a user. `changed` has the names of the attributes that changed.
pub(crate) fn user(
    provider: &ScimProvider,
    operation: Operation,
    stored: &StoredUser,
    changed: &[&'static str],
) {
    let is_active = stored.user.active;
    let active = |active: bool| json!({ "active": active });
    let (event_name, difference) = match operation {
        Operation::Create => ("scim_user_created", Difference::new(Value::Null, active(is_active))),
        Operation::Delete => {
            let was_active = is_active || changed.contains(&"active");
            ("scim_user_deleted", Difference::new(active(was_active), Value::Null))
        }
        Operation::Update if changed.is_empty() => return,
        Operation::Update if !changed.contains(&"active") => {
            ("scim_user_updated", Difference::new(active(is_active), active(is_active)))
        }
        Operation::Update if is_active => {
            ("scim_user_reactivated", Difference::new(active(false), active(true)))
        }
        Operation::Update => ("scim_user_deactivated", Difference::new(active(true), active(false))),
    };
    let further = json!({ "scim_identity_id": stored.identity_id, "changed": changed });
    write(provider, event_name, Target { kind: "User", id: Some(stored.user_id) }, difference, further);
}

/// Writes the event of a change to a group, with the number of members.
pub(crate) fn group(provider: &ScimProvider, operation: Operation, group: &Group, effects: &GroupEffects) {
    let changed = &effects.effects.fields;
    let count = group.members.len();
    let count_before = (count + effects.removed).saturating_sub(effects.added);
    let members = |count: usize| json!({ "members_count": count });
    let (event_name, difference) = match operation {
        Operation::Create => ("scim_group_created", Difference::new(Value::Null, members(count))),
        Operation::Delete => ("scim_group_deleted", Difference::new(members(count_before), Value::Null)),
        Operation::Update if effects.added == 0 && effects.removed == 0 && changed.is_empty() => return,
        Operation::Update => ("scim_group_updated", Difference::new(members(count_before), members(count))),
    };
    let further = json!({
        "scim_group_uid": group.id,
        "changed": if effects.added + effects.removed > 0 { &["members"][..] } else { changed.as_slice() },
        "members_added": effects.added,
        "members_removed": effects.removed,
        "members_ignored": effects.ignored,
        "gl_group_ids": effects.gitlab_groups,
    });
    write(provider, event_name, Target { kind: "ScimGroup", id: None }, difference, further);
}

fn write(
    provider: &ScimProvider,
    event_name: &'static str,
    target: Target,
    difference: Difference,
    further: Value,
) {
    let group_id = provider.tenant.group_id();
    let mut fields = Map::new();
    fields.insert("scim_scope".to_owned(), provider.scope().into());
    if let Value::Object(further) = further {
        fields.extend(further);
    }
    let event = AuditEvent {
        event_name,
        author: Author { kind: "scim_token", id: Some(provider.token_id), name: None, impersonated_by: None },
        entity: Entity {
            kind: if group_id.is_some() { "Group" } else { "Instance" },
            id: group_id,
            path: provider.group_path.clone(),
        },
        target,
        gl_namespace_id: group_id,
        difference: Some(difference),
        further: fields,
    };
    event.write();
}
