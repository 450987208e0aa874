//! `internal-apictl check`: sends a request to each service of a running installation through the load
//! balancer, as its clients do.
mod backend;
mod beside_gitlab;

use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::output::{self, Cell, Style};
use crate::refusal::Refusal;
use crate::token;
use backend::{Backend, Consumer, Expectation};
use beside_gitlab::{Part, ServiceFile};

const TIMEOUT: Duration = Duration::from_secs(10);
const REDIS: &str = "Redis does not respond";
const SCIM_ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// One of the five services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Service {
    Shell,
    Kas,
    Scim,
    Admin,
    Billing,
}

impl Service {
    const ALL: [Self; 5] = [Self::Shell, Self::Kas, Self::Scim, Self::Admin, Self::Billing];

    fn name(self) -> &'static str {
        match self {
            Self::Shell => "shell-api",
            Self::Kas => "kas-api",
            Self::Scim => "scim-api",
            Self::Admin => "admin-api",
            Self::Billing => "billing-api",
        }
    }

    fn monitoring_port(self) -> u16 {
        match self {
            Self::Shell => 9081,
            Self::Kas => 9082,
            Self::Scim => 9083,
            Self::Admin => 9084,
            Self::Billing => 9085,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Shell => "/api/v4/internal/check",
            Self::Kas => "/api/v4/internal/kubernetes/receptive_agents",
            Self::Scim => "/api/scim/v2/application/ServiceProviderConfig",
            Self::Admin => "/api/v4/namespaces/storage/limit_exclusions?per_page=1",
            Self::Billing => "/api/v4/internal/gitlab_subscriptions/namespaces/0",
        }
    }
}

#[derive(Debug, Args)]
pub struct Options {
    /// Base URL of the internal API for clients: the load balancer
    #[arg(long, env = "IAPI_BASE_URL", default_value = "http://127.0.0.1:8080")]
    base_url: String,
    /// Check these services only
    #[arg(long, value_enum, value_delimiter = ',', env = "IAPI_ONLY")]
    only: Vec<Service>,
    /// Host of the services' monitoring ports, which are then checked too
    #[arg(long, env = "IAPI_MONITORING_HOST", value_name = "HOST")]
    monitoring: Option<String>,
    /// File with a SCIM token of the instance; without it, status 401 is expected
    #[arg(long, env = "IAPI_SCIM_TOKEN_FILE", value_name = "FILE")]
    scim_token_file: Option<PathBuf>,
    /// File with a personal access token of an administrator; without it, status 401 is expected
    #[arg(long, env = "IAPI_ADMIN_TOKEN_FILE", value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    /// Also check what each service needs next to a GitLab: database, Redis and Gitaly, as its configuration
    /// file names them
    #[arg(long, env = "IAPI_BESIDE_GITLAB")]
    beside_gitlab: bool,
    /// Configuration file of a service [default: /etc/internal-api/SERVICE.yaml]
    #[arg(long, env = "IAPI_SERVICE_CONFIG", value_delimiter = ',', value_name = "SERVICE=FILE")]
    config: Vec<ServiceFile>,
    /// Who must serve a consumer: shell, kas, scim, admin, billing, or `other` for the paths that no service
    /// has
    #[arg(long, env = "IAPI_EXPECT", value_delimiter = ',', value_name = "CONSUMER=ours|gitlab")]
    expect: Vec<Expectation>,
    /// Print JSON
    #[arg(long, env = "IAPI_JSON")]
    json: bool,
    #[command(flatten)]
    secrets: token::CheckSecrets,
}

/// The result for one consumer.
struct Report {
    consumer: Consumer,
    is_reached: bool,
    duration: Duration,
    /// The backend that the load balancer has chosen.
    backend: Option<Backend>,
    /// `None` if the monitoring port is not checked.
    is_ready: Option<bool>,
    /// The names of the readiness checks, and the message of each that failed.
    checks: Vec<(String, Option<String>)>,
    /// What was checked next to a GitLab.
    parts: Vec<Part>,
    problems: Vec<String>,
}

impl Report {
    fn is_well(&self) -> bool {
        self.problems.is_empty() && self.parts.iter().all(Part::is_well)
    }
}

pub fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let reports = runtime.block_on(check(options))?;
    if options.json {
        output::json(&reports.iter().map(to_json).collect())?;
    } else {
        print(options, &reports)?;
    }
    if reports.iter().all(Report::is_well) {
        Ok(())
    } else {
        Err(Refusal::failed("one or more checks failed").into())
    }
}

async fn check(options: &Options) -> Result<Vec<Report>> {
    let client = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).no_proxy().build()?;
    let mut services = if options.only.is_empty() { Service::ALL.to_vec() } else { options.only.clone() };
    for expectation in &options.expect {
        if let Consumer::Service(service) = expectation.consumer
            && !services.contains(&service)
        {
            services.push(service);
        }
    }
    let mut reports = Vec::with_capacity(services.len());
    for service in &services {
        let mut report = ask(&client, options, *service).await?;
        if let Some(host) = &options.monitoring {
            ask_readiness(&client, host, *service, &mut report).await;
        }
        if options.beside_gitlab {
            report.parts = beside_gitlab::check(service.name(), options.config_of(*service)).await;
        }
        reports.push(report);
    }
    if options.expectation(Consumer::Other).is_some() {
        reports.push(backend::ask_other(&client, options).await);
    }
    Ok(reports)
}

/// The credential of a request, and where it comes from.
struct Credential {
    header: &'static str,
    value: Option<String>,
    source: String,
}

impl Options {
    /// The configuration file of a service.
    fn config_of(&self, service: Service) -> PathBuf {
        let given = self.config.iter().find(|config| config.service == service.name());
        given.map_or_else(|| ServiceFile::default_path(service.name()), |config| config.path.clone())
    }

    /// Who must serve a consumer, if that matters.
    fn expectation(&self, consumer: Consumer) -> Option<&Expectation> {
        self.expect.iter().find(|expectation| expectation.consumer == consumer)
    }

    fn credential(&self, service: Service) -> Result<Credential> {
        let token = |file: Option<&PathBuf>, header, prefix: &str| -> Result<Credential> {
            let value = file.map(|path| {
                std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
            });
            let value = value.transpose()?.map(|text| format!("{prefix}{}", text.trim()));
            let source = file.map(|path| path.display().to_string()).unwrap_or_default();
            Ok(Credential { header, value, source })
        };
        match service {
            Service::Shell => {
                let (value, source) = self.secrets.issue_shell()?;
                Ok(Credential { header: "Gitlab-Shell-Api-Request", value: Some(value), source })
            }
            Service::Kas => {
                let (value, source) = self.secrets.issue_kas()?;
                Ok(Credential { header: "Gitlab-Kas-Api-Request", value: Some(value), source })
            }
            Service::Scim => token(self.scim_token_file.as_ref(), "Authorization", "Bearer "),
            Service::Admin | Service::Billing => token(self.admin_token_file.as_ref(), "PRIVATE-TOKEN", ""),
        }
    }
}

async fn ask(client: &Client, options: &Options, service: Service) -> Result<Report> {
    let credential = options.credential(service)?;
    let url = format!("{}{}", options.base_url.trim_end_matches('/'), service.path());
    let mut request: RequestBuilder = client.get(&url);
    if let Some(value) = &credential.value {
        request = request.header(credential.header, value);
    }
    let started = Instant::now();
    let response = request.send().await;
    let duration = started.elapsed();
    let consumer = Consumer::Service(service);
    let (backend, is_reached, mut problems) = match response {
        Ok(response) => {
            let backend = Backend::from_response(&response);
            let problems = if backend == Some(Backend::Gitlab) {
                backend::judge_gitlab(response.status().as_u16(), service, &credential)
            } else {
                judge(response, service, &credential).await
            };
            (backend, true, problems)
        }
        Err(error) => {
            let problem = format!("{} cannot be reached: {}", options.base_url, causes(&error));
            (None, false, vec![problem])
        }
    };
    if let Some(expectation) = options.expectation(consumer).filter(|_| is_reached) {
        problems.extend(expectation.problem(backend.as_ref()));
    }
    Ok(Report {
        consumer,
        is_reached,
        duration,
        backend,
        is_ready: None,
        checks: Vec::new(),
        parts: Vec::new(),
        problems,
    })
}

/// The problems of a response, with what to do about each.
async fn judge(response: Response, service: Service, credential: &Credential) -> Vec<String> {
    let name = service.name();
    let status = response.status().as_u16();
    let has_request_id = response.headers().contains_key("x-request-id");
    let body: Option<Value> = response.json().await.ok();
    let mut problems = Vec::new();
    if !has_request_id {
        problems.push(format!("{status} without X-Request-Id: another program than {name} serves this path"));
    }
    let has_credential = credential.value.is_some();
    match (status, has_credential) {
        (200 | 404, true) if status == 200 || is_unknown_namespace(service, body.as_ref()) => {
            let redis = body.as_ref().and_then(|body| body.get("redis"));
            if service == Service::Shell && redis != Some(&Value::Bool(true)) {
                problems.push(format!("{REDIS}: look at the Redis settings of {name}"));
            }
            if body.is_none() {
                problems
                    .push(format!("the response is not JSON: another program than {name} serves this path"));
            }
        }
        (401, false) if service != Service::Scim || is_scim_error(body.as_ref()) => {
            if body.is_none() {
                problems.push(format!("401 without JSON: another program than {name} serves this path"));
            }
        }
        (401, false) => problems.push("401 without a SCIM error body".to_owned()),
        (401, true) => problems.push(match service {
            Service::Shell | Service::Kas => {
                format!("401: the secret in {} is not the one that {name} uses", credential.source)
            }
            Service::Scim | Service::Admin | Service::Billing => {
                format!("401: {name} does not know the token in {}", credential.source)
            }
        }),
        (403, true) => {
            let source = &credential.source;
            problems.push(format!("403: the token in {source} needs the scope api and an administrator"));
        }
        (404, _) => problems.push(format!("404: the load balancer does not route this path to {name}")),
        (429, _) => problems.push("429: a rate limit was reached; try again in a moment".to_owned()),
        (502..=504, _) => {
            problems.push(format!(
                "{status}: {name} is not running or not ready, or its database is unavailable"
            ));
        }
        _ => problems.push(format!("{status}: look at the log of {name}")),
    }
    problems
}

/// Whether billing-api reports that namespace 0 does not exist.
fn is_unknown_namespace(service: Service, body: Option<&Value>) -> bool {
    let message = body.and_then(|body| body["message"].as_str());
    service == Service::Billing && message.is_some_and(|message| message.contains("Namespace Not Found"))
}

fn is_scim_error(body: Option<&Value>) -> bool {
    let schemas = body.and_then(|body| body["schemas"].as_array());
    schemas.is_some_and(|schemas| schemas.iter().any(|schema| schema == SCIM_ERROR))
}

async fn ask_readiness(client: &Client, host: &str, service: Service, report: &mut Report) {
    let url = format!("http://{host}:{}/-/readiness?all=1", service.monitoring_port());
    let response = match client.get(&url).send().await {
        Ok(response) => response,
        Err(error) => {
            report.is_ready = Some(false);
            report.problems.push(format!("{url} cannot be reached: {}", causes(&error)));
            return;
        }
    };
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap_or_default();
    for (name, check) in body.as_object().into_iter().flatten().filter(|(name, _)| name.ends_with("_check")) {
        let items = check.as_array().into_iter().flatten();
        let failed = items.filter(|item| item["status"] != "ok").map(|item| {
            let message = item["message"].as_str().or(item["status"].as_str());
            message.unwrap_or("failed").to_owned()
        });
        let message = failed.collect::<Vec<_>>().join(", ");
        report.checks.push((name.clone(), (!message.is_empty()).then_some(message)));
    }
    report.is_ready = Some(status == 200);
    if status != 200 {
        let failed = report
            .checks
            .iter()
            .filter_map(|(name, message)| message.as_ref().map(|message| format!("{name}: {message}")));
        let failed = failed.collect::<Vec<_>>().join("; ");
        let failed = if failed.is_empty() { format!("{url} responds with {status}") } else { failed };
        report.problems.push(format!("not ready: {failed}"));
    }
}

/// An error with its causes, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}{error}", if text.is_empty() { "" } else { ": " });
        cause = error.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}

fn print(options: &Options, reports: &[Report]) -> Result<()> {
    let mark = |is_well| {
        if is_well { Cell::styled("ok", Style::Good) } else { Cell::styled("failed", Style::Bad) }
    };
    let row = |report: &Report| {
        let is_answered = report.is_reached && report.problems.iter().all(|text| is_about_readiness(text));
        [
            Cell::from(report.consumer.name()),
            mark(is_answered),
            Cell::from(report.backend.as_ref().map_or("-", Backend::name)),
            report.is_ready.map_or_else(|| Cell::from("-"), mark),
            Cell::from(report.duration.as_millis()),
        ]
    };
    output::table(["SERVICE", "BALANCER", "BACKEND", "READY", "MS"], reports.iter().map(row))?;
    for report in reports {
        for (name, message) in &report.checks {
            let message = message.as_deref().unwrap_or("ok");
            println!("{} {name}: {message}", report.consumer.name());
        }
        for part in &report.parts {
            println!("{} {}: {}", report.consumer.name(), part.name, part.message);
        }
        for problem in &report.problems {
            println!("{}: {problem}", report.consumer.name());
        }
    }
    if options.monitoring.is_none() {
        eprintln!("the monitoring ports were not checked (--monitoring HOST)");
    }
    Ok(())
}

fn is_about_readiness(problem: &str) -> bool {
    problem.starts_with("not ready") || problem.contains("/-/readiness")
}

fn to_json(report: &Report) -> Value {
    let checks = report.checks.iter().map(|(name, message)| {
        json!({ "name": name, "status": if message.is_none() { "ok" } else { "failed" }, "message": message })
    });
    json!({
        "service": report.consumer.name(),
        "ok": report.is_well(),
        "backend": report.backend.as_ref().map(Backend::name),
        "reached": report.is_reached,
        "ready": report.is_ready,
        "duration_ms": u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX),
        "checks": checks.collect::<Vec<_>>(),
        "beside_gitlab": report.parts.iter().map(Part::to_json).collect::<Vec<_>>(),
        "problems": report.problems,
    })
}
