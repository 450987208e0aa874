//! GitLab's messages for users at a terminal. Users search for them and scripts match them, so they are
//! exact.
#![expect(missing_docs, reason = "the text of a message is its description")]

use crate::{Role, git::wildcard};

pub const PROJECT_NOT_FOUND: &str =
    "The project you were looking for could not be found or you don't have permission to view it.";
pub const WIKI_NOT_FOUND: &str = "The wiki you were looking for could not be found.";
pub const SNIPPET_NOT_FOUND: &str = "The snippet you were looking for could not be found.";
pub const NAMESPACE_NOT_FOUND: &str = "The namespace you were looking for could not be found.";

pub const NO_PROJECT_REPOSITORY: &str = "A repository for this project does not exist yet.";
pub const NO_WIKI_REPOSITORY: &str = "A repository for this wiki does not exist yet.";
pub const NO_SNIPPET_REPOSITORY: &str = "The snippet repository you were looking for could not be found.";

pub const NO_SSH: &str = "Git access over SSH is not allowed";
pub const NO_HTTP: &str = "Git access over HTTP is not allowed";
pub const NO_HTTP_PULL: &str = "Pulling over HTTP is not allowed.";
pub const NO_HTTP_PUSH: &str = "Pushing over HTTP is not allowed.";
pub const UNKNOWN_COMMAND: &str = "The command you're trying to execute is not allowed.";
pub const KEY_EXPIRED: &str = "Your SSH key has expired.";
pub const KEY_EXPIRES_SOON: &str = "INFO: Your SSH key is expiring soon. Please generate a new key.";
pub const MECHANISM: &str = "The authentication mechanism is not supported.";
pub const DESIGNS_WEB_ONLY: &str = "Designs are only accessible using the web interface";
pub const DESIGNS: &str = "You are not allowed to manage designs of this project";
pub const READ_ONLY_INSTANCE: &str = "You can't push code to a read-only GitLab instance.";
pub const READ_ONLY_REPOSITORY: &str = "The repository is temporarily read-only. Please try again later.";
pub const ARCHIVED: &str = "You can't push code to an archived project.";

pub const DOWNLOAD_CODE: &str = "You are not allowed to download code from this project.";
pub const DOWNLOAD_WIKI: &str = "You are not allowed to download files from this wiki.";
pub const READ_SNIPPET: &str = "You are not allowed to read this snippet.";
pub const UPDATE_SNIPPET: &str = "You are not allowed to update this snippet.";
pub const DEPLOY_KEY_UPLOAD: &str = "This deploy key does not have write access to this project.";
pub const UPLOAD: &str = "You are not allowed to upload code for this project.";
pub const PUSH_CODE: &str = "You are not allowed to push code to this project.";
pub const WRITE_WIKI: &str = "You are not allowed to write to this project's wiki.";

/// The alert after a push whose job could not be enqueued.
pub const JOB_NOT_ENQUEUED: &str = "WARNINGS:\nYour push has arrived, but the work that follows it (pipelines, merge requests, notifications) \
     could not be handed over. Please tell an administrator.";

pub const INTERNAL_USER: &str = "This action cannot be performed by internal users";
pub const PENDING_APPROVAL: &str =
    "Your account is pending approval from your administrator and hence blocked.";
pub const BLOCKED: &str = "Your account has been blocked.";
pub const PASSWORD_EXPIRED: &str =
    "Your password expired. Please access GitLab from a web browser to update your password.";

pub const DELETE_DEFAULT_BRANCH: &str = "The default branch of a project cannot be deleted.";
pub const SHA_BRANCH: &str = "You cannot create a branch with a SHA-1 or SHA-256 branch name.";
pub const INVALID_BRANCH: &str = "You cannot create a branch with an invalid name.";
pub const FORCE_PUSH: &str = "You are not allowed to force push code to a protected branch on this project.";
pub const CREATE_PROTECTED: &str = "You are not allowed to create protected branches on this project.";
pub const CREATE_PROTECTED_BASE: &str =
    "You can only use an existing protected branch ref as the basis of a new protected branch.";
pub const CREATE_PROTECTED_WEB: &str =
    "You can only create protected branches using the web interface and API.";
pub const DELETE_PROTECTED: &str = "You are not allowed to delete protected branches from this project. \
     Only a project maintainer or owner can delete a protected branch.";
pub const DELETE_PROTECTED_WEB: &str = "You can only delete protected branches using the web interface.";
pub const MERGE_PROTECTED: &str =
    "You are not allowed to merge code into protected branches on this project.";
pub const PUSH_PROTECTED: &str = "You are not allowed to push code to protected branches on this project.";

pub const CHANGE_TAG: &str = "You are not allowed to change existing tags on this project.";
pub const TAG_NAMED_AS_DEFAULT: &str = "You cannot use default branch name to create a tag";
pub const TAG_PROHIBITED: &str = "You cannot create a tag with a prohibited pattern.";
pub const TAG_NOT_UTF8: &str = "Tag names must be valid when converted to UTF-8 encoding";
pub const SHA_TAG: &str = "You cannot create a tag with a SHA-1 or SHA-256 tag name.";
pub const UPDATE_PROTECTED_TAG: &str = "Protected tags cannot be updated.";
pub const DELETE_PROTECTED_TAG: &str = "You are not allowed to delete protected tags from this project. \
     Only a project maintainer or owner can delete a protected tag.";
pub const DELETE_PROTECTED_TAG_WEB: &str = "You can only delete protected tags using the web interface.";
pub const CREATE_PROTECTED_TAG: &str = "You are not allowed to create this tag as it is protected.";

pub const SNIPPET_BRANCHES: &str = "You can not create or delete branches.";
pub const SNIPPET_NO_FILE: &str = "The repository must contain at least 1 file.";

pub const LFS_MISSING: &str =
    "LFS objects are missing. Ensure LFS is properly set up or try a manual \"git lfs push --all\".";
pub const DELETE_TAG: &str = "You cannot delete a tag";
pub const UNSIGNED: &str = "Commit must be signed";
pub const NO_DCO: &str = "Commit message must contain a DCO signoff";
pub const COMMITTER_NAME: &str = "Your git username is inconsistent with GitLab account name";
pub const NO_OBJECTS: &str = "The objects of this push cannot be found in the repository.";
pub const TOO_MUCH: &str = "This push brings more than can be checked. Push it in smaller parts.";

pub fn snippet_files(limit: u64) -> String {
    format!("The repository can contain at most {limit} file(s).")
}

pub fn lfs_locked(path: &str, username: &str) -> String {
    format!("'{path}' is locked in Git LFS by @{username}")
}

pub fn branch_name(branch: &str, pattern: &str) -> String {
    format!("Branch name '{branch}' does not follow the pattern '{pattern}'")
}

pub fn commit_message(pattern: &str) -> String {
    format!("Commit message does not follow the pattern '{pattern}'")
}

pub fn commit_message_forbidden(pattern: &str) -> String {
    format!("Commit message contains the forbidden pattern '{pattern}'")
}

pub fn author_email(email: &str, pattern: &str) -> String {
    format!("Author's email '{email}' does not follow the pattern '{pattern}'")
}

pub fn committer_email(email: &str, pattern: &str) -> String {
    format!("Committer's email '{email}' does not follow the pattern '{pattern}'")
}

pub fn author_not_member(email: &str) -> String {
    format!("Author '{email}' is not a member of team")
}

pub fn committer_not_member(email: &str) -> String {
    format!("Committer '{email}' is not a member of team")
}

pub fn committer_not_pusher(email: &str) -> String {
    format!(
        "You cannot push commits for '{email}'. \
         You can only push commits if the committer email is one of your own verified emails."
    )
}

pub fn file_name(path: &str, pattern: &str) -> String {
    format!("File name {path} was prohibited by the pattern \"{pattern}\".")
}

/// The message for a file over the limit, in MiB, of the push rule.
pub fn file_size(path: &str, mebibytes: u64) -> String {
    format!(
        "File \"{path}\" is larger than the allowed size of {mebibytes} MiB. Use Git LFS to manage this file."
    )
}

pub fn unreadable_pattern(pattern: &str) -> String {
    format!(
        "The push rule's pattern '{pattern}' cannot be read: a maintainer of the project must correct it."
    )
}

/// The message for a check that is enabled but needs a storage that the service does not inspect. `check` is the
/// name of the push rule, `storage` the name of the storage in the configuration.
pub fn not_inspected(check: &str, storage: &str) -> String {
    format!(
        "This push cannot be checked ({check}), because its repository is not looked into: \
         an administrator must set \"inspect\" of the storage \"{storage}\" in the configuration of this service."
    )
}

/// The message for a user who has not accepted the terms. `url` is the external URL of GitLab.
pub fn terms(username: &str, url: &str) -> String {
    format!(
        "You (@{username}) must accept the Terms of Service in order to perform this action. \
         To accept these terms, please access GitLab from a web browser at {url}."
    )
}

pub fn deactivated(url: &str) -> String {
    format!(
        "Your account has been deactivated by your administrator. \
         Please log back in from a web browser to reactivate your account at {url}"
    )
}

pub fn unconfirmed(url: &str) -> String {
    format!(
        "Your primary email address is not confirmed. Please check your inbox for the confirmation instructions. \
         In case the link is expired, you can request a new confirmation email at {url}/users/confirmation/new"
    )
}

pub fn no_default_branch(url: &str, full_path: &str) -> String {
    format!(
        "\nA default branch (e.g. main) does not yet exist for {full_path}\n\
         Ask a project Owner or Maintainer to create a default branch:\n\n  {url}/{full_path}/-/project_members\n\n"
    )
}

/// A broadcast message of an administrator for users who push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Banner {
    /// The text that the user sees.
    pub message: String,
    /// The full path of the projects that it is for, where `*` matches any characters. `None` means all
    /// projects.
    pub target_path: Option<String>,
    /// The roles that it is for. Empty means all roles.
    pub roles: Vec<Role>,
}

/// Chooses the banner for a project. The last banner is the newest. A banner with a matching path takes
/// precedence over those for all projects.
pub fn choose_banner<'a>(banners: &'a [Banner], full_path: Option<&str>, role: Role) -> Option<&'a Banner> {
    let for_role = |banner: &&Banner| banner.roles.is_empty() || banner.roles.contains(&role);
    let mut for_them = banners.iter().rev().filter(for_role);
    let mut named = for_them.clone().filter(|banner| match (&banner.target_path, full_path) {
        (Some(pattern), Some(path)) => wildcard::matches(pattern.trim_start_matches('/'), path),
        _ => false,
    });
    named.next().or_else(|| for_them.find(|banner| banner.target_path.is_none()))
}

/// The message after a push that created a project.
pub fn project_created(path: &str, remote: &str, url: &str) -> String {
    format!(
        "\nThe private project {path} was successfully created.\n\nTo configure the remote, run:\n  \
         git remote add origin {remote}\n\nTo view the project, visit:\n  {url}/{path}\n\n"
    )
}

/// The message for a push that is forwarded to the Geo primary.
pub fn forwarded_to_primary(url: &str) -> String {
    format!("This request to a Geo secondary node will be forwarded to the\nGeo primary node:\n\n  {url}")
}

/// The message for push options that were not applied.
pub fn push_options_failed<T: AsRef<str>>(
    options: impl IntoIterator<Item = T>,
    reasons: &[String],
) -> String {
    let mut message = "WARNINGS:\nError encountered with push options".to_owned();
    for option in options {
        message.extend([" '", option.as_ref(), "'"]);
    }
    message.extend([": ", &reasons.join("\n\n")]);
    message
}

/// The message for a user who used the old path of a project.
pub fn project_moved(old_path: &str, new_path: &str, url: &str) -> String {
    format!(
        "Project '{old_path}' was moved to '{new_path}'.\n\nPlease update your Git remote:\n\n  \
         git remote set-url origin {url}\n"
    )
}
