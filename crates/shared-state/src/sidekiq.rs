//! Jobs for GitLab's Sidekiq, in the form in which its own client enqueues them.
//!
//! This module formats a job and pushes it to Redis. If Redis is not configured or fails, `Core::enqueue` in
//! the crate `endpoint` decides where the job goes.
use redis::pipe;
use serde_json::{Value, json};

use crate::RedisError;
use crate::redis::Store;

/// The queue of every worker class, unless the administrator has set other routing rules.
pub const DEFAULT_QUEUE: &str = "default";

/// How often Sidekiq repeats a failed job.
const RETRIES: u32 = 3;

/// A job of one of GitLab's worker classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Job<'a> {
    pub class: &'a str,
    pub args: Vec<Value>,
    pub queue: &'a str,
    /// The correlation id of the request that enqueues the job.
    pub correlation_id: &'a str,
    /// The context of the request for GitLab's log: names without the prefix `meta.`, and values.
    pub meta: Vec<(&'static str, Value)>,
    /// A service account, and the user on whose behalf it acts.
    pub composite_identity: Option<(i64, i64)>,
}

/// A [`Job`] in Sidekiq's format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The job id: 24 hexadecimal digits.
    pub jid: String,
    queue: String,
    /// The JSON text.
    pub json: String,
}

impl<'a> Job<'a> {
    /// A job in the default queue.
    pub fn new(class: &'a str, args: Vec<Value>, correlation_id: &'a str) -> Self {
        Self { class, args, queue: DEFAULT_QUEUE, correlation_id, meta: Vec::new(), composite_identity: None }
    }

    /// Formats the job, with a new job id. `now` is the Unix time in seconds.
    pub fn envelope(&self, now: f64) -> Envelope {
        let jid = domain::hex(&rand::random::<[u8; 12]>());
        let mut job = json!({
            "class": self.class,
            "args": self.args,
            "retry": RETRIES,
            "queue": self.queue,
            "jid": jid,
            "created_at": now,
            "enqueued_at": now,
            "correlation_id": self.correlation_id,
            "version": 0,
        });
        for (name, value) in &self.meta {
            job[format!("meta.{name}")] = value.clone();
        }
        if let Some((service_account_id, scoped_user_id)) = self.composite_identity {
            job["sqci"] = json!([service_account_id, scoped_user_id, "permission_check"]);
        }
        Envelope { jid, queue: self.queue.to_owned(), json: job.to_string() }
    }
}

impl Store {
    /// Pushes a job to its queue. `key_prefix` is the prefix of Sidekiq's keys in GitLab before 16.0.
    ///
    /// A job that may have been pushed although the response is lost counts as pushed, because it must not run
    /// twice.
    pub async fn enqueue(&self, key_prefix: &str, job: &Envelope) -> Result<(), RedisError> {
        let mut pipeline = pipe();
        pipeline
            .sadd(format!("{key_prefix}queues"), &job.queue)
            .lpush(format!("{key_prefix}queue:{}", job.queue), &job.json);
        match self.transact::<redis::Value>(&pipeline).await.map(drop) {
            Err(error) if error.is_fate_unknown() => {
                tracing::error!(
                    queue = job.queue,
                    error = &error as &dyn std::error::Error,
                    "it is not known whether the job {} was enqueued",
                    job.jid
                );
                Ok(())
            }
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(job: &Job<'_>) -> Value {
        serde_json::from_str(&job.envelope(1_570_117_676.123).json).unwrap()
    }

    #[test]
    fn envelope_is_that_of_sidekiqs_client() {
        let job = Job::new("AuthorizedProjectsWorker", vec![json!(50)], "abc");
        let jid = parsed(&job)["jid"].as_str().unwrap().to_owned();
        assert!(jid.len() == 24 && jid.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
        let mut first = parsed(&job);
        first["jid"] = Value::Null;
        let expected = json!({
            "class": "AuthorizedProjectsWorker", "args": [50], "queue": "default", "retry": 3, "version": 0,
            "created_at": 1_570_117_676.123, "enqueued_at": 1_570_117_676.123, "correlation_id": "abc",
            "jid": null,
        });
        assert_eq!(first, expected);
        assert_ne!(job.envelope(1.0).jid, jid);
    }

    #[test]
    fn context_and_composite_identity_are_keys_of_the_envelope() {
        let job = Job {
            meta: vec![("caller_id", json!("POST /a")), ("user", json!("bot"))],
            composite_identity: Some((2, 7)),
            ..Job::new("PostReceive", Vec::new(), "abc")
        };
        let json = parsed(&job);
        assert_eq!(json["meta.caller_id"], "POST /a");
        assert_eq!(json["meta.user"], "bot");
        assert_eq!(json["sqci"], json!([2, 7, "permission_check"]));
    }
}
