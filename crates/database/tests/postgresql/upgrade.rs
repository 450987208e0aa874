//! Databases that an older release has made, with the migrations that existed then.
//!
//! The older release is the last one before the crates got their present names. Its migrations are unchanged:
//! a migration that has been released is never edited.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use database::Conn;
use database::check::{CheckOutcome, check};
use database::registry::SERVICES;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::support::{TestDatabase, open};

/// The migrations of the older release, in order.
const SHARED: [&str; 8] = [
    "00000000000001_git_access",
    "00000000000003_one_time_passwords",
    "00000000000006_agents",
    "00000000000008_scim",
    "00000000000010_billing",
    "00000000000011_plan_numbers",
    "00000000000012_add_on_numbers",
    "00000000000013_storage_limits",
];
/// Those of our own tables, which are in the schema `internal_api` on PostgreSQL.
const OWN: [&str; 4] = [
    "00000000000002_outbox",
    "00000000000007_usage",
    "00000000000009_scim_records",
    "00000000000014_admin_audit_events",
];

/// Diesel's list of the applied migrations.
const APPLIED: &str = "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, \
    run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);";

/// The demo, whose rows are those of the older release, and rows of every table of our own.
const ROWS: &str = concat!(
    include_str!("../../src/seed/demo.sql"),
    include_str!("../../src/seed/billing.sql"),
    include_str!("../../src/seed/admin.sql"),
    "INSERT INTO keys (id, user_id, title, key, created_at, updated_at)
     VALUES (11, 1, 'admin@example.com', 'ssh-ed25519 AAAA', :now, :now);
     INSERT INTO members (access_level, source_id, source_type, user_id, notification_level, type, \
       member_namespace_id, created_at, updated_at)
     VALUES (50, 100, 'Namespace', 1, 3, 'GroupMember', 100, :now, :now),
            (30, 100, 'Namespace', 41, 3, 'GroupMember', 100, :now, :now);
     INSERT INTO project_authorizations (user_id, project_id, access_level, is_unique)
     VALUES (1, 3, 50, true), (41, 3, 30, true);
     INSERT INTO webauthn_registrations (user_id, credential_xid, name, public_key, created_at, updated_at)
     VALUES (7, 'credential', 'key', 'public', :now, :now);
     INSERT INTO outbox_messages (topic, payload, created_at) VALUES ('create_repository', ' {}', :now);
     INSERT INTO kas_counters (name, value) VALUES ('gitops_sync', 12);
     INSERT INTO kas_unique_counters (name, iso_week, entity_id) VALUES ('agent_users', '2026-47', 41);
     INSERT INTO kas_events (name, user_id, project_id, properties, created_at)
     VALUES ('agent_connected', 41, 7, ' {}', :now);
     INSERT INTO admin_audit_events (author_id, entity_id, entity_type, details, author_name, entity_path, \
       target_details, created_at, target_type, target_id)
     VALUES (1, 1234, 'Group', ' {\"event_name\": \"exclusion_created\", \"reason\": \"r\"} ',
       'root', 'a-namespace', 'details', :now, 'Group', 1234);
     INSERT INTO scim_api_records (scope, identity_id, group_id, user_id, scim_id, user_name, formatted, version)
     VALUES (1, 1, 300, 30, 'linked', 'sent-name', 'Sent Name', 4), (0, 3, NULL, 30, 'own', 'username', NULL, 2);
     INSERT INTO scim_api_emails (scope, identity_id, position, user_id, value, type, is_primary)
     VALUES (1, 1, 0, 30, 'sent@example.com', 'work', true);",
);

/// Makes the tables and rows as the older release did.
fn fill_as_before(conn: &mut Conn) {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let rows = ROWS.replace(":now", "'2026-11-21 18:00:00.123456'").replace(":password", "'x'");
    let rows = rows.replace(":agent_token", "token");
    let rows = [3, 7, 111]
        .iter()
        .fold(rows, |rows, id| rows.replace(&format!(":disk_path_{id})"), &format!("'@hashed/{id}')")));
    match conn {
        Conn::Postgresql(pg) => {
            pg.batch_execute(APPLIED).unwrap();
            for name in SHARED {
                apply(pg, &migrations.join("postgresql"), name);
            }
            pg.batch_execute("CREATE SCHEMA internal_api; SET search_path = internal_api").unwrap();
            pg.batch_execute(APPLIED).unwrap();
            for name in OWN {
                apply(pg, &migrations.join("postgresql_internal_api"), name);
            }
            pg.batch_execute("SET search_path = public, internal_api").unwrap();
            pg.batch_execute(&rows).unwrap();
        }
        Conn::Sqlite(sqlite) => {
            sqlite.batch_execute(APPLIED).unwrap();
            let mut names: Vec<&str> = SHARED.iter().chain(&OWN).copied().collect();
            names.sort_unstable();
            for name in names {
                apply(sqlite, &migrations.join("sqlite"), name);
            }
            sqlite.batch_execute(&rows.replace("'{", "'[").replace("}'", "]'")).unwrap();
        }
    }
}

fn apply(conn: &mut impl SimpleConnection, directory: &Path, name: &str) {
    let statements = fs::read_to_string(directory.join(name).join("up.sql")).unwrap();
    conn.batch_execute(&statements).unwrap();
    let version = name.split('_').next().unwrap();
    conn.batch_execute(&format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')"))
        .unwrap();
}

/// The columns of each table.
type Tables = BTreeMap<String, Vec<String>>;

fn strings(conn: &mut Conn, query: &str) -> Vec<String> {
    diesel::dsl::sql::<Text>(query).load(conn).unwrap()
}

fn tables(conn: &mut Conn) -> Tables {
    let query = match conn {
        Conn::Postgresql(_) => {
            "SELECT CAST(table_name || '.' || column_name AS text) FROM information_schema.columns \
             WHERE table_schema IN ('public', 'internal_api') ORDER BY table_name, ordinal_position"
        }
        Conn::Sqlite(_) => {
            "SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND m.name <> 'sqlite_sequence' ORDER BY m.name, c.cid"
        }
    };
    let mut tables = Tables::new();
    for name in strings(conn, query) {
        let (table, column) = name.split_once('.').unwrap();
        tables.entry(table.to_owned()).or_default().push(column.to_owned());
    }
    tables.remove("__diesel_schema_migrations");
    // A migration moves its fields into columns of their own.
    tables.entry("admin_audit_events".to_owned()).or_default().retain(|column| column != "details");
    tables
}

/// Every row as text: `table: values`.
fn contents(conn: &mut Conn, tables: &Tables) -> Vec<String> {
    let is_postgresql = matches!(conn, Conn::Postgresql(_));
    let mut rows = Vec::new();
    for (table, columns) in tables {
        let values = columns.iter().map(|column| {
            if is_postgresql {
                format!("COALESCE(quote_literal(CAST(\"{column}\" AS text)), 'NULL')")
            } else {
                format!("quote(\"{column}\")")
            }
        });
        let values: Vec<String> = values.collect();
        let query = format!("SELECT '{table}: ' || {} FROM {table} ORDER BY 1", values.join(" || ', ' || "));
        rows.extend(strings(conn, &query));
    }
    rows
}

/// Migrates a database of the older release. Nothing is lost, and every service can start.
fn upgrade(conn: &mut Conn) {
    fill_as_before(conn);
    let tables = tables(conn);
    let before = contents(conn, &tables);
    for table in ["users", "scim_api_records", "webauthn_registrations", "outbox_messages", "kas_events"] {
        assert!(before.iter().any(|row| row.starts_with(&format!("{table}: "))), "{table}");
    }
    for service in SERVICES {
        assert!(matches!(check(conn, service).unwrap(), CheckOutcome::Waiting(_)), "{}", service.name);
    }
    database::migrate(conn).unwrap();
    assert_eq!(contents(conn, &tables), before);
    let event =
        "SELECT event_name || ' ' || gl_namespace_id || ' ' || CAST(after AS text) FROM admin_audit_events";
    assert_eq!(strings(conn, event)[0].replace(' ', ""), r#"exclusion_created1234{"reason":"r"}"#);
    for service in SERVICES {
        let fits = CheckOutcome::Fits { warnings: Vec::new() };
        assert_eq!(check(conn, service).unwrap(), fits, "{}", service.name);
    }
    // An account that the group did not create shows only what the group sent. The instance owns every account.
    let foreign = "SELECT scim_id FROM scim_api_records WHERE is_foreign";
    assert_eq!(strings(conn, foreign), ["linked"]);
    // A second start changes nothing.
    database::migrate(conn).unwrap();
    assert_eq!(contents(conn, &tables), before);
}

#[test]
fn postgresql_database_of_an_older_release_keeps_its_rows() {
    let database = TestDatabase::empty();
    upgrade(&mut open(&database.url()));
}

#[test]
fn sqlite_database_of_an_older_release_keeps_its_rows() {
    let file = TemporaryFile::new();
    upgrade(&mut open(&format!("sqlite://{}", file.0.display())));
}

/// The path of a database file, which is removed with the value.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("upgrade-{}-{number}.sqlite3", std::process::id())))
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            // The files beside the database may not exist.
            let _ = fs::remove_file(format!("{}{suffix}", self.0.display()));
        }
    }
}
