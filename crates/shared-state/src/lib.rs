//! Short-lived shared state under GitLab's own Redis keys; without Redis the same in this process's memory.
//!
//! Each function is one round trip. A failure of Redis is an error: what it means is the caller's decision.
mod connection;
mod memory;
mod redis;
mod sessions;
mod usage;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use sha2::{Digest, Sha256};

pub use crate::redis::RedisError;
pub use crate::usage::Counts;

/// How long a reference counter outlives its last increase.
const REFERENCE_LIFETIME: Duration = Duration::from_mins(10);

/// What one round trip cost, and whether Redis failed it.
#[derive(Debug)]
pub struct Usage<'a> {
    pub duration: Duration,
    pub error: Option<&'a RedisError>,
}

type Observer = Arc<dyn Fn(Usage<'_>) + Send + Sync>;

/// The counters, cheap to clone.
#[derive(Debug, Clone)]
pub enum Counters {
    Redis(redis::Store),
    Memory(Arc<memory::Store>),
}

impl Counters {
    /// Prepares for a server at `url`; the connection is made, and made again, when it is needed.
    pub fn redis(
        url: &SecretString,
        observer: impl Fn(Usage<'_>) + Send + Sync + 'static,
    ) -> Result<Self, RedisError> {
        Ok(Self::Redis(redis::Store::new(url, Arc::new(observer))?))
    }

    /// Counts in this process: for one replica only.
    pub fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    pub fn is_redis(&self) -> bool {
        matches!(self, Self::Redis(_))
    }

    /// Whether the server answers; memory always does.
    pub async fn ping(&self) -> Result<(), RedisError> {
        match self {
            Self::Redis(store) => store.ping().await,
            Self::Memory(_) => Ok(()),
        }
    }

    /// One more push is on its way into the repository.
    pub async fn increase_references(&self, gl_repository: &str) -> Result<(), RedisError> {
        let key = reference_key(gl_repository);
        match self {
            Self::Redis(store) => store.increase(&key, REFERENCE_LIFETIME).await,
            Self::Memory(store) => {
                store.add(&key, 1, Some(REFERENCE_LIFETIME));
                Ok(())
            }
        }
    }

    /// A push has arrived; the counter never falls below zero.
    pub async fn decrease_references(&self, gl_repository: &str) -> Result<(), RedisError> {
        let key = reference_key(gl_repository);
        match self {
            Self::Redis(store) => store.decrease(&key).await,
            Self::Memory(store) => {
                if store.add(&key, -1, None) < 0 {
                    store.remove(&key);
                }
                Ok(())
            }
        }
    }

    /// Counts one more use of each key, and gives the counts. A key dies after its lifetime.
    pub async fn count(&self, keys: &[String], lifetime: Duration) -> Result<Vec<i64>, RedisError> {
        match self {
            Self::Redis(store) => store.count(keys, lifetime).await,
            Self::Memory(store) => Ok(keys.iter().map(|key| store.add(key, 1, Some(lifetime))).collect()),
        }
    }

    /// Keeps a text for a while.
    pub async fn keep(&self, key: &str, text: &str, lifetime: Duration) -> Result<(), RedisError> {
        match self {
            Self::Redis(store) => store.keep(key, text, lifetime).await,
            Self::Memory(store) => {
                store.keep(key, text, lifetime);
                Ok(())
            }
        }
    }

    /// Whether a text is kept there.
    pub async fn keeps(&self, key: &str) -> Result<bool, RedisError> {
        match self {
            Self::Redis(store) => store.keeps(key).await,
            Self::Memory(store) => Ok(store.keeps(key)),
        }
    }

    /// Gives texts that were kept, and forgets them.
    pub async fn take(&self, keys: &[String]) -> Result<Vec<Option<String>>, RedisError> {
        match self {
            Self::Redis(store) => store.take(keys).await,
            Self::Memory(store) => Ok(keys.iter().map(|key| store.take(key)).collect()),
        }
    }
}

fn reference_key(gl_repository: &str) -> String {
    format!("git-receive-pack-reference-counter:{}", bounded(gl_repository))
}

/// A caller's word as a part of a key: one that is longer than any name in GitLab stands as its digest.
pub fn bounded(word: &str) -> Cow<'_, str> {
    const LONGEST: usize = 1024;
    if word.len() <= LONGEST { word.into() } else { domain::hex(&Sha256::digest(word)).into() }
}
