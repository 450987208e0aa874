//! Reads the users of a tenant.
use ::scim::condition::Condition;
use ::scim::user::{Account, Email, SentAttributes, chosen};
use ::scim::{Search, User};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamp};

use super::candidates::Candidates;
use super::sql::{self, Sql};
use super::{Mode, StoredUser, Tenant, scim_statement};
use crate::Conn;
use crate::sql::statement::{Columns, StatementColumns, statement};

statement! {
    struct IdentityRow {
        id: BigInt = "i.id",
        user_id: BigInt = "i.user_id",
        external_id: Text = "i.extern_uid",
        active: Bool = "COALESCE(i.active, false)",
        created_at: Timestamp = "i.created_at",
        updated_at: Timestamp = "i.updated_at",
    }
}

statement! {
    struct AccountRow {
        username: Nullable<Text> = "u.username",
        name: Nullable<Text> = "u.name",
        email: Text = "u.email",
    }
}

statement! {
    struct RecordRow {
        scim_id: Nullable<Text> = "r.scim_id",
        user_name: Nullable<Text> = "r.user_name",
        formatted: Nullable<Text> = "r.formatted",
        family_name: Nullable<Text> = "r.family_name",
        given_name: Nullable<Text> = "r.given_name",
        display_name: Nullable<Text> = "r.display_name",
        is_foreign: Nullable<Bool> = "r.is_foreign",
        version: Nullable<BigInt> = "r.version",
        deleted_at: Nullable<Timestamp> = "r.deleted_at",
    }
}

/// The addresses as JSON, and the total number of rows. Their expressions depend on the request.
type ExtraColumns = (Nullable<Text>, Nullable<BigInt>);
type UserRow = (IdentityRow, AccountRow, RecordRow, (Option<String>, Option<i64>));
/// Value, type, display name, and whether it is the primary address.
type EmailJson = (String, Option<String>, Option<String>, Option<bool>);

scim_statement!(Users, (Columns<IdentityRow>, Columns<AccountRow>, Columns<RecordRow>, ExtraColumns));
scim_statement!(Count, BigInt);

/// A page of a list and the total length of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub users: Vec<StoredUser>,
    pub total: i64,
}

/// Appends `FROM` with the identities of a tenant, or only the candidates among them, and `WHERE` they are
/// visible.
fn push_from(sql: &mut Sql, tenant: &Tenant, with_deleted: bool, candidates: Option<Candidates<'_>>) {
    // PostgreSQL uses the indexes of both tables only if the columns have the same type.
    const ROW: &str = "user_id, CAST(extern_uid AS text) AS extern_uid, active, created_at, updated_at";
    sql.is_narrowed = candidates.is_some();
    let narrow = |sql: &mut Sql| {
        if let Some(candidates) = candidates {
            sql.push(" AND ").candidates(candidates, tenant);
        }
    };
    sql.push(format!(" FROM (SELECT id, {ROW} FROM scim_identities WHERE group_id "));
    match tenant.group_id() {
        None => {
            sql.push("IS NULL");
            narrow(sql);
        }
        Some(group_id) => {
            sql.push("= ").number(group_id);
            narrow(sql);
            sql.push(format!(" UNION ALL SELECT -id, {ROW} FROM group_scim_identities t WHERE group_id = "));
            sql.number(group_id);
            narrow(sql);
            sql.push(
                " AND NOT EXISTS (SELECT 1 FROM scim_identities s WHERE s.user_id = t.user_id AND s.group_id = t.group_id)",
            );
        }
    }
    sql.push(format!(
        ") AS i JOIN users u ON u.id = i.user_id \
         LEFT JOIN scim_api_records r ON r.scope = {} AND r.identity_id = i.id AND r.user_id = i.user_id WHERE ",
        tenant.scope()
    ));
    // GitLab may have reactivated a deleted identity.
    sql.push(if with_deleted { "true" } else { "(r.deleted_at IS NULL OR COALESCE(i.active, false))" });
}

/// Starts the SELECT list.
fn push_columns(sql: &mut Sql) {
    let parts = [IdentityRow::EXPRESSIONS, AccountRow::EXPRESSIONS, RecordRow::EXPRESSIONS];
    sql.push(format!("SELECT {}, ", parts.concat().join(", ")));
}

fn is_postgresql(conn: &Conn) -> bool {
    matches!(conn, Conn::Postgresql(_))
}

/// Returns the requested page in one statement. If the page is past the end of the list, another statement
/// counts.
pub fn list(conn: &mut Conn, tenant: &Tenant, search: &Search, with_emails: bool) -> crate::Result<Page> {
    let condition = search.condition.as_ref();
    if search.count > 0 {
        let rows: Vec<UserRow> = Users(page(is_postgresql(conn), tenant, search, with_emails)).load(conn)?;
        let total = rows.first().map(|(.., (_, total))| total.unwrap_or_default());
        if let Some(total) = total.or((search.start_index == 1).then_some(0)) {
            return Ok(Page {
                users: rows.into_iter().map(|row| stored(row, tenant)).collect::<crate::Result<_>>()?,
                total,
            });
        }
    }
    let mut sql = Sql::new(is_postgresql(conn));
    sql.push("SELECT count(*)");
    restrict(&mut sql, tenant, condition);
    Ok(Page { users: Vec::new(), total: Count(sql).get_result(conn)? })
}

fn restrict(sql: &mut Sql, tenant: &Tenant, condition: Option<&Condition>) {
    push_from(sql, tenant, tenant.deleted_visible, condition.and_then(Candidates::from_condition));
    if let Some(condition) = condition {
        sql.is_common = sql::is_common(condition);
        sql.push(" AND ").condition(condition, tenant);
    }
}

fn page(is_postgresql: bool, tenant: &Tenant, search: &Search, with_emails: bool) -> Sql {
    let condition = search.condition.as_ref();
    let mut sql = Sql::new(is_postgresql);
    push_columns(&mut sql);
    emails(&mut sql, tenant, with_emails);
    if condition.is_some_and(sql::is_common) {
        // Few rows match, so counting them is cheap.
        sql.push(", count(*) OVER ()");
    } else {
        // A window function would keep all columns of all rows in memory.
        sql.push(", (SELECT count(*)");
        restrict(&mut sql, tenant, condition);
        sql.push(")");
    }
    restrict(&mut sql, tenant, condition);
    sql.order(search.sort, tenant);
    sql.push(" LIMIT ").number(search.count).push(" OFFSET ").number(search.start_index - 1);
    sql
}

/// Appends a column with the addresses that the client sent, as a JSON list or NULL. This saves a statement.
fn emails(sql: &mut Sql, tenant: &Tenant, wanted: bool) {
    // For an account that a group did not create, the group sees the address that it sent.
    if !wanted && tenant.group.is_none() {
        sql.push("NULL");
        return;
    }
    let list = if sql.is_postgresql {
        "json_agg(json_build_array(e.value, e.type, e.display, e.is_primary) ORDER BY e.position)"
    } else {
        // SQLite stores booleans as numbers.
        "json_group_array(json_array(e.value, e.type, e.display, \
         json(CASE WHEN e.is_primary THEN 'true' WHEN NOT e.is_primary THEN 'false' END)) ORDER BY e.position)"
    };
    sql.push(format!(
        "(SELECT CAST({list} AS text) FROM scim_api_emails e WHERE e.scope = {} AND e.identity_id = i.id)",
        tenant.scope()
    ));
}

/// Starts a statement with all columns except a count.
fn columns(conn: &Conn, tenant: &Tenant, with_emails: bool) -> Sql {
    let mut sql = Sql::new(is_postgresql(conn));
    push_columns(&mut sql);
    emails(&mut sql, tenant, with_emails);
    sql.push(", NULL");
    sql
}

/// Finds a user by id, else by external id.
pub fn find(
    conn: &mut Conn,
    tenant: &Tenant,
    id: &str,
    with_emails: bool,
) -> crate::Result<Option<StoredUser>> {
    let mut sql = columns(conn, tenant, with_emails);
    push_from(&mut sql, tenant, tenant.deleted_visible, Some(Candidates::Id(id)));
    sql.push(" AND (").same(sql::id_column(tenant), id);
    sql.push(" OR ").same("i.extern_uid", id).push(") ORDER BY CASE WHEN ");
    sql.same(sql::id_column(tenant), id).push(" THEN 0 ELSE 1 END, i.id LIMIT 1");
    Ok(load(conn, sql, tenant)?.pop())
}

/// Returns the candidates that meet a condition, including deleted ones.
fn some(
    conn: &mut Conn,
    tenant: &Tenant,
    candidates: Candidates<'_>,
    condition: impl FnOnce(&mut Sql),
) -> crate::Result<Vec<StoredUser>> {
    let mut sql = columns(conn, tenant, true);
    push_from(&mut sql, tenant, true, Some(candidates));
    condition(&mut sql);
    sql.push(" ORDER BY i.id LIMIT 10");
    load(conn, sql, tenant)
}

/// Returns the users with this id or external id, case-insensitively.
pub(super) fn by_ids(conn: &mut Conn, tenant: &Tenant, id: &str) -> crate::Result<Vec<StoredUser>> {
    some(conn, tenant, Candidates::Id(id), |sql| {
        sql.push(" AND (").same(sql::id_column(tenant), id);
        sql.push(" OR ").same("i.extern_uid", id).push(")");
    })
}

/// Returns the identity of a user.
pub(super) fn by_user(conn: &mut Conn, tenant: &Tenant, user_id: i64) -> crate::Result<Option<StoredUser>> {
    Ok(some(conn, tenant, Candidates::Person(user_id), |_| ())?.pop())
}

/// Returns the users with this `userName`: as sent, or of the account if none was sent.
pub(super) fn showing_user_name(
    conn: &mut Conn,
    tenant: &Tenant,
    name: &str,
) -> crate::Result<Vec<StoredUser>> {
    some(conn, tenant, Candidates::UserName(name), |sql| {
        sql.push(" AND ").same(sql::SHOWN_USER_NAME, name);
    })
}

fn load(conn: &mut Conn, statement: Sql, tenant: &Tenant) -> crate::Result<Vec<StoredUser>> {
    let rows: Vec<UserRow> = Users(statement).load(conn)?;
    rows.into_iter().map(|row| stored(row, tenant)).collect()
}

fn stored(row: UserRow, tenant: &Tenant) -> crate::Result<StoredUser> {
    let (identity, account, record, (emails, _)) = row;
    let emails: Option<Vec<EmailJson>> = emails
        .map(|json| serde_json::from_str(&json))
        .transpose()
        .map_err(|error| crate::Error::Database(error.into()))?;
    let emails = emails.unwrap_or_default().into_iter();
    let emails =
        emails.map(|(value, kind, display, primary)| Email { value, kind, display, primary }).collect();
    let sent = SentAttributes {
        user_name: record.user_name,
        formatted: record.formatted,
        family_name: record.family_name,
        given_name: record.given_name,
        display_name: record.display_name,
        emails,
    };
    let is_foreign = record.is_foreign.unwrap_or_default();
    let account = if is_foreign {
        hidden_account(&sent)
    } else {
        Account {
            username: account.username.unwrap_or_default(),
            name: account.name.unwrap_or_default(),
            email: account.email,
        }
    };
    let last_modified = identity.updated_at.and_utc();
    let shown_id = record.scim_id.filter(|_| tenant.mode == Mode::Rfc);
    Ok(StoredUser {
        identity_id: identity.id,
        user_id: identity.user_id,
        is_deleted: record.deleted_at.is_some() && !identity.active,
        is_foreign,
        user: User {
            id: shown_id.unwrap_or_else(|| identity.external_id.clone()),
            external_id: identity.external_id,
            active: identity.active,
            account,
            sent,
            created: identity.created_at.and_utc(),
            last_modified,
            version: record.version.unwrap_or_else(|| last_modified.timestamp_micros()),
        },
    })
}

/// The values that a group sees instead of an account that it did not create.
fn hidden_account(sent: &SentAttributes) -> Account {
    Account {
        username: sent.user_name.clone().unwrap_or_default(),
        name: sent.formatted.clone().unwrap_or_default(),
        email: chosen(&sent.emails).map(|email| email.value.clone()).unwrap_or_default(),
    }
}
