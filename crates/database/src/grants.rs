//! Generates SQL that grants a service's role the rights that it needs.
use std::fmt::Write;

use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::catalogue::Catalogue;
use crate::registry::{self, DatabaseName, Right, Service, TableUse};
use crate::{Conn, Error, Result};

/// The rights that a trigger function of GitLab needs, which runs as our role.
struct TriggerNeeds {
    /// A part of the function's name.
    function: &'static str,
    grants: &'static [(&'static str, &'static str)],
    /// Tables whose sequences the function uses.
    sequences: &'static [&'static str],
}

const VULNERABILITY_READS: &[(&str, &str)] = &[
    ("SELECT, INSERT, UPDATE", "vulnerability_reads"),
    ("SELECT", "vulnerabilities"),
    ("SELECT", "vulnerability_occurrences"),
    ("SELECT", "vulnerability_issue_links"),
    ("SELECT", "vulnerability_merge_request_links"),
];

const TRIGGERS: &[TriggerNeeds] = &[
    TriggerNeeds {
        function: "insert_namespaces_sync_event",
        grants: &[("INSERT (namespace_id)", "namespaces_sync_events")],
        sequences: &["namespaces_sync_events"],
    },
    TriggerNeeds {
        function: "insert_projects_sync_event",
        grants: &[("INSERT (project_id)", "projects_sync_events")],
        sequences: &["projects_sync_events"],
    },
    TriggerNeeds {
        function: "update_namespace_details_from_",
        grants: &[("SELECT, INSERT, UPDATE", "namespace_details")],
        sequences: &[],
    },
    TriggerNeeds {
        function: "project_authorizations_to_migration",
        grants: &[("SELECT, INSERT, UPDATE, DELETE", "project_authorizations_for_migration")],
        sequences: &[],
    },
    TriggerNeeds {
        function: "sync_project_authorizations",
        grants: &[("SELECT, INSERT, UPDATE, DELETE", "project_authorizations_for_migration")],
        sequences: &[],
    },
    TriggerNeeds {
        function: "update_location_from_vulnerability_occurrences",
        grants: VULNERABILITY_READS,
        sequences: &["vulnerability_reads"],
    },
    TriggerNeeds {
        function: "vulnerability_reads",
        grants: VULNERABILITY_READS,
        sequences: &["vulnerability_reads"],
    },
    TriggerNeeds {
        function: "insert_into_loose_foreign_keys_deleted_records",
        grants: &[("INSERT", "loose_foreign_keys_deleted_records")],
        sequences: &["loose_foreign_keys_deleted_records"],
    },
    // This function raises an error, which the check at start reports.
    TriggerNeeds { function: "gitlab_schema_prevent_write", grants: &[], sequences: &[] },
];

/// Whether a function of GitLab fills columns of the new row, as its generated name says. To fill a sharding key, it
/// reads the parent's row, but only if the key is NULL, and a service always sets it.
fn fills_columns(function: &str) -> bool {
    const DIGITS: usize = 12;
    let name = function.strip_prefix("function_for_").unwrap_or(function);
    let hash = name.strip_prefix("trigger_").unwrap_or_default();
    hash.len() == DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Generates the SQL that gives a role exactly the rights of a service. The owner of the tables runs it. The tables
/// are those of one database of a GitLab whose tables are split, or those that this database does not lock.
pub fn grants(conn: &mut Conn, service: Service, role: &str, part: Option<DatabaseName>) -> Result<String> {
    conn.set_catalogue(None);
    let catalogue = conn.catalogue()?;
    let Conn::Postgresql(pg) = conn else {
        return Err(Error::Configuration("an SQLite database has no roles".to_owned()));
    };
    let quoted = format!("\"{}\"", role.replace('"', "\"\""));
    let database: Name = diesel::sql_query("SELECT current_database()::text AS name").get_result(pg)?;
    let mut sql = format!("-- {} in the database {}\n", service.name, database.name);
    let _ = write!(
        sql,
        "-- CREATE ROLE {quoted} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT PASSWORD '…';\n\nBEGIN;\n\n"
    );
    for schema in ["public", "internal_api"] {
        let exists = schema == "public" || catalogue.has_table("outbox_messages");
        if exists {
            let _ = writeln!(sql, "REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {quoted};");
            let _ = writeln!(sql, "REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {quoted};");
            let _ = writeln!(sql, "GRANT USAGE ON SCHEMA {schema} TO {quoted};");
        }
    }
    sql.push('\n');
    let tables: Vec<TableUse> = service
        .tables()
        .filter(|table| catalogue.has_table(table.table))
        .filter(|table| match part {
            Some(part) => DatabaseName::from_table(table.table) == part,
            None => !catalogue.is_locked(table.table),
        })
        .collect();
    for table in tables.iter().copied() {
        push_table(&mut sql, &catalogue, service, table, &quoted);
        if table.is_inserted {
            push_sequences(&mut sql, pg, table.table, &quoted)?;
        }
    }
    push_triggers(&mut sql, pg, &catalogue, &tables, &quoted)?;
    let database = format!("\"{}\"", database.name.replace('"', "\"\""));
    for setting in [
        "statement_timeout = '15s'",
        "idle_in_transaction_session_timeout = '60s'",
        "timezone = 'UTC'",
        "search_path = public, internal_api",
    ] {
        let _ = writeln!(sql, "ALTER ROLE {quoted} IN DATABASE {database} SET {setting};");
    }
    sql.push_str("\nCOMMIT;\n");
    Ok(sql)
}

/// Grants rights on the columns that are declared and exist. Never grants rights on the whole table, so that
/// columns that GitLab adds later are not readable.
fn push_table(sql: &mut String, catalogue: &Catalogue, service: Service, table: TableUse, role: &str) {
    let name = table.table;
    let schema = if registry::is_own(name) { "internal_api" } else { "public" };
    for (right, keyword) in [(Right::Select, "SELECT"), (Right::Insert, "INSERT"), (Right::Update, "UPDATE")]
    {
        let mut columns = service.columns_with(table, right);
        columns.retain(|column| catalogue.has(name, column));
        columns.sort_unstable();
        if !columns.is_empty() {
            let _ = writeln!(sql, "GRANT {keyword} ({}) ON {schema}.{name} TO {role};", columns.join(", "));
        }
    }
    if table.is_deleted {
        let _ = writeln!(sql, "GRANT DELETE ON {schema}.{name} TO {role};");
    }
}

/// Grants usage of the sequences in the defaults of a table.
fn push_sequences(sql: &mut String, pg: &mut PgConnection, table: &str, role: &str) -> Result<()> {
    let sequences: Vec<Name> = diesel::sql_query(
        "SELECT DISTINCT format('%I.%I', n.nspname, s.relname) AS name FROM pg_attrdef d \
           JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid \
            AND p.refclassid = 'pg_class'::regclass \
           JOIN pg_class s ON s.oid = p.refobjid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace \
          WHERE d.adrelid = to_regclass($1) ORDER BY 1",
    )
    .bind::<Text, _>(table)
    .load(pg)?;
    for Name { name } in sequences {
        let _ = writeln!(sql, "GRANT USAGE ON SEQUENCE {name} TO {role};");
    }
    Ok(())
}

/// Grants the rights that the triggers of the written tables need.
fn push_triggers(
    sql: &mut String,
    pg: &mut PgConnection,
    catalogue: &Catalogue,
    tables: &[TableUse],
    role: &str,
) -> Result<()> {
    let mut unknown = String::new();
    let mut known: Vec<&TriggerNeeds> = Vec::new();
    for table in tables.iter().filter(|table| table.is_written()) {
        for trigger in catalogue.triggers(table.table) {
            if fills_columns(&trigger.function) {
                continue;
            }
            match TRIGGERS.iter().find(|needs| trigger.function.contains(needs.function)) {
                Some(needs) if known.iter().any(|other| std::ptr::eq(*other, needs)) => {}
                Some(needs) => known.push(needs),
                None => {
                    let _ = writeln!(
                        unknown,
                        "-- unknown trigger function {} on {}: check what it needs",
                        trigger.function, table.table
                    );
                }
            }
        }
    }
    sql.push_str("\n-- For GitLab's triggers, which run with the rights of this role.\n");
    for needs in known {
        for (rights, table) in needs.grants {
            let exists: Vec<Name> =
                diesel::sql_query("SELECT $1 AS name WHERE to_regclass('public.' || $1) IS NOT NULL")
                    .bind::<Text, _>(*table)
                    .load(pg)?;
            if !exists.is_empty() {
                let _ = writeln!(sql, "GRANT {rights} ON public.{table} TO {role};");
            }
        }
        for table in needs.sequences {
            push_sequences(sql, pg, table, role)?;
        }
    }
    sql.push_str(&unknown);
    sql.push('\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_are_those_of_functions_that_fill_columns() {
        for function in ["trigger_c8bc8646bce9", "function_for_trigger_7f41427eda69"] {
            assert!(fills_columns(function), "{function}");
        }
        for function in
            ["trigger_c8bc8646bce", "trigger_namespaces_x", "table_sync_function_40ecbfb353", "audit_members"]
        {
            assert!(!fills_columns(function), "{function}");
        }
    }
}
