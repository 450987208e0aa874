//! Short-lived shared state under GitLab's Redis keys, or in this process's memory if Redis is not
//! configured.
//!
//! Each function is one round trip. If Redis fails, it returns an error, and the caller decides what that
//! means.
mod connection;
mod memory;
mod redis;
mod sessions;
pub mod sidekiq;
mod trace;
mod usage;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use sha2::{Digest, Sha256};

pub use crate::redis::RedisError;
pub use crate::usage::Counts;

/// How long a reference counter is kept after its last increase.
const REFERENCE_LIFETIME: Duration = Duration::from_mins(10);

/// The duration of one round trip, and the error if it failed.
#[derive(Debug)]
pub struct Usage<'a> {
    pub duration: Duration,
    pub error: Option<&'a RedisError>,
}

type Observer = Arc<dyn Fn(Usage<'_>) + Send + Sync>;

/// The counters. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Counters {
    Redis(redis::Store),
    Memory(Arc<memory::Store>),
}

impl Counters {
    /// Prepares for a server at `url`. Connections are established, and re-established, on use.
    pub fn redis(
        url: &SecretString,
        observer: impl Fn(Usage<'_>) + Send + Sync + 'static,
    ) -> Result<Self, RedisError> {
        Ok(Self::Redis(redis::Store::new(url, Arc::new(observer))?))
    }

    /// Stores the state in this process. Suitable for one replica only.
    pub fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    pub fn is_redis(&self) -> bool {
        matches!(self, Self::Redis(_))
    }

    /// Whether the server responds. Memory always does.
    pub async fn ping(&self) -> Result<(), RedisError> {
        match self {
            Self::Redis(store) => store.ping().await,
            Self::Memory(_) => Ok(()),
        }
    }

    /// Increases the counter of running pushes to a repository.
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

    /// Decreases the counter of running pushes, but not below zero.
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

    /// Increases each counter by one and returns the new counts. A key expires after its lifetime.
    pub async fn count(&self, keys: &[String], lifetime: Duration) -> Result<Vec<i64>, RedisError> {
        match self {
            Self::Redis(store) => store.count(keys, lifetime).await,
            Self::Memory(store) => Ok(keys.iter().map(|key| store.add(key, 1, Some(lifetime))).collect()),
        }
    }

    /// Stores a string with a lifetime.
    pub async fn set_with_ttl(&self, key: &str, text: &str, lifetime: Duration) -> Result<(), RedisError> {
        match self {
            Self::Redis(store) => store.set_with_ttl(key, text, lifetime).await,
            Self::Memory(store) => {
                store.set_with_ttl(key, text, lifetime);
                Ok(())
            }
        }
    }

    /// Whether a string is stored under the key.
    pub async fn exists(&self, key: &str) -> Result<bool, RedisError> {
        match self {
            Self::Redis(store) => store.exists(key).await,
            Self::Memory(store) => Ok(store.exists(key)),
        }
    }

    /// Returns the stored strings and deletes them.
    pub async fn get_and_delete(&self, keys: &[String]) -> Result<Vec<Option<String>>, RedisError> {
        match self {
            Self::Redis(store) => store.get_and_delete(keys).await,
            Self::Memory(store) => Ok(keys.iter().map(|key| store.get_and_delete(key)).collect()),
        }
    }
}

fn reference_key(gl_repository: &str) -> String {
    format!("git-receive-pack-reference-counter:{}", bounded(gl_repository))
}

/// Limits the length of a caller's value in a key. A value that is longer than any name in GitLab is
/// replaced by its digest.
pub fn bounded(word: &str) -> Cow<'_, str> {
    const MAX_BYTES: usize = 1024;
    if word.len() <= MAX_BYTES { word.into() } else { domain::hex(&Sha256::digest(word)).into() }
}
