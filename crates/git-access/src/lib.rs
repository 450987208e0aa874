//! The access check for git repositories, from its parameters to the decision: looks up the actor and the target,
//! asks the storage, and applies the rules of `domain::access`. `shell-api` serves it as `POST /allowed`, and
//! `internal-apictl explain allowed` prints it.
//!
//! Not here: HTTP, rate limits, and everything that is written. A check reads only. A new fact is loaded in
//! [`facts`] or, if only a push with changes needs it, in `push`; the rule that uses it is in `domain`.
mod error;
pub mod explain;
pub mod facts;
mod lookup;
mod options;
mod push;
mod query;
mod timing;
mod trace;

use chrono::NaiveDateTime;
use database::Pool;
use database::settings::Settings;
use domain::access::{self, Action, Target, Verdict};
use domain::git::changes::Changes;
use domain::instance::Instance;
use repository::{Place, Quarantine, Repository, Storages};

pub use error::{Error, Result};
pub use facts::AccessContext;
pub use lookup::database::LookupResult;
pub use lookup::location::Location;
pub use options::AccessOptions;
pub use query::{Query, RepositoryParam, actor_from_identifier, actor_from_name};
pub use timing::StepTimer;
pub use trace::Trace;

/// What a check reads from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    pub pool: &'a Pool,
    pub storages: &'a Storages,
    pub options: &'a AccessOptions,
    /// Base URL of links in messages, without a trailing slash.
    pub external_url: &'a str,
    pub is_geo_secondary: bool,
    pub now: NaiveDateTime,
}

impl Sources<'_> {
    /// The settings that decisions need, with the options of the service.
    pub fn instance(&self, settings: &Settings) -> Instance {
        Instance {
            url: self.external_url.to_owned(),
            only_protocol: settings.only_protocol,
            key_restrictions: settings.key_restrictions.clone(),
            enforce_terms: settings.enforce_terms,
            latest_term_id: settings.latest_term_id,
            confirmation_required: settings.confirmation_required,
            read_only: self.options.read_only || settings.maintenance_mode,
            geo_secondary: self.is_geo_secondary,
            http_pull: self.options.upload_pack,
            http_push: self.options.receive_pack,
            globally_allowed_ips: settings.globally_allowed_ips.clone(),
            branch_protection: settings.branch_protection,
        }
    }

    /// The repository at a place.
    pub fn repository(&self, place: &Place<'_>, quarantine: Quarantine) -> Result<Repository> {
        let repository = self.storages.repository(place, quarantine);
        repository.ok_or_else(|| Error::UnknownStorage(place.storage_name.to_owned()))
    }
}

/// Decides a query whose facts are known: the request as a whole, then the changes of a push.
pub async fn judge<T: Trace>(
    sources: Sources<'_>,
    query: &Query,
    gathered: &AccessContext,
    settings: &Settings,
    steps: &StepTimer,
    trace: &mut T,
) -> Result<Verdict> {
    let verdict = access::decide(&query.request, &gathered.facts)?;
    if let (Changes::List(changes), Action::Push) = (&query.request.changes, query.request.action) {
        match &gathered.facts.target {
            Target::Project(project) => {
                let push = push::refs::Push { sources, query, gathered, project, changes, settings, steps };
                push::refs::check(push, trace).await?;
            }
            Target::Snippet { .. } => {
                push::snippet::check(sources, query, gathered, changes, settings, steps, trace).await?;
            }
            _ => {}
        }
    }
    Ok(verdict)
}
