//! Connections to one server, one per thread, so that neither requests nor replies cross threads.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use redis::{FromRedisValue, Pipeline, RedisResult, Value, pipe};
use thread_local::ThreadLocal;
use tokio::time::timeout;

use crate::address::Address;
use crate::error::{Cause, RedisError};
use crate::open::Connection;
use crate::trace::ServerAddress;
use crate::transaction;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);
/// The additional timeout for each command after the first. Redis runs about 100,000 commands per second.
const FURTHER_COMMAND_TIMEOUT: Duration = Duration::from_micros(50);

/// A connection that is established or being established. All waiting tasks share it.
type Connecting = Shared<BoxFuture<'static, Result<Connection, RedisError>>>;

/// Whether a pipeline may be executed twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It only reads, or sets absolute values.
    Safe,
    /// It counts or appends.
    Unsafe,
}

#[derive(Clone)]
pub(crate) struct Connections {
    address: Address,
    threads: Arc<ThreadLocal<Mutex<Option<Connecting>>>>,
}

impl Connections {
    /// Prepares connections to a server. They are established on first use.
    pub(crate) fn new(address: Address) -> Self {
        Self { address, threads: Arc::default() }
    }

    /// The server, for traces.
    pub(crate) fn server(&self) -> ServerAddress {
        self.address.server()
    }

    pub(crate) fn are_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.threads, &other.threads)
    }

    /// Sends a pipeline in one round trip. If the server refuses it because it is no longer the primary,
    /// the pipeline is sent once more over a new connection. So is a safe pipeline if the connection is
    /// lost; after a timeout it is not, because the request has waited long enough.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        pipeline: &Pipeline,
        repeat: Repeat,
    ) -> Result<T, RedisError> {
        match self.ask_once(pipeline).await {
            Err(error)
                if error.is_not_primary() || (error.is_connection_lost() && repeat == Repeat::Safe) =>
            {
                self.ask_once(pipeline).await
            }
            result => result,
        }
    }

    /// Runs commands as one transaction, and returns the reply to each. If the server refuses it because it
    /// is no longer the primary, the transaction is sent once more over a new connection.
    pub(crate) async fn transact(&self, commands: &Pipeline) -> Result<Vec<RedisResult<Value>>, RedisError> {
        let pipeline = transaction::pipeline(commands);
        match self.transact_once(&pipeline).await {
            Err(error) if error.is_not_primary() => self.transact_once(&pipeline).await,
            result => result,
        }
    }

    async fn transact_once(&self, pipeline: &Pipeline) -> Result<Vec<RedisResult<Value>>, RedisError> {
        let connection = self.live().await?;
        let replies = transaction::replies(send(&connection, pipeline).await?);
        if replies.as_ref().is_err_and(RedisError::ends_connection) {
            connection.end();
        }
        replies
    }

    /// Like [`Self::transact`], for more commands than should be in memory at the same time. They are sent
    /// between
    /// `MULTI` and `EXEC` over a connection of their own, so that no other command gets between them. If a
    /// batch
    /// fails, the connection is closed before `EXEC`, and the server executes none of them.
    pub(crate) async fn transact_batches<B: Iterator<Item = Pipeline>>(
        &self,
        batches: impl Fn() -> B,
    ) -> Result<Vec<RedisResult<Value>>, RedisError> {
        match self.transact_batches_once(batches()).await {
            Err(error) if error.is_not_primary() => self.transact_batches_once(batches()).await,
            result => result,
        }
    }

    async fn transact_batches_once(
        &self,
        batches: impl Iterator<Item = Pipeline>,
    ) -> Result<Vec<RedisResult<Value>>, RedisError> {
        let opened = timeout(CONNECT_TIMEOUT, self.address.open()).await;
        let opened = opened.unwrap_or_else(|_| Err(Cause::timeout().into()));
        let connection = opened.map_err(RedisError::not_sent)?;
        let mut multi = pipe();
        multi.cmd("MULTI");
        let mut commands = 0;
        for mut batch in std::iter::once(multi).chain(batches) {
            commands += batch.len();
            let limit = response_timeout(batch.len());
            let queued: Result<Vec<RedisResult<Value>>, _> =
                send_within(&connection, batch.ignore_errors(), limit).await;
            // Whatever has happened to this batch, `EXEC` will not follow.
            let queued = queued.map_err(RedisError::not_executed)?;
            let refused = queued.into_iter().find_map(Result::err);
            refused.map_or(Ok(()), |error| Err(RedisError::not_sent(error)))?;
        }
        let mut exec = pipe();
        exec.ignore_errors().cmd("EXEC");
        transaction::replies(send_within(&connection, &exec, response_timeout(commands)).await?)
    }

    async fn ask_once<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisError> {
        send(&self.live().await?, pipeline).await
    }

    fn kept(&self) -> MutexGuard<'_, Option<Connecting>> {
        self.threads.get_or_default().lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn live(&self) -> Result<Connection, RedisError> {
        let connecting = timeout(CONNECT_TIMEOUT, async {
            loop {
                let made = self.connection().await;
                // A connection that was closed while waiting is opened again.
                if made.is_err() || self.is_live(&made) {
                    return made;
                }
            }
        });
        connecting.await.unwrap_or_else(|_| Err(RedisError::not_sent(Cause::timeout())))
    }

    /// The connection of this thread. Opens a new one if there is none or it has ended.
    fn connection(&self) -> Connecting {
        let mut kept = self.kept();
        match kept.as_ref() {
            Some(connecting) if connecting.peek().is_none_or(|made| self.is_live(made)) => connecting.clone(),
            // A separate task opens the connection, so that it continues if the first request is cancelled.
            _ => {
                let address = self.address.clone();
                let opening = async move {
                    let opened = timeout(CONNECT_TIMEOUT, address.open()).await;
                    opened.unwrap_or_else(|_| Err(Cause::timeout().into())).map_err(RedisError::not_sent)
                };
                let connecting = opening.boxed().shared();
                tokio::spawn(connecting.clone().map(drop));
                kept.insert(connecting).clone()
            }
        }
    }

    fn is_live(&self, made: &Result<Connection, RedisError>) -> bool {
        made.as_ref().is_ok_and(|connection| connection.is_live(self.address.generation()))
    }
}

/// Sends a pipeline over this connection, and marks the connection if it cannot be used any longer.
async fn send<T: FromRedisValue>(connection: &Connection, pipeline: &Pipeline) -> Result<T, RedisError> {
    send_within(connection, pipeline, response_timeout(pipeline.len())).await
}

/// The timeout for this many commands.
fn response_timeout(commands: usize) -> Duration {
    let further = u32::try_from(commands.saturating_sub(1)).unwrap_or(u32::MAX);
    RESPONSE_TIMEOUT + FURTHER_COMMAND_TIMEOUT.saturating_mul(further)
}

async fn send_within<T: FromRedisValue>(
    connection: &Connection,
    pipeline: &Pipeline,
    limit: Duration,
) -> Result<T, RedisError> {
    let mut commands = connection.commands.clone();
    let mut response = std::pin::pin!(pipeline.query_async(&mut commands));
    let mut received = timeout(limit, &mut response).await;
    if received.is_err() {
        // This thread may have been suspended, so replies that arrived in the meantime are read first.
        tokio::task::yield_now().await;
        received = timeout(Duration::ZERO, response).await;
    }
    let result = received.unwrap_or_else(|_| Err(Cause::timeout())).map_err(RedisError::sent);
    if result.as_ref().is_err_and(RedisError::ends_connection) {
        connection.end();
    }
    result
}
