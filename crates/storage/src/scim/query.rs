//! Reading the users of a tenant.
use ::scim::condition::Condition;
use ::scim::search::Sort;
use ::scim::user::{Account, Email, Sent};
use ::scim::{Search, User};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Nullable, SmallInt, Text, Timestamp};

use super::sql::{self, Sql};
use super::{Stored, Tenant};
use crate::{Conn, MultiBackend};

type NullableText = Nullable<Text>;
type UserColumns = (
    (BigInt, BigInt, Text, Bool, Timestamp, Timestamp),
    (NullableText, NullableText, Text),
    (NullableText, NullableText, NullableText, NullableText, NullableText, NullableText),
    (Nullable<BigInt>, Nullable<Timestamp>),
);
type Words = Option<String>;
type UserRow = (
    (i64, i64, String, bool, NaiveDateTime, NaiveDateTime),
    (Words, Words, String),
    (Words, Words, Words, Words, Words, Words),
    (Option<i64>, Option<NaiveDateTime>),
);
type EmailRow = (i64, i16, String, Words, Words, Option<bool>);
type EmailColumns = (BigInt, SmallInt, Text, NullableText, NullableText, Nullable<Bool>);

const COLUMNS: &str = "SELECT i.id, i.user_id, i.extern_uid, COALESCE(i.active, false), i.created_at, i.updated_at, \
    u.username, u.name, u.email, \
    r.scim_id, r.user_name, r.formatted, r.family_name, r.given_name, r.display_name, r.version, r.deleted_at";

/// A statement and what its rows are.
macro_rules! statement {
    ($name:ident, $columns:ty) => {
        struct $name(Sql);

        impl QueryFragment<MultiBackend> for $name {
            fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
                self.0.walk_ast(out)
            }
        }

        impl QueryId for $name {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }

        impl Query for $name {
            type SqlType = $columns;
        }

        impl<C> RunQueryDsl<C> for $name {}
    };
}

statement!(Users, UserColumns);
statement!(Count, BigInt);
statement!(Emails, EmailColumns);

/// A page of a list, and how long the list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub users: Vec<Stored>,
    pub total: i64,
}

/// `FROM` the identities of a tenant, and `WHERE` they can be seen.
fn from(sql: &mut Sql, tenant: &Tenant, with_deleted: bool) {
    const ROW: &str = "user_id, extern_uid, active, created_at, updated_at";
    sql.push(format!(" FROM (SELECT id, {ROW} FROM scim_identities WHERE group_id "));
    match tenant.group_id() {
        None => _ = sql.push("IS NULL"),
        Some(group_id) => {
            sql.push("= ").number(group_id);
            sql.push(format!(" UNION ALL SELECT -id, {ROW} FROM group_scim_identities t WHERE group_id = "));
            sql.number(group_id).push(
                " AND NOT EXISTS (SELECT 1 FROM scim_identities s WHERE s.user_id = t.user_id AND s.group_id = t.group_id)",
            );
        }
    }
    sql.push(format!(
        ") AS i JOIN users u ON u.id = i.user_id \
         LEFT JOIN scim_api_records r ON r.scope = {} AND r.identity_id = i.id AND r.user_id = i.user_id WHERE ",
        tenant.scope()
    ));
    // Whoever GitLab has made active again is not deleted any more.
    sql.push(if with_deleted { "true" } else { "(r.deleted_at IS NULL OR COALESCE(i.active, false))" });
}

fn is_postgresql(conn: &Conn) -> bool {
    matches!(conn, Conn::Postgresql(_))
}

/// The page that a search asks for. One statement, and one for the count where the page cannot tell it.
pub fn list(conn: &mut Conn, tenant: &Tenant, search: &Search, with_emails: bool) -> crate::Result<Page> {
    let condition = search.condition.as_ref();
    let mut users = Vec::new();
    if search.count > 0 {
        let statement =
            page(is_postgresql(conn), tenant, condition, search.sort, search.start_index, search.count);
        users = load(conn, tenant, statement, with_emails)?;
    }
    let here = i64::try_from(users.len()).unwrap_or(i64::MAX);
    // A page that is not full is the last one; an empty one may lie behind the end.
    let is_last = here < search.count && (here > 0 || search.start_index == 1);
    let total = if is_last {
        search.start_index - 1 + here
    } else {
        let mut sql = Sql::new(is_postgresql(conn));
        sql.push("SELECT count(*)");
        restrict(&mut sql, tenant, condition);
        Count(sql).get_result(conn)?
    };
    Ok(Page { users, total })
}

fn restrict(sql: &mut Sql, tenant: &Tenant, condition: Option<&Condition>) {
    from(sql, tenant, tenant.deleted_visible);
    if let Some(condition) = condition {
        sql.is_common = sql::is_common(condition);
        sql.push(" AND ").condition(condition, tenant);
    }
}

fn page(
    is_postgresql: bool,
    tenant: &Tenant,
    condition: Option<&Condition>,
    sort: Option<Sort>,
    start_index: i64,
    count: i64,
) -> Sql {
    let mut sql = Sql::new(is_postgresql);
    sql.push(COLUMNS);
    restrict(&mut sql, tenant, condition);
    sql.order(sort, tenant);
    sql.push(" LIMIT ").number(count).push(" OFFSET ").number(start_index - 1);
    sql
}

/// The user whose id this is, or else whose external id.
pub fn find(conn: &mut Conn, tenant: &Tenant, id: &str, with_emails: bool) -> crate::Result<Option<Stored>> {
    let mut sql = Sql::new(is_postgresql(conn));
    sql.push(COLUMNS);
    from(&mut sql, tenant, tenant.deleted_visible);
    sql.push(" AND ").id_candidates(id, tenant);
    sql.push("(lower(COALESCE(r.scim_id, i.extern_uid)) = lower(").text(id);
    sql.push(") OR lower(i.extern_uid) = lower(").text(id);
    sql.push("))) ORDER BY CASE WHEN lower(COALESCE(r.scim_id, i.extern_uid)) = lower(").text(id);
    sql.push(") THEN 0 ELSE 1 END, i.id LIMIT 1");
    Ok(load(conn, tenant, sql, with_emails)?.pop())
}

/// All of a tenant's identities, deleted ones too, for which `condition` says something.
fn some(conn: &mut Conn, tenant: &Tenant, condition: impl FnOnce(&mut Sql)) -> crate::Result<Vec<Stored>> {
    let mut sql = Sql::new(is_postgresql(conn));
    sql.push(COLUMNS);
    from(&mut sql, tenant, true);
    sql.push(" AND ");
    condition(&mut sql);
    sql.push(" ORDER BY i.id LIMIT 10");
    load(conn, tenant, sql, true)
}

/// Whose external id or id this is, in any case.
pub(super) fn by_ids(conn: &mut Conn, tenant: &Tenant, id: &str) -> crate::Result<Vec<Stored>> {
    some(conn, tenant, |sql| {
        sql.id_candidates(id, tenant);
        sql.push("(lower(COALESCE(r.scim_id, i.extern_uid)) = lower(").text(id);
        sql.push(") OR lower(i.extern_uid) = lower(").text(id).push(")))");
    })
}

/// The identity of a person.
pub(super) fn by_user(conn: &mut Conn, tenant: &Tenant, user_id: i64) -> crate::Result<Option<Stored>> {
    Ok(some(conn, tenant, |sql| _ = sql.push("i.user_id = ").number(user_id))?.pop())
}

/// Those who were sent with this name.
pub(super) fn by_user_name(conn: &mut Conn, tenant: &Tenant, name: &str) -> crate::Result<Vec<Stored>> {
    some(conn, tenant, |sql| {
        sql.push("i.user_id IN (SELECT x.user_id FROM scim_api_records x WHERE lower(x.user_name) = lower(")
            .text(name);
        sql.push(") AND x.scope = ").number(tenant.scope().into());
        sql.push(") AND lower(r.user_name) = lower(").text(name).push(")");
    })
}

fn load(conn: &mut Conn, tenant: &Tenant, statement: Sql, with_emails: bool) -> crate::Result<Vec<Stored>> {
    let rows: Vec<UserRow> = Users(statement).load(conn)?;
    let mut users: Vec<Stored> = rows.into_iter().map(stored).collect();
    if with_emails && !users.is_empty() {
        add_emails(conn, tenant, &mut users)?;
    }
    Ok(users)
}

fn add_emails(conn: &mut Conn, tenant: &Tenant, users: &mut [Stored]) -> crate::Result<()> {
    let mut sql = Sql::new(is_postgresql(conn));
    sql.push(format!(
        "SELECT identity_id, position, value, type, display, is_primary FROM scim_api_emails WHERE scope = {} AND identity_id IN (",
        tenant.scope()
    ));
    for (i, user) in users.iter().enumerate() {
        sql.push(if i == 0 { "" } else { ", " }).number(user.identity_id);
    }
    sql.push(") ORDER BY identity_id, position");
    let rows: Vec<EmailRow> = Emails(sql).load(conn)?;
    for (identity_id, _, value, kind, display, primary) in rows {
        if let Some(user) = users.iter_mut().find(|user| user.identity_id == identity_id) {
            user.user.sent.emails.push(Email { value, kind, display, primary });
        }
    }
    Ok(())
}

fn stored(row: UserRow) -> Stored {
    let ((identity_id, user_id, external_id, active, created, updated), account, sent, (version, deleted_at)) =
        row;
    let (username, name, email) = account;
    let (id, sent_name, formatted, family_name, given_name, display_name) = sent;
    let last_modified = updated.and_utc();
    Stored {
        identity_id,
        user_id,
        is_deleted: deleted_at.is_some() && !active,
        user: User {
            id: id.unwrap_or_else(|| external_id.clone()),
            external_id,
            active,
            account: Account {
                username: username.unwrap_or_default(),
                name: name.unwrap_or_default(),
                email,
            },
            sent: Sent {
                user_name: sent_name,
                formatted,
                family_name,
                given_name,
                display_name,
                emails: Vec::new(),
            },
            created: created.and_utc(),
            last_modified,
            version: version.unwrap_or_else(|| last_modified.timestamp_micros()),
        },
    }
}
