//! `internal-apictl explain seats`: which members of a namespace take a seat, and why.
use std::collections::BTreeSet;

use anyhow::Result;
use clap::Args;
use database::billing::seats::{self, Seat};
use database::billing::{Key, namespaces, overview};
use domain::Error;
use serde_json::{Value, json};

use super::database::Database;
use crate::commands::{now, role_name};
use crate::output::{self, Cell, Style, optional};
use crate::refusal::Refusal;

#[derive(Debug, Args)]
pub struct Options {
    /// Full path or id of the group or personal namespace
    #[arg(long, visible_aliases = ["namespace-id", "group"], value_name = "PATH")]
    namespace: String,
    #[command(flatten)]
    database: Database,
}

pub fn run(options: &Options) -> Result<()> {
    let mut conn = options.database.open()?;
    let today = now().date();
    let unknown = |error| match error {
        database::Error::Domain(Error::NotFound(_)) => {
            Refusal::not_found("namespace", &options.namespace).into()
        }
        error => anyhow::Error::from(error),
    };
    let namespace = namespaces::find(&mut conn, &Key::parse(&options.namespace)).map_err(unknown)?;
    let overview = overview::show(&mut conn, namespace, today)?;
    let exclude_guests = overview.subscription.as_ref().is_some_and(|found| found.plan.excludes_guests());
    let members = seats::explain(&mut conn, overview.namespace.id, exclude_guests, today)?;
    let plan = overview.subscription.as_ref().map(|found| found.plan.code().to_owned());
    let billable = overview.counts.billable_members;
    if options.database.json {
        return output::json(&json!({
            "namespace_id": overview.namespace.id,
            "full_path": overview.namespace.full_path,
            "plan": plan,
            "exclude_guests": exclude_guests,
            "billable_members_count": billable,
            "memberships": members.iter().map(to_json).collect::<Vec<_>>(),
        }));
    }
    println!("namespace  {} ({})", overview.namespace.full_path, overview.namespace.id);
    let guests = if exclude_guests { "guests take no seat" } else { "guests take a seat" };
    println!("plan       {}, on which {guests}", plan.as_deref().unwrap_or("none"));
    println!();
    let mut counted = BTreeSet::new();
    let rows = members.iter().map(|seat| {
        let is_first = seat.is_taken() && counted.insert(seat.user_id);
        let (takes, style) = if is_first { ("yes", Style::Good) } else { ("no", Style::Plain) };
        let why = if seat.is_taken() && !is_first { "counted above".to_owned() } else { reason(seat) };
        [
            Cell::from(seat.user_id),
            optional(seat.username.as_deref()),
            Cell::from(membership(seat)),
            Cell::from(role_name(seat.access_level)),
            Cell::styled(takes, style),
            Cell::from(why),
        ]
    });
    output::table(["USER", "NAME", "READ FROM", "ROLE", "SEAT", "WHY"], rows)?;
    println!("\n{billable} seats");
    Ok(())
}

/// The row that gives the user the role.
fn membership(seat: &Seat) -> String {
    let source = format!("{} {}", seat.source_type.to_lowercase(), seat.source_id);
    match seat.membership_id {
        Some(id) if seat.is_of_invited_group => format!("members[id = {id}] of invited {source}"),
        Some(id) => format!("members[id = {id}] of {source}"),
        None => format!("namespaces[id = {}] owner_id", seat.source_id),
    }
}

fn reason(seat: &Seat) -> String {
    let role = role_name(seat.access_level);
    match (seat.is_active_person, seat.role_takes_seat, seat.member_role_id) {
        (false, ..) if seat.user_type != 0 => format!("a bot (user_type {})", seat.user_type),
        (false, ..) => format!("the account is {}", seat.state.as_deref().unwrap_or("blocked")),
        (true, true, Some(id)) => format!("{role} with the custom role {id}"),
        (true, true, None) => role,
        (true, false, _) => format!("{role}, which is free on this plan"),
    }
}

fn to_json(seat: &Seat) -> Value {
    json!({
        "user_id": seat.user_id,
        "username": seat.username,
        "membership_id": seat.membership_id,
        "source_type": seat.source_type,
        "source_id": seat.source_id,
        "invited_group": seat.is_of_invited_group,
        "access_level": seat.access_level,
        "member_role_id": seat.member_role_id,
        "takes_seat": seat.is_taken(),
        "reason": reason(seat),
    })
}
