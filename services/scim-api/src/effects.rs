//! Runs changes: one transaction and one audit event each, and the effects outside of the database.
use database::Conn;
use database::scim::groups::GroupEffects;
use database::scim::{Effects, Error, Refusal, StoredUser};
use endpoint::{EnqueueError, JobSink, RestError, log_field};
use scim::Group;
use serde_json::json;
use shared_state::sidekiq::Job;

use crate::audit::{self, Operation};
use crate::{App, ScimError, ScimProvider};

/// GitLab's worker that recomputes the authorizations of a user.
const AUTHORIZED_PROJECTS: &str = "AuthorizedProjectsWorker";
/// The outbox topic of jobs that Sidekiq did not get.
const TOPIC: &str = "authorized_projects";

/// Separates a refusal from a database failure, which the pool must handle.
fn split<T>(result: Result<T, Error>) -> database::Result<Result<T, Refusal>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Error::Refused(refusal)) => Ok(Err(refusal)),
        Err(Error::Storage(error)) => Err(error),
    }
}

/// A resource after a change.
#[must_use]
pub(crate) struct Changed<T> {
    pub resource: T,
    /// Why a job could not be enqueued.
    failure: Option<EnqueueError>,
}

impl<T> Changed<T> {
    /// Returns the resource, or 503 if a job was not enqueued. For requests that the client can repeat.
    pub(crate) fn complete(self) -> Result<T, ScimError> {
        match self.failure {
            None => Ok(self.resource),
            Some(failure) => Err(RestError::Unavailable(failure.into()).into()),
        }
    }
}

/// Adds the user of the request to its line in the log.
pub(crate) fn log_user(stored: &StoredUser) {
    log_field("scim_identity_id", stored.identity_id);
    log_field("target_user_id", stored.user_id);
}

impl App {
    /// Changes a user.
    pub(crate) async fn change<F>(
        &self,
        provider: &ScimProvider,
        operation: Operation,
        f: F,
    ) -> Result<Changed<StoredUser>, ScimError>
    where
        F: Fn(&mut Conn) -> Result<(StoredUser, Effects), Error> + Send + 'static,
    {
        let (stored, effects) = self.run(f).await?;
        log_user(&stored);
        audit::user(provider, operation, &stored, &effects.fields);
        let failure = self.follow(provider, effects).await;
        Ok(Changed { resource: stored, failure })
    }

    /// Changes a group.
    pub(crate) async fn change_group<F>(
        &self,
        provider: &ScimProvider,
        operation: Operation,
        f: F,
    ) -> Result<Changed<Group>, ScimError>
    where
        F: Fn(&mut Conn) -> Result<(Group, GroupEffects), Error> + Send + 'static,
    {
        let (group, effects) = self.run(f).await?;
        log_field("scim_group_uid", group.id.clone());
        audit::group(provider, operation, &group, &effects);
        for (group_id, user_id) in &effects.kept_owners {
            tracing::warn!(
                gl_namespace_id = group_id,
                target_user_id = user_id,
                "kept the last owner of a group"
            );
        }
        let failure = self.follow(provider, effects.effects).await;
        Ok(Changed { resource: group, failure })
    }

    /// Runs a change. A refusal becomes the response.
    async fn run<F, T>(&self, f: F) -> Result<T, ScimError>
    where
        F: Fn(&mut Conn) -> Result<T, Error> + Send + 'static,
        T: Send + 'static,
    {
        Ok(self.core.pool.run(move |conn| split(f(conn))).await??)
    }

    /// Runs a query. A refusal becomes the response.
    pub(crate) async fn read<F, T>(&self, f: F) -> Result<T, ScimError>
    where
        F: Fn(&mut Conn) -> Result<T, Error> + Send + 'static,
        T: Send + 'static,
    {
        Ok(self.core.pool.read(move |conn| split(f(conn))).await??)
    }

    /// Applies the effects of a committed change. Returns the last error of a job.
    async fn follow(&self, provider: &ScimProvider, effects: Effects) -> Option<EnqueueError> {
        for user_id in &effects.sign_out {
            // The user is already blocked, so a session that Redis still has gives no access.
            if let Err(error) = self.core.counters.sign_out(*user_id).await {
                tracing::error!(
                    target_user_id = user_id,
                    error = &error as &dyn std::error::Error,
                    "failed to sign out a user"
                );
            }
        }
        let mut failure = None;
        for user_id in effects.reauthorize {
            // GitLab recomputes the authorizations of the user.
            let job = Job::new(AUTHORIZED_PROJECTS, vec![json!(user_id)], &provider.correlation_id);
            let enqueued = self.core.enqueue(&job, TOPIC, JobSink::Sidekiq { key_prefix: "" }).await;
            failure = enqueued.err().or(failure);
        }
        failure
    }
}
