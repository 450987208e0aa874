//! Conditions on single columns that can use an index. They narrow down the identities before other tables
//! are joined.
use ::scim::attribute::{EmailPart, TextAttribute};
use ::scim::condition::{Condition, EmailCondition, TextTest};

use super::sql::Sql;
use super::{Tenant, fold};

/// A condition for which an index finds a few identities.
#[derive(Debug, Clone, Copy)]
pub(super) enum Candidates<'a> {
    Person(i64),
    /// The id or the external id.
    Id(&'a str),
    ExternalId(&'a str),
    /// The user name that the client sent, or that of the account.
    UserName(&'a str),
    Address(&'a str),
}

impl<'a> Candidates<'a> {
    /// Returns the part of a condition that can use an index.
    pub(super) fn from_condition(condition: &'a Condition) -> Option<Self> {
        use TextAttribute as T;
        match condition {
            Condition::All(parts) => parts.iter().find_map(Self::from_condition),
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
    /// Appends a condition on rows `x` of `scim_api_records`: they belong to the tenant.
    fn belongs_to(&mut self, tenant: &Tenant) {
        self.push(format!(" AND x.scope = {}", tenant.scope()));
        if let Some(group_id) = tenant.group_id() {
            self.push(" AND x.group_id = ").number(group_id);
        }
    }

    /// Appends a condition together with its candidates, unless the whole statement is already narrowed.
    pub(super) fn narrowed(
        &mut self,
        candidates: Candidates<'_>,
        tenant: &Tenant,
        condition: impl FnOnce(&mut Self),
    ) {
        if self.is_narrowed {
            return condition(self);
        }
        self.push("(i.").candidates(candidates, tenant);
        self.push(" AND ");
        condition(self);
        self.push(")");
    }

    /// Appends the condition on the columns of an identity's own table.
    pub(super) fn candidates(&mut self, candidates: Candidates<'_>, tenant: &Tenant) {
        match candidates {
            Candidates::Person(user_id) => _ = self.push("user_id = ").number(user_id),
            Candidates::ExternalId(key) => _ = self.same("extern_uid", key),
            Candidates::Id(id) => {
                self.push("user_id IN (SELECT x.user_id FROM scim_api_records x WHERE ")
                    .same("x.scim_id", id);
                self.belongs_to(tenant);
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
                self.belongs_to(tenant);
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

    /// Appends a case-insensitive comparison. It uses an index, except on SQLite for strings that are not
    /// ASCII.
    pub(super) fn same(&mut self, column: &'static str, text: &str) -> &mut Self {
        let function = fold::function(self.is_postgresql, text.is_ascii());
        self.push(function).push("(").push(column).push(") = ").push(function).push("(").text(text).push(")")
    }
}

/// The address that an element must have, if an index can find it. No row has an empty address: an account that
/// the tenant may not see is shown with one.
pub(super) fn required_value(condition: &EmailCondition) -> Option<&String> {
    match condition {
        EmailCondition::Text(EmailPart::Value, TextTest::Equals(value))
            if value.is_ascii() && !value.is_empty() =>
        {
            Some(value)
        }
        EmailCondition::All(parts) => parts.iter().find_map(required_value),
        _ => None,
    }
}
