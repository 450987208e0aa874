//! The sort order of a list.
use ::scim::attribute::{Attribute, EmailPart, TextAttribute};
use ::scim::search::Sort;

use super::sql::{SHOWN_USER_NAME, STORED, Sql, account_columns, account_username, column, id_column};
use super::{Mode, Tenant, fold};

impl Sql {
    /// `ORDER BY`. Missing values come last in ascending order, and first in descending order.
    pub(super) fn order(&mut self, sort: Option<Sort>, tenant: &Tenant) {
        self.push(" ORDER BY ");
        if let Some((value, descending)) =
            sort.and_then(|sort| Some((self.sort_value(sort.by, tenant)?, sort.descending)))
        {
            let direction = if descending { " DESC" } else { "" };
            self.push(format!("({value}) IS NULL{direction}, {value}{direction}, "));
            self.is_common = false;
        }
        self.push("i.id");
    }

    fn sort_value(&self, by: Attribute, tenant: &Tenant) -> Option<String> {
        let folded = |value: &str| {
            let folded = fold::folded(self.is_postgresql, value);
            if self.is_postgresql { format!("{folded} COLLATE \"C\"") } else { folded }
        };
        let email_part = |part: EmailPart| {
            let (stored, account) = (STORED.column(part), account_columns(tenant).column(part));
            let value = format!(
                "CASE WHEN EXISTS (SELECT 1 FROM scim_api_emails e WHERE e.scope = {0} AND e.identity_id = i.id) \
                 THEN (SELECT {stored} FROM scim_api_emails e WHERE e.scope = {0} AND e.identity_id = i.id \
                 ORDER BY COALESCE(e.is_primary, false) DESC, e.position LIMIT 1) ELSE {account} END",
                tenant.scope()
            );
            if part == EmailPart::Primary { value } else { folded(&format!("({value})")) }
        };
        Some(match by {
            Attribute::Text(TextAttribute::UserName) => match tenant.mode {
                Mode::GitLab => folded(account_username(tenant)),
                Mode::Rfc => folded(SHOWN_USER_NAME),
            },
            Attribute::Text(attribute) => folded(&column(attribute, tenant)),
            Attribute::Location => id_column(tenant).to_owned(),
            Attribute::Active => "COALESCE(i.active, false)".to_owned(),
            Attribute::Created => "i.created_at".to_owned(),
            Attribute::LastModified => "i.updated_at".to_owned(),
            Attribute::Version => "r.version".to_owned(),
            Attribute::Emails => email_part(EmailPart::Value),
            Attribute::Email(part) => email_part(part),
            Attribute::Name
            | Attribute::Meta
            | Attribute::ResourceType
            | Attribute::Schemas
            | Attribute::Unassigned => {
                return None;
            }
        })
    }
}
