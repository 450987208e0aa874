//! The same in Redis, over one multiplexed connection.
use std::fmt;
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, Pipeline, Script, pipe};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::{Observer, Usage};

const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(1);

/// Takes one off, and the key away where nothing is left to take off.
const DECREASE: &str =
    "local n = redis.call('DECR', KEYS[1]) if n < 0 then redis.call('DEL', KEYS[1]) end return n";

#[derive(Debug, thiserror::Error)]
#[error("Redis failed: {0}")]
pub struct RedisError(#[from] redis::RedisError);

impl RedisError {
    /// The value of the metrics' label `exception`.
    pub fn kind(&self) -> &'static str {
        if self.0.is_timeout() {
            "timeout"
        } else if self.0.is_io_error() || self.0.is_connection_dropped() {
            "connection"
        } else {
            "other"
        }
    }
}

#[derive(Clone)]
pub struct Store {
    connection: ConnectionManager,
    observer: Observer,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    pub(crate) fn new(url: &SecretString, observer: Observer) -> Result<Self, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER))
            .set_number_of_retries(1);
        let client = Client::open(url.expose_secret())?;
        Ok(Self { connection: ConnectionManager::new_lazy_with_config(client, config)?, observer })
    }

    async fn observe<T>(
        &self,
        answer: impl Future<Output = Result<T, redis::RedisError>>,
    ) -> Result<T, RedisError> {
        let started = Instant::now();
        // Without an answer there is no connection either: a server that hangs must not hold a request.
        let answer = tokio::time::timeout(CONNECT + ANSWER, answer).await.unwrap_or_else(|_| {
            let elapsed = std::io::Error::from(std::io::ErrorKind::TimedOut);
            Err(elapsed.into())
        });
        let answer = answer.map_err(RedisError);
        (self.observer)(Usage { duration: started.elapsed(), error: answer.as_ref().err() });
        answer
    }

    pub(crate) async fn ask<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisError> {
        let mut connection = self.connection.clone();
        self.observe(async { pipeline.query_async(&mut connection).await }).await
    }

    pub async fn ping(&self) -> Result<(), RedisError> {
        self.ask::<()>(pipe().cmd("PING").ignore()).await
    }

    pub async fn increase(&self, key: &str, lifetime: Duration) -> Result<(), RedisError> {
        self.ask(pipe().atomic().incr(key, 1).ignore().expire(key, seconds(lifetime)).ignore()).await
    }

    pub async fn decrease(&self, key: &str) -> Result<(), RedisError> {
        let mut connection = self.connection.clone();
        let script = Script::new(DECREASE);
        let call = script.key(key);
        let call = call.invoke_async::<i64>(&mut connection);
        self.observe(call).await.map(|_| ())
    }

    pub async fn count(&self, keys: &[String], lifetime: Duration) -> Result<Vec<i64>, RedisError> {
        let mut pipeline = pipe();
        for key in keys {
            pipeline.incr(key, 1).expire(key, seconds(lifetime)).ignore();
        }
        self.ask(&pipeline).await
    }

    pub async fn keep(&self, key: &str, text: &str, lifetime: Duration) -> Result<(), RedisError> {
        self.ask(pipe().set_ex(key, text, lifetime.as_secs()).ignore()).await
    }

    pub async fn keeps(&self, key: &str) -> Result<bool, RedisError> {
        let (there,) = self.ask::<(bool,)>(pipe().exists(key)).await?;
        Ok(there)
    }

    pub async fn take(&self, keys: &[String]) -> Result<Vec<Option<String>>, RedisError> {
        let mut pipeline = pipe();
        pipeline.atomic();
        for key in keys {
            pipeline.get(key).del(key).ignore();
        }
        self.ask(&pipeline).await
    }

    /// Pushes a job to a queue of Sidekiq, as its own client does.
    pub async fn enqueue(&self, prefix: &str, queue: &str, job: &Value) -> Result<(), RedisError> {
        let mut pipeline = pipe();
        pipeline
            .atomic()
            .sadd(format!("{prefix}queues"), queue)
            .ignore()
            .lpush(format!("{prefix}queue:{queue}"), job.to_string())
            .ignore();
        self.ask(&pipeline).await
    }
}

fn seconds(lifetime: Duration) -> i64 {
    i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX)
}
