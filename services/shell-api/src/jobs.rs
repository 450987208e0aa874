//! Work that is not this service's: handed to Sidekiq in Redis, or kept in the outbox.
use counters::Counters;
use serde_json::{Value, json};

use crate::App;

/// Where jobs go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum JobSink {
    /// Nowhere
    None,
    /// Sidekiq's queue
    Redis,
    /// The table `outbox_messages`
    Outbox,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    #[error(transparent)]
    Redis(#[from] counters::RedisError),
    #[error(transparent)]
    Outbox(#[from] storage::Error),
}

impl App {
    /// Hands the work after a push over.
    pub(crate) async fn enqueue_post_receive(
        &self,
        args: Value,
        correlation_id: &str,
    ) -> Result<(), JobError> {
        let options = &self.options;
        let job = json!({
            "class": options.post_receive_worker,
            "args": args,
            "retry": 3,
            "queue": options.post_receive_queue,
            "jid": jid(),
            "created_at": self.core.clock.unix_float(),
            "enqueued_at": self.core.clock.unix_float(),
            "correlation_id": correlation_id,
            "version": 0,
        });
        let result = self.hand_over(&job, correlation_id).await;
        if self.sink() != JobSink::None {
            self.core.metrics.job_enqueued(&options.post_receive_queue, result.is_ok());
        }
        result
    }

    /// Keeps what push options ask of merge requests for a worker; `false` where no work is handed over at all.
    pub(crate) async fn enqueue_merge_request_options(
        &self,
        payload: Value,
        correlation_id: &str,
    ) -> Result<bool, storage::Error> {
        if self.sink() == JobSink::None {
            return Ok(false);
        }
        let (payload, correlation_id, now) =
            (payload.to_string(), correlation_id.to_owned(), self.core.clock.now());
        let put = move |conn: &mut storage::Conn| {
            storage::outbox::put(conn, "merge_request_push_options", &payload, Some(&correlation_id), now)
        };
        self.core.pool.run(put).await?;
        Ok(true)
    }

    fn sink(&self) -> JobSink {
        let default = if self.core.counters.is_redis() { JobSink::Redis } else { JobSink::Outbox };
        self.options.job_sink.unwrap_or(default)
    }

    async fn hand_over(&self, job: &Value, correlation_id: &str) -> Result<(), JobError> {
        match (self.sink(), &self.core.counters) {
            (JobSink::Redis, Counters::Redis(redis)) => {
                let options = &self.options;
                Ok(redis.enqueue(&options.sidekiq_key_prefix, &options.post_receive_queue, job).await?)
            }
            (JobSink::Outbox, _) => {
                let (payload, correlation_id, now) =
                    (job.to_string(), correlation_id.to_owned(), self.core.clock.now());
                let put = move |conn: &mut storage::Conn| {
                    storage::outbox::put(conn, "post_receive", &payload, Some(&correlation_id), now)
                };
                Ok(self.core.pool.run(put).await?)
            }
            // Redis without Redis does not pass the check of the configuration.
            (JobSink::None | JobSink::Redis, _) => Ok(()),
        }
    }
}

/// Sidekiq's name of a job: 24 hexadecimal digits.
fn jid() -> String {
    domain::hex(&rand::random::<[u8; 12]>())
}
