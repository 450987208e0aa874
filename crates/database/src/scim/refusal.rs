//! Why a change is refused. The service chooses the status and the format of the response.
use thiserror::Error;

/// A rule that a request violates. The messages are part of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The name, id or sign-in belongs to another user.
    #[error("User has already been taken")]
    UserTaken,
    /// The address belongs to another account.
    #[error("Email has already been taken")]
    EmailTaken,
    /// The name or id belongs to another group.
    #[error("Group has already been taken")]
    GroupTaken,
    #[error("User not found")]
    UserNotFound,
    #[error("Group not found")]
    GroupNotFound,
    /// A group can only be created for the name of an existing link.
    #[error("there is no SAML group link with the name {0}")]
    NoGroupLink(String),
    /// The group accepts only addresses of other domains.
    #[error("The member's email address is not allowed for this group. Check with your administrator.")]
    EmailDomain,
    /// The group enforces single sign-on, and the user has not signed in to it.
    #[error("The member's email address is not linked to a SAML account or has an inactive SCIM identity.")]
    NotLinked,
    /// Only an administrator can end the state of the account, for example a ban.
    #[error("The user's state can only be changed by an administrator")]
    AdministratorsState,
    #[error("The last owner of the group cannot be removed")]
    LastOwner,
    #[error("The last administrator cannot be blocked")]
    LastAdministrator,
    /// The account is a bot or a ghost.
    #[error("The account is GitLab's own")]
    InternalAccount,
    /// The request itself is not valid, or its precondition is not met.
    #[error(transparent)]
    Request(#[from] ::scim::Error),
}
