//! `internal-apictl grants` and `internal-apictl check-database`: the rights and tables that a service needs
//! in a real GitLab's database.
use anyhow::Result;
use clap::{Args, ValueEnum};
use database::check::{self, CheckOutcome};
use database::registry::{DatabaseName, SERVICES, Service};
use server::config::ConfigError;

use crate::connection;

#[derive(Debug, Args)]
pub struct Options {
    /// The service: shell-api, kas-api, scim-api, admin-api or billing-api
    #[arg(value_parser = service)]
    service: Service,
    /// Name of the service's database role [default: the service's name with `_`]
    #[arg(long)]
    role: Option<String>,
    /// Which tables, if GitLab's tables are split [default: those that this database does not lock for writes]
    #[arg(long, value_enum)]
    database: Option<Part>,
    #[command(flatten)]
    connection: connection::Options,
}

/// One of GitLab's databases.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Part {
    Main,
    Ci,
    Sec,
}

impl From<Part> for DatabaseName {
    fn from(part: Part) -> Self {
        match part {
            Part::Main => Self::Main,
            Part::Ci => Self::Ci,
            Part::Sec => Self::Sec,
        }
    }
}

#[derive(Debug, Args)]
pub struct CheckOptions {
    /// The service: shell-api, kas-api, scim-api, admin-api or billing-api
    #[arg(value_parser = service)]
    service: Service,
    #[command(flatten)]
    database: connection::Options,
}

fn service(name: &str) -> Result<Service, String> {
    let names: Vec<&str> = SERVICES.iter().map(|service| service.name).collect();
    Service::find(name).ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

/// Prints the SQL. Changes nothing.
pub fn run(options: &Options) -> Result<()> {
    let (mut conn, _) = options.connection.open()?;
    let role = options.role.clone().unwrap_or_else(|| options.service.name.replace('-', "_"));
    let part = options.database.map(Into::into);
    print!("{}", database::grants(&mut conn, options.service, &role, part)?);
    Ok(())
}

/// Prints the findings of the check that the service runs at start.
pub fn check(options: &CheckOptions) -> Result<()> {
    let (mut conn, _) = options.database.open()?;
    match check::check(&mut conn, options.service)? {
        CheckOutcome::Fits { warnings } => {
            for warning in warnings {
                println!("{warning}");
            }
            Ok(())
        }
        CheckOutcome::Waiting(reason) => Err(ConfigError(reason).into()),
        CheckOutcome::Misfit(findings) => {
            for finding in &findings {
                println!("{finding}");
            }
            Err(ConfigError(format!("{} findings about {}", findings.len(), options.service.name)).into())
        }
    }
}
