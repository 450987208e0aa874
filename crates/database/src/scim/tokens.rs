//! Whose token it is.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Binary, Integer, Text};

use super::Group;
use crate::schema::{
    group_scim_auth_access_tokens as group_tokens, namespaces, routes, saml_providers,
    scim_oauth_access_tokens as tokens,
};
use crate::{Conn, MultiBackend, Result};

diesel::define_sql_function! {
    /// As a function, and not as a text of SQL, it leaves a statement prepared.
    fn lower(text: Text) -> Text;
}

/// What a request is about, by its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    Instance,
    /// The full path of a group.
    Group(String),
}

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The instance, or a group with single sign-on.
    Granted(Option<Group>),
    /// Nobody's token, or another tenant's.
    Denied,
    /// There is no such group.
    NotFound,
    /// The group has no single sign-on.
    Disabled,
}

/// Looks whether a token, in each form that may be stored, is that of the scope. `is_same` compares in constant time.
pub fn authenticate(
    conn: &mut Conn,
    scope: &Scope,
    forms: &[String],
    is_same: impl Fn(&str) -> bool,
) -> Result<Access> {
    let Scope::Group(path) = scope else {
        let stored: Vec<String> =
            tokens::table.filter(tokens::group_id.is_null()).select(tokens::token_encrypted).load(conn)?;
        let granted = stored.iter().any(|stored| is_same(stored));
        return Ok(if granted { Access::Granted(None) } else { Access::Denied });
    };
    let rows = of_group(conn, path)?;
    let Some(Candidate { group: (group_id, None), provider, .. }) = rows.first() else {
        // Only somebody with a token learns that a group is not there; single sign-on belongs to top-level groups.
        let known = KnownToken { forms }.load::<i32>(conn)?;
        return Ok(if known.is_empty() { Access::Denied } else { Access::NotFound });
    };
    let is_mine = |row: &Candidate| {
        // A group that has moved to the newer table has left the older one.
        match &row.newer {
            Some(newer) => std::str::from_utf8(newer).is_ok_and(&is_same),
            None => row.older.as_deref().is_some_and(&is_same),
        }
    };
    if !rows.iter().any(is_mine) {
        return Ok(Access::Denied);
    }
    Ok(match *provider {
        Some((provider_id, true, enforced_sso, role, member_role_id)) => Access::Granted(Some(Group {
            id: *group_id,
            provider_id,
            enforced_sso,
            default_role: role.into(),
            member_role_id,
        })),
        _ => Access::Disabled,
    })
}

/// A group with one of its tokens of either table; there is a row for each.
#[derive(Queryable)]
struct Candidate {
    /// Its id and that of its parent.
    group: (i64, Option<i64>),
    provider: Option<(i64, bool, bool, i16, Option<i64>)>,
    newer: Option<Vec<u8>>,
    older: Option<String>,
}

/// One statement, because every request begins with it.
fn of_group(conn: &mut Conn, path: &str) -> Result<Vec<Candidate>> {
    Ok(routes::table
        .inner_join(namespaces::table.on(namespaces::id.eq(routes::source_id)))
        .left_join(saml_providers::table.on(saml_providers::group_id.eq(namespaces::id)))
        .left_join(group_tokens::table.on(group_tokens::group_id.eq(namespaces::id)))
        .left_join(tokens::table.on(tokens::group_id.eq(namespaces::id.nullable())))
        .filter(routes::source_type.eq("Namespace"))
        .filter(namespaces::type_.eq("Group"))
        .filter(lower(routes::path).eq(lower(path)))
        .order(saml_providers::id)
        .select((
            (namespaces::id, namespaces::parent_id),
            (
                saml_providers::id,
                saml_providers::enabled,
                saml_providers::enforced_sso,
                saml_providers::default_membership_role,
                saml_providers::member_role_id,
            )
                .nullable(),
            group_tokens::token_encrypted.nullable(),
            tokens::token_encrypted.nullable(),
        ))
        .load(conn)?)
}

/// Makes this the only token of a group or of the instance. `encrypted` is what the column holds.
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

/// Whether some tenant has this token.
struct KnownToken<'a> {
    forms: &'a [String],
}

impl QueryFragment<MultiBackend> for KnownToken<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("SELECT 1 FROM scim_oauth_access_tokens WHERE token_encrypted IN (");
        for (i, form) in self.forms.iter().enumerate() {
            out.push_sql(if i == 0 { "" } else { ", " });
            out.push_bind_param::<Text, _>(form)?;
        }
        out.push_sql(") UNION ALL SELECT 1 FROM group_scim_auth_access_tokens WHERE token_encrypted IN (");
        for (i, form) in self.forms.iter().enumerate() {
            out.push_sql(if i == 0 { "" } else { ", " });
            out.push_bind_param::<Binary, _>(form.as_bytes())?;
        }
        out.push_sql(") LIMIT 1");
        Ok(())
    }
}

impl QueryId for KnownToken<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for KnownToken<'_> {
    type SqlType = Integer;
}

impl<C> RunQueryDsl<C> for KnownToken<'_> {}
