//! Connections to Redis, one per thread, so that neither requests nor replies cross threads.
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, Pipeline, ProtocolVersion, PushInfo,
    PushKind, RedisError,
};
use thread_local::ThreadLocal;
use tokio::time::timeout;

use crate::trace::Server;

const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(1);
/// The additional timeout for each command after the first. Redis runs about 100,000 commands per second.
const FURTHER_ANSWER: Duration = Duration::from_micros(50);

type Failure = Arc<RedisError>;
/// A connection that is established or being established. All waiting tasks share it.
type Connecting = Shared<BoxFuture<'static, Result<Connection, Failure>>>;

#[derive(Clone)]
pub(crate) struct Connections {
    client: Arc<Client>,
    threads: Arc<ThreadLocal<Mutex<Option<Connecting>>>>,
}

#[derive(Clone)]
struct Connection {
    commands: MultiplexedConnection,
    /// Set once the connection is closed or unusable. It is then not used again.
    ended: Arc<AtomicBool>,
}

impl Connections {
    /// Prepares connections to the server at `url`. They are established on first use.
    pub(crate) fn new(url: &str) -> Result<Self, RedisError> {
        let info = url.into_connection_info()?;
        // Only RESP3 reports closed connections to the client.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        Ok(Self { client: Client::open(info.set_redis_settings(settings))?.into(), threads: Arc::default() })
    }

    /// The server, for traces.
    pub(crate) fn server(&self) -> Server {
        Server::new(self.client.get_connection_info().addr())
    }

    /// Sends a pipeline in one round trip. After an error it is unknown whether a command was executed.
    pub(crate) async fn ask<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, Failure> {
        let connecting = timeout(CONNECT, self.live()).await;
        let mut connection = connecting.unwrap_or_else(|_| Err(late().into()))?;
        let further = u32::try_from(pipeline.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let limit = ANSWER + FURTHER_ANSWER.saturating_mul(further);
        let mut answer = std::pin::pin!(pipeline.query_async(&mut connection.commands));
        let mut answered = timeout(limit, &mut answer).await;
        if answered.is_err() {
            // This thread may have been suspended, so replies that arrived in the meantime are read first.
            tokio::task::yield_now().await;
            answered = timeout(Duration::ZERO, answer).await;
        }
        let answered = answered.unwrap_or_else(|_| Err(late()));
        if answered.as_ref().is_err_and(is_the_connections) {
            connection.ended.store(true, Ordering::Relaxed);
        }
        answered.map_err(Failure::new)
    }

    /// Discards this thread's connection, whose server is no longer a primary. The next request opens a new
    /// one.
    pub(crate) fn end(&self) {
        if let Some(Ok(connection)) = self.kept().as_ref().and_then(Shared::peek) {
            connection.ended.store(true, Ordering::Relaxed);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Option<Connecting>> {
        self.threads.get_or_default().lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn live(&self) -> Result<Connection, Failure> {
        loop {
            let made = self.connection().await;
            // A connection that was closed while waiting is opened again.
            if made.is_err() || is_live(&made) {
                return made;
            }
        }
    }

    /// The connection of this thread. Opens a new one if there is none or it has ended.
    fn connection(&self) -> Connecting {
        let mut kept = self.kept();
        match kept.as_ref() {
            Some(connecting) if connecting.peek().is_none_or(is_live) => connecting.clone(),
            // A separate task opens the connection, so that it continues if the first request is cancelled.
            _ => {
                let made = timeout(CONNECT, connect(Arc::clone(&self.client))).map(|made| match made {
                    Ok(made) => made.map_err(Failure::new),
                    Err(_) => Err(late().into()),
                });
                let connecting = made.boxed().shared();
                tokio::spawn(connecting.clone().map(drop));
                kept.insert(connecting).clone()
            }
        }
    }
}

fn is_live(made: &Result<Connection, Failure>) -> bool {
    made.as_ref().is_ok_and(|connection| !connection.ended.load(Ordering::Relaxed))
}

/// Whether the error means that the connection is unusable: closed, timed out, or to a server that is no
/// longer a primary. Other errors concern one command.
fn is_the_connections(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || matches!(error.code(), Some("READONLY" | "EXECABORT" | "MASTERDOWN"))
}

async fn connect(client: Arc<Client>) -> Result<Connection, RedisError> {
    let ended = Arc::new(AtomicBool::new(false));
    let closed = Arc::clone(&ended);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_push_sender(move |push: PushInfo| {
            closed.fetch_or(push.kind == PushKind::Disconnection, Ordering::Relaxed);
            Ok::<(), ()>(())
        });
    Ok(Connection { commands: client.get_multiplexed_async_connection_with_config(&config).await?, ended })
}

fn late() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}
