//! `internal-apictl maintain`: what is due once in a while. The services run no schedules.
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
    println!("maintained: {pruned} old rows of what kas has reported are gone");
    if database::is_owned_by_rails(&mut conn)? {
        println!("maintained: nothing, a real GitLab keeps its own tables");
        return Ok(());
    }
    match maintenance::run(&mut conn, now)? {
        Some(MaintenanceReport { users, subscriptions }) => {
            println!("maintained: the memberships of {users} people are up to date");
            println!("maintained: the seats of {subscriptions} subscriptions are counted");
        }
        None => println!("maintained: nothing, another process is at it"),
    }
    Ok(())
}
