//! The rules of an access decision, by the names under which logs and metrics report them.
use super::Denial;

/// A request that a rule refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{denial}")]
pub struct Refusal {
    /// The row of the decision table that refuses.
    pub rule: Rule,
    /// The answer to the caller.
    pub denial: Denial,
}

macro_rules! rules {
    ($($(#[$comment:meta])* $variant:ident = $row:literal $name:literal,)*) => {
        /// A rule of an access decision, in the order of `docs/api/shell-api.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Rule {
            $($(#[$comment])* $variant,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The position in the decision table: `12`, or `29d` for the fourth check of a push's changes.
            pub fn row(self) -> &'static str {
                match self {
                    $(Self::$variant => $row,)*
                }
            }

            /// The name in logs. A released name never changes.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

rules! {
    /// Too many git operations in a minute.
    RateLimit = "1" "rate_limit",
    /// The snippet does not exist.
    SnippetMissing = "2" "snippet_missing",
    /// The instance or the top-level group has disabled SSH or HTTP.
    ProtocolDisabled = "3" "protocol_disabled",
    /// The instance forbids the type or the length of the SSH key.
    KeyTypeForbidden = "4" "key_type_forbidden",
    /// The SSH key has expired.
    KeyExpired = "5" "key_expired",
    /// A deploy key or a deploy token cannot access snippets.
    MechanismUnsupported = "6" "mechanism_unsupported",
    /// The user may not use git.
    UserBlocked = "7" "user_blocked",
    /// Pulling or pushing over HTTP is disabled.
    HttpDisabled = "8" "http_disabled",
    /// The command is not a git command.
    UnknownCommand = "9" "unknown_command",
    /// Designs need the web interface and the right to manage them.
    DesignRepository = "10" "design_repository",
    /// The push is forwarded to the Geo primary.
    GeoSecondary = "11" "geo_secondary",
    /// The instance accepts no pushes.
    ReadOnlyInstance = "12" "read_only_instance",
    /// The path names no namespace.
    NamespaceMissing = "13" "namespace_missing",
    /// The push creates its project.
    PushToCreate = "14" "push_to_create",
    /// The project or wiki does not exist.
    ProjectMissing = "15" "project_missing",
    /// The actor may not know that the project exists.
    ProjectNotReadable = "16" "project_not_readable",
    /// The project is outside the namespace of the SSH certificate.
    OutsideNamespace = "17" "outside_namespace",
    /// The group does not allow the client's IP address.
    IpRestricted = "18" "ip_restricted",
    /// The repository does not exist.
    RepositoryMissing = "20" "repository_missing",
    /// The actor may not download.
    DownloadForbidden = "21" "download_forbidden",
    /// The repository is temporarily read-only.
    RepositoryReadOnly = "22" "repository_read_only",
    /// The project is archived or marked for deletion.
    ProjectArchived = "23" "project_archived",
    /// The deploy key has no write access.
    DeployKeyReadOnly = "24" "deploy_key_read_only",
    /// A push needs a user or a deploy key.
    AnonymousPush = "25" "anonymous_push",
    /// The actor may not push to any branch.
    PushForbidden = "26" "push_forbidden",
    /// The actor may not write to the wiki.
    WikiPushForbidden = "27" "wiki_push_forbidden",
    /// The user may not update the snippet.
    SnippetPushForbidden = "28" "snippet_push_forbidden",
    /// The actor may not push this ref.
    PushCode = "29a" "push_code",
    /// The default branch cannot be deleted.
    DefaultBranchDeletion = "29b" "default_branch_deletion",
    /// The name of the branch looks like an object id.
    BranchNameProhibited = "29c" "branch_name_prohibited",
    /// The name of the branch is not valid.
    BranchNameInvalid = "29c'" "branch_name_invalid",
    /// The branch does not allow force pushes.
    ForcePush = "29d" "force_push",
    /// The actor may not create the first branch of an empty repository.
    DefaultBranchMissing = "29e" "default_branch_missing",
    /// The actor may not create the protected branch.
    ProtectedBranch = "29f" "protected_branch",
    /// The actor may not delete the protected branch.
    ProtectedBranchDeletion = "29f'" "protected_branch_deletion",
    /// The actor may not push or merge to the protected branch.
    ProtectedBranchUpdate = "29g" "protected_branch_update",
    /// The actor may not change existing tags.
    TagUpdate = "29h" "tag_update",
    /// The tag has the name of the default branch.
    TagNamedAsDefaultBranch = "29i" "tag_named_as_default_branch",
    /// The name of the tag is not allowed.
    TagNameProhibited = "29j" "tag_name_prohibited",
    /// The tag is protected.
    ProtectedTag = "29k" "protected_tag",
    /// Another user has locked a file.
    LfsLock = "29l" "lfs_lock",
    /// The push refers to Git LFS objects that the project lacks.
    LfsObjectsMissing = "29m" "lfs_objects_missing",
    /// A file is larger than the instance allows.
    FileSizeLimit = "29n" "file_size_limit",
    /// A push rule refuses the push.
    PushRule = "29r" "push_rule",
    /// The push leaves a snippet with another branch, or with too few or too many files.
    SnippetFiles = "29s" "snippet_files",
    /// The decision took too long.
    Timeout = "29t" "timeout",
    /// Nothing refuses the request.
    Allowed = "30" "allowed",
}

impl Rule {
    /// Refuses the request.
    pub fn refuse(self, denial: Denial) -> Refusal {
        Refusal { rule: self, denial }
    }

    /// Refuses the request with a message.
    pub fn forbid(self, message: impl Into<String>) -> Refusal {
        self.refuse(Denial::Forbidden(message.into()))
    }

    /// Refuses the request as if its target did not exist.
    pub fn not_found(self, message: &'static str) -> Refusal {
        self.refuse(Denial::NotFound(message))
    }

    /// Refuses the request with a message unless the condition is met.
    pub fn require(self, condition: bool, message: &str) -> Result<(), Refusal> {
        if condition { Ok(()) } else { Err(self.forbid(message)) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn rows_and_names_are_unique() {
        let rows: HashSet<_> = Rule::ALL.iter().map(|rule| rule.row()).collect();
        let names: HashSet<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        assert_eq!((rows.len(), names.len()), (Rule::ALL.len(), Rule::ALL.len()));
    }
}
