//! `internal-apictl`: commands for operators. Each file is one subcommand. Those that replace GitLab's pages
//! are in `commands`.
mod check;
mod commands;
mod connection;
mod explain;
mod files;
mod grants;
mod maintain;
mod manual;
mod migrate;
mod output;
mod refusal;
mod repositories;
mod secrets;
mod seed;
mod token;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use refusal::Refusal;
use server::config::ConfigError;

const INVALID_CONFIGURATION: u8 = 78;

const EXAMPLES: &str = "\
Examples:
  internal-apictl migrate --database-url postgres://internal_api@db.example.com/gitlab
  internal-apictl user create --username alice --email alice@example.com --admin
  TOKEN=$(internal-apictl access-token create --user alice --name laptop --scopes api)
  internal-apictl check --base-url http://127.0.0.1:8080

Documentation: docs/git-hosting-without-gitlab.md and docs/deploy.md";

/// Command-line tool for operators of GitLab's internal API
#[derive(Debug, Parser)]
#[command(name = "internal-apictl", version, about, after_help = EXAMPLES)]
struct Cli {
    /// Whether to print colours
    #[arg(long, value_enum, default_value = "auto", env = "IAPI_COLOR", global = true)]
    color: output::Color,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Manage secrets that two programs share through a file
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Apply pending migrations; in a real GitLab's database, only those of our own tables
    Migrate(migrate::Options),
    /// Add the demo data to an empty database, and create its repositories on disk
    Seed(seed::Options),
    /// Print a new token of GitLab Shell or kas
    #[command(subcommand)]
    Token(token::Command),
    /// Check a running installation as its clients use it, through the load balancer
    Check(check::Options),
    /// Print the SQL that gives a service's database role exactly the rights that it needs
    Grants(grants::Options),
    /// Check whether a database fits a service and print the findings; exit 78 if the service would not
    /// start
    CheckDatabase(grants::CheckOptions),
    /// Explain a decision of a service: which rule decides, from which rows of which tables; writes nothing
    #[command(subcommand)]
    Explain(explain::Command),
    /// Run periodic maintenance: remove expired authorizations and count seats
    Maintain(maintain::Options),
    /// Create, list, show, block and unblock users
    #[command(subcommand)]
    User(commands::user::Command),
    /// Add, list and delete SSH keys of users
    #[command(subcommand)]
    SshKey(commands::ssh_key::Command),
    /// Create and list groups
    #[command(subcommand)]
    Group(commands::group::Command),
    /// Create and list projects
    #[command(subcommand)]
    Project(commands::project::Command),
    /// Add, list and remove members of groups and projects
    #[command(subcommand)]
    Member(commands::member::Command),
    /// Create, list and revoke personal access tokens
    #[command(subcommand)]
    AccessToken(commands::access_token::Command),
    /// Add, list and remove deploy keys of projects
    #[command(subcommand)]
    DeployKey(commands::deploy_key::Command),
    /// Add, list and remove protected branches of projects
    #[command(subcommand)]
    ProtectedBranch(commands::protected_branch::Command),
    /// Create and list agents for Kubernetes
    #[command(subcommand)]
    Agent(commands::agent::Command),
    /// Create, list and revoke tokens of agents
    #[command(subcommand)]
    AgentToken(commands::agent_token::Command),
    /// Create, list and revoke SCIM tokens of identity providers
    #[command(subcommand)]
    ScimToken(commands::scim_token::Command),
    /// Generate a completion script for a shell
    Completions(manual::CompletionOptions),
    /// Print the manual page, or write a page for each command
    Man(manual::ManOptions),
}

fn main() -> ExitCode {
    server::harden();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            // There is no way to report that printing has failed.
            let _ = error.print();
            return ExitCode::from(INVALID_CONFIGURATION);
        }
        Err(help) => help.exit(),
    };
    cli.color.apply();
    // `explain` says itself what it assumes; a service would log it.
    let levels = "warn,endpoint::audit=info,git_access=error";
    if let Err(error) = telemetry::init_tool("internal-apictl", levels) {
        return fail(&error.into());
    }
    run(&cli.command).map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Secrets(secrets::Command::Generate(options)) => secrets::generate(options),
        Command::Migrate(options) => migrate::run(options),
        Command::Seed(options) => seed::run(options),
        Command::Token(token::Command::Shell(options)) => token::shell(options),
        Command::Token(token::Command::Kas(options)) => token::kas(options),
        Command::Check(options) => check::run(options),
        Command::Grants(options) => grants::run(options),
        Command::CheckDatabase(options) => grants::check(options),
        Command::Explain(command) => explain::run(command),
        Command::Maintain(options) => maintain::run(options),
        Command::User(command) => commands::user::run(command),
        Command::SshKey(command) => commands::ssh_key::run(command),
        Command::Group(command) => commands::group::run(command),
        Command::Project(command) => commands::project::run(command),
        Command::Member(command) => commands::member::run(command),
        Command::AccessToken(command) => commands::access_token::run(command),
        Command::DeployKey(command) => commands::deploy_key::run(command),
        Command::ProtectedBranch(command) => commands::protected_branch::run(command),
        Command::Agent(command) => commands::agent::run(command),
        Command::AgentToken(command) => commands::agent_token::run(command),
        Command::ScimToken(command) => commands::scim_token::run(command),
        Command::Completions(options) => manual::completions(Cli::command(), options),
        Command::Man(options) => manual::man(Cli::command(), options),
    }
}

/// Prints the error and its causes in one line, and a hint if the operator can do something about it.
fn fail(error: &anyhow::Error) -> ExitCode {
    let text = format!("{error:#}");
    eprintln!("internal-apictl: {}", text.split_whitespace().collect::<Vec<_>>().join(" "));
    if let Some(refusal) = error.chain().find_map(<dyn std::error::Error>::downcast_ref::<Refusal>) {
        if let Some(hint) = refusal.hint() {
            eprintln!("hint: {hint}");
        }
        return refusal.exit_code();
    }
    let is_configuration = error.chain().any(<dyn std::error::Error>::is::<ConfigError>);
    if is_configuration { ExitCode::from(INVALID_CONFIGURATION) } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_valid() {
        Cli::command().debug_assert();
    }
}
