//! One connection type over PostgreSQL and SQLite.
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};

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

/// Which database, and where. The URL may hold a password: it is never shown.
#[derive(Debug, Clone)]
pub enum Location {
    Postgresql(SecretString),
    /// The path of the file.
    Sqlite(String),
}

impl Location {
    /// Goes by the scheme: `postgres://`, `postgresql://` or `sqlite://`.
    pub fn parse(url: &str) -> Result<Self> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgresql(url.into()));
        }
        match url.strip_prefix("sqlite://") {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(path.to_owned())),
            Some(_) => Err(Error::Url("sqlite:// needs the path of a file")),
            None => Err(Error::Url("it must start with postgres://, postgresql:// or sqlite://")),
        }
    }

    pub fn is_postgresql(&self) -> bool {
        matches!(self, Self::Postgresql(_))
    }

    /// Host and port, as the metrics name a database.
    pub fn host_and_port(&self) -> (String, String) {
        let Self::Postgresql(url) = self else { return ("localhost".to_owned(), String::new()) };
        let rest = url.expose_secret().split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
        match address.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                (host.to_owned(), port.to_owned())
            }
            _ => (address.to_owned(), "5432".to_owned()),
        }
    }

    /// Opens a connection whose statements on PostgreSQL may run for `statement_timeout` each.
    pub fn open(&self, statement_timeout: Duration) -> ConnectionResult<Conn> {
        let set_up = ConnectionError::CouldntSetupConfiguration;
        match self {
            Self::Postgresql(url) => {
                let mut pg = diesel::PgConnection::establish(url.expose_secret())?;
                let milliseconds = statement_timeout.as_millis();
                pg.batch_execute(&format!(
                    "SET statement_timeout = {milliseconds}; SET search_path = public, internal_api"
                ))
                .map_err(set_up)?;
                Ok(Conn::Postgresql(pg))
            }
            Self::Sqlite(path) => {
                let mut sqlite = diesel::SqliteConnection::establish(path)?;
                sqlite
                    .batch_execute(
                        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
                         PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;",
                    )
                    .map_err(set_up)?;
                crate::scim::register(&mut sqlite).map_err(set_up)?;
                Ok(Conn::Sqlite(sqlite))
            }
        }
    }
}

impl Conn {
    /// Runs `f` in a transaction which may write.
    ///
    /// SQLite takes its write lock at `BEGIN`: a transaction which reads first and writes later would otherwise fail
    /// with `SQLITE_BUSY` whenever another writer came between.
    pub fn write<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        match self {
            Self::Postgresql(pg) => AnsiTransactionManager::begin_transaction(pg)?,
            Self::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")?,
        }
        self.end(f)
    }

    /// Runs `f` in a savepoint of the transaction that is open: an error undoes what `f` did, and no more.
    pub fn savepoint<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        type Manager = <Conn as diesel::Connection>::TransactionManager;
        Manager::begin_transaction(self)?;
        self.end(f)
    }

    /// Runs `f`, and ends the innermost transaction by what it says.
    fn end<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        type Manager = <Conn as diesel::Connection>::TransactionManager;
        match f(self) {
            Ok(value) => {
                Manager::commit_transaction(self)?;
                Ok(value)
            }
            Err(error) => {
                // The first error is the one to tell of; a connection that cannot roll back is found broken.
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
