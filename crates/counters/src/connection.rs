//! Connections to Redis: one for each thread that asks, so that neither questions nor answers cross threads.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, Pipeline, ProtocolVersion, PushInfo,
    PushKind, RedisError,
};
use thread_local::ThreadLocal;
use tokio::sync::Mutex;
use tokio::time::timeout;

const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(1);
/// For each command after the first: Redis does some 100,000 in a second.
const FURTHER_ANSWER: Duration = Duration::from_micros(50);

#[derive(Clone)]
pub(crate) struct Connections {
    client: Client,
    threads: Arc<ThreadLocal<Mutex<Option<Connection>>>>,
}

#[derive(Clone)]
struct Connection {
    commands: MultiplexedConnection,
    /// Closed, or without an answer in time: it is not asked again.
    ended: Arc<AtomicBool>,
}

impl Connections {
    /// Prepares for a server at `url`; connections are made when they are needed.
    pub(crate) fn new(url: &str) -> Result<Self, RedisError> {
        let info = url.into_connection_info()?;
        // Only with this protocol does the client tell that a connection was closed.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        Ok(Self { client: Client::open(info.set_redis_settings(settings))?, threads: Arc::default() })
    }

    /// One round trip. Whether a command was done is unknown after an error.
    pub(crate) async fn ask<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisError> {
        let mut connection = timeout(CONNECT, self.connection()).await.unwrap_or_else(|_| late())?;
        let further = u32::try_from(pipeline.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let limit = ANSWER + FURTHER_ANSWER.saturating_mul(further);
        let answer = timeout(limit, pipeline.query_async(&mut connection.commands)).await;
        let answer = answer.unwrap_or_else(|_| late());
        if answer.as_ref().is_err_and(|error| error.is_timeout() || error.is_unrecoverable_error()) {
            connection.ended.store(true, Ordering::Relaxed);
        }
        answer
    }

    /// The connection of this thread: a new one where there is none, or it has ended.
    async fn connection(&self) -> Result<Connection, RedisError> {
        let mut kept = self.threads.get_or_default().lock().await;
        if let Some(live) = kept.as_ref().filter(|kept| !kept.ended.load(Ordering::Relaxed)) {
            return Ok(live.clone());
        }
        let ended = Arc::new(AtomicBool::new(false));
        let closed = Arc::clone(&ended);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_push_sender(move |push: PushInfo| {
                closed.fetch_or(push.kind == PushKind::Disconnection, Ordering::Relaxed);
                Ok::<(), ()>(())
            });
        let commands = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(kept.insert(Connection { commands, ended }).clone())
    }
}

fn late<T>() -> Result<T, RedisError> {
    Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into())
}
