//! SCIM tokens and their tenants.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};

use super::Group;
use crate::schema::{group_scim_auth_access_tokens as group_tokens, scim_oauth_access_tokens as tokens};
use crate::sql::optional_columns;
use crate::sql::statement::{StatementRow, query, statement};
use crate::{Conn, MultiBackend, Result};

/// The tenant in a request's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The whole instance.
    Instance,
    /// The full path of a group.
    Group(String),
}

/// The access of a token to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The token belongs to the instance, or to the group with single sign-on.
    Granted { token_id: i64, group: Option<Group> },
    /// The token is unknown, or belongs to another tenant.
    Denied,
    /// The token is valid, but the group does not exist.
    NotFound,
    /// The token belongs to the group, but the group has no single sign-on.
    Disabled,
}

/// Looks up a token, given in each form in which it may be stored. `is_same` compares in constant time.
///
/// The token is looked up first, and the path only for a known token, in one statement. An unknown token
/// therefore takes the same time for every path, and the time does not reveal which groups exist.
pub fn authenticate(
    conn: &mut Conn,
    scope: &Scope,
    forms: &[String],
    is_same: impl Fn(&str) -> bool,
) -> Result<Access> {
    let mut known: Vec<Candidate> = Lookup { forms, scope }.load(conn)?;
    known.retain(|row| row.is_held_by(&is_same));
    if known.is_empty() {
        return Ok(Access::Denied);
    }
    if *scope == Scope::Instance {
        let instance = known.iter().find(|row| row.token.group_id.is_none());
        return Ok(
            instance.map_or(Access::Denied, |row| Access::Granted { token_id: row.token.id, group: None })
        );
    }
    // Only top-level groups have single sign-on.
    if known.iter().all(|row| row.group.id.is_none()) {
        return Ok(Access::NotFound);
    }
    let Some(mine) = known.iter().find(|row| row.group.id.is_some() && row.token.group_id == row.group.id)
    else {
        return Ok(Access::Denied);
    };
    let granted = |group| Access::Granted { token_id: mine.token.id, group: Some(group) };
    Ok(mine.group().map_or(Access::Disabled, granted))
}

statement! {
    /// A tenant with the token, and the group in the path with its provider.
    struct Candidate {
        token: TokenRow,
        group: GroupRow,
    }
}

statement! {
    struct TokenRow {
        id: BigInt = "t.id",
        /// `None` for the instance.
        group_id: Nullable<BigInt> = "t.group_id",
        older: Nullable<Text> = "t.older",
        newer: Nullable<Binary> = "t.newer",
    }
}

statement! {
    struct GroupRow {
        id: Nullable<BigInt> = "n.id",
        provider_id: Nullable<BigInt> = "p.id",
        is_enabled: Nullable<Bool> = "p.enabled",
        enforced_sso: Nullable<Bool> = "p.enforced_sso",
        default_role: Nullable<Integer> = "CAST(p.default_membership_role AS integer)",
        member_role_id: Nullable<BigInt> = "p.member_role_id",
    }
}

impl Candidate {
    fn is_held_by(&self, is_same: impl Fn(&str) -> bool) -> bool {
        let newer = self.token.newer.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
        newer.or(self.token.older.as_deref()).is_some_and(is_same)
    }

    /// The group, if it has an enabled provider.
    fn group(&self) -> Option<Group> {
        let group = &self.group;
        let provider_id = group.provider_id.filter(|_| group.is_enabled == Some(true))?;
        Some(Group {
            id: group.id?,
            provider_id,
            enforced_sso: group.enforced_sso.unwrap_or_default(),
            default_role: group.default_role.unwrap_or_default(),
            member_role_id: group.member_role_id,
        })
    }
}

/// Finds the tenants with a token, each with the group in the path. A group in the newer token table no
/// longer uses the older one.
struct Lookup<'a> {
    forms: &'a [String],
    scope: &'a Scope,
}

impl QueryFragment<MultiBackend> for Lookup<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        Candidate::select(&mut out);
        out.push_sql(
            " FROM (\
             SELECT o.id, o.group_id, CAST(o.token_encrypted AS text) AS older, g.token_encrypted AS newer \
             FROM scim_oauth_access_tokens o \
             LEFT JOIN group_scim_auth_access_tokens g ON g.group_id = o.group_id \
             WHERE g.id IS NULL AND o.token_encrypted IN (",
        );
        for (i, form) in self.forms.iter().enumerate() {
            out.push_sql(if i == 0 { "" } else { ", " });
            out.push_bind_param::<Text, _>(form)?;
        }
        out.push_sql(
            ") UNION ALL SELECT id, group_id, NULL, token_encrypted FROM group_scim_auth_access_tokens \
             WHERE token_encrypted IN (",
        );
        for (i, form) in self.forms.iter().enumerate() {
            out.push_sql(if i == 0 { "" } else { ", " });
            out.push_bind_param::<Binary, _>(form.as_bytes())?;
        }
        out.push_sql(")) AS t LEFT JOIN routes r ON r.source_type = 'Namespace' AND lower(r.path) = lower(");
        match self.scope {
            Scope::Instance => out.push_bind_param::<Text, _>("")?,
            Scope::Group(path) => out.push_bind_param::<Text, _>(path)?,
        }
        out.push_sql(
            ") LEFT JOIN namespaces n ON n.id = r.source_id AND n.type = 'Group' AND n.parent_id IS NULL \
             LEFT JOIN saml_providers p ON p.group_id = n.id ORDER BY p.id",
        );
        Ok(())
    }
}

query!(Lookup<'_>, row Candidate);

/// Makes this the only token of a group or of the instance. `encrypted` is the value of the column.
pub fn set_token(conn: &mut Conn, group_id: Option<i64>, encrypted: &str, now: NaiveDateTime) -> Result<()> {
    let stamp = (tokens::created_at.eq(now), tokens::updated_at.eq(now));
    delete_token(conn, group_id)?;
    let source_id: i64 = diesel::insert_into(tokens::table)
        .values((tokens::group_id.eq(group_id), tokens::token_encrypted.eq(encrypted), stamp.0, stamp.1))
        .returning(tokens::id)
        .get_result(conn)?;
    let Some(group_id) = group_id else { return Ok(()) };
    diesel::insert_into(group_tokens::table)
        .values((
            group_tokens::group_id.eq(group_id),
            group_tokens::token_encrypted.eq(encrypted.as_bytes()),
            group_tokens::created_at.eq(now),
            group_tokens::updated_at.eq(now),
        ))
        .execute(conn)?;
    // GitLab 18.7 dropped the column.
    if optional_columns::exists(conn, "group_scim_auth_access_tokens", group_tokens::temp_source_id::NAME)? {
        diesel::update(group_tokens::table.filter(group_tokens::group_id.eq(group_id)))
            .set(group_tokens::temp_source_id.eq(source_id))
            .execute(conn)?;
    }
    Ok(())
}

/// Deletes the token of a group or of the instance. Returns whether there was one.
pub fn delete_token(conn: &mut Conn, group_id: Option<i64>) -> Result<bool> {
    let deleted = match group_id {
        Some(id) => {
            diesel::delete(group_tokens::table.filter(group_tokens::group_id.eq(id))).execute(conn)?
                + diesel::delete(tokens::table.filter(tokens::group_id.eq(id))).execute(conn)?
        }
        None => diesel::delete(tokens::table.filter(tokens::group_id.is_null())).execute(conn)?,
    };
    Ok(deleted > 0)
}
