//! Scanners and identifiers of a project. A known one is renamed when its name changes.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use domain::agents::vulnerability::Identifier;

use super::Scanner;
use crate::schema::{vulnerability_identifiers as identifiers, vulnerability_scanners as scanners};
use crate::sql::Upsert;
use crate::{Conn, Result};

/// The id of a scanner, which is inserted or renamed if necessary.
pub(super) fn scanner(
    conn: &mut Conn,
    project_id: i64,
    scanner: &Scanner,
    now: NaiveDateTime,
) -> Result<i64> {
    let same = scanners::table
        .filter(scanners::project_id.eq(project_id))
        .filter(scanners::external_id.eq(&scanner.external_id));
    let known: Option<(i64, String, String)> =
        same.select((scanners::id, scanners::name, scanners::vendor)).first(conn).optional()?;
    if let Some((id, name, vendor)) = known
        && (&name, &vendor) == (&scanner.name, &scanner.vendor)
    {
        return Ok(id);
    }
    let insert = diesel::insert_into(scanners::table).values((
        scanners::project_id.eq(project_id),
        scanners::external_id.eq(&scanner.external_id),
        scanners::name.eq(&scanner.name),
        scanners::vendor.eq(&scanner.vendor),
        scanners::created_at.eq(now),
        scanners::updated_at.eq(now),
    ));
    Upsert {
        insert,
        target: &[scanners::project_id::NAME, scanners::external_id::NAME],
        set: &[scanners::name::NAME, scanners::vendor::NAME, scanners::updated_at::NAME],
    }
    .execute(conn)?;
    Ok(same.select(scanners::id).first(conn)?)
}

/// The ids of identifiers, in the given order. They are written in the order of their fingerprints, so that two
/// transactions never wait for each other.
pub(super) fn identifiers(
    conn: &mut Conn,
    project_id: i64,
    wanted: &[Identifier],
    now: NaiveDateTime,
) -> Result<Vec<i64>> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|index| wanted[*index].fingerprint());
    let mut ids = vec![0; wanted.len()];
    for index in order {
        ids[index] = identifier(conn, project_id, &wanted[index], now)?;
    }
    Ok(ids)
}

fn identifier(conn: &mut Conn, project_id: i64, wanted: &Identifier, now: NaiveDateTime) -> Result<i64> {
    let fingerprint = wanted.fingerprint();
    let same = identifiers::table
        .filter(identifiers::project_id.eq(project_id))
        .filter(identifiers::fingerprint.eq(fingerprint.as_slice()));
    let known: Option<(i64, String, Option<String>)> =
        same.select((identifiers::id, identifiers::name, identifiers::url)).first(conn).optional()?;
    if let Some((id, name, url)) = known
        && (&name, &url) == (&wanted.name, &wanted.url)
    {
        return Ok(id);
    }
    let insert = diesel::insert_into(identifiers::table).values((
        identifiers::project_id.eq(project_id),
        identifiers::fingerprint.eq(fingerprint.as_slice()),
        identifiers::external_type.eq(&wanted.external_type),
        identifiers::external_id.eq(&wanted.external_id),
        identifiers::name.eq(&wanted.name),
        identifiers::url.eq(&wanted.url),
        identifiers::created_at.eq(now),
        identifiers::updated_at.eq(now),
    ));
    Upsert {
        insert,
        target: &[identifiers::project_id::NAME, identifiers::fingerprint::NAME],
        set: &[identifiers::name::NAME, identifiers::url::NAME, identifiers::updated_at::NAME],
    }
    .execute(conn)?;
    Ok(same.select(identifiers::id).first(conn)?)
}
