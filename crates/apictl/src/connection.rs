//! Options for the database connection, the same as those of the services.
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Args;
use database::{Conn, Location};

use crate::files;

#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Directory of the embedded database and of the default secret files; created with mode 0700
    #[arg(long, env = "IAPI_DATA_DIR", default_value = ".data")]
    pub data_dir: PathBuf,
    /// `postgres://…` or `sqlite://path` [default: internal-api.sqlite3 in the data directory]
    #[arg(long, env = "IAPI_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// File with the database URL, for a URL with a password
    #[arg(long, env = "IAPI_DATABASE_URL_FILE")]
    pub database_url_file: Option<PathBuf>,
}

impl Options {
    /// Connects to the database. Also returns the display name of the database system.
    pub fn open(&self) -> Result<(Conn, &'static str)> {
        files::make_dir(&self.data_dir)?;
        let (url, file) = (self.database_url.as_deref(), self.database_url_file.as_deref());
        let location = server::database_location(url, file, &self.data_dir)?;
        // No timeout: an operator waits for a large table, and can press Ctrl-C.
        let conn = location.open(Duration::ZERO).map_err(|error| cannot_be_opened(&location, error))?;
        let name = if location.is_postgresql() { "PostgreSQL" } else { "SQLite" };
        Ok((conn, name))
    }
}

/// The error about a database that cannot be opened, without its password.
pub fn cannot_be_opened(location: &Location, error: database::Error) -> anyhow::Error {
    let error = format!("{:#}", anyhow::Error::from(error));
    let reason = match location {
        // The reason may contain the URL, which may contain a password.
        Location::Postgresql(url) => error.replace(url.expose_secret(), "the URL"),
        Location::Sqlite(path) => format!("{path}: {error}"),
    };
    anyhow!("the database cannot be opened: {reason}")
}
