//! Creates and migrates the tables.
use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::migration::MigrationSource;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{Conn, Error, Result};

const POSTGRESQL: EmbeddedMigrations = embed_migrations!("migrations/postgresql");
/// Our own tables, in the schema `internal_api`, which also contains the list of applied migrations.
const POSTGRESQL_OWN: EmbeddedMigrations = embed_migrations!("migrations/postgresql_internal_api");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// What a service does with the tables at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrations {
    Run,
    Verify,
    Off,
}

/// Whether a real GitLab owns these tables. They are then never changed.
pub fn is_owned_by_rails(conn: &mut Conn) -> Result<bool> {
    match conn {
        Conn::Sqlite(_) => Ok(false),
        Conn::Postgresql(pg) => {
            let exists = sql::<Bool>("SELECT to_regclass('public.ar_internal_metadata') IS NOT NULL");
            Ok(exists.get_result(pg)?)
        }
    }
}

/// Applies pending migrations. If several processes start, one of them migrates while the others wait.
pub fn migrate(conn: &mut Conn) -> Result<()> {
    let rails = is_owned_by_rails(conn)?;
    let is_postgresql = matches!(conn, Conn::Postgresql(_));
    if is_postgresql {
        // One transaction, so that a pooler stays on one server session. The lock's key is "internal" in
        // hexadecimal.
        conn.write(|conn| match conn {
            Conn::Postgresql(pg) => {
                pg.batch_execute("SELECT pg_advisory_xact_lock(x'696e7465726e616c'::bit(64)::bigint)")?;
                migrate_postgresql(pg, rails)
            }
            Conn::Sqlite(_) => Ok(()),
        })?;
    } else if let Conn::Sqlite(sqlite) = conn
        && sqlite.has_pending_migration(SQLITE).map_err(Error::Database)?
    {
        // `run_pending_migrations` checks again while the lock is held.
        sqlite.exclusive_transaction(|sqlite| {
            sqlite.run_pending_migrations(SQLITE).map(|_| ()).map_err(Error::Database)
        })?;
    }
    conn.set_catalogue(None);
    Ok(())
}

/// Whether the latest migration of GitLab's tables has run in this database of our own. Changes nothing.
pub(crate) fn is_current(conn: &mut Conn) -> Result<bool> {
    let (exists, newest): (bool, String) = match conn {
        Conn::Postgresql(pg) => {
            let exists = "SELECT to_regclass('public.__diesel_schema_migrations') IS NOT NULL";
            (sql::<Bool>(exists).get_result(pg)?, newest::<diesel::pg::Pg>(&POSTGRESQL)?)
        }
        Conn::Sqlite(sqlite) => {
            let exists = "SELECT count(*) > 0 FROM sqlite_master WHERE name = '__diesel_schema_migrations'";
            (sql::<Bool>(exists).get_result(sqlite)?, newest::<diesel::sqlite::Sqlite>(&SQLITE)?)
        }
    };
    if !exists {
        return Ok(false);
    }
    let has_run = sql::<Bool>("SELECT count(*) > 0 FROM __diesel_schema_migrations WHERE version = ");
    Ok(has_run.bind::<Text, _>(newest).get_result(conn)?)
}

/// The version of the newest migration.
fn newest<DB: Backend>(source: &EmbeddedMigrations) -> Result<String> {
    let migrations = MigrationSource::<DB>::migrations(source).map_err(Error::Database)?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).max().unwrap_or_default())
}

/// Creates GitLab's tables, unless a real GitLab has created them, and then our own.
fn migrate_postgresql(pg: &mut PgConnection, rails: bool) -> Result<()> {
    if !rails {
        pg.batch_execute("SET LOCAL search_path = public")?;
        pg.run_pending_migrations(POSTGRESQL).map_err(Error::Database)?;
    }
    let exists: bool = sql::<Bool>("SELECT to_regnamespace('internal_api') IS NOT NULL").get_result(pg)?;
    if !exists {
        pg.batch_execute("CREATE SCHEMA internal_api")?;
    }
    pg.batch_execute("SET LOCAL search_path = internal_api")?;
    pg.run_pending_migrations(POSTGRESQL_OWN).map_err(Error::Database)?;
    pg.batch_execute("SET LOCAL search_path = public, internal_api")?;
    Ok(())
}
