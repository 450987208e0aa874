//! `internal-apictl explain scim`: which account a user of an identity provider is.
use anyhow::Result;
use clap::Args;
use database::scim::explain::{self, FoundMembership, FoundUser};
use database::scim::{Mode, Scope, Tenant};
use serde_json::{Value, json};

use super::database::Database;
use crate::commands::{now, role_name};
use crate::output::{self, Cell, Style};
use crate::refusal::Refusal;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    scope: ScopeOptions,
    #[command(flatten)]
    user: UserOptions,
    /// Show deleted users, as scim-api does with its option of the same name
    #[arg(long, env = "IAPI_SCIM_DELETED_VISIBLE")]
    scim_deleted_visible: bool,
    #[command(flatten)]
    database: Database,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ScopeOptions {
    /// Full path of the group
    #[arg(long, value_name = "PATH")]
    group: Option<String>,
    /// The whole instance
    #[arg(long)]
    instance: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct UserOptions {
    /// The user's `id` or `externalId`
    #[arg(long, visible_alias = "external-id", value_name = "ID")]
    id: Option<String>,
    /// The user's `userName`
    #[arg(long, value_name = "NAME")]
    user_name: Option<String>,
}

/// A line of the explanation.
struct Line {
    what: &'static str,
    result: &'static str,
    is_well: bool,
    read_from: String,
}

fn line(what: &'static str, result: &'static str, is_well: bool, read_from: String) -> Line {
    Line { what, result, is_well, read_from }
}

pub fn run(options: &Options) -> Result<()> {
    let mut conn = options.database.open()?;
    let today = now().date();
    let scope = options.scope.group.clone().map_or(Scope::Instance, Scope::Group);
    let mut lines = Vec::new();
    let found = explain::find_group(&mut conn, &scope)?;
    let group = match (&options.scope.group, &found) {
        (None, _) => None,
        (Some(path), None) => return Err(Refusal::not_found("group", path).into()),
        (Some(path), Some(found)) => {
            let provider = found.provider_id.map_or("saml_providers: no row".to_owned(), |id| {
                format!("saml_providers[id = {id}] group_id={}, enabled={}", found.id, found.group.is_some())
            });
            lines.push(line(
                "group",
                "found",
                true,
                format!("routes path={path}, namespaces[id = {}]", found.id),
            ));
            let Some(group) = found.group else {
                let result = if found.is_root { "disabled" } else { "not a top-level group" };
                lines.push(line("provider", result, false, provider));
                return finish(options, &lines, None, 2);
            };
            lines.push(line("provider", "enabled", true, provider));
            Some(group)
        }
    };
    // The mode decides only what a provider may change.
    let tenant = Tenant {
        group,
        mode: Mode::GitLab,
        deleted_visible: options.scim_deleted_visible,
        keep_saml_identity: false,
    };
    let user = match (&options.user.id, &options.user.user_name) {
        (Some(id), _) => explain::find_user(&mut conn, &tenant, id, today)?,
        (None, name) => {
            let name = name.as_deref().unwrap_or_default();
            explain::find_by_user_name(&mut conn, &tenant, name, today)?.into_iter().next()
        }
    };
    let Some(user) = user else {
        let read_from = match tenant.group_id() {
            Some(id) => format!("scim_identities, group_scim_identities: no row with group_id={id}"),
            None => "scim_identities: no row with group_id=null".to_owned(),
        };
        lines.push(line("identity", "missing", false, read_from));
        return finish(options, &lines, None, 2);
    };
    explain_user(&user, tenant.group_id().is_some(), &mut lines);
    let hidden = user.stored.is_deleted && !options.scim_deleted_visible;
    let code = match (hidden, user.stored.user.active) {
        (true, _) => 2,
        (false, true) => 0,
        (false, false) => 1,
    };
    finish(options, &lines, Some(&user), code)
}

fn explain_user(user: &FoundUser, is_group: bool, lines: &mut Vec<Line>) {
    let FoundUser { stored, account, membership } = user;
    let (table, id) = match stored.identity_id {
        id if id < 0 => ("group_scim_identities", -id),
        id => ("scim_identities", id),
    };
    let identity = format!(
        "{table}[id = {id}] extern_uid={}, user_id={}, active={}",
        stored.user.external_id, stored.user_id, stored.user.active
    );
    let (result, is_well) = match (stored.is_deleted, stored.user.active) {
        (true, _) => ("deleted", false),
        (false, true) => ("active", true),
        (false, false) => ("inactive", false),
    };
    lines.push(line("identity", result, is_well, identity));
    if stored.is_deleted || stored.is_foreign {
        let record = format!("scim_api_records[identity_id = {}]", stored.identity_id);
        let result = if stored.is_foreign { "account not created by this provider" } else { "deleted" };
        lines.push(line("record", result, !stored.is_deleted, record));
    }
    match account {
        None => lines.push(line("account", "missing", false, format!("users[id = {}]", stored.user_id))),
        Some(account) => {
            let is_active = account.state.as_deref() == Some("active");
            let state = account.state.as_deref().unwrap_or("null");
            let name = account.username.as_deref().unwrap_or_default();
            let row =
                format!("users[id = {}] username={name}, email={}, state={state}", account.id, account.email);
            lines.push(line("account", if is_active { "active" } else { "not active" }, is_active, row));
        }
    }
    if !is_group {
        return;
    }
    match membership {
        None => lines.push(line("membership", "missing", false, "members: no row".to_owned())),
        Some(found) => {
            let result = if found.is_valid { "valid" } else { "not valid" };
            lines.push(line("membership", result, found.is_valid, membership_row(found)));
        }
    }
}

fn membership_row(found: &FoundMembership) -> String {
    let FoundMembership { id, access_level, member_role_id, expires_at, requested_at, .. } = found;
    let role = role_name(*access_level);
    let expiry = expires_at.map(|date| format!(", expires_at={date}")).unwrap_or_default();
    let request = requested_at.map(|_| ", requested_at is set").unwrap_or_default();
    let custom = member_role_id.map(|id| format!(", member_role_id={id}")).unwrap_or_default();
    format!("members[id = {id}] access_level={access_level} ({role}){custom}{expiry}{request}")
}

/// Prints the explanation. The exit code is 0 for an active user, 1 for an inactive one, 2 for none.
fn finish(options: &Options, lines: &[Line], user: Option<&FoundUser>, code: u8) -> Result<()> {
    let name = ["active", "inactive", "not_found"][usize::from(code.min(2))];
    if options.database.json {
        let rows = lines.iter().map(|line| {
            json!({ "step": line.what, "result": line.result, "passed": line.is_well, "read_from": line.read_from })
        });
        output::json(&json!({
            "decision": name,
            "id": user.map(|found| &found.stored.user.id),
            "external_id": user.map(|found| &found.stored.user.external_id),
            "user_id": user.map(|found| found.stored.user_id),
            "identity_id": user.map(|found| found.stored.identity_id),
            "membership_id": user.and_then(|found| found.membership.as_ref()).map(|found| found.id),
            "rows": rows.collect::<Vec<Value>>(),
        }))?;
    } else {
        let rows = lines.iter().map(|line| {
            let style = if line.is_well { Style::Good } else { Style::Bad };
            [Cell::from(line.what), Cell::styled(line.result, style), Cell::from(&line.read_from)]
        });
        output::table(["STEP", "RESULT", "READ FROM"], rows)?;
    }
    match code {
        0 => Ok(()),
        1 => Err(Refusal::failed("the user is inactive").into()),
        _ => Err(Refusal::unknown("the provider's user does not exist").into()),
    }
}
