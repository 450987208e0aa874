//! `internal-apictl`: commands for operators. Each file is one subcommand.
mod check;
mod connection;
mod files;
mod grants;
mod maintain;
mod manual;
mod migrate;
mod secrets;
mod seed;
mod token;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use server::config::ConfigError;

const INVALID_CONFIGURATION: u8 = 78;

/// Command-line tool for operators of GitLab's internal API
#[derive(Debug, Parser)]
#[command(name = "internal-apictl", version, about)]
enum Command {
    /// Manage secrets that two programs share through a file
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Apply pending migrations; in a real GitLab's database, only those of our own tables
    Migrate(migrate::Options),
    /// Add the demo data to an empty database, and create its repositories on disk
    Seed(seed::Options),
    /// Print a new token
    #[command(subcommand)]
    Token(token::Command),
    /// Check a running installation; exit 0 or 1
    Check(check::Options),
    /// Print the SQL that gives a service's database role exactly the rights that it needs
    Grants(grants::Options),
    /// Check whether a database fits a service and print the findings; exit 78 if the service would not
    /// start
    CheckDatabase(grants::CheckOptions),
    /// Run periodic maintenance: remove expired authorizations and count seats
    Maintain(maintain::Options),
    /// Generate a completion script for a shell
    Completions(manual::Options),
    /// Print the manual pages, as roff
    Man,
}

fn main() -> ExitCode {
    server::harden();
    let command = match Command::try_parse() {
        Ok(command) => command,
        Err(error) if error.use_stderr() => {
            // There is no way to report that printing has failed.
            let _ = error.print();
            return ExitCode::from(INVALID_CONFIGURATION);
        }
        Err(help) => help.exit(),
    };
    let outcome = match command {
        Command::Secrets(secrets::Command::Generate(options)) => secrets::generate(&options),
        Command::Migrate(options) => migrate::run(&options),
        Command::Seed(options) => seed::run(&options),
        Command::Token(token::Command::Shell(options)) => token::shell(&options),
        Command::Token(token::Command::Kas(options)) => token::kas(&options),
        Command::Check(options) => check::run(&options),
        Command::Grants(options) => grants::run(&options),
        Command::CheckDatabase(options) => grants::check(&options),
        Command::Maintain(options) => maintain::run(&options),
        Command::Completions(options) => manual::completions(Command::command(), &options),
        Command::Man => manual::man(Command::command()),
    };
    outcome.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

/// Prints the error and its causes in one line.
fn fail(error: &anyhow::Error) -> ExitCode {
    let text = format!("{error:#}");
    eprintln!("internal-apictl: {}", text.split_whitespace().collect::<Vec<_>>().join(" "));
    let configuration = error.chain().any(<dyn std::error::Error>::is::<ConfigError>);
    if configuration { ExitCode::from(INVALID_CONFIGURATION) } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Command::command().debug_assert();
    }
}
