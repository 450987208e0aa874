//! A connection type for PostgreSQL and SQLite.
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::prelude::*;

use crate::{Error, Result};

/// A connection to either database.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    Postgresql(diesel::PgConnection),
    Sqlite(diesel::SqliteConnection),
}

impl std::fmt::Debug for Conn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Postgresql(_) => "Conn::Postgresql",
            Self::Sqlite(_) => "Conn::Sqlite",
        })
    }
}

type Manager = <Conn as diesel::Connection>::TransactionManager;

impl Conn {
    /// Runs `f` in a transaction that may write, or in a savepoint if a transaction is open.
    ///
    /// SQLite takes its write lock at `BEGIN`. Otherwise a transaction that reads first and writes later
    /// would fail with `SQLITE_BUSY` whenever another connection writes in between.
    pub fn write<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.is_in_transaction()? {
            return self.savepoint(f);
        }
        let settings = self.with_session(|session| session.local_settings.clone());
        self.with_session(|session| session.progress.is_in_transaction = true);
        match self {
            Self::Postgresql(pg) => {
                AnsiTransactionManager::begin_transaction_sql(pg, settings.as_deref().unwrap_or("BEGIN"))?;
            }
            Self::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")?,
        }
        let result = self.end(|conn| {
            let value = f(conn)?;
            conn.with_session(|session| session.progress.has_committed = true);
            Ok(value)
        });
        self.with_session(|session| session.progress.is_in_transaction = false);
        result
    }

    /// Runs `f` in a savepoint of the open transaction. An error undoes only what `f` did.
    pub fn savepoint<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        Manager::begin_transaction(self)?;
        self.end(f)
    }

    /// Runs `f` with our session settings. If the server session has other settings, runs `f` in a
    /// transaction that sets them.
    ///
    /// What `f` has committed stays committed, even if `f` returns an error.
    pub(crate) fn with_settings<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let settings = self.with_session(|session| session.local_settings.clone());
        let has_local_settings = settings.is_some();
        self.with_session(|session| session.progress.is_in_transaction = has_local_settings);
        let (Self::Postgresql(pg), Some(settings)) = (&mut *self, settings) else { return f(self) };
        AnsiTransactionManager::begin_transaction_sql(pg, &settings)?;
        let result = f(self);
        // The work is committed even if it has failed, unless the connection is lost.
        let is_lost = matches!(&result, Err(Error::Unavailable(_)));
        self.with_session(|session| session.progress.has_committed |= !is_lost);
        match Manager::commit_transaction(self) {
            Ok(()) => result,
            Err(commit) => {
                // A connection that cannot roll back is detected as broken.
                let _ = Manager::rollback_transaction(self);
                result.and(Err(commit.into()))
            }
        }
    }

    fn is_in_transaction(&mut self) -> Result<bool> {
        let status = Manager::transaction_manager_status_mut(self);
        Ok(status.transaction_depth()?.is_some())
    }

    /// Runs `f`, then commits the innermost transaction, or rolls it back if `f` failed.
    fn end<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        match f(self) {
            Ok(value) => {
                Manager::commit_transaction(self)?;
                Ok(value)
            }
            Err(error) => {
                // Only the first error is returned. A connection that cannot roll back is detected as
                // broken.
                if let Err(rollback) = Manager::rollback_transaction(self) {
                    tracing::warn!(
                        error = &rollback as &dyn std::error::Error,
                        "a transaction did not roll back"
                    );
                }
                Err(error)
            }
        }
    }
}
