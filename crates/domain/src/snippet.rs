//! Snippets: small repositories of a user or of a project.
use crate::user::User;
use crate::{FeatureLevel, Role, Visibility};

/// The facts about a snippet that decisions need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// The id of the snippet.
    pub id: i64,
    /// The user who wrote it.
    pub author_id: i64,
    /// Who can see the snippet.
    pub visibility: Visibility,
    /// `snippets_access_level` of the snippet's project. `None` for a personal snippet.
    pub feature: Option<FeatureLevel>,
}

impl Snippet {
    /// Whether the user, who has `role` in the snippet's project and can see that project, may read the
    /// snippet.
    pub fn may_read(&self, user: Option<&User>, role: Role) -> bool {
        let is_admin = user.is_some_and(|user| user.admin);
        match self.feature {
            Some(FeatureLevel::Disabled) => return false,
            Some(FeatureLevel::Private) if role < Role::GUEST && !is_admin => return false,
            _ => {}
        }
        match (self.visibility, user) {
            (Visibility::Public, _) => true,
            (_, None) => false,
            (Visibility::Internal, Some(user)) if !user.external => true,
            (_, Some(user)) => {
                user.admin || user.id == self.author_id || (self.feature.is_some() && role >= Role::GUEST)
            }
        }
    }

    /// Whether the user, who has `role` in the snippet's project, may change the snippet.
    pub fn may_update(&self, user: &User, role: Role) -> bool {
        user.admin
            || (self.may_read(Some(user), role)
                && (user.id == self.author_id || (self.feature.is_some() && role >= Role::MAINTAINER)))
    }
}
