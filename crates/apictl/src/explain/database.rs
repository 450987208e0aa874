//! A database that is only read.
use anyhow::{Result, anyhow};
use clap::Args;
use database::{Conn, Location};

use crate::connection;

#[derive(Debug, Clone, Args)]
pub struct Database {
    #[command(flatten)]
    connection: connection::Options,
    /// Print JSON
    #[arg(long, env = "IAPI_JSON")]
    pub json: bool,
}

impl Database {
    /// The database. An embedded one must exist: opening it would create it.
    pub fn location(&self) -> Result<Location> {
        let options = &self.connection;
        let (url, file) = (options.database_url.as_deref(), options.database_url_file.as_deref());
        let location = server::database_location(url, file, &options.data_dir)?;
        match &location {
            Location::Sqlite(path) if !std::path::Path::new(path).exists() => {
                Err(anyhow!("the database {path} does not exist"))
            }
            Location::Sqlite(_) | Location::Postgresql(_) => Ok(location),
        }
    }

    /// Connects to the database.
    pub fn open(&self) -> Result<Conn> {
        self.location()?;
        Ok(self.connection.open()?.0)
    }
}
