//! The state in Redis.
use std::fmt;
use std::time::{Duration, Instant};

use redis::{FromRedisValue, Pipeline, RedisResult, Value, from_redis_value, pipe};
use tracing::{Instrument, Span};

use crate::connection::{Connections, Repeat};
use crate::trace::{self, ServerAddress};
use crate::{Observer, RedisError, StoreName, Usage};

/// Decreases a counter and deletes the key if the result is negative.
const DECREASE: &str =
    "local n = redis.call('DECR', KEYS[1]) if n < 0 then redis.call('DEL', KEYS[1]) end return n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    Single,
    /// Part of a Redis Cluster, which is not supported.
    Cluster,
}

/// A logical store on a server.
#[derive(Clone)]
pub struct Store {
    name: StoreName,
    pub(crate) connections: Connections,
    server: ServerAddress,
    observer: Observer,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Store {
    pub(crate) fn new(name: StoreName, connections: Connections, observer: Observer) -> Self {
        Self { name, server: connections.server(), connections, observer }
    }

    pub(crate) fn name(&self) -> StoreName {
        self.name
    }

    pub(crate) fn is_on_server_of(&self, other: &Self) -> bool {
        self.connections.are_same(&other.connections)
    }

    /// Sends commands that count or append. They are not repeated if they may have been executed.
    pub(crate) async fn ask<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisError> {
        self.send(pipeline, Repeat::Unsafe).await
    }

    /// Sends commands that read or set absolute values. They are repeated if the connection is lost.
    pub(crate) async fn ask_safely<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisError> {
        self.send(pipeline, Repeat::Safe).await
    }

    /// Runs commands as one transaction, and returns the reply to each. They are not repeated if they may have been
    /// executed.
    pub(crate) async fn transact<T: FromRedisValue>(
        &self,
        commands: &Pipeline,
    ) -> Result<Vec<T>, RedisError> {
        let replies = self.transact_each(commands).await?.into_iter();
        let values = replies.map(|reply| Ok(from_redis_value(reply?)?));
        values.collect::<RedisResult<_>>().map_err(RedisError::sent)
    }

    /// Like [`Self::transact`], but a command that failed is one of the replies. The others are executed.
    pub(crate) async fn transact_each(
        &self,
        commands: &Pipeline,
    ) -> Result<Vec<RedisResult<Value>>, RedisError> {
        let (started, span) = (Instant::now(), self.server.span(|| "MULTI".to_owned()));
        let result = self.connections.transact(commands).instrument(span.clone()).await;
        self.observe(started, &span, &result);
        result
    }

    /// Like [`Self::transact_each`], for more commands than should be in memory at the same time.
    pub(crate) async fn transact_batches<B: Iterator<Item = Pipeline>>(
        &self,
        batches: impl Fn() -> B,
    ) -> Result<Vec<RedisResult<Value>>, RedisError> {
        let (started, span) = (Instant::now(), self.server.span(|| "MULTI".to_owned()));
        let result = self.connections.transact_batches(batches).instrument(span.clone()).await;
        self.observe(started, &span, &result);
        result
    }

    async fn send<T: FromRedisValue>(&self, pipeline: &Pipeline, repeat: Repeat) -> Result<T, RedisError> {
        let (started, span) = (Instant::now(), self.server.span(|| trace::operation(pipeline)));
        let result = self.connections.ask(pipeline, repeat).instrument(span.clone()).await;
        self.observe(started, &span, &result);
        result
    }

    fn observe<T>(&self, started: Instant, span: &Span, result: &Result<T, RedisError>) {
        let (duration, error) = (started.elapsed(), result.as_ref().err());
        if let Some(error) = error {
            span.record("otel.status_code", "error").record("error.type", error.kind());
        }
        (self.observer)(Usage { store: self.name.as_str(), duration, error });
    }

    pub async fn ping(&self) -> Result<(), RedisError> {
        self.ask_safely::<()>(pipe().cmd("PING").ignore()).await
    }

    /// Whether the server responds, and its kind.
    pub async fn check(&self) -> Result<ServerKind, RedisError> {
        self.ping().await?;
        // The user may lack the right to ask. A server in a cluster then answers commands with `MOVED`.
        let info = self.ask_safely::<(String,)>(pipe().cmd("INFO").arg("cluster")).await;
        let is_enabled = |line: &str| line.trim() == "cluster_enabled:1";
        let is_cluster = info.is_ok_and(|(info,)| info.lines().any(is_enabled));
        Ok(if is_cluster { ServerKind::Cluster } else { ServerKind::Single })
    }

    pub async fn increase(&self, key: &str, lifetime: Duration) -> Result<(), RedisError> {
        self.transact::<Value>(pipe().incr(key, 1).expire(key, seconds(lifetime))).await.map(drop)
    }

    pub async fn decrease(&self, key: &str) -> Result<(), RedisError> {
        self.ask(pipe().cmd("EVAL").arg(DECREASE).arg(1).arg(key).ignore()).await
    }

    pub async fn count(&self, keys: &[String], lifetime: Duration) -> Result<Vec<i64>, RedisError> {
        let mut pipeline = pipe();
        for key in keys {
            pipeline.incr(key, 1).expire(key, seconds(lifetime));
        }
        // Otherwise a server that becomes a replica in between could execute a part.
        let replies: Vec<i64> = self.transact(&pipeline).await?;
        Ok(replies.into_iter().step_by(2).collect())
    }

    pub async fn set_with_ttl(&self, key: &str, text: &str, lifetime: Duration) -> Result<(), RedisError> {
        self.ask_safely(pipe().set_ex(key, text, lifetime.as_secs()).ignore()).await
    }

    pub async fn exists(&self, key: &str) -> Result<bool, RedisError> {
        let (exists,) = self.ask_safely::<(bool,)>(pipe().exists(key)).await?;
        Ok(exists)
    }

    pub async fn get_and_delete(&self, keys: &[String]) -> Result<Vec<Option<String>>, RedisError> {
        let mut pipeline = pipe();
        for key in keys {
            pipeline.get(key).del(key);
        }
        let replies: Vec<Option<String>> = self.transact(&pipeline).await?;
        Ok(replies.into_iter().step_by(2).collect())
    }
}

fn seconds(lifetime: Duration) -> i64 {
    i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX)
}
