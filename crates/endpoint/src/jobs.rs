//! Jobs for GitLab: pushed to Sidekiq's queue in Redis, or stored in the outbox.
use shared_state::sidekiq::{Envelope, Job};
use shared_state::{RedisError, StoreName};

use crate::Core;

/// Where jobs go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobSink<'a> {
    /// Sidekiq's queue. Without Redis, the outbox.
    Sidekiq {
        /// The prefix of Sidekiq's keys.
        key_prefix: &'a str,
    },
    /// The table `outbox_messages`.
    Outbox,
}

/// Why a job is not in Sidekiq's queue.
#[derive(Debug, thiserror::Error)]
pub enum EnqueueError {
    #[error("Redis did not take the job; it is in the outbox")]
    Redis(#[source] RedisError),
    #[error("the job could not be stored in the outbox")]
    Outbox(#[from] database::Error),
}

impl Core {
    /// Enqueues a job. If Redis does not take it, the job is stored in the outbox under `topic`, and the
    /// error is returned. Failures are logged here.
    pub async fn enqueue(
        &self,
        job: &Job<'_>,
        topic: &'static str,
        sink: JobSink<'_>,
    ) -> Result<(), EnqueueError> {
        let envelope = job.envelope(self.clock.unix_float());
        let outcome = match (sink, self.counters.store(StoreName::Queues)) {
            (JobSink::Sidekiq { key_prefix }, Some(redis)) => {
                match redis.enqueue(key_prefix, &envelope).await {
                    Ok(()) => Ok(()),
                    Err(error) => {
                        let stored = self.store_job(job, topic, &envelope).await;
                        stored.and(Err(EnqueueError::Redis(error)))
                    }
                }
            }
            (JobSink::Sidekiq { .. }, None) | (JobSink::Outbox, _) => {
                self.store_job(job, topic, &envelope).await
            }
        };
        self.metrics.job_enqueued(job.queue, outcome.is_ok());
        if let Err(error) = &outcome {
            let error = error as &dyn std::error::Error;
            tracing::error!(
                queue = job.queue,
                error,
                "failed to enqueue the job {} with the id {}",
                job.class,
                envelope.jid
            );
        }
        outcome
    }

    async fn store_job(
        &self,
        job: &Job<'_>,
        topic: &'static str,
        envelope: &Envelope,
    ) -> Result<(), EnqueueError> {
        Ok(self.put_in_outbox(topic, envelope.json.clone(), job.correlation_id).await?)
    }

    /// Stores a message of a topic for other programs. `payload` is JSON.
    pub async fn put_in_outbox(
        &self,
        topic: &'static str,
        payload: String,
        correlation_id: &str,
    ) -> database::Result<()> {
        let (correlation_id, now) = (correlation_id.to_owned(), self.clock.now());
        let put = move |conn: &mut database::Conn| {
            database::outbox::put(conn, topic, &payload, Some(&correlation_id), now)
        };
        self.pool.run(put).await
    }
}
