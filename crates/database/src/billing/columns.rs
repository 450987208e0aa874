//! Columns that GitLab added after 18.0, the oldest database that is shared. Where one is missing, it is left out.
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::{Conn, Result};

/// Whether a table has a column. An SQLite database is ours, and has them all.
pub(super) fn exists(conn: &mut Conn, table: &'static str, column: &'static str) -> Result<bool> {
    let Conn::Postgresql(pg) = conn else { return Ok(true) };
    let exists = diesel::dsl::sql::<Bool>(&format!(
        "SELECT EXISTS (SELECT 1 FROM pg_attribute \
          WHERE attrelid = to_regclass('{table}') AND attname = '{column}' AND NOT attisdropped)"
    ));
    Ok(exists.get_result(pg)?)
}
