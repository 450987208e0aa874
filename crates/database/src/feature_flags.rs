//! Feature flags as Flipper stores them. They are only read.
use std::collections::BTreeMap;

use diesel::prelude::*;

use crate::schema::feature_gates as gates;
use crate::{Conn, Result};

/// The name prefix of Gitaly's flags.
const GITALY: &str = "gitaly_";

/// Returns Gitaly's flags for one project, by name without `gitaly_`. One statement.
pub fn of_gitaly(conn: &mut Conn, project_id: i64) -> Result<BTreeMap<String, bool>> {
    let rows: Vec<(String, String, Option<String>)> = gates::table
        .filter(gates::feature_key.ge(GITALY))
        // The character after the underscore, so that the range contains exactly the names with this prefix.
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
            // A percentage enables the flag only if it is 100.
            "percentage_of_actors" | "percentage_of_time" => value == "100",
            _ => false,
        };
        if let Some(name) = flag.strip_prefix(GITALY) {
            *flags.entry(name.to_owned()).or_insert(false) |= on;
        }
    }
    Ok(flags)
}
