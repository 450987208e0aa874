//! The endpoints of groups, one file each.
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod patch;
pub(crate) mod put;
pub(crate) mod search;

use crate::{App, ScimError, ScimProvider};

impl App {
    /// Whether a provider can use groups: only at the instance level, and only if the database has their
    /// tables.
    pub(crate) async fn has_groups(&self, provider: &ScimProvider) -> Result<bool, ScimError> {
        if provider.tenant.group.is_some() || !self.options.scim_group_sync {
            return Ok(false);
        }
        if let Some(known) = self.has_group_tables.get() {
            return Ok(*known);
        }
        let available = self.read(database::scim::groups::are_available).await?;
        if self.has_group_tables.set(available).is_ok() && !available {
            tracing::warn!("SCIM groups are off: the database lacks their tables (GitLab 18.1 or newer)");
        }
        Ok(available)
    }

    /// Refuses requests for a single group if groups are disabled.
    async fn require_groups(&self, provider: &ScimProvider) -> Result<(), ScimError> {
        if self.has_groups(provider).await? { Ok(()) } else { Err(not_found()) }
    }
}

fn not_found() -> ScimError {
    scim::Error::new(404, "Group not found").into()
}
