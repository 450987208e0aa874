//! Bounds the memory that the requests of a process use together.
use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpMessage, HttpRequest};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::RestError;

/// How long a request waits for memory from the budget.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The memory, in bytes, that all requests may use together for one purpose.
#[derive(Debug, Clone)]
pub struct MemoryBudget {
    bytes: usize,
    free: Arc<Semaphore>,
}

/// A part of the budget, which is given back when it is dropped.
#[derive(Debug)]
pub struct MemoryShare(OwnedSemaphorePermit);

impl MemoryShare {
    pub fn bytes(&self) -> usize {
        self.0.num_permits()
    }

    pub fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }
}

/// A part of the budget that belongs to a request.
struct Reserved {
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug, thiserror::Error)]
#[error("other requests use the memory that this one needs")]
struct InUse;

impl MemoryBudget {
    pub fn new(bytes: usize) -> Self {
        Self { bytes, free: Arc::new(Semaphore::new(bytes)) }
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of bytes in use.
    pub fn taken(&self) -> usize {
        self.bytes.saturating_sub(self.free.available_permits())
    }

    /// Reserves memory until the request ends, once for each request. Waits while other requests use it:
    /// 503 after five seconds, and 413 if all of it would not be enough.
    pub async fn reserve(&self, request: &HttpRequest, bytes: usize) -> Result<(), RestError> {
        if bytes > self.bytes {
            return Err(RestError::TooLarge);
        }
        let permit = self.take(bytes).await.ok_or_else(|| RestError::Unavailable(Box::new(InUse)))?;
        request.extensions_mut().insert(Reserved { _permit: permit });
        Ok(())
    }

    /// Takes memory, unless others use it.
    pub fn take_now(&self, bytes: usize) -> Option<MemoryShare> {
        let permits = u32::try_from(bytes).ok()?;
        Arc::clone(&self.free).try_acquire_many_owned(permits).ok().map(MemoryShare)
    }

    /// Takes memory for as long as the permit lives. Returns `None` if none becomes available in time.
    pub(crate) async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let permits = u32::try_from(bytes).ok()?;
        let free = Arc::clone(&self.free).acquire_many_owned(permits);
        tokio::time::timeout(TIMEOUT, free).await.ok()?.ok()
    }
}
