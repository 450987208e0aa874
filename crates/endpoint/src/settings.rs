//! Caches the instance settings for one second.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use database::settings::Settings;
use tokio::time::Instant;

/// A settings change takes effect after at most this time. Permissions are never cached.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// While one request reloads the settings, other requests use the cached ones up to this age.
const USABLE_FOR: Duration = Duration::from_secs(5);

/// Caches the settings between requests. No request waits for another request's reload.
#[derive(Debug, Default)]
pub struct SettingsCache {
    cached: ArcSwapOption<CachedSettings>,
    is_reloading: AtomicBool,
}

#[derive(Debug)]
struct CachedSettings {
    loaded_at: Instant,
    settings: Arc<Settings>,
}

impl SettingsCache {
    pub async fn get(&self, pool: &database::Pool) -> database::Result<Arc<Settings>> {
        let mut reload = None;
        if let Some(cached) = &*self.cached.load() {
            let age = cached.loaded_at.elapsed();
            if age < FRESH_FOR {
                return Ok(Arc::clone(&cached.settings));
            }
            reload = Reload::begin(&self.is_reloading);
            if reload.is_none() && age < USABLE_FOR {
                return Ok(Arc::clone(&cached.settings));
            }
        }
        let loaded_at = Instant::now();
        let settings = Arc::new(pool.read(database::settings::load).await?);
        let cached = CachedSettings { loaded_at, settings: Arc::clone(&settings) };
        self.cached.store(Some(Arc::new(cached)));
        drop(reload);
        Ok(settings)
    }
}

/// Marks a reload as running until it is dropped, also when the request is cancelled.
struct Reload<'a>(&'a AtomicBool);

impl<'a> Reload<'a> {
    fn begin(flag: &'a AtomicBool) -> Option<Self> {
        (!flag.swap(true, Ordering::AcqRel)).then_some(Self(flag))
    }
}

impl Drop for Reload<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
