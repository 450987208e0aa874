//! Jobs for other processes: pushed to a Sidekiq queue in Redis, or stored in the outbox.
use serde_json::{Value, json};
use shared_state::Counters;

use crate::App;

/// The sink for jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum JobSink {
    /// Nowhere
    None,
    /// Sidekiq's queue
    Redis,
    /// The table `outbox_messages`
    Outbox,
}

/// The job after a push.
#[derive(Debug)]
pub(crate) struct PostReceiveJob<'a> {
    pub args: Value,
    /// The pusher, a service account, and the user on whose behalf it acts.
    pub composite_identity: Option<(i64, i64)>,
    pub correlation_id: &'a str,
}

impl App {
    /// Enqueues the job after a push. Returns whether that succeeded; always true without a sink.
    pub(crate) async fn enqueue_post_receive(&self, job: &PostReceiveJob<'_>) -> bool {
        let (queue, correlation_id) = (&self.options.post_receive_queue, job.correlation_id);
        let job = self.post_receive(job);
        let done = match (self.sink(), &self.core.counters) {
            (JobSink::None, _) => return true,
            (JobSink::Outbox, _) => self.store("post_receive", &job, correlation_id).await,
            (JobSink::Redis, Counters::Redis(redis)) => {
                succeeded(&redis.enqueue(&self.options.sidekiq_key_prefix, queue, &job).await)
            }
            // The configuration check refuses this sink without Redis.
            (JobSink::Redis, _) => false,
        };
        self.core.metrics.job_enqueued(queue, done);
        done
    }

    /// Stores merge-request push options for the operator's worker of the outbox. Returns whether that
    /// succeeded.
    pub(crate) async fn enqueue_merge_request_options(&self, work: &Value, correlation_id: &str) -> bool {
        self.store("merge_request_push_options", work, correlation_id).await
    }

    /// Formats the job as Sidekiq's client does.
    fn post_receive(&self, job: &PostReceiveJob<'_>) -> Value {
        let PostReceiveJob { args, composite_identity, correlation_id } = job;
        let options = &self.options;
        let mut payload = json!({
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
        if let Some((service_account_id, scoped_user_id)) = composite_identity {
            payload["sqci"] = json!([service_account_id, scoped_user_id, "permission_check"]);
        }
        payload
    }

    async fn store(&self, topic: &'static str, payload: &Value, correlation_id: &str) -> bool {
        let (payload, correlation_id, now) =
            (payload.to_string(), correlation_id.to_owned(), self.core.clock.now());
        let put = move |conn: &mut database::Conn| {
            database::outbox::put(conn, topic, &payload, Some(&correlation_id), now)
        };
        succeeded(&self.core.pool.run(put).await)
    }

    fn sink(&self) -> JobSink {
        let default = if self.core.counters.is_redis() { JobSink::Redis } else { JobSink::Outbox };
        self.options.job_sink.unwrap_or(default)
    }
}

/// Logs a failure and returns whether the job was enqueued.
fn succeeded(outcome: &Result<(), impl std::error::Error + 'static>) -> bool {
    if let Err(error) = outcome {
        let error = error as &dyn std::error::Error;
        tracing::error!(error, "failed to enqueue a job");
    }
    outcome.is_ok()
}

/// Generates a Sidekiq job id: 24 hexadecimal digits.
fn jid() -> String {
    domain::hex(&rand::random::<[u8; 12]>())
}
