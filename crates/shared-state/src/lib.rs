//! Short-lived shared state under GitLab's Redis keys, or in this process's memory if Redis is not
//! configured.
//!
//! Each function is one round trip to the store in which GitLab keeps the key. If Redis fails, it returns an
//! error, and the caller decides what that means.
pub mod acl;
mod address;
mod connection;
mod error;
mod memory;
mod open;
mod redis;
mod sentinel;
mod sessions;
pub mod sidekiq;
mod stores;
#[cfg(test)]
mod tests;
mod trace;
mod transaction;
mod usage;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

pub use crate::address::AddressError;
pub use crate::error::RedisError;
pub use crate::redis::{ServerKind, Store};
pub use crate::stores::{SentinelAddress, SentinelLogin, Server, StoreName, StoreSetting, Stores, TlsFiles};
pub use crate::usage::Counts;

use crate::address::Address;
use crate::connection::Connections;

/// How long a reference counter is kept after its last increase.
const REFERENCE_LIFETIME: Duration = Duration::from_mins(10);

/// The duration of one round trip, and the error if it failed.
#[derive(Debug)]
pub struct Usage<'a> {
    /// The name of the store.
    pub store: &'static str,
    pub duration: Duration,
    pub error: Option<&'a RedisError>,
}

type Observer = Arc<dyn Fn(Usage<'_>) + Send + Sync>;

/// The counters. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Counters(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The store with each name. `None` means that its state is in this process's memory.
    stores: [Option<Store>; 5],
    memory: memory::Store,
}

impl Counters {
    /// Prepares for these servers. Connections are established, and re-established, on use. Stores with equal
    /// servers share them. An error names the store whose setting is wrong, or none if it is the default.
    pub fn redis(
        settings: &Stores,
        observer: impl Fn(Usage<'_>) + Send + Sync + 'static,
    ) -> Result<Self, (Option<StoreName>, AddressError)> {
        let observer: Observer = Arc::new(observer);
        let mut servers: Vec<(&Server, Connections)> = Vec::new();
        let mut inner = Inner::default();
        for name in StoreName::ALL {
            let (source, server) = settings.server(name);
            let Some(server) = server else { continue };
            let connections = if let Some((_, known)) = servers.iter().find(|(known, _)| *known == server) {
                known.clone()
            } else {
                let address = Address::new(server, &settings.sentinel_login, &settings.tls);
                let connections = Connections::new(address.map_err(|error| (source, error))?);
                servers.push((server, connections.clone()));
                connections
            };
            inner.stores[name as usize] = Some(Store::new(name, connections, Arc::clone(&observer)));
        }
        Ok(Self(Arc::new(inner)))
    }

    /// Stores the state in this process. Suitable for one replica only.
    pub fn memory() -> Self {
        Self(Arc::default())
    }

    /// A store that is on a Redis server. `None` means that its state is in this process's memory.
    pub fn store(&self, name: StoreName) -> Option<&Store> {
        self.0.stores[name as usize].as_ref()
    }

    /// Whether the state of this store is shared with GitLab and other replicas.
    pub fn has_store(&self, name: StoreName) -> bool {
        self.store(name).is_some()
    }

    /// Whether the shared state is on a Redis server.
    pub fn is_redis(&self) -> bool {
        self.has_store(StoreName::SharedState)
    }

    /// Whether the server of the shared state responds. Memory always does.
    pub async fn ping(&self) -> Result<(), RedisError> {
        match self.store(StoreName::SharedState) {
            Some(store) => store.ping().await,
            None => Ok(()),
        }
    }

    /// One store of each distinct server, and the names of all stores on it.
    pub fn servers(&self) -> impl Iterator<Item = (&Store, Vec<StoreName>)> {
        let mut servers: Vec<(&Store, Vec<StoreName>)> = Vec::new();
        for store in self.0.stores.iter().flatten() {
            match servers.iter_mut().find(|(known, _)| known.is_on_server_of(store)) {
                Some((_, names)) => names.push(store.name()),
                None => servers.push((store, vec![store.name()])),
            }
        }
        servers.into_iter()
    }

    /// Increases the counter of running pushes to a repository.
    pub async fn increase_references(&self, gl_repository: &str) -> Result<(), RedisError> {
        let key = reference_key(gl_repository);
        if let Some(store) = self.store_of(&key) {
            return store.increase(&key, REFERENCE_LIFETIME).await;
        }
        self.0.memory.add(&key, 1, Some(REFERENCE_LIFETIME));
        Ok(())
    }

    /// Decreases the counter of running pushes, but not below zero.
    pub async fn decrease_references(&self, gl_repository: &str) -> Result<(), RedisError> {
        let key = reference_key(gl_repository);
        if let Some(store) = self.store_of(&key) {
            return store.decrease(&key).await;
        }
        if self.0.memory.add(&key, -1, None) < 0 {
            self.0.memory.remove(&key);
        }
        Ok(())
    }

    /// Increases each counter by one and returns the new counts. A key expires after its lifetime. All keys
    /// belong to one store.
    pub async fn count(&self, keys: &[String], lifetime: Duration) -> Result<Vec<i64>, RedisError> {
        match keys.first().and_then(|key| self.store_of(key)) {
            Some(store) => store.count(keys, lifetime).await,
            None => Ok(keys.iter().map(|key| self.0.memory.add(key, 1, Some(lifetime))).collect()),
        }
    }

    /// Stores a string with a lifetime.
    pub async fn set_with_ttl(&self, key: &str, text: &str, lifetime: Duration) -> Result<(), RedisError> {
        if let Some(store) = self.store_of(key) {
            return store.set_with_ttl(key, text, lifetime).await;
        }
        self.0.memory.set_with_ttl(key, text, lifetime);
        Ok(())
    }

    /// Whether a string is stored under the key.
    pub async fn exists(&self, key: &str) -> Result<bool, RedisError> {
        match self.store_of(key) {
            Some(store) => store.exists(key).await,
            None => Ok(self.0.memory.exists(key)),
        }
    }

    /// Returns the stored strings and deletes them. All keys belong to one store.
    pub async fn get_and_delete(&self, keys: &[String]) -> Result<Vec<Option<String>>, RedisError> {
        match keys.first().and_then(|key| self.store_of(key)) {
            Some(store) => store.get_and_delete(keys).await,
            None => Ok(keys.iter().map(|key| self.0.memory.get_and_delete(key)).collect()),
        }
    }

    /// The store in which GitLab keeps this key, if it is on a Redis server.
    fn store_of(&self, key: &str) -> Option<&Store> {
        self.store(StoreName::from_key(key))
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
