//! Columns that only some releases of GitLab have.
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::{Conn, Result};

/// Whether a table has a column.
pub(super) fn exists(conn: &mut Conn, table: &'static str, column: &'static str) -> Result<bool> {
    let text = match conn {
        Conn::Postgresql(_) => format!(
            "EXISTS (SELECT 1 FROM pg_attribute \
              WHERE attrelid = to_regclass('{table}') AND attname = '{column}' AND NOT attisdropped)"
        ),
        Conn::Sqlite(_) => {
            format!("EXISTS (SELECT 1 FROM pragma_table_info('{table}') WHERE name = '{column}')")
        }
    };
    Ok(diesel::select(diesel::dsl::sql::<Bool>(&text)).get_result(conn)?)
}
