//! `internal-apictl migrate`: applies pending migrations.
use anyhow::Result;
use clap::Args;

use crate::connection;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    database: connection::Options,
}

pub fn run(options: &Options) -> Result<()> {
    let (mut conn, name) = options.database.open()?;
    let rails = database::is_owned_by_rails(&mut conn)?;
    database::migrate(&mut conn)?;
    let what = if rails { "our own tables beside a real GitLab's are" } else { "all tables are" };
    println!("migrated: {what} up to date on {name}");
    Ok(())
}
