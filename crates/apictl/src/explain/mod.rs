//! `internal-apictl explain`: why a service decides as it does. Uses the service's own code, and writes nothing.
mod allowed;
mod database;
mod scim;
mod seats;

use anyhow::Result;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Explain whether shell-api allows a pull or a push; exit 0 if it does, 1 if it refuses, 2 if it answers
    /// that the target does not exist
    Allowed(Box<allowed::Options>),
    /// Explain which account an identity provider's user is, by which identity and membership
    Scim(scim::Options),
    /// Explain which members of a namespace take a seat
    Seats(seats::Options),
}

pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Allowed(options) => allowed::run(options),
        Command::Scim(options) => scim::run(options),
        Command::Seats(options) => seats::run(options),
    }
}
