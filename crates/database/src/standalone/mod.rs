//! An installation without GitLab: an operator creates users, groups, projects and what belongs to them.
//!
//! Each function writes the rows that GitLab's own model would write, in one transaction, with the functions that
//! the services use for the same rows. They must not be called on a GitLab's database: see
//! [`crate::is_owned_by_rails`].
mod accounts;
mod agents;
mod deploy_keys;
mod groups;
mod keys;
mod members;
mod projects;
mod protected_branches;
mod scim_tokens;
mod tokens;

pub use accounts::{
    NewUser, UserFilter, UserRow, block_user, create_user, find_user, list_users, unblock_user,
};
pub use agents::{
    AgentRow, AgentTokenRow, create_agent, create_agent_token, find_agent, list_agent_tokens, list_agents,
    revoke_agent_token,
};
pub use deploy_keys::{DeployKeyRow, NewDeployKey, add_deploy_key, list_deploy_keys, remove_deploy_key};
pub use groups::{GroupRow, NewGroup, create_group, find_group, list_groups};
pub use keys::{KeyRow, NewKey, add_key, delete_key, list_keys};
pub use members::{MemberRow, add_member, list_members, remove_member};
pub use projects::{ProjectRow, create_project, find_namespace, find_project, list_projects};
pub use protected_branches::{
    NewProtectedBranch, ProtectedBranchRow, add_protected_branch, list_protected_branches,
    remove_protected_branch,
};
pub use scim_tokens::{
    ScimTokenRow, create_scim_token, has_saml_provider, list_scim_tokens, revoke_scim_token,
    set_saml_provider,
};
pub use tokens::{TokenRow, find_token, list_tokens, revoke_token};

/// Whether a path in lower case is that of a group or below it.
fn lies_at_or_below(path: &str, group: &str) -> bool {
    let group = group.to_lowercase();
    path.strip_prefix(group.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
