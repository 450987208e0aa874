//! Work that is not this service's: handed to Sidekiq in Redis, or kept in the outbox.
use serde_json::{Value, json};
use shared_state::Counters;

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

impl App {
    /// Whether work is handed over at all.
    pub(crate) fn hands_over(&self) -> bool {
        self.sink() != JobSink::None
    }

    /// Hands the work after a push over; where nobody wants it, that is done at once. Whether it could be.
    pub(crate) async fn hand_over(&self, args: &Value, correlation_id: &str) -> bool {
        let queue = &self.options.post_receive_queue;
        let job = self.post_receive(args, correlation_id);
        let done = match (self.sink(), &self.core.counters) {
            (JobSink::None, _) => return true,
            (JobSink::Outbox, _) => self.keep("post_receive", &job, correlation_id).await,
            (JobSink::Redis, Counters::Redis(redis)) => {
                succeeded(&redis.enqueue(&self.options.sidekiq_key_prefix, queue, &job).await)
            }
            // Redis without Redis does not pass the check of the configuration.
            (JobSink::Redis, _) => false,
        };
        self.core.metrics.job_enqueued(queue, done);
        done
    }

    /// Hands over what push options ask of merge requests, to a worker of the outbox. Whether it could be.
    pub(crate) async fn hand_over_options(&self, asked: &Value, correlation_id: &str) -> bool {
        self.keep("merge_request_push_options", asked, correlation_id).await
    }

    /// The job, as Sidekiq's own client writes it.
    fn post_receive(&self, args: &Value, correlation_id: &str) -> Value {
        let options = &self.options;
        json!({
            "class": options.post_receive_worker,
            "args": args,
            "retry": 3,
            "queue": options.post_receive_queue,
            "jid": jid(),
            "created_at": self.core.clock.unix_float(),
            "enqueued_at": self.core.clock.unix_float(),
            "correlation_id": correlation_id,
            "version": 0,
        })
    }

    async fn keep(&self, topic: &'static str, payload: &Value, correlation_id: &str) -> bool {
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

/// Whether it did; if not, it is logged.
fn succeeded(outcome: &Result<(), impl std::error::Error + 'static>) -> bool {
    if let Err(error) = outcome {
        let error = error as &dyn std::error::Error;
        tracing::error!(error, "the work after a push could not be handed over");
    }
    outcome.is_ok()
}

/// Sidekiq's name of a job: 24 hexadecimal digits.
fn jid() -> String {
    domain::hex(&rand::random::<[u8; 12]>())
}
