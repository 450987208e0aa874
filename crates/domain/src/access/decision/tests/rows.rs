//! The conditions of an access decision: a change that makes each of them match, and its message. Each change sets all
//! the facts that the condition reads.
use super::super::*;
use super::case::Case;
use crate::access::Denial;
use crate::access::test_facts::now;
use crate::{FeatureLevel, Visibility};

pub struct Row {
    pub number: u8,
    pub name: &'static str,
    pub apply: fn(&mut Case),
    pub says: fn(&Case) -> Denial,
}

fn row(number: u8, name: &'static str, apply: fn(&mut Case), says: fn(&Case) -> Denial) -> Row {
    Row { number, name, apply, says }
}

fn not_found(case: &Case) -> Denial {
    Denial::NotFound(match case.facts.target {
        Target::Wiki(_) | Target::NoWiki => "The wiki you were looking for could not be found.",
        Target::Snippet { .. } => "The snippet you were looking for could not be found.",
        _ => "The project you were looking for could not be found or you don't have permission to view it.",
    })
}

fn no_repository(case: &Case) -> Denial {
    Denial::NotFound(match case.facts.target {
        Target::Wiki(_) => "A repository for this wiki does not exist yet.",
        Target::Snippet { .. } => "The snippet repository you were looking for could not be found.",
        _ => "A repository for this project does not exist yet.",
    })
}

macro_rules! forbidden {
    ($text:literal) => {
        |_| Denial::Forbidden($text.to_owned())
    };
}

macro_rules! missing {
    ($text:literal) => {
        |_| Denial::NotFound($text)
    };
}

/// The conditions in the order in which they are checked.
#[rustfmt::skip]
#[expect(clippy::too_many_lines, reason = "the table has as many rows")]
pub fn rows() -> Vec<Row> {
    vec![
        row(2, "no snippet", |case| case.facts.target = Target::NoSnippet, missing!("The snippet you were looking for could not be found.")),
        row(3, "no SSH", |case| {
            case.request.protocol = Protocol::Ssh;
            case.facts.instance.only_protocol = Some(Protocol::Http);
        }, forbidden!("Git access over SSH is not allowed")),
        row(3, "no HTTP", |case| {
            case.request.protocol = Protocol::Http;
            case.facts.instance.only_protocol = Some(Protocol::Ssh);
        }, forbidden!("Git access over HTTP is not allowed")),
        row(3, "no SSH in the group", |case| {
            case.request.protocol = Protocol::Ssh;
            case.with_project(|facts| facts.project.root.git_protocols = GitProtocols::OnlyHttp);
        }, forbidden!("Git access over SSH is not allowed")),
        row(3, "no HTTP in the group", |case| {
            if case.facts.target.project().is_some() {
                case.request.protocol = Protocol::Http;
            }
            case.with_project(|facts| facts.project.root.git_protocols = GitProtocols::OnlySsh);
        }, forbidden!("Git access over HTTP is not allowed")),
        row(4, "forbidden key", |case| {
            if let Some(key) = case.key() { "ssh-dss AAAA".clone_into(&mut key.text); }
        }, forbidden!("Your SSH key type is forbidden. Must be RSA, ECDSA, ED25519, ECDSA_SK, or ED25519_SK.")),
        row(4, "short key", |case| {
            if let Some(key) = case.key() { "ssh-rsa AAAA".clone_into(&mut key.text); }
        }, forbidden!("Your SSH key must be at least 3072 bits.")),
        row(5, "expired key", |case| {
            if let Some(key) = case.key() { key.expires_at = Some(now()); }
        }, forbidden!("Your SSH key has expired.")),
        row(6, "snippet by deploy key", |case| {
            case.reach_snippet();
            case.use_deploy_key(true);
        }, forbidden!("The authentication mechanism is not supported.")),
        row(7, "blocked", |case| {
            if let Some(user) = case.user() { user.state = crate::user::State::Blocked; }
        }, forbidden!("Your account has been blocked.")),
        row(8, "no pulling over HTTP", |case| {
            (case.request.protocol, case.request.action) = (Protocol::Http, Action::Download);
            case.facts.instance.http_pull = false;
        }, forbidden!("Pulling over HTTP is not allowed.")),
        row(8, "no pushing over HTTP", |case| {
            (case.request.protocol, case.request.action) = (Protocol::Http, Action::Push);
            case.facts.instance.http_push = false;
        }, forbidden!("Pushing over HTTP is not allowed.")),
        row(9, "unknown action", |case| case.request.action = Action::Unknown,
            forbidden!("The command you're trying to execute is not allowed.")),
        row(10, "designs over SSH", |case| {
            case.reach_design();
            case.request.protocol = Protocol::Ssh;
        }, forbidden!("Designs are only accessible using the web interface")),
        row(10, "designs of others", |case| {
            case.reach_design();
            case.request.protocol = Protocol::Web;
            case.with_project(|facts| facts.actor_access.role = Role::REPORTER);
        }, forbidden!("You are not allowed to manage designs of this project")),
        row(12, "read-only installation", |case| {
            case.request.action = Action::Push;
            case.facts.instance.read_only = true;
        }, forbidden!("You can't push code to a read-only GitLab instance.")),
        row(13, "no namespace", |case| case.facts.target = Target::NoProject { namespace_named: false },
            missing!("The namespace you were looking for could not be found.")),
        row(15, "no project", |case| case.facts.target = Target::NoProject { namespace_named: true }, not_found),
        row(15, "no wiki", |case| case.facts.target = Target::NoWiki, not_found),
        row(15, "pending delete", |case| case.with_project(|facts| facts.project.pending_delete = true), not_found),
        row(15, "hidden", |case| case.with_project(|facts| facts.project.hidden = true), not_found),
        row(16, "may not read", |case| case.with_project(|facts| {
            facts.project.visibility = Visibility::Private;
            (facts.actor_access.role, facts.actor_access.deploy_key) = (Role::NONE, None);
        }), not_found),
        row(16, "banned", |case| {
            let is_person = case.user().is_some();
            case.with_project(|facts| facts.actor_access.banned = is_person);
        }, not_found),
        row(16, "without a certificate", |case| {
            (case.request.protocol, case.request.namespace_path) = (Protocol::Ssh, None);
            case.request.changes = Changes::Any;
            if !matches!(case.facts.actor, Actor::Key { .. }) { return; }
            case.with_project(|facts| facts.project.root.enforce_ssh_certificates = true);
        }, not_found),
        row(17, "certificate of others", |case| case.request.namespace_path = Some("other".to_owned()), not_found),
        row(18, "address from elsewhere", |case| case.request.check_ip = Some(ClientAddress::from_text("1.2.3.4")), not_found),
        row(20, "no repository", |case| case.facts.repository = RepositoryStatus::Missing, no_repository),
        row(21, "no code", |case| {
            case.reach_project();
            case.request.action = Action::Download;
            case.with_project(|facts| facts.project.repository = FeatureLevel::Disabled);
        }, forbidden!("You are not allowed to download code from this project.")),
        row(21, "no wiki pages", |case| {
            case.reach_wiki();
            case.request.action = Action::Download;
            case.with_project(|facts| facts.project.wiki = FeatureLevel::Disabled);
        }, forbidden!("You are not allowed to download files from this wiki.")),
        row(21, "no snippets", |case| {
            case.with_snippet(|snippet| snippet.feature = Some(FeatureLevel::Disabled));
            case.request.action = Action::Download;
        }, forbidden!("You are not allowed to read this snippet.")),
        row(22, "read-only repository", |case| {
            case.request.action = Action::Push;
            case.with_project(|facts| facts.project.repository_read_only = true);
        }, forbidden!("The repository is temporarily read-only. Please try again later.")),
        row(23, "archived", |case| {
            case.request.action = Action::Push;
            case.with_project(|facts| facts.project.archived = true);
        }, forbidden!("You can't push code to an archived project.")),
        row(23, "marked for deletion", |case| {
            case.request.action = Action::Push;
            case.with_project(|facts| facts.project.is_marked_for_deletion = true);
        }, forbidden!("You can't push code to an archived project.")),
        row(24, "deploy key that reads", |case| {
            case.reach_project();
            case.use_deploy_key(false);
            case.request.action = Action::Push;
        }, forbidden!("This deploy key does not have write access to this project.")),
        row(24, "deploy key that reads a wiki", |case| {
            case.reach_wiki();
            case.use_deploy_key(false);
            case.request.action = Action::Push;
        }, forbidden!("This deploy key does not have write access to this project.")),
        row(25, "nobody", |case| {
            case.facts.actor = Actor::Anonymous;
            case.request.action = Action::Push;
            case.with_project(|facts| facts.project.visibility = Visibility::Public);
        }, forbidden!("You are not allowed to upload code for this project.")),
        row(26, "reporter", |case| {
            case.reach_project();
            (case.request.action, case.request.changes) = (Action::Push, Changes::Any);
            case.with_project(|facts| facts.actor_access.role = Role::REPORTER);
        }, forbidden!("You are not allowed to push code to this project.")),
        row(27, "reporter of a wiki", |case| {
            case.reach_wiki();
            case.request.action = Action::Push;
            case.with_project(|facts| facts.actor_access.role = Role::REPORTER);
        }, forbidden!("You are not allowed to write to this project's wiki.")),
        row(28, "snippet of another", |case| {
            case.with_snippet(|snippet| snippet.author_id = 99);
            case.request.action = Action::Push;
            case.with_project(|facts| facts.actor_access.role = Role::DEVELOPER);
        }, forbidden!("You are not allowed to update this snippet.")),
    ]
}
