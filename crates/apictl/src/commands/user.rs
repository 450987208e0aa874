//! `internal-apictl user`
use std::io::Read;

use anyhow::{Context, Result, anyhow};
use clap::{Args, Subcommand};
use database::standalone::{self, NewUser, UserFilter, UserRow};
use database::users::StateChange;
use domain::namespace_path::NamespacePath;
use domain::path_name::Owner;
use domain::user::UserType;
use serde_json::{Value, json};

use super::{Entity, Target, audit, find_user, now};
use crate::output::{self, Cell, Style};
use crate::refusal::Refusal;
use crate::secrets;

const BCRYPT_COST: u32 = 10;
/// Bcrypt ignores further bytes.
const MAX_PASSWORD_BYTES: usize = 72;
const MIN_PASSWORD_CHARACTERS: usize = 8;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create an active user with a confirmed e-mail address
    Create(Box<CreateOptions>),
    /// List users
    List(ListOptions),
    /// Show a user
    Show(NameOptions),
    /// Block a user, who can then use neither git nor tokens
    Block(NameOptions),
    /// Unblock a user
    Unblock(NameOptions),
}

#[derive(Debug, Args)]
pub struct CreateOptions {
    /// Username: letters, digits, `_`, `-` and `.`
    #[arg(long)]
    username: String,
    /// E-mail address
    #[arg(long)]
    email: String,
    /// Name [default: the username]
    #[arg(long)]
    name: Option<String>,
    /// Make the user an administrator
    #[arg(long)]
    admin: bool,
    /// Hide internal projects from the user, even if the settings of the instance say otherwise
    #[arg(long)]
    external: bool,
    /// Create a bot, which needs no password
    #[arg(long)]
    bot: bool,
    /// Read the password from the first line of standard input
    #[arg(long, conflicts_with = "random_password")]
    password_stdin: bool,
    /// Generate a password and print it
    #[arg(long)]
    random_password: bool,
    /// Succeed if the user exists with the same properties
    #[arg(long)]
    if_not_exists: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct ListOptions {
    /// Part of a username, name or e-mail address
    #[arg(long)]
    search: Option<String>,
    /// Only administrators
    #[arg(long)]
    admins: bool,
    /// Only blocked users
    #[arg(long)]
    blocked: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct NameOptions {
    /// Username
    name: String,
    #[command(flatten)]
    target: Target,
}

pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Create(options) => create(options),
        Command::List(options) => list(options),
        Command::Show(options) => show(options),
        Command::Block(options) => set_blocked(options, true),
        Command::Unblock(options) => set_blocked(options, false),
    }
}

fn create(options: &CreateOptions) -> Result<()> {
    let username = NamespacePath::new(&options.username, Owner::User)
        .map_err(|error| Refusal::failed(error.to_string()))?;
    let email = parse_email(&options.email)?;
    let name = options.name.as_deref().unwrap_or(&options.username);
    let mut conn = options.target.open_to_change()?;
    if let Some(known) = standalone::find_user(&mut conn, username.as_str())? {
        let is_same = known.email == email
            && known.name.as_deref() == Some(name)
            && known.admin == options.admin
            && (known.external.unwrap_or(false) || !options.external);
        if !(options.if_not_exists && is_same) {
            return Err(Refusal::exists("user", username.as_str()).into());
        }
        eprintln!("user `{}` exists already", username.as_str());
        return print(options, &known, None);
    }
    let password = password(options)?;
    let unknown = secrets::password()?;
    let encrypted = encrypt(password.as_deref().unwrap_or(&unknown))?;
    let new = NewUser {
        username: &username,
        email: &email,
        name,
        admin: options.admin,
        external: options.external,
        bot: options.bot,
        encrypted_password: &encrypted,
        password_automatically_set: password.is_none(),
    };
    standalone::create_user(&mut conn, &new, now())?;
    let user = find_user(&mut conn, username.as_str())?;
    audit("user_created", &Entity::user(&user), ("User", Some(user.id)), &Value::Null, &to_json(&user));
    print(options, &user, password.as_deref().filter(|_| options.random_password))
}

/// Prints a generated password alone on standard output, so that a script can read it.
fn print(options: &CreateOptions, user: &UserRow, password: Option<&str>) -> Result<()> {
    match (options.target.json, password) {
        (true, password) => {
            let mut user = to_json(user);
            if let Some(password) = password {
                user["password"] = password.into();
            }
            output::json(&user)
        }
        (false, Some(password)) => {
            println!("{password}");
            Ok(())
        }
        (false, None) => {
            eprintln!("created user `{}` with id {}", user.username.as_deref().unwrap_or_default(), user.id);
            Ok(())
        }
    }
}

/// Checks an e-mail address by the rule for addresses of identity providers. Returns it in lower case, as GitLab
/// stores it.
fn parse_email(text: &str) -> Result<String> {
    let email = text.trim().to_lowercase();
    if scim::is_email(&email) {
        Ok(email)
    } else {
        Err(Refusal::failed(format!("invalid e-mail address `{text}`")).into())
    }
}

fn password(options: &CreateOptions) -> Result<Option<String>> {
    if options.random_password {
        return secrets::password().map(Some);
    }
    if !options.password_stdin {
        return Ok(None);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
    let password = text.lines().next().unwrap_or_default().to_owned();
    if password.chars().count() < MIN_PASSWORD_CHARACTERS || password.len() > MAX_PASSWORD_BYTES {
        let problem = format!(
            "the password must have at least {MIN_PASSWORD_CHARACTERS} characters and at most \
             {MAX_PASSWORD_BYTES} bytes"
        );
        return Err(Refusal::failed(problem).into());
    }
    Ok(Some(password))
}

/// Returns the bcrypt hash in GitLab's format.
fn encrypt(password: &str) -> Result<String> {
    let salt = secrets::random::<16>()?;
    let hash = bcrypt::hash_with_salt(password, BCRYPT_COST, salt);
    let hash = hash.map_err(|error| anyhow!("the password cannot be hashed: {error}"))?;
    Ok(hash.format_for_version(bcrypt::Version::TwoA))
}

fn list(options: &ListOptions) -> Result<()> {
    let filter =
        UserFilter { search: options.search.clone(), admins: options.admins, blocked: options.blocked };
    let users = standalone::list_users(&mut options.target.open()?, &filter)?;
    if options.target.json {
        return output::json(&users.iter().map(to_json).collect());
    }
    let row = |user: &UserRow| {
        let state = user.state.as_deref().unwrap_or("unknown");
        let style = if state == "active" { Style::Good } else { Style::Bad };
        [
            Cell::from(user.id),
            output::optional(user.username.as_deref()),
            output::optional(user.name.as_deref()),
            Cell::from(&user.email),
            Cell::styled(state, style),
            Cell::from(if user.admin { "yes" } else { "" }),
        ]
    };
    output::table(["ID", "USERNAME", "NAME", "EMAIL", "STATE", "ADMIN"], users.iter().map(row))
}

fn show(options: &NameOptions) -> Result<()> {
    let user = find_user(&mut options.target.open()?, &options.name)?;
    if options.target.json {
        return output::json(&to_json(&user));
    }
    let rows = [
        ("id", user.id.to_string()),
        ("username", user.username.unwrap_or_default()),
        ("name", user.name.unwrap_or_default()),
        ("email", user.email),
        ("state", user.state.unwrap_or_default()),
        ("admin", user.admin.to_string()),
        ("external", user.external.unwrap_or(false).to_string()),
    ];
    output::table(["FIELD", "VALUE"], rows.map(|(name, value)| [Cell::from(name), Cell::from(value)]))
}

fn set_blocked(options: &NameOptions, blocked: bool) -> Result<()> {
    let mut conn = options.target.open_to_change()?;
    let before = find_user(&mut conn, &options.name)?;
    let set = if blocked { standalone::block_user } else { standalone::unblock_user };
    let change = set(&mut conn, before.id, now())?;
    let refused = match change {
        StateChange::Changed | StateChange::Unchanged => None,
        StateChange::InternalAccount => Some("the account is internal and cannot be blocked"),
        StateChange::LastAdministrator => Some("the last active administrator cannot be blocked"),
        StateChange::AdministratorsState => Some("the state of the account cannot be changed"),
    };
    if let Some(reason) = refused {
        return Err(Refusal::failed(reason).into());
    }
    let after = find_user(&mut conn, &options.name)?;
    if change == StateChange::Changed {
        let event = if blocked { "user_blocked" } else { "user_unblocked" };
        let state = |user: &UserRow| json!({ "state": user.state });
        audit(event, &Entity::user(&after), ("User", Some(after.id)), &state(&before), &state(&after));
    }
    if options.target.json {
        return output::json(&to_json(&after));
    }
    eprintln!("user `{}` is {}", options.name, after.state.as_deref().unwrap_or("unknown"));
    Ok(())
}

fn to_json(user: &UserRow) -> Value {
    json!({
        "id": user.id,
        "username": user.username,
        "name": user.name,
        "email": user.email,
        "state": user.state,
        "admin": user.admin,
        "external": user.external.unwrap_or(false),
        "bot": !UserType(user.user_type).is_human(),
        "created_at": output::time(user.created_at),
    })
}
