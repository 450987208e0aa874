//! `internal-apictl explain allowed`: the decision table of shell-api, row by row.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, ValueEnum};
use database::git_access::ActorId;
use database::{ConnectOptions, Pool, PoolOptions};
use domain::access::{Action, ClientAddress, Denial, Protocol, Refusal as Refused, Request, Rule, Verdict};
use domain::git::changes::Changes;
use git_access::explain::{Evidence, Explanation, Row, RowResult, explain};
use git_access::{AccessOptions, Error, Query, RepositoryParam, Sources};
use repository::{Inspect, Storage, Storages};
use serde_json::{Value, json};
use server::config::{ConfigError, load_file};

use super::database::Database;
use crate::commands::now;
use crate::output::{self, Cell, Style};
use crate::refusal::Refusal;

/// The object ids for `--push REF`, `--create` and `--delete`, which read no repository.
const OLD: &str = "1111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222";
const ZEROS: &str = "0000000000000000000000000000000000000000";

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    actor: Actor,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    action: Asked,
    /// Protocol of the client
    #[arg(long, value_enum, default_value = "ssh")]
    protocol: ProtocolOption,
    /// Address of the client
    #[arg(long, value_name = "ADDRESS")]
    check_ip: Option<String>,
    /// Group whose SSH certificate authenticated the user
    #[arg(long, value_name = "PATH")]
    namespace_path: Option<String>,
    /// Configuration file of shell-api, for its options and its storages. Without it, no repository is inspected,
    /// and the options are those of the environment
    #[arg(long, env = "IAPI_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    database: Database,
}

/// The actor. Without one, the request is anonymous.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Actor {
    /// SSH key or deploy key
    #[arg(long, visible_alias = "key-id", value_name = "ID")]
    key: Option<i64>,
    /// User
    #[arg(long, value_name = "ID")]
    user_id: Option<i64>,
    /// User, by name or by confirmed e-mail address
    #[arg(long, visible_alias = "user", value_name = "NAME")]
    username: Option<String>,
    /// Actor in the form user-1, key-11, username-root or deploy-token-1
    #[arg(long)]
    identifier: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// Path of the repository, as in a URL of git: a/b, a/b.git, a/b.wiki.git, snippets/1
    #[arg(long, value_name = "PATH")]
    project: Option<String>,
    /// Repository by its id: project-1, wiki-1, group-1-wiki, design-1, snippet-1
    #[arg(long, value_name = "ID")]
    gl_repository: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Asked {
    /// A clone or fetch
    #[arg(long)]
    pull: bool,
    /// A push: without REF the general check before a push, with REF an update of it that rewrites no history and
    /// brings nothing new
    #[arg(long, value_name = "REF", num_args = 0..=1, default_missing_value = "")]
    push: Option<String>,
    /// A push that creates this ref
    #[arg(long, value_name = "REF")]
    create: Option<String>,
    /// A push that deletes this ref
    #[arg(long, value_name = "REF")]
    delete: Option<String>,
    /// A push with these lines, each OLD NEW REF: the objects are looked for in the repository
    #[arg(long, value_name = "LINES")]
    changes: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProtocolOption {
    Ssh,
    Http,
    Web,
}

/// The options of shell-api that affect its decisions.
#[derive(Debug, Parser)]
#[command(name = "shell-api")]
struct ServiceOptions {
    /// Base URL of links for users
    #[arg(long, env = "IAPI_EXTERNAL_URL", default_value = "http://localhost:3000")]
    external_url: String,
    #[command(flatten)]
    access: AccessOptions,
}

/// The section `geo`, of which only the role matters.
#[derive(Debug, Default, serde::Deserialize)]
struct Geo {
    #[serde(default)]
    role: String,
}

/// The configuration of shell-api, as far as it affects decisions.
struct Service {
    options: ServiceOptions,
    storages: BTreeMap<String, Storage>,
    is_geo_secondary: bool,
}

pub fn run(options: &Options) -> Result<()> {
    let service = Service::load(options.config.as_deref())?;
    let query = options.query()?;
    let location = options.database.location()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let is_inspected = options.config.is_some() && !options.action.is_assumed();
    let explanation = runtime.block_on(async {
        let pool = PoolOptions {
            size: 1,
            timeout: Duration::from_secs(5),
            connect: ConnectOptions {
                application_name: "internal-apictl".to_owned(),
                ..ConnectOptions::default()
            },
        };
        decide(&service, &query, &Pool::new(location, pool, |_| ()), is_inspected).await
    })?;
    let decision = Decision::new(&explanation.outcome)?;
    if options.database.json {
        output::json(&to_json(&explanation, &decision, is_inspected))?;
    } else {
        print(&explanation, &decision, is_inspected)?;
    }
    decision.result()
}

/// Explains the decision. Without a look into repositories, every storage has those that the database names, and a
/// push rewrites no history and brings nothing new.
async fn decide(service: &Service, query: &Query, pool: &Pool, is_inspected: bool) -> Result<Explanation> {
    let settings = pool.read(database::settings::load).await?;
    let mut access = service.options.access.clone();
    let mut storages = service.storages.clone();
    if !is_inspected {
        access.allow_uninspected_pushes = true;
        for storage in storages.values_mut() {
            storage.inspect = Some(Inspect::None);
        }
    }
    let external_url = service.options.external_url.trim_end_matches('/');
    loop {
        let opened = Storages::new("internal-apictl", storages.clone(), |_| ())
            .map_err(|error| ConfigError(format!("storages: {error}")))?;
        let sources = Sources {
            pool,
            storages: &opened,
            options: &access,
            external_url,
            is_geo_secondary: service.is_geo_secondary,
            now: now(),
        };
        let explanation = explain(sources, query, &settings).await?;
        match &explanation.outcome {
            Err(Error::UnknownStorage(name)) if !is_inspected => {
                let uninspected =
                    Storage { address: String::new(), token: None, inspect: Some(Inspect::None), path: None };
                storages.insert(name.clone(), uninspected);
            }
            _ => return Ok(explanation),
        }
    }
}

impl Service {
    fn load(config: Option<&std::path::Path>) -> Result<Self> {
        let Some(path) = config else {
            let options = ServiceOptions::try_parse_from(["shell-api"])
                .map_err(|error| ConfigError(error.to_string()))?;
            return Ok(Self { options, storages: BTreeMap::new(), is_geo_secondary: false });
        };
        let (options, structures) = load_file::<ServiceOptions>("shell-api", path)?;
        let geo: Geo = structures.get("geo")?;
        Ok(Self { options, storages: structures.get("storages")?, is_geo_secondary: geo.role == "secondary" })
    }
}

impl Asked {
    /// Whether the objects of the push are not named.
    fn is_assumed(&self) -> bool {
        let refs = [&self.push, &self.create, &self.delete];
        refs.into_iter().flatten().any(|name| !name.is_empty())
    }

    fn changes(&self) -> Changes {
        let line = |old: &str, new: &str, name: &str| Changes::parse(format!("{old} {new} {name}"));
        match (&self.push, &self.create, &self.delete, &self.changes) {
            (Some(name), ..) if !name.is_empty() => line(OLD, NEW, name),
            (_, Some(name), ..) => line(ZEROS, NEW, name),
            (_, _, Some(name), _) => line(OLD, ZEROS, name),
            (.., Some(lines)) => Changes::parse(lines.as_str()),
            _ => Changes::Any,
        }
    }
}

impl Options {
    fn query(&self) -> Result<Query> {
        let changes = self.action.changes();
        if let Changes::List(list) = &changes
            && !list.iter().all(|change| change.is_well_formed())
        {
            let example = "refs/heads/main";
            return Err(Refusal::failed("the changes are not lines of OLD NEW REF")
                .with_hint(format!("REF is the full name of a ref, as in {example}"))
                .into());
        }
        let request = Request {
            action: if self.action.pull { Action::Download } else { Action::Push },
            protocol: match self.protocol {
                ProtocolOption::Ssh => Protocol::Ssh,
                ProtocolOption::Http => Protocol::Http,
                ProtocolOption::Web => Protocol::Web,
            },
            changes,
            check_ip: self.check_ip.as_deref().map(ClientAddress::from_text),
            namespace_path: self.namespace_path.clone().filter(|path| !path.is_empty()),
        };
        let repository = match (&self.target.gl_repository, &self.target.project) {
            (Some(id), _) => {
                let repository = id.parse().with_context(|| format!("--gl-repository {id}"))?;
                RepositoryParam::Id { repository, project: None }
            }
            (None, path) => RepositoryParam::from_path(path.clone().unwrap_or_default()),
        };
        Ok(Query::new(request, self.actor.id(), repository))
    }
}

impl Actor {
    fn id(&self) -> ActorId {
        let by_id = self.key.map(ActorId::Key).or(self.user_id.map(ActorId::User));
        let by_name = self.username.clone().map(git_access::actor_from_name);
        let identifier = self.identifier.as_deref().map(git_access::actor_from_identifier);
        by_id.or(by_name).or(identifier).unwrap_or(ActorId::Anonymous)
    }
}

/// What the service would answer.
struct Decision {
    name: &'static str,
    status: u16,
    rule: Option<Rule>,
    message: Option<String>,
}

impl Decision {
    fn new(outcome: &git_access::Result<Verdict>) -> Result<Self> {
        let decision = |name, status, rule, message: Option<String>| Self { name, status, rule, message };
        Ok(match outcome {
            Ok(Verdict::Allowed) => decision("allowed", 200, Some(Rule::Allowed), None),
            Ok(Verdict::CreateProject) => {
                let message = "the push creates the project".to_owned();
                decision("allowed", 200, Some(Rule::Allowed), Some(message))
            }
            Ok(Verdict::CreateRepository) => {
                let message = "the push creates the repository".to_owned();
                decision("allowed", 200, Some(Rule::Allowed), Some(message))
            }
            Ok(Verdict::ForwardToPrimary) => decision("redirected", 300, Some(Rule::GeoSecondary), None),
            Err(Error::Refused(refused @ Refused { denial: Denial::Forbidden(_), rule })) => {
                decision("denied", 401, Some(*rule), Some(refused.to_string()))
            }
            Err(Error::Refused(refused @ Refused { denial: Denial::NotFound(_), rule })) => {
                decision("not_found", 404, Some(*rule), Some(refused.to_string()))
            }
            Err(error @ Error::NotInspected(_)) => decision("denied", 401, None, Some(error.to_string())),
            Err(error @ Error::NotCreated(_)) => {
                decision("denied", 422, Some(Rule::PushToCreate), Some(error.to_string()))
            }
            Err(error) => return Err(Refusal::failed(format!("no decision: {error}")).into()),
        })
    }

    fn summary(&self) -> String {
        let by =
            self.rule.map(|rule| format!(" by row {} ({})", rule.row(), rule.name())).unwrap_or_default();
        let message = self.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        format!("{} ({}){by}{message}", self.name, self.status)
    }

    /// The exit code is that of the decision.
    fn result(&self) -> Result<()> {
        match self.status {
            200 | 300 => Ok(()),
            404 => Err(Refusal::unknown(self.summary()).into()),
            _ => Err(Refusal::failed(self.summary()).into()),
        }
    }
}

fn evidence_text(evidence: &Evidence) -> String {
    let Evidence { table, row, values } = evidence;
    let row = if row.is_empty() { String::new() } else { format!("[{row}]") };
    let values: Vec<String> = values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{table}{row} {}", values.join(", "))
}

fn style(result: RowResult) -> Style {
    match result {
        RowResult::Refused => Style::Bad,
        RowResult::Decided => Style::Good,
        RowResult::Passed | RowResult::NotApplicable => Style::Plain,
    }
}

/// The actor and the target as they were found.
fn found(explanation: &Explanation) -> [(&'static str, String); 2] {
    let facts = &explanation.context.facts;
    let user = facts.actor.responsible_user().map(|user| format!("user {} ({})", user.id, user.username));
    let key =
        facts.actor.key().map(|key| format!("{} {}", facts.actor.key_type().unwrap_or_default(), key.id));
    let token = facts.actor.deploy_token_id().map(|id| format!("deploy token {id}"));
    let actor: Vec<String> = [key, token, user].into_iter().flatten().collect();
    let actor = if actor.is_empty() { "nobody".to_owned() } else { actor.join(" of ") };
    let location = explanation.context.location.as_ref();
    let target = location.map_or_else(
        || "nothing".to_owned(),
        |location| format!("{} ({})", location.gl_project_path, location.gl_repository),
    );
    [("actor", actor), ("target", target)]
}

const NOT_INSPECTED: &str = "the repository was not inspected: the push is taken to rewrite no history and to bring \
                             nothing new, and the default branch to be that of new projects";

fn print(explanation: &Explanation, decision: &Decision, is_inspected: bool) -> Result<()> {
    for (name, value) in found(explanation) {
        println!("{name:8}{value}");
    }
    println!();
    let lines = explanation.rows.iter().flat_map(|row| {
        let Row { rule, reference, result, evidence } = row;
        let name = match reference {
            Some(reference) => format!("{} ({reference})", rule.name()),
            None => rule.name().to_owned(),
        };
        let mut evidence = evidence.iter().map(|evidence| Cell::from(evidence_text(evidence)));
        let first = evidence.next().unwrap_or_else(|| Cell::from(""));
        let head =
            [Cell::from(rule.row()), Cell::from(name), Cell::styled(result.name(), style(*result)), first];
        let rest = evidence.map(|evidence| [Cell::from(""), Cell::from(""), Cell::from(""), evidence]);
        std::iter::once(head).chain(rest).collect::<Vec<_>>()
    });
    output::table(["ROW", "RULE", "RESULT", "READ FROM"], lines)?;
    println!();
    if !is_inspected && explanation.rows.iter().any(|row| row.reference.is_some()) {
        println!("note: {NOT_INSPECTED}");
    }
    println!("{}", decision.summary());
    Ok(())
}

fn to_json(explanation: &Explanation, decision: &Decision, is_inspected: bool) -> Value {
    let rows = explanation.rows.iter().map(|row| {
        let evidence = row.evidence.iter().map(|Evidence { table, row, values }| {
            let values: serde_json::Map<String, Value> =
                values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            json!({ "table": table, "row": row, "values": values })
        });
        json!({
            "row": row.rule.row(),
            "rule": row.rule.name(),
            "ref": row.reference,
            "result": row.result.name(),
            "read_from": evidence.collect::<Vec<_>>(),
        })
    });
    let [(_, actor), (_, target)] = found(explanation);
    json!({
        "decision": decision.name,
        "status": decision.status,
        "row": decision.rule.map(Rule::row),
        "rule": decision.rule.map(Rule::name),
        "message": decision.message,
        "actor": actor,
        "target": target,
        "inspected": is_inspected,
        "rows": rows.collect::<Vec<_>>(),
    })
}
