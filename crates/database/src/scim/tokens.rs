//! SCIM tokens and their tenants.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};

use super::Group;
use crate::schema::{group_scim_auth_access_tokens as group_tokens, scim_oauth_access_tokens as tokens};
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
    Granted(Option<Group>),
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
    let rows: Vec<Row> = Lookup { forms, scope }.load(conn)?;
    let rows = rows.into_iter().map(Candidate::from);
    let known: Vec<Candidate> = rows.filter(|row| row.is_held_by(&is_same)).collect();
    if known.is_empty() {
        return Ok(Access::Denied);
    }
    if *scope == Scope::Instance {
        let is_instance = known.iter().any(|row| row.tenant.is_none());
        return Ok(if is_instance { Access::Granted(None) } else { Access::Denied });
    }
    // Only top-level groups have single sign-on.
    if known.iter().all(|row| row.group_id.is_none()) {
        return Ok(Access::NotFound);
    }
    let Some(mine) = known.iter().find(|row| row.group_id.is_some() && row.tenant == row.group_id) else {
        return Ok(Access::Denied);
    };
    Ok(mine.group().map_or(Access::Disabled, |group| Access::Granted(Some(group))))
}

type Row = (
    (Nullable64, Option<String>, Option<Vec<u8>>),
    (Nullable64, Nullable64, Option<bool>, Option<bool>, Option<i32>, Nullable64),
);
type Nullable64 = Option<i64>;

/// A tenant with the token, and the group in the path with its enabled provider.
struct Candidate {
    /// `None` for the instance.
    tenant: Option<i64>,
    older: Option<String>,
    newer: Option<Vec<u8>>,
    group_id: Option<i64>,
    provider: Option<(i64, bool, i32, Option<i64>)>,
}

impl From<Row> for Candidate {
    fn from((token, group): Row) -> Self {
        let ((tenant, older, newer), (group_id, provider_id, enabled, enforced_sso, role, member_role_id)) =
            (token, group);
        let provider = provider_id
            .filter(|_| enabled == Some(true))
            .map(|id| (id, enforced_sso.unwrap_or_default(), role.unwrap_or_default(), member_role_id));
        Self { tenant, older, newer, group_id, provider }
    }
}

impl Candidate {
    fn is_held_by(&self, is_same: impl Fn(&str) -> bool) -> bool {
        let newer = self.newer.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
        newer.or(self.older.as_deref()).is_some_and(is_same)
    }

    /// The group, if it has an enabled provider.
    fn group(&self) -> Option<Group> {
        let (provider_id, enforced_sso, default_role, member_role_id) = self.provider?;
        Some(Group { id: self.group_id?, provider_id, enforced_sso, default_role, member_role_id })
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
        out.push_sql(
            "SELECT t.group_id, t.older, t.newer, n.id, p.id, p.enabled, p.enforced_sso, \
             CAST(p.default_membership_role AS integer), p.member_role_id FROM (\
             SELECT o.group_id, CAST(o.token_encrypted AS text) AS older, g.token_encrypted AS newer \
             FROM scim_oauth_access_tokens o \
             LEFT JOIN group_scim_auth_access_tokens g ON g.group_id = o.group_id \
             WHERE g.id IS NULL AND o.token_encrypted IN (",
        );
        for (i, form) in self.forms.iter().enumerate() {
            out.push_sql(if i == 0 { "" } else { ", " });
            out.push_bind_param::<Text, _>(form)?;
        }
        out.push_sql(
            ") UNION ALL SELECT group_id, NULL, token_encrypted FROM group_scim_auth_access_tokens \
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

impl QueryId for Lookup<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Lookup<'_> {
    type SqlType = (
        (Nullable<BigInt>, Nullable<Text>, Nullable<Binary>),
        (
            Nullable<BigInt>,
            Nullable<BigInt>,
            Nullable<Bool>,
            Nullable<Bool>,
            Nullable<Integer>,
            Nullable<BigInt>,
        ),
    );
}

impl<C> RunQueryDsl<C> for Lookup<'_> {}

/// Makes this the only token of a group or of the instance. `encrypted` is the value of the column.
pub fn set_token(conn: &mut Conn, group_id: Option<i64>, encrypted: &str, now: NaiveDateTime) -> Result<()> {
    let stamp = (tokens::created_at.eq(now), tokens::updated_at.eq(now));
    let source_id: i64 = {
        match group_id {
            Some(id) => diesel::delete(tokens::table.filter(tokens::group_id.eq(id))).execute(conn)?,
            None => diesel::delete(tokens::table.filter(tokens::group_id.is_null())).execute(conn)?,
        };
        diesel::insert_into(tokens::table)
            .values((tokens::group_id.eq(group_id), tokens::token_encrypted.eq(encrypted), stamp.0, stamp.1))
            .returning(tokens::id)
            .get_result(conn)?
    };
    let Some(group_id) = group_id else { return Ok(()) };
    diesel::delete(group_tokens::table.filter(group_tokens::group_id.eq(group_id))).execute(conn)?;
    diesel::insert_into(group_tokens::table)
        .values((
            group_tokens::group_id.eq(group_id),
            group_tokens::token_encrypted.eq(encrypted.as_bytes()),
            group_tokens::temp_source_id.eq(source_id),
            group_tokens::created_at.eq(now),
            group_tokens::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}
