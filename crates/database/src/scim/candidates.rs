//! What narrows identities before anything is joined to them, so that an index finds the few that may be meant.
use ::scim::attribute::{EmailPart, TextAttribute};
use ::scim::condition::{Condition, EmailCondition, TextTest};

use super::Tenant;
use super::sql::Sql;

/// By what an index finds the few identities that may be looked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Candidates<'a> {
    Person(i64),
    /// Either of a resource's ids.
    Id(&'a str),
    ExternalId(&'a str),
    /// What was sent, or the account's own.
    UserName(&'a str),
    SentName(&'a str),
    Address(&'a str),
}

impl<'a> Candidates<'a> {
    /// Of what a condition requires, if an index knows it.
    pub(super) fn of(condition: &'a Condition) -> Option<Self> {
        use TextAttribute as T;
        match condition {
            Condition::All(parts) => parts.iter().find_map(Self::of),
            Condition::ExactId(id) => Some(Self::Id(id)),
            Condition::Email(condition) => required_value(condition).map(|value| Self::Address(value)),
            Condition::Text(attribute, TextTest::Equals(key)) if key.is_ascii() => match attribute {
                T::Id => Some(Self::Id(key)),
                T::ExternalId => Some(Self::ExternalId(key)),
                T::UserName => Some(Self::UserName(key)),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Sql {
    /// `AND …`: rows `x` of our records that are the tenant's.
    fn of_tenant(&mut self, tenant: &Tenant) {
        self.push(format!(" AND x.scope = {}", tenant.scope()));
        if let Some(group_id) = tenant.group_id() {
            self.push(" AND x.group_id = ").number(group_id);
        }
    }

    /// A condition with what narrows it, unless the whole statement is narrowed.
    pub(super) fn leaf(&mut self, candidates: Candidates<'_>, tenant: &Tenant, leaf: impl FnOnce(&mut Self)) {
        if self.is_narrowed {
            return leaf(self);
        }
        self.push("(i.").candidates(candidates, tenant);
        self.push(" AND ");
        leaf(self);
        self.push(")");
    }

    /// What an identity meets that may be looked for, by columns of its own table.
    pub(super) fn candidates(&mut self, candidates: Candidates<'_>, tenant: &Tenant) {
        match candidates {
            Candidates::Person(user_id) => _ = self.push("user_id = ").number(user_id),
            Candidates::ExternalId(key) => _ = self.same("extern_uid", key),
            Candidates::Id(id) => {
                self.push("user_id IN (SELECT x.user_id FROM scim_api_records x WHERE ")
                    .same("x.scim_id", id);
                self.of_tenant(tenant);
                self.push(" UNION ALL SELECT x.user_id FROM scim_identities x WHERE ")
                    .same("x.extern_uid", id);
                match tenant.group_id() {
                    None => _ = self.push(" AND x.group_id IS NULL)"),
                    Some(group_id) => {
                        self.push(" AND x.group_id = ").number(group_id);
                        self.push(" UNION ALL SELECT x.user_id FROM group_scim_identities x WHERE ");
                        self.same("x.extern_uid", id).push(" AND x.group_id = ").number(group_id).push(")");
                    }
                }
            }
            Candidates::UserName(key) => {
                self.push("user_id IN (SELECT x.id FROM users x WHERE ").same("x.username", key);
                self.push(" UNION ALL SELECT x.user_id FROM scim_api_records x WHERE ")
                    .same("x.user_name", key);
                self.of_tenant(tenant);
                self.push(")");
            }
            Candidates::SentName(name) => {
                self.push("user_id IN (SELECT x.user_id FROM scim_api_records x WHERE ")
                    .same("x.user_name", name);
                self.of_tenant(tenant);
                self.push(")");
            }
            Candidates::Address(value) => {
                self.push("user_id IN (SELECT x.user_id FROM scim_api_emails x WHERE ")
                    .same("x.value", value);
                self.push(format!(
                    " AND x.scope = {} UNION ALL SELECT x.id FROM users x WHERE ",
                    tenant.scope()
                ));
                self.same("x.email", value).push(")");
            }
        }
    }

    /// Whether a column has this text, in any case: by its index, unless it is SQLite's, which knows ASCII alone.
    pub(super) fn same(&mut self, column: &'static str, text: &str) -> &mut Self {
        let function = if self.is_postgresql || text.is_ascii() { "lower(" } else { "scim_fold(" };
        self.push(function).push(column).push(") = ").push(function).text(text).push(")")
    }
}

/// The address that an element must have, if an index can find it.
pub(super) fn required_value(condition: &EmailCondition) -> Option<&String> {
    match condition {
        EmailCondition::Text(EmailPart::Value, TextTest::Equals(value)) if value.is_ascii() => Some(value),
        EmailCondition::All(parts) => parts.iter().find_map(required_value),
        _ => None,
    }
}
