//! An open connection.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, PushInfo, PushKind, pipe};

#[derive(Clone)]
pub(crate) struct Connection {
    pub commands: MultiplexedConnection,
    /// Set once the connection is closed or unusable. It is then not used again.
    has_ended: Arc<AtomicBool>,
    /// The number of times that the primary had moved when its address was looked up.
    generation: u64,
}

impl Connection {
    /// Opens a connection. The caller limits the time.
    ///
    /// Fails if the server refuses transactions, because it would then execute their commands one by one.
    pub async fn open(client: &Client, generation: u64) -> Result<Self, redis::RedisError> {
        let has_ended = Arc::new(AtomicBool::new(false));
        let closed = Arc::clone(&has_ended);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_push_sender(move |push: PushInfo| {
                closed.fetch_or(push.kind == PushKind::Disconnection, Ordering::Relaxed);
                Ok::<(), ()>(())
            });
        let mut commands = client.get_multiplexed_async_connection_with_config(&config).await?;
        pipe().cmd("MULTI").ignore().cmd("EXEC").ignore().exec_async(&mut commands).await?;
        Ok(Self { commands, has_ended, generation })
    }

    pub fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }

    /// Whether the connection is open, and its server is still the primary.
    pub fn is_live(&self, generation: u64) -> bool {
        !self.has_ended.load(Ordering::Relaxed) && self.generation == generation
    }
}
