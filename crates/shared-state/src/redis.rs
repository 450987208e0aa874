//! The state in Redis.
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{FromRedisValue, Pipeline, pipe};
use secrecy::{ExposeSecret, SecretString};
use tracing::Instrument;

use crate::connection::Connections;
use crate::trace::Server;
use crate::{Observer, Usage};

/// Decreases a counter and deletes the key if the result is negative.
const DECREASE: &str =
    "local n = redis.call('DECR', KEYS[1]) if n < 0 then redis.call('DEL', KEYS[1]) end return n";

#[derive(Debug, thiserror::Error)]
#[error("Redis failed: {0}")]
pub struct RedisError(Arc<redis::RedisError>);

impl From<redis::RedisError> for RedisError {
    fn from(error: redis::RedisError) -> Self {
        Self(error.into())
    }
}

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
    pub(crate) connections: Connections,
    server: Server,
    observer: Observer,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    pub(crate) fn new(url: &SecretString, observer: Observer) -> Result<Self, RedisError> {
        let connections = Connections::new(url.expose_secret())?;
        Ok(Self { server: connections.server(), connections, observer })
    }

    pub(crate) async fn ask<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisError> {
        let started = Instant::now();
        let span = self.server.span(pipeline);
        let answer = self.connections.ask(pipeline).instrument(span.clone()).await.map_err(RedisError);
        if let Err(error) = &answer {
            span.record("otel.status_code", "error").record("error.type", error.kind());
        }
        (self.observer)(Usage { duration: started.elapsed(), error: answer.as_ref().err() });
        answer
    }

    pub async fn ping(&self) -> Result<(), RedisError> {
        self.ask::<()>(pipe().cmd("PING").ignore()).await
    }

    pub async fn increase(&self, key: &str, lifetime: Duration) -> Result<(), RedisError> {
        self.ask(pipe().atomic().incr(key, 1).ignore().expire(key, seconds(lifetime)).ignore()).await
    }

    pub async fn decrease(&self, key: &str) -> Result<(), RedisError> {
        self.ask(pipe().cmd("EVAL").arg(DECREASE).arg(1).arg(key).ignore()).await
    }

    pub async fn count(&self, keys: &[String], lifetime: Duration) -> Result<Vec<i64>, RedisError> {
        let mut pipeline = pipe();
        for key in keys {
            pipeline.incr(key, 1).expire(key, seconds(lifetime)).ignore();
        }
        self.ask(&pipeline).await
    }

    pub async fn set_with_ttl(&self, key: &str, text: &str, lifetime: Duration) -> Result<(), RedisError> {
        self.ask(pipe().set_ex(key, text, lifetime.as_secs()).ignore()).await
    }

    pub async fn exists(&self, key: &str) -> Result<bool, RedisError> {
        let (exists,) = self.ask::<(bool,)>(pipe().exists(key)).await?;
        Ok(exists)
    }

    pub async fn get_and_delete(&self, keys: &[String]) -> Result<Vec<Option<String>>, RedisError> {
        let mut pipeline = pipe();
        pipeline.atomic();
        for key in keys {
            pipeline.get(key).del(key).ignore();
        }
        self.ask(&pipeline).await
    }
}

fn seconds(lifetime: Duration) -> i64 {
    i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX)
}
