//! Making the tables, and looking whether they are there.
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::schema::each_table;
use crate::{Conn, Error, Result};

const POSTGRESQL: EmbeddedMigrations = embed_migrations!("migrations/postgresql");
/// Our own tables, in the schema `internal_api`, which also holds the list of what has run of them.
const POSTGRESQL_OWN: EmbeddedMigrations = embed_migrations!("migrations/postgresql_internal_api");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// What a service does about the tables when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrations {
    Run,
    Verify,
    Off,
}

/// Whether a real GitLab owns these tables: then they are never changed.
pub fn is_owned_by_rails(conn: &mut Conn) -> Result<bool> {
    match conn {
        Conn::Sqlite(_) => Ok(false),
        Conn::Postgresql(pg) => {
            let exists =
                diesel::dsl::sql::<Bool>("SELECT to_regclass('public.ar_internal_metadata') IS NOT NULL");
            Ok(exists.get_result(pg)?)
        }
    }
}

/// Brings the tables up to date. One of several processes does it, the others wait and find it done.
pub fn migrate(conn: &mut Conn) -> Result<()> {
    let rails = is_owned_by_rails(conn)?;
    match conn {
        Conn::Postgresql(pg) => {
            // The key is "internal" in hexadecimal.
            pg.batch_execute("SELECT pg_advisory_lock(x'696e7465726e616c'::bit(64)::bigint)")?;
            let done = migrate_postgresql(pg, rails);
            pg.batch_execute("SELECT pg_advisory_unlock(x'696e7465726e616c'::bit(64)::bigint)")?;
            done
        }
        Conn::Sqlite(sqlite) => {
            if !sqlite.has_pending_migration(SQLITE).map_err(Error::Database)? {
                return Ok(());
            }
            // With the lock held, `run_pending_migrations` looks again.
            sqlite.exclusive_transaction(|sqlite| {
                sqlite.run_pending_migrations(SQLITE).map(|_| ()).map_err(Error::Database)
            })
        }
    }
}

/// GitLab's tables, unless a real GitLab has made them; then ours.
fn migrate_postgresql(pg: &mut diesel::PgConnection, rails: bool) -> Result<()> {
    if !rails {
        pg.run_pending_migrations(POSTGRESQL).map_err(Error::Database)?;
    }
    pg.batch_execute("CREATE SCHEMA IF NOT EXISTS internal_api; SET search_path = internal_api")?;
    let done = pg.run_pending_migrations(POSTGRESQL_OWN).map(|_| ()).map_err(Error::Database);
    pg.batch_execute("SET search_path = public, internal_api")?;
    done
}

/// Looks whether every column that we read is there; the error names the table.
pub fn verify(conn: &mut Conn) -> Result<()> {
    macro_rules! look {
        ($($table:ident),* $(,)?) => { $(
            crate::schema::$table::table
                .select(crate::schema::$table::all_columns)
                .limit(0)
                .execute(conn)
                .map_err(|error| Error::Schema(format!("table {}: {error}", stringify!($table))))?;
        )* };
    }
    each_table!(look);
    Ok(())
}
