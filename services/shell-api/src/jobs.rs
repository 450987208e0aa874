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

/// What follows from a push.
#[derive(Debug)]
pub(crate) struct Work {
    /// Arguments of the job after a push.
    pub args: Value,
    /// What push options ask of merge requests, for a worker of the outbox.
    pub merge_requests: Option<Value>,
}

/// What could not be handed over.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Undone {
    pub job: bool,
    pub merge_requests: bool,
}

impl App {
    /// Whether work is handed over at all.
    pub(crate) fn hands_over(&self) -> bool {
        self.sink() != JobSink::None
    }

    /// Hands the work after a push over. What goes into the database goes there in one transaction.
    pub(crate) async fn hand_over(&self, work: Work, correlation_id: &str) -> Undone {
        let Work { args, merge_requests } = work;
        let queue = &self.options.post_receive_queue;
        let job = self.post_receive(&args, correlation_id);
        let mut undone = Undone::default();
        let mut rows = Vec::new();
        match (self.sink(), &self.core.counters) {
            (JobSink::None, _) => return undone,
            (JobSink::Outbox, _) => rows.push(("post_receive", job.to_string())),
            (JobSink::Redis, Counters::Redis(redis)) => {
                let queued = redis.enqueue(&self.options.sidekiq_key_prefix, queue, &job).await;
                undone.job = failed(&queued);
            }
            // Redis without Redis does not pass the check of the configuration.
            (JobSink::Redis, _) => undone.job = true,
        }
        let in_database = !rows.is_empty();
        let asks = merge_requests.is_some();
        rows.extend(merge_requests.map(|payload| ("merge_request_push_options", payload.to_string())));
        if !rows.is_empty() && failed(&self.keep(rows, correlation_id).await) {
            undone.job |= in_database;
            undone.merge_requests = asks;
        }
        self.core.metrics.job_enqueued(queue, !undone.job);
        undone
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

    async fn keep(&self, rows: Vec<(&'static str, String)>, correlation_id: &str) -> storage::Result<()> {
        let (correlation_id, now) = (correlation_id.to_owned(), self.core.clock.now());
        let put = move |conn: &mut storage::Conn| {
            conn.write(|conn| {
                rows.iter().try_for_each(|(topic, payload)| {
                    storage::outbox::put(conn, topic, payload, Some(&correlation_id), now)
                })
            })
        };
        self.core.pool.run(put).await
    }

    fn sink(&self) -> JobSink {
        let default = if self.core.counters.is_redis() { JobSink::Redis } else { JobSink::Outbox };
        self.options.job_sink.unwrap_or(default)
    }
}

/// Whether it did; if so, it is logged.
fn failed(outcome: &Result<(), impl std::error::Error + 'static>) -> bool {
    if let Err(error) = outcome {
        let error = error as &dyn std::error::Error;
        tracing::error!(error, "the work after a push could not be handed over");
    }
    outcome.is_err()
}

/// Sidekiq's name of a job: 24 hexadecimal digits.
fn jid() -> String {
    domain::hex(&rand::random::<[u8; 12]>())
}
