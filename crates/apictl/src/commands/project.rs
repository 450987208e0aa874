//! `internal-apictl project`
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use database::projects::NewProject;
use database::standalone::{self, ProjectRow};
use domain::Visibility;
use domain::namespace::ProjectPath;
use serde_json::{Value, json};

use super::{Entity, Target, VisibilityOption, audit, find_project, now, visibility_name};
use crate::output::{self, Cell};
use crate::refusal::Refusal;
use crate::repositories;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a project in a group or in a user's namespace
    Create(CreateOptions),
    /// List projects
    List(ListOptions),
}

#[derive(Debug, Args)]
pub struct CreateOptions {
    /// Full path, e.g. `acme/tools/app`
    #[arg(long)]
    path: String,
    /// Name [default: the last part of the path]
    #[arg(long)]
    name: Option<String>,
    /// Who sees the project
    #[arg(long, value_enum, default_value = "private")]
    visibility: VisibilityOption,
    /// Storage of the repository
    #[arg(long, default_value = "default")]
    storage: String,
    /// First branch of the repository, with `--init`
    #[arg(long, default_value = "main")]
    default_branch: String,
    /// Create the empty repository on this machine's disk. Without it, the first push creates the repository
    /// through Gitaly
    #[arg(long, requires = "repositories_dir")]
    init: bool,
    /// Directory of the storage's repositories
    #[arg(long, env = "IAPI_REPOSITORIES_DIR")]
    repositories_dir: Option<PathBuf>,
    /// Directory of hooks to copy into the repository, with `--init`
    #[arg(long, env = "IAPI_HOOKS_DIR")]
    hooks_dir: Option<PathBuf>,
    /// Where the hooks reach the internal API
    #[arg(long, env = "IAPI_BASE_URL", default_value = "http://127.0.0.1:8080")]
    base_url: String,
    /// Succeed if the project exists with the same properties
    #[arg(long)]
    if_not_exists: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct ListOptions {
    /// Part of a path
    #[arg(long)]
    search: Option<String>,
    /// Only the projects in this group and below it
    #[arg(long)]
    group: Option<String>,
    #[command(flatten)]
    target: Target,
}

pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Create(options) => create(options),
        Command::List(options) => list(options),
    }
}

fn create(options: &CreateOptions) -> Result<()> {
    let full_path = options.path.trim_matches('/');
    let (above, last) = full_path
        .rsplit_once('/')
        .ok_or_else(|| Refusal::failed(format!("`{full_path}` names no group or user before the project")))?;
    let path: ProjectPath =
        last.parse().map_err(|error: domain::Error| Refusal::failed(error.to_string()))?;
    let name = options.name.as_deref().unwrap_or(last);
    let mut conn = options.target.open_to_change()?;
    let namespace_id = standalone::find_namespace(&mut conn, above, now())?;
    let namespace_id = namespace_id.ok_or_else(|| Refusal::not_found("group or user", above))?;
    if let Some(known) = standalone::find_project(&mut conn, full_path)? {
        let is_same = known.name.as_deref() == Some(name)
            && Visibility::from_level(known.visibility_level) == options.visibility.into()
            && known.storage == options.storage;
        if !(options.if_not_exists && is_same) {
            return Err(Refusal::exists("project", full_path).into());
        }
        eprintln!("project `{full_path}` exists already");
        init(options, &known)?;
        return print(options, &known);
    }
    let new = NewProject {
        namespace_id,
        path: &path,
        name,
        visibility: options.visibility.into(),
        storage: &options.storage,
        // Without a repository, the first push creates it.
        awaits_repository: !options.init,
    };
    if standalone::create_project(&mut conn, &new, now())?.is_none() {
        let problem = format!("project `{full_path}` cannot be created");
        return Err(Refusal::failed(problem)
            .with_hint("create a user with --admin, or an owner of the group")
            .into());
    }
    let project = find_project(&mut conn, full_path)?;
    let target = ("Project", Some(project.id));
    audit("project_created", &Entity::project(&project), target, &Value::Null, &to_json(&project));
    init(options, &project)?;
    print(options, &project)
}

/// Creates the repository that the project has not got yet.
fn init(options: &CreateOptions, project: &ProjectRow) -> Result<()> {
    let Some(directory) = options.repositories_dir.as_deref().filter(|_| options.init) else { return Ok(()) };
    let new = repositories::NewRepository {
        repositories_dir: directory,
        project_id: project.id,
        default_branch: &options.default_branch,
        hooks_dir: options.hooks_dir.as_deref(),
        base_url: options.base_url.trim_end_matches('/'),
        data_dir: options.target.data_dir(),
    };
    new.create()
        .with_context(|| format!("the repository of project `{}` cannot be created", project.full_path))
}

fn print(options: &CreateOptions, project: &ProjectRow) -> Result<()> {
    if options.target.json {
        return output::json(&to_json(project));
    }
    eprintln!("project `{}` has id {}", project.full_path, project.id);
    Ok(())
}

fn list(options: &ListOptions) -> Result<()> {
    let mut conn = options.target.open()?;
    let projects = standalone::list_projects(&mut conn, options.search.as_deref(), options.group.as_deref())?;
    if options.target.json {
        return output::json(&projects.iter().map(to_json).collect());
    }
    let row = |project: &ProjectRow| {
        [
            Cell::from(project.id),
            Cell::from(&project.full_path),
            Cell::from(visibility_name(project.visibility_level)),
            Cell::from(&project.storage),
            Cell::from(if project.archived { "yes" } else { "" }),
        ]
    };
    output::table(["ID", "PATH", "VISIBILITY", "STORAGE", "ARCHIVED"], projects.iter().map(row))
}

fn to_json(project: &ProjectRow) -> Value {
    json!({
        "id": project.id,
        "full_path": project.full_path,
        "name": project.name,
        "visibility": visibility_name(project.visibility_level),
        "storage": project.storage,
        "relative_path": format!("{}.git", domain::hashed_path("@hashed", project.id)),
        "archived": project.archived,
    })
}
