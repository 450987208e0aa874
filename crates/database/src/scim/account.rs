//! Creates accounts with all their rows, and changes their names and e-mail addresses.
use ::scim::NewUser;
use ::scim::patch::Change;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
use domain::AccountDefaults;

use super::sql::Sql;
use super::{Refusal, Result, Tenant, addresses, equals_ignoring_case, scim_statement};
use crate::Conn;
use crate::schema::{
    emails, namespace_settings, namespaces, organization_users, redirect_routes, routes, user_details, users,
};
use crate::sql::optional_columns::Columns;
use crate::sql::statement::{StatementColumns, statement};

/// The organization that every GitLab has.
const DEFAULT_ORGANIZATION: i64 = 1;
const MEMBER_OF_ORGANIZATION: i16 = 10;
/// `namespaces.visibility_level` of a personal namespace.
const PUBLIC: i64 = 20;

/// Creates an account: user, details, membership of the organization, and a personal namespace with settings
/// and route.
pub(super) fn create(
    conn: &mut Conn,
    tenant: &Tenant,
    new: &NewUser,
    password: &str,
    now: NaiveDateTime,
) -> Result<i64> {
    let columns = Columns::load(conn, &["users", "emails", "application_settings"])?;
    let organization_id = organization_of(conn, tenant)?;
    let username = free_username(conn, &domain::username::from_name(&new.user_name), now)?;
    let defaults = defaults(conn, &columns, &new.email)?;
    let mut row = columns
        .row("users")
        .set("email", &new.email)
        .set("encrypted_password", password)
        .set("password_automatically_set", true)
        .set("name", &new.name)
        .set("username", &username)
        .set("state", "active")
        .set("user_type", addresses::HUMAN)
        .set("admin", false)
        .set("organization_id", organization_id)
        .set("projects_limit", defaults.projects_limit)
        .set("can_create_group", defaults.can_create_group)
        .set("can_create_team", false)
        .set("external", defaults.external)
        .set("private_profile", defaults.private_profile)
        .set("hide_no_ssh_key", false)
        .set("hide_no_password", false)
        .set("notified_of_own_activity", false)
        .set("project_view", 2)
        .set("preferred_language", &defaults.preferred_language)
        .set("color_scheme_id", defaults.color_scheme_id)
        .set("created_at", now)
        .set("updated_at", now);
    if vouches_for_addresses(tenant) {
        row = row.set("confirmed_at", now);
    }
    let user_id = row.insert(conn)?;
    if vouches_for_addresses(tenant) {
        add_confirmed_address(conn, &columns, user_id, organization_id, &new.email, now)?;
    }
    diesel::insert_into(user_details::table)
        .values((
            user_details::user_id.eq(user_id),
            user_details::provisioned_by_group_id.eq(tenant.group_id()),
        ))
        .execute(conn)?;
    diesel::insert_into(organization_users::table)
        .values((
            organization_users::organization_id.eq(organization_id),
            organization_users::user_id.eq(user_id),
            organization_users::access_level.eq(MEMBER_OF_ORGANIZATION),
            organization_users::created_at.eq(now),
            organization_users::updated_at.eq(now),
        ))
        .execute(conn)?;
    create_namespace(conn, (user_id, organization_id), &username, &new.name, now)?;
    Ok(user_id)
}

/// Whether addresses from the tenant count as confirmed. A group cannot prove that an address belongs to a
/// user.
fn vouches_for_addresses(tenant: &Tenant) -> bool {
    tenant.group.is_none()
}

fn organization_of(conn: &mut Conn, tenant: &Tenant) -> Result<i64> {
    let Some(group_id) = tenant.group_id() else { return Ok(DEFAULT_ORGANIZATION) };
    Ok(namespaces::table.find(group_id).select(namespaces::organization_id).first(conn)?)
}

statement! {
    /// Settings of the instance. Each field has the name of its column.
    struct DefaultsRow {
        default_projects_limit: Nullable<Integer> = "default_projects_limit",
        can_create_group: Nullable<Bool> = "can_create_group",
        user_default_external: Nullable<Bool> = "user_default_external",
        user_default_internal_regex: Nullable<Text> = "user_default_internal_regex",
        user_defaults_to_private_profile: Nullable<Bool> = "user_defaults_to_private_profile",
        default_preferred_language: Nullable<Text> = "default_preferred_language",
        default_syntax_highlighting_theme: Nullable<Integer> = "default_syntax_highlighting_theme",
    }
}

scim_statement!(Defaults, crate::sql::statement::Columns<DefaultsRow>);

/// Reads the instance's settings for an account with this address.
fn defaults(conn: &mut Conn, columns: &Columns, email: &str) -> Result<AccountDefaults> {
    let expression = |(name, sql_type): &(&str, &str)| {
        let is_known = columns.has("application_settings", name);
        format!("CAST({} AS {sql_type})", if is_known { name } else { "NULL" })
    };
    let selected: Vec<String> = DefaultsRow::FIELDS.iter().map(expression).collect();
    let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
    sql.push(format!("SELECT {} FROM application_settings ORDER BY id DESC LIMIT 1", selected.join(", ")));
    let row: Option<DefaultsRow> = Defaults(sql).get_result(conn).optional()?;
    let standard = AccountDefaults::default();
    let Some(row) = row else { return Ok(standard) };
    let defaults = AccountDefaults {
        projects_limit: row.default_projects_limit.unwrap_or(standard.projects_limit),
        can_create_group: row.can_create_group.unwrap_or(standard.can_create_group),
        external: row.user_default_external.unwrap_or(standard.external),
        internal_email_pattern: row.user_default_internal_regex,
        private_profile: row.user_defaults_to_private_profile.unwrap_or(standard.private_profile),
        preferred_language: row.default_preferred_language.unwrap_or(standard.preferred_language),
        color_scheme_id: row.default_syntax_highlighting_theme.unwrap_or(standard.color_scheme_id),
    };
    let is_external = defaults.is_external(email).unwrap_or_else(|error| {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "user_default_internal_regex cannot be compiled and matches nothing"
        );
        defaults.external
    });
    Ok(if is_external {
        defaults.restrict_external()
    } else {
        AccountDefaults { external: false, ..defaults }
    })
}

/// Inserts the confirmed primary address into the user's addresses, as Rails does.
fn add_confirmed_address(
    conn: &mut Conn,
    columns: &Columns,
    user_id: i64,
    organization_id: i64,
    email: &str,
    now: NaiveDateTime,
) -> Result<()> {
    columns
        .row("emails")
        .set("user_id", user_id)
        .set("email", email)
        .set("confirmed_at", now)
        .set("organization_id", organization_id)
        .set("created_at", now)
        .set("updated_at", now)
        .insert_if_absent(conn)?;
    Ok(())
}

fn create_namespace(
    conn: &mut Conn,
    (user_id, organization_id): (i64, i64),
    username: &str,
    name: &str,
    now: NaiveDateTime,
) -> Result<()> {
    let columns = Columns::load(conn, &["namespaces"])?;
    let id = columns
        .row("namespaces")
        .set("name", name)
        .set("path", username)
        .set("owner_id", user_id)
        .set("type", "User")
        .set("visibility_level", PUBLIC)
        .set("organization_id", organization_id)
        .set("created_at", now)
        .set("updated_at", now)
        .insert(conn)?;
    // An array on PostgreSQL, and JSON on SQLite, which has no arrays.
    let itself = match conn {
        Conn::Postgresql(_) => "UPDATE namespaces SET traversal_ids = ARRAY[id] WHERE id = $1",
        Conn::Sqlite(_) => "UPDATE namespaces SET traversal_ids = '[' || id || ']' WHERE id = $1",
    };
    diesel::sql_query(itself).bind::<BigInt, _>(id).execute(conn)?;
    diesel::insert_into(namespace_settings::table)
        .values((
            namespace_settings::namespace_id.eq(id),
            namespace_settings::created_at.eq(now),
            namespace_settings::updated_at.eq(now),
        ))
        .execute(conn)?;
    crate::namespaces::insert_details(conn, id, now)?;
    diesel::insert_into(routes::table)
        .values((
            routes::source_id.eq(id),
            routes::source_type.eq("Namespace"),
            routes::path.eq(username),
            routes::name.eq(name),
            routes::namespace_id.eq(id),
            routes::created_at.eq(now),
            routes::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// Returns the name if it is free, else with 1, 2, 3 or 4 appended, else with a pseudo-random number.
fn free_username(conn: &mut Conn, base: &str, now: NaiveDateTime) -> Result<String> {
    const PRIME: u32 = 7919;
    const MAX_ATTEMPTS: u32 = 1000;
    let mut number = now.and_utc().timestamp_subsec_micros();
    for attempt in 0..MAX_ATTEMPTS {
        let candidate = match attempt {
            0 => base.to_owned(),
            1..=4 => format!("{base}{attempt}"),
            _ => {
                number = (number + PRIME) % 1_000_000_000;
                format!("{base}{number}")
            }
        };
        if domain::username::is_valid(&candidate) && !is_used(conn, &candidate)? {
            return Ok(candidate);
        }
    }
    Err(Refusal::UserTaken.into())
}

fn is_used(conn: &mut Conn, name: &str) -> Result<bool> {
    let route = routes::table
        .filter(equals_ignoring_case!(conn, "routes.path", name))
        .select(routes::id)
        .first::<i64>(conn)
        .optional()?;
    let redirect = redirect_routes::table
        .filter(equals_ignoring_case!(conn, "redirect_routes.path", name))
        .select(redirect_routes::id)
        .first::<i64>(conn)
        .optional()?;
    let user = users::table
        .filter(equals_ignoring_case!(conn, "users.username", name))
        .select(users::id)
        .first::<i64>(conn)
        .optional()?;
    Ok(route.or(redirect).or(user).is_some())
}

/// Derives the name and the e-mail address of an account from the client's values, and writes the
/// differences. This is the only function that changes `users.name` and `users.email`. Also updates the
/// account of `change.user`.
pub(super) fn follow(
    conn: &mut Conn,
    tenant: &Tenant,
    user_id: i64,
    change: &mut Change,
    now: NaiveDateTime,
) -> Result<()> {
    let (name, email): (Option<String>, String) =
        users::table.find(user_id).select((users::name, users::email)).first(conn)?;
    let sent = &change.user.sent;
    if let Some(new) = sent.account_name().filter(|new| change.sets_name && Some(new) != name.as_ref()) {
        rename(conn, user_id, &new, now)?;
        change.user.account.name = new;
    }
    if let Some(new) = sent.account_email().filter(|new| change.sets_email && *new != email) {
        change_email(conn, tenant, user_id, (&email, &new), now)?;
        change.user.account.email = new;
    }
    Ok(())
}

/// Renames a user and the user's personal namespace.
fn rename(conn: &mut Conn, user_id: i64, name: &str, now: NaiveDateTime) -> Result<()> {
    diesel::update(users::table.find(user_id))
        .set((users::name.eq(name), users::updated_at.eq(now)))
        .execute(conn)?;
    let own = namespaces::table.filter(namespaces::owner_id.eq(user_id)).filter(namespaces::type_.eq("User"));
    let ids: Vec<i64> = own.select(namespaces::id).load(conn)?;
    for id in ids {
        diesel::update(namespaces::table.find(id))
            .set((namespaces::name.eq(name), namespaces::updated_at.eq(now)))
            .execute(conn)?;
        diesel::update(
            routes::table.filter(routes::source_type.eq("Namespace")).filter(routes::source_id.eq(id)),
        )
        .set((routes::name.eq(name), routes::updated_at.eq(now)))
        .execute(conn)?;
    }
    Ok(())
}

/// Changes the primary address, unless another account has it.
fn change_email(
    conn: &mut Conn,
    tenant: &Tenant,
    user_id: i64,
    (old, new): (&str, &str),
    now: NaiveDateTime,
) -> Result<()> {
    if addresses::is_used_by_another(conn, new, user_id)? {
        return Err(Refusal::EmailTaken.into());
    }
    let columns = Columns::load(conn, &["users", "emails"])?;
    let is_confirmed = vouches_for_addresses(tenant);
    diesel::update(users::table.find(user_id))
        .set((
            users::email.eq(new),
            users::confirmed_at.eq(is_confirmed.then_some(now)),
            users::updated_at.eq(now),
        ))
        .execute(conn)?;
    for column in ["confirmation_token", "unconfirmed_email"] {
        if columns.has("users", column) {
            let reset = format!("UPDATE users SET {column} = NULL WHERE id = $1");
            diesel::sql_query(reset).bind::<BigInt, _>(user_id).execute(conn)?;
        }
    }
    let old_row = emails::table.filter(emails::user_id.eq(user_id)).filter(equals_ignoring_case!(
        conn,
        "emails.email",
        old
    ));
    diesel::delete(old_row).execute(conn)?;
    if is_confirmed {
        let organization_id = organization_of(conn, tenant)?;
        add_confirmed_address(conn, &columns, user_id, organization_id, new, now)?;
    }
    Ok(())
}

/// Whether the tenant may change an account. The instance may change every account, and a group only those
/// that it created.
pub(super) fn is_own(conn: &mut Conn, tenant: &Tenant, user_id: i64) -> Result<bool> {
    let Some(group_id) = tenant.group_id() else { return Ok(true) };
    let creator: Option<Option<i64>> = user_details::table
        .find(user_id)
        .select(user_details::provisioned_by_group_id)
        .first(conn)
        .optional()?;
    Ok(creator.flatten() == Some(group_id))
}
