//! Feature flags, as Flipper keeps them: read, never written.
use std::collections::BTreeMap;

use diesel::prelude::*;

use crate::schema::feature_gates as gates;
use crate::{Conn, Result};

/// Flags whose names begin with this are Gitaly's.
const GITALY: &str = "gitaly_";

/// Gitaly's flags, by name without `gitaly_`, as they stand for one project. One statement.
pub fn of_gitaly(conn: &mut Conn, project_id: i64) -> Result<BTreeMap<String, bool>> {
    let rows: Vec<(String, String, Option<String>)> = gates::table
        .filter(gates::feature_key.ge(GITALY))
        // The character after the underscore: nothing else begins as the flags do.
        .filter(gates::feature_key.lt("gitaly`"))
        .select((gates::feature_key, gates::key, gates::value))
        .load(conn)?;
    let project = format!("Project:{project_id}");
    let mut flags = BTreeMap::new();
    for (flag, gate, value) in rows {
        let value = value.unwrap_or_default();
        let on = match gate.as_str() {
            "boolean" => value == "true",
            "actors" => value == project,
            // A share of all actors or of all time is on where it is all of them.
            "percentage_of_actors" | "percentage_of_time" => value == "100",
            _ => false,
        };
        if let Some(name) = flag.strip_prefix(GITALY) {
            *flags.entry(name.to_owned()).or_insert(false) |= on;
        }
    }
    Ok(flags)
}
