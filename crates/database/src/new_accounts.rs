//! Creates user accounts with all their rows, for identity providers and for operators.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{Bool, Integer, Nullable, Text};
use domain::AccountDefaults;
use domain::user::UserType;

use crate::namespaces::create::{self as namespaces, NewNamespace};
use crate::schema::{emails, organization_users, user_details, users};
use crate::scim::equals_ignoring_case;
use crate::settings::from_latest_setting;
use crate::sql::optional_columns::Columns;
use crate::sql::statement::{StatementColumns, query, statement};
use crate::{Conn, MultiBackend, Result};

/// `organization_users.access_level` of users and of administrators.
const MEMBER_OF_ORGANIZATION: i16 = 10;
const OWNER_OF_ORGANIZATION: i16 = 50;
/// `namespaces.visibility_level` of a personal namespace.
const PUBLIC: i32 = 20;

/// An account to create. It is active.
#[derive(Debug)]
pub(crate) struct NewAccount<'a> {
    pub username: &'a str,
    pub email: &'a str,
    pub name: &'a str,
    /// A bcrypt hash, or a string in its format that matches no password.
    pub encrypted_password: &'a str,
    /// Whether the password was generated and is not known to anybody.
    pub password_automatically_set: bool,
    pub user_type: UserType,
    pub admin: bool,
    /// Whether the user is external even if the settings of the instance say otherwise.
    pub external: bool,
    /// Whether the address counts as confirmed.
    pub confirmed: bool,
    pub organization_id: i64,
    pub provisioned_by_group_id: Option<i64>,
}

/// Creates an account: user, details, membership of the organization, and a personal namespace with settings
/// and route. The username and the address are free, see [`namespaces::is_path_taken`] and
/// [`is_address_taken`].
pub(crate) fn create(conn: &mut Conn, new: &NewAccount<'_>, now: NaiveDateTime) -> Result<i64> {
    let columns = Columns::load(conn, &["users", "emails", "application_settings"])?;
    let defaults = defaults(conn, &columns, new)?;
    let mut row = columns
        .row("users")
        .set("email", new.email)
        .set("encrypted_password", new.encrypted_password)
        .set("password_automatically_set", new.password_automatically_set)
        .set("name", new.name)
        .set("username", new.username)
        .set("state", "active")
        .set("user_type", new.user_type.0)
        .set("admin", new.admin)
        .set("organization_id", new.organization_id)
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
    if new.confirmed {
        row = row.set("confirmed_at", now);
    }
    let user_id = row.insert(conn)?;
    if new.confirmed {
        add_confirmed_address(conn, &columns, user_id, new.organization_id, new.email, now)?;
    }
    diesel::insert_into(user_details::table)
        .values((
            user_details::user_id.eq(user_id),
            user_details::provisioned_by_group_id.eq(new.provisioned_by_group_id),
        ))
        .execute(conn)?;
    let level = if new.admin { OWNER_OF_ORGANIZATION } else { MEMBER_OF_ORGANIZATION };
    diesel::insert_into(organization_users::table)
        .values((
            organization_users::organization_id.eq(new.organization_id),
            organization_users::user_id.eq(user_id),
            organization_users::access_level.eq(level),
            organization_users::created_at.eq(now),
            organization_users::updated_at.eq(now),
        ))
        .execute(conn)?;
    let namespace = NewNamespace {
        kind: "User",
        name: new.name,
        path: new.username,
        full_path: new.username,
        full_name: new.name,
        owner_id: Some(user_id),
        parent_id: None,
        organization_id: new.organization_id,
        visibility_level: PUBLIC,
    };
    namespaces::insert(conn, &namespace, now)?;
    Ok(user_id)
}

/// Inserts the confirmed primary address into the user's addresses, as Rails does.
pub(crate) fn add_confirmed_address(
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
        .insert_if_absent(conn)
}

/// Whether an account other than `except` has the address as its primary or as a confirmed secondary address.
pub(crate) fn is_address_taken(conn: &mut Conn, address: &str, except: Option<i64>) -> Result<bool> {
    // No account has this id.
    let except = except.unwrap_or(0);
    let primary = users::table
        .filter(equals_ignoring_case!(conn, "users.email", address))
        .filter(users::id.ne(except))
        .select(users::id);
    if primary.first::<i64>(conn).optional()?.is_some() {
        return Ok(true);
    }
    let secondary = emails::table
        .filter(equals_ignoring_case!(conn, "emails.email", address))
        .filter(emails::user_id.ne(except))
        .filter(emails::confirmed_at.is_not_null())
        .select(emails::id);
    Ok(secondary.first::<i64>(conn).optional()?.is_some())
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

/// Selects the settings. One that this release of GitLab has not got is NULL.
struct Defaults<'a>(&'a Columns);

impl QueryFragment<MultiBackend> for Defaults<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        for (index, (name, sql_type)) in DefaultsRow::FIELDS.iter().enumerate() {
            out.push_sql(if index == 0 { "SELECT CAST(" } else { ", CAST(" });
            out.push_sql(if self.0.has("application_settings", name) { name } else { "NULL" });
            out.push_sql(" AS ");
            out.push_sql(sql_type);
            out.push_sql(")");
        }
        out.push_sql(from_latest_setting!());
        Ok(())
    }
}

query!(Defaults<'_>, row DefaultsRow);

/// Reads the instance's settings for an account.
fn defaults(conn: &mut Conn, columns: &Columns, new: &NewAccount<'_>) -> Result<AccountDefaults> {
    let row: Option<DefaultsRow> = Defaults(columns).get_result(conn).optional()?;
    let standard = AccountDefaults::default();
    let defaults = match row {
        None => standard,
        Some(row) => AccountDefaults {
            projects_limit: row.default_projects_limit.unwrap_or(standard.projects_limit),
            can_create_group: row.can_create_group.unwrap_or(standard.can_create_group),
            external: row.user_default_external.unwrap_or(standard.external),
            internal_email_pattern: row.user_default_internal_regex,
            private_profile: row.user_defaults_to_private_profile.unwrap_or(standard.private_profile),
            preferred_language: row.default_preferred_language.unwrap_or(standard.preferred_language),
            color_scheme_id: row.default_syntax_highlighting_theme.unwrap_or(standard.color_scheme_id),
        },
    };
    let is_external = defaults.is_external(new.email).unwrap_or_else(|error| {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "user_default_internal_regex cannot be compiled and matches nothing"
        );
        defaults.external
    });
    Ok(if is_external || new.external {
        defaults.restrict_external()
    } else {
        AccountDefaults { external: false, ..defaults }
    })
}
