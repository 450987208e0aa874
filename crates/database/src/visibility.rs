//! The visibility levels that an administrator has restricted.
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use crate::{Conn, Result, settings};

/// Whether the instance restricts public visibility.
pub fn is_public_restricted(conn: &mut Conn) -> Result<bool> {
    let catalogue = conn.catalogue()?;
    let column =
        catalogue.column_or("application_settings", "restricted_visibility_levels", "CAST(NULL AS text)");
    let levels = settings::latest().select(sql::<Nullable<Text>>(column));
    let levels: Option<Option<String>> = levels.first(conn).optional()?;
    // A YAML list of numbers, one per line.
    let levels = levels.flatten().unwrap_or_default();
    Ok(levels.lines().any(|line| line.trim() == "- 20"))
}
