//! Alerts of a project. At most one alert with the same fingerprint is unresolved.
use chrono::NaiveDateTime;
use diesel::dsl::max;
use diesel::prelude::*;
use domain::agents::alert::Alert;

use crate::schema::{alert_management_alerts as alerts, internal_ids, projects};
use crate::sql::casts;
use crate::{Conn, Result};

const TRIGGERED: i16 = 0;
const RESOLVED: i16 = 2;
/// `alert_management_alerts.domain`
const THREAT_MONITORING: i16 = 1;
/// `internal_ids.usage` of alerts.
const USAGE: i32 = 8;

/// The alert that a request created or counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedAlert {
    pub iid: i32,
    /// How often the alert was reported.
    pub events: i32,
}

/// Creates an alert, or counts an unresolved one with the same fingerprint. An alert with an end time is
/// resolved.
pub fn record(conn: &mut Conn, project_id: i64, alert: &Alert, now: NaiveDateTime) -> Result<RecordedAlert> {
    conn.write(|conn| {
        lock(conn, project_id)?;
        let open = alerts::table
            .filter(alerts::project_id.eq(project_id))
            .filter(alerts::fingerprint.eq(alert.fingerprint.as_slice()))
            .filter(alerts::status.ne(RESOLVED));
        let columns = (alerts::iid, alerts::events);
        let known: Option<(i32, i32)> = match alert.ended_at {
            None => diesel::update(open)
                .set((alerts::events.eq(alerts::events + 1), alerts::updated_at.eq(now)))
                .returning(columns)
                .get_result(conn)
                .optional()?,
            Some(ended_at) => diesel::update(open)
                .set((alerts::status.eq(RESOLVED), alerts::ended_at.eq(ended_at), alerts::updated_at.eq(now)))
                .returning(columns)
                .get_result(conn)
                .optional()?,
        };
        match known {
            Some((iid, events)) => Ok(RecordedAlert { iid, events }),
            None => Ok(RecordedAlert { iid: insert(conn, project_id, alert, now)?, events: 1 }),
        }
    })
}

/// Locks the project's row, so that its alerts get consecutive numbers. On SQLite the transaction is the only
/// writer.
fn lock(conn: &mut Conn, project_id: i64) -> Result<()> {
    if let Conn::Postgresql(pg) = conn {
        projects::table.find(project_id).select(projects::id).for_no_key_update().first::<i64>(pg)?;
    }
    Ok(())
}

fn insert(conn: &mut Conn, project_id: i64, alert: &Alert, now: NaiveDateTime) -> Result<i32> {
    let iid = next_iid(conn, project_id)?;
    diesel::insert_into(alerts::table)
        .values((
            alerts::project_id.eq(project_id),
            alerts::iid.eq(iid),
            alerts::title.eq(&alert.title),
            alerts::description.eq(&alert.description),
            alerts::service.eq(&alert.service),
            alerts::monitoring_tool.eq(&alert.monitoring_tool),
            alerts::hosts.eq(casts::text_array(&alert.hosts)),
            alerts::severity.eq(alert.severity),
            alerts::status.eq(if alert.ended_at.is_some() { RESOLVED } else { TRIGGERED }),
            alerts::fingerprint.eq(alert.fingerprint.as_slice()),
            alerts::payload.eq(casts::json_text(&alert.payload)),
            alerts::domain.eq(THREAT_MONITORING),
            alerts::started_at.eq(alert.started_at),
            alerts::ended_at.eq(alert.ended_at),
            alerts::created_at.eq(now),
            alerts::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(iid)
}

/// Returns the next number of an alert in its project. The caller has locked the project.
fn next_iid(conn: &mut Conn, project_id: i64) -> Result<i32> {
    let of_project = internal_ids::table
        .filter(internal_ids::usage.eq(USAGE))
        .filter(internal_ids::project_id.eq(project_id));
    let next = diesel::update(of_project)
        .set(internal_ids::last_value.eq(internal_ids::last_value + 1))
        .returning(internal_ids::last_value)
        .get_result(conn)
        .optional()?;
    if let Some(next) = next {
        return Ok(next);
    }
    let last: Option<i32> =
        alerts::table.filter(alerts::project_id.eq(project_id)).select(max(alerts::iid)).first(conn)?;
    let first = last.unwrap_or(0) + 1;
    diesel::insert_into(internal_ids::table)
        .values((
            internal_ids::project_id.eq(project_id),
            internal_ids::usage.eq(USAGE),
            internal_ids::last_value.eq(first),
        ))
        .execute(conn)?;
    Ok(first)
}
