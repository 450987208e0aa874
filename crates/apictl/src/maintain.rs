//! `internal-apictl maintain`: the periodic work. The services run no schedules.
use anyhow::Result;
use clap::Args;
use database::maintenance::{self, MaintenanceReport};
use endpoint::Clock;

use crate::connection;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    database: connection::Options,
}

pub fn run(options: &Options) -> Result<()> {
    let (mut conn, _) = options.database.open()?;
    let now = Clock::System.now();
    let pruned = database::usage::prune(&mut conn, now)?;
    println!("maintained: deleted {pruned} old rows of the usage reports of kas");
    if database::is_owned_by_rails(&mut conn)? {
        println!("maintained: nothing else, because GitLab maintains its own tables");
        return Ok(());
    }
    match maintenance::run(&mut conn, now)? {
        Some(MaintenanceReport { users, subscriptions }) => {
            println!("maintained: recomputed the authorizations of {users} users");
            println!("maintained: counted the seats of {subscriptions} subscriptions");
        }
        None => println!("maintained: nothing else, because another process is doing it"),
    }
    Ok(())
}
