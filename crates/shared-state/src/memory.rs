//! Counters and strings in this process's memory, with expiry.
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Expired entries are removed before the map grows beyond this many entries.
const SWEEP_AT: usize = 10_000;

/// While the map is used, expired entries are removed at least this often.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
pub struct Store(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    map: HashMap<String, Entry>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    value: Value,
    ends_at: Option<Instant>,
}

#[derive(Debug)]
enum Value {
    Count(i64),
    Text(String),
}

impl Store {
    /// Locks the map. Every operation leaves it consistent, so a panic in another thread is harmless.
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to a counter and returns the sum. A lifetime restarts each time; `None` leaves the expiry
    /// unchanged.
    pub fn add(&self, key: &str, n: i64, lifetime: Option<Duration>) -> i64 {
        let now = Instant::now();
        let mut entries = self.lock();
        entries.sweep(now);
        let entry = entries
            .map
            .entry(key.to_owned())
            .and_modify(|entry| {
                if entry.ends_at.is_some_and(|end| end <= now) {
                    *entry = Entry { value: Value::Count(0), ends_at: None };
                }
            })
            .or_insert(Entry { value: Value::Count(0), ends_at: None });
        if let Some(lifetime) = lifetime {
            entry.ends_at = Some(now + lifetime);
        }
        let sum = match entry.value {
            Value::Count(count) => count.saturating_add(n),
            Value::Text(_) => n,
        };
        entry.value = Value::Count(sum);
        sum
    }

    pub fn remove(&self, key: &str) {
        self.lock().map.remove(key);
    }

    pub fn set_with_ttl(&self, key: &str, text: &str, lifetime: Duration) {
        let now = Instant::now();
        let mut entries = self.lock();
        entries.sweep(now);
        entries.map.insert(
            key.to_owned(),
            Entry { value: Value::Text(text.to_owned()), ends_at: Some(now + lifetime) },
        );
    }

    pub fn exists(&self, key: &str) -> bool {
        let ends_at = self.lock().map.get(key).map(|entry| entry.ends_at);
        ends_at.is_some_and(|ends_at| ends_at.is_none_or(|end| end > Instant::now()))
    }

    pub fn get_and_delete(&self, key: &str) -> Option<String> {
        match self.lock().map.remove(key)? {
            Entry { value: Value::Text(text), ends_at } if ends_at.is_none_or(|end| end > Instant::now()) => {
                Some(text)
            }
            _ => None,
        }
    }
}

impl Entries {
    /// Removes expired entries once a minute, and before the map doubles. This bounds the cost for each live
    /// entry.
    fn sweep(&mut self, now: Instant) {
        let is_due = self.swept.is_none_or(|last| now - last >= SWEEP_EVERY);
        if is_due || (self.map.len() >= SWEEP_AT && self.map.len() == self.map.capacity()) {
            self.map.retain(|_, entry| entry.ends_at.is_none_or(|end| end > now));
            self.swept = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_entries_are_absent() {
        let store = Store::default();
        assert_eq!(store.add("a", 1, Some(Duration::ZERO)), 1);
        assert_eq!(store.add("a", 1, Some(Duration::from_mins(1))), 1);
        assert_eq!(store.add("a", 1, None), 2);
        store.set_with_ttl("t", "text", Duration::ZERO);
        assert_eq!(store.get_and_delete("t"), None);
        store.set_with_ttl("t", "text", Duration::from_mins(1));
        assert!(store.exists("t"));
        assert_eq!(store.get_and_delete("t").as_deref(), Some("text"));
        assert!(!store.exists("t"));
        assert_eq!(store.get_and_delete("t"), None);
    }

    #[test]
    fn expired_entries_are_removed() {
        let store = Store::default();
        for n in 0..70_000 {
            store.set_with_ttl(&n.to_string(), "", Duration::ZERO);
        }
        let entries = store.lock().map.len();
        assert!(entries <= 32_768, "{entries}");
    }
}
