//! `internal-apictl check`: checks a running installation, as GitLab Shell's own check does.
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::token;

/// The services and their monitoring ports.
const SERVICES: &[(&str, u16)] =
    &[("shell-api", 9081), ("kas-api", 9082), ("scim-api", 9083), ("admin-api", 9084), ("billing-api", 9085)];

/// The wording of GitLab Shell's check.
const API: &str = "Internal API available";
const REDIS: &str = "Redis available via internal API";

#[derive(Debug, Args)]
pub struct Options {
    /// Base URL of the internal API for clients
    #[arg(long, env = "IAPI_BASE_URL", default_value = "http://127.0.0.1:8080")]
    base_url: String,
    /// Host of the services' monitoring ports; an unreachable port is not a failure
    #[arg(long, env = "IAPI_MONITORING_HOST", default_value = "127.0.0.1")]
    monitoring_host: String,
    #[command(flatten)]
    token: token::Options,
}

pub fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if runtime.block_on(check(options))? { Ok(()) } else { bail!("not all is well") }
}

/// Prints the result of each check as it completes. Returns whether all checks passed.
async fn check(options: &Options) -> Result<bool> {
    let client =
        Client::builder().timeout(Duration::from_secs(10)).redirect(Policy::none()).no_proxy().build()?;
    let token = options.token.issue()?;
    let mut well = true;
    match internal_api(&client, options.base_url.trim_end_matches('/'), &token).await {
        Ok(answer) => {
            well &= item(API, None);
            let down = "it says that Redis does not answer".to_owned();
            well &= item(REDIS, (answer["redis"] != true).then_some(down));
        }
        Err(error) => well &= item(API, Some(format!("{error:#}"))),
    }
    for (name, port) in SERVICES {
        let what = format!("{name} is ready");
        let url = format!("http://{}:{port}/-/readiness?all=1", options.monitoring_host);
        match client.get(&url).send().await {
            Ok(answer) if answer.status() == StatusCode::OK => well &= item(&what, None),
            Ok(answer) => well &= item(&what, Some(answer.text().await.unwrap_or_default())),
            Err(_) => println!("{what}: not asked, {url} is not reachable from here"),
        }
    }
    Ok(well)
}

async fn internal_api(client: &Client, base_url: &str, token: &str) -> Result<Value> {
    let request =
        client.get(format!("{base_url}/api/v4/internal/check")).header("Gitlab-Shell-Api-Request", token);
    let answer = request.send().await?;
    let status = answer.status();
    if status != StatusCode::OK {
        bail!("it answered {status}");
    }
    answer.json().await.context("its answer is not JSON")
}

/// Prints the result of a check and the reason if it failed. Returns whether it passed.
fn item(what: &str, failure: Option<String>) -> bool {
    match failure {
        None => println!("{what}: OK"),
        Some(reason) => {
            println!("{what}: FAILED ({})", reason.replace('\n', " "));
            return false;
        }
    }
    true
}
