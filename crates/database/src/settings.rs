//! The settings of the instance: the latest row of `application_settings`. Other files read it by `latest` too.
use std::collections::BTreeMap;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Nullable, SmallInt, Text};
use ipnet::IpNet;

use crate::schema::{application_setting_terms as terms, application_settings as settings};
use crate::sql::optional_columns;
use crate::{Conn, Result};
use domain::access::branch_protection::BranchProtection;
use domain::access::{Protocol, parse_allowed_ips};
use domain::ssh_key::{Restrictions, Rule};

/// The settings of the instance. GitLab's defaults apply if there is no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub only_protocol: Option<Protocol>,
    /// In MiB; 0 means no limit.
    pub receive_max_input_size: i32,
    /// Git operations per minute; 0 means no limit.
    pub git_operation_limit: i32,
    pub maintenance_mode: bool,
    pub key_restrictions: Restrictions,
    pub enforce_terms: bool,
    pub latest_term_id: Option<i64>,
    /// Users must confirm their e-mail address before they sign in.
    pub confirmation_required: bool,
    pub branch_protection: BranchProtection,
    /// The default branch name of new repositories.
    pub default_branch_name: String,
    /// The base URL of git over HTTP, if it differs from the external URL.
    pub custom_http_clone_url_root: Option<String>,
    /// IP ranges that pass the restrictions of every group.
    pub globally_allowed_ips: Vec<IpNet>,
}

#[derive(Queryable)]
struct Row {
    only_protocol: Option<String>,
    receive_max_input_size: Option<i32>,
    git_operation_limit: Option<i32>,
    maintenance_mode: bool,
    rsa: i32,
    dsa: i32,
    ecdsa: i32,
    ed25519: i32,
    ecdsa_sk: i32,
    ed25519_sk: i32,
    enforce_terms: bool,
    email_confirmation_setting: i16,
    branch_protection: Option<i32>,
    branch_protection_defaults: Option<String>,
    default_branch_name: Option<String>,
    custom_http_clone_url_root: Option<String>,
    globally_allowed_ips: String,
}

/// The row that applies, in the query DSL: the latest one. Older GitLab releases left several.
#[diesel::dsl::auto_type(no_type_alias)]
pub(crate) fn latest() -> _ {
    settings::table.order(settings::id.desc())
}

/// SQL: the end of a statement over the row that applies.
macro_rules! from_latest_setting {
    () => {
        " FROM application_settings ORDER BY id DESC LIMIT 1"
    };
}
pub(crate) use from_latest_setting;

/// SQL: a statement that selects an expression over the columns of the current settings. Returns NULL or no row if
/// there are no settings.
macro_rules! select_latest_setting {
    ($expression:literal) => {
        concat!("SELECT ", $expression, $crate::settings::from_latest_setting!())
    };
}
pub(crate) use select_latest_setting;

/// Reads a setting as text. `None` if the column, the row or the value does not exist.
pub(crate) fn optional_text(conn: &mut Conn, column: &'static str) -> Result<Option<String>> {
    const LATEST: &str = "id = (SELECT max(id) FROM application_settings)";
    optional_columns::text(conn, "application_settings", column, LATEST)
}

/// Reads the settings. A setting whose column does not exist has GitLab's default.
pub fn load(conn: &mut Conn) -> Result<Settings> {
    let catalogue = conn.catalogue()?;
    let column = |name: &'static str, default: &'static str| {
        catalogue.column_or("application_settings", name, default)
    };
    let text = |name| sql::<Nullable<Text>>(column(name, "CAST(NULL AS text)"));
    let number = |name, default| sql::<Nullable<Integer>>(column(name, default));
    let key_restriction = |name, default| sql::<Integer>(column(name, default));
    let flag = |name| sql::<Bool>(&format!("COALESCE({}, false)", column(name, "false")));
    let protection_defaults = column("default_branch_protection_defaults", "NULL");
    let row: Option<Row> = latest()
        .select((
            text("enabled_git_access_protocol"),
            number("receive_max_input_size", "CAST(NULL AS integer)"),
            number("gitlab_shell_operation_limit", "600"),
            flag("maintenance_mode"),
            key_restriction("rsa_key_restriction", "0"),
            key_restriction("dsa_key_restriction", "-1"),
            key_restriction("ecdsa_key_restriction", "0"),
            key_restriction("ed25519_key_restriction", "0"),
            key_restriction("ecdsa_sk_key_restriction", "0"),
            key_restriction("ed25519_sk_key_restriction", "0"),
            flag("enforce_terms"),
            sql::<SmallInt>(column("email_confirmation_setting", "CAST(0 AS smallint)")),
            number("default_branch_protection", "CAST(NULL AS integer)"),
            sql::<Nullable<Text>>(&format!("CAST({protection_defaults} AS text)")),
            text("default_branch_name"),
            text("custom_http_clone_url_root"),
            sql::<Text>(column("globally_allowed_ips", "''")),
        ))
        .first(conn)
        .optional()?;
    let mut settings = row.map_or_else(Settings::default, Settings::from);
    settings.latest_term_id = terms::table.select(diesel::dsl::max(terms::id)).first(conn)?;
    Ok(settings)
}

/// The weight of each storage for new projects (`repository_storages_weighted`).
pub fn storage_weights(conn: &mut Conn) -> Result<BTreeMap<String, i64>> {
    let catalogue = conn.catalogue()?;
    let column = catalogue.column_or("application_settings", "repository_storages_weighted", "NULL");
    let text: Option<Option<String>> =
        latest().select(sql::<Nullable<Text>>(&format!("CAST({column} AS text)"))).first(conn).optional()?;
    // An invalid value counts as no weights.
    Ok(text.flatten().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            only_protocol: None,
            receive_max_input_size: 0,
            git_operation_limit: 600,
            maintenance_mode: false,
            key_restrictions: Restrictions {
                rsa: Rule::Any,
                dsa: Rule::Forbidden,
                ecdsa: Rule::Any,
                ed25519: Rule::Any,
                ecdsa_sk: Rule::Any,
                ed25519_sk: Rule::Any,
            },
            enforce_terms: false,
            latest_term_id: None,
            confirmation_required: false,
            branch_protection: BranchProtection::FULL,
            default_branch_name: "main".to_owned(),
            custom_http_clone_url_root: None,
            globally_allowed_ips: Vec::new(),
        }
    }
}

impl From<Row> for Settings {
    fn from(row: Row) -> Self {
        Self {
            only_protocol: row.only_protocol.as_deref().and_then(Protocol::parse),
            receive_max_input_size: row.receive_max_input_size.unwrap_or(0),
            git_operation_limit: row.git_operation_limit.unwrap_or(0),
            maintenance_mode: row.maintenance_mode,
            key_restrictions: Restrictions {
                rsa: Rule::from_number(row.rsa),
                dsa: Rule::from_number(row.dsa),
                ecdsa: Rule::from_number(row.ecdsa),
                ed25519: Rule::from_number(row.ed25519),
                ecdsa_sk: Rule::from_number(row.ecdsa_sk),
                ed25519_sk: Rule::from_number(row.ed25519_sk),
            },
            enforce_terms: row.enforce_terms,
            latest_term_id: None,
            // 0 off, 1 soft, 2 hard
            confirmation_required: row.email_confirmation_setting == 2,
            branch_protection: BranchProtection::from_columns(
                row.branch_protection_defaults.as_deref(),
                row.branch_protection,
            )
            .unwrap_or(BranchProtection::FULL),
            default_branch_name: row
                .default_branch_name
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "main".to_owned()),
            custom_http_clone_url_root: row.custom_http_clone_url_root.filter(|root| !root.is_empty()),
            globally_allowed_ips: parse_allowed_ips(&row.globally_allowed_ips),
        }
    }
}
