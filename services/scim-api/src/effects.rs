//! Changes: made in one transaction, told to the log, and followed by what the database cannot do.
use database::Conn;
use database::scim::{Effects, Error, Stored};
use endpoint::RestError;
use serde_json::{Value, json};
use shared_state::Counters;

use crate::{App, ScimError, ScimProvider};

/// Sidekiq's job that works out what a person may do in which project.
const REAUTHORIZE: &str = "AuthorizedProjectsWorker";
const QUEUE: &str = "default";

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A user who was changed.
#[must_use]
pub(crate) struct Changed {
    pub stored: Stored,
    /// Why what follows from the change could not be handed over.
    failure: Option<Failure>,
}

impl Changed {
    /// For requests that may be repeated: unless everything was handed over, the client shall ask once more.
    pub(crate) fn whole(self) -> Result<Stored, ScimError> {
        match self.failure {
            None => Ok(self.stored),
            Some(failure) => Err(RestError::Unavailable(failure).into()),
        }
    }
}

impl App {
    /// Changes a user, and does what follows from it. The log tells which rows, never what they say of a person.
    pub(crate) async fn change<F>(
        &self,
        provider: &ScimProvider,
        operation: &str,
        f: F,
    ) -> Result<Changed, ScimError>
    where
        F: FnOnce(&mut Conn) -> Result<(Stored, Effects), Error> + Send + 'static,
    {
        let changed = self.core.pool.run(move |conn| match f(conn) {
            Ok(changed) => Ok(Ok(changed)),
            Err(Error::Refused(refusal)) => Ok(Err(refusal)),
            Err(Error::Storage(error)) => Err(error),
        });
        let (stored, effects) = changed.await??;
        tracing::info!(
            scim.scope = if provider.tenant.group.is_some() { "group" } else { "instance" },
            group.id = provider.tenant.group_id(),
            identity.id = stored.identity_id,
            user.id = stored.user_id,
            operation,
            active = stored.user.active,
            fields = effects.fields.join(","),
            "changed a SCIM identity"
        );
        for user_id in &effects.sign_out {
            // They are blocked already; a session that outlives Redis opens nothing.
            if let Err(error) = self.core.counters.sign_out(*user_id).await {
                tracing::error!(
                    user.id = user_id,
                    error = &error as &dyn std::error::Error,
                    "could not sign out"
                );
            }
        }
        let mut failure = None;
        for user_id in effects.reauthorize {
            if let Err(error) = self.reauthorize(user_id).await {
                tracing::error!(
                    user.id = user_id,
                    error = &*error as &dyn std::error::Error,
                    "a job could not be handed over"
                );
                failure = Some(error);
            }
        }
        Ok(Changed { stored, failure })
    }

    /// Asks the GitLab that owns the tables to work out somebody's roles.
    async fn reauthorize(&self, user_id: i64) -> Result<(), Failure> {
        let now = self.core.clock.unix_float();
        let job = json!({
            "class": REAUTHORIZE, "args": [user_id], "retry": 3, "queue": QUEUE, "version": 0,
            "jid": domain::hex(&rand::random::<[u8; 12]>()), "created_at": now, "enqueued_at": now,
        });
        let result: Result<(), Failure> = match &self.core.counters {
            Counters::Redis(redis) => match redis.enqueue("", QUEUE, &job).await {
                // Kept at least, where an operator finds it.
                Err(error) => self.keep(&job).await.and(Err(error.into())),
                done => Ok(done?),
            },
            Counters::Memory(_) => self.keep(&job).await,
        };
        self.core.metrics.job_enqueued(QUEUE, result.is_ok());
        result
    }

    async fn keep(&self, job: &Value) -> Result<(), Failure> {
        let (payload, now) = (job.to_string(), self.core.clock.now());
        let put =
            move |conn: &mut Conn| database::outbox::put(conn, "authorized_projects", &payload, None, now);
        Ok(self.core.pool.run(put).await?)
    }
}
