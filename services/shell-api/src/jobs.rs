//! The work after a push: a job for Sidekiq, and merge-request push options for the outbox.
use serde_json::Value;
use shared_state::sidekiq::Job;

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

impl App {
    /// Enqueues the job after a push, with the configured class and queue. Returns whether that succeeded;
    /// always true without a sink.
    pub(crate) async fn enqueue_post_receive(&self, job: Job<'_>) -> bool {
        let options = &self.options;
        let sink = match options.job_sink {
            Some(JobSink::None) => return true,
            Some(JobSink::Outbox) => endpoint::JobSink::Outbox,
            Some(JobSink::Redis) | None => {
                endpoint::JobSink::Sidekiq { key_prefix: &options.sidekiq_key_prefix }
            }
        };
        let job = Job { class: &options.post_receive_worker, queue: &options.post_receive_queue, ..job };
        self.core.enqueue(&job, "post_receive", sink).await.is_ok()
    }

    /// Stores merge-request push options for the operator's worker of the outbox. Returns whether that
    /// succeeded.
    pub(crate) async fn enqueue_merge_request_options(&self, work: &Value, correlation_id: &str) -> bool {
        let stored = self.core.put_in_outbox("merge_request_push_options", work.to_string(), correlation_id);
        let stored = stored.await;
        if let Err(error) = &stored {
            let error = error as &dyn std::error::Error;
            tracing::error!(error, "failed to store merge-request push options");
        }
        stored.is_ok()
    }
}
