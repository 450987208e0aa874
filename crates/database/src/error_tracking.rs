//! The client keys with which applications report errors.
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text};

use crate::schema::{error_tracking_client_keys as client_keys, projects};
use crate::settings::latest;
use crate::{Conn, Result};

/// Whether a project accepts errors with this key. `None` if the project does not exist.
pub fn is_enabled(conn: &mut Conn, project_id: i64, public_key: &str) -> Result<Option<bool>> {
    let project = projects::table.find(project_id).select(projects::id);
    if project.first::<i64>(conn).optional()?.is_none() {
        return Ok(None);
    }
    let catalogue = conn.catalogue()?;
    let column = catalogue.column_or("application_settings", "error_tracking_enabled", "false");
    let switch = latest().select(sql::<Bool>(column));
    if switch.first::<bool>(conn).optional()? != Some(true) {
        return Ok(Some(false));
    }
    let key = client_keys::table
        .filter(client_keys::project_id.eq(project_id))
        .filter(client_keys::public_key.eq(public_key))
        .filter(client_keys::active.eq(true))
        .select(client_keys::id);
    Ok(Some(key.first::<i64>(conn).optional()?.is_some()))
}

/// The encrypted access token of the error tracking service. `None` if none is configured.
pub fn encrypted_access_token(conn: &mut Conn) -> Result<Option<String>> {
    let catalogue = conn.catalogue()?;
    let column = catalogue.column_or(
        "application_settings",
        "error_tracking_access_token_encrypted",
        "CAST(NULL AS text)",
    );
    let token = latest().select(sql::<Nullable<Text>>(column)).first::<Option<String>>(conn).optional()?;
    Ok(token.flatten().filter(|token| !token.is_empty()))
}
