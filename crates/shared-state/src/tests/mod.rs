//! The crate with real servers and sentinels.
mod failover;
mod processes;
mod rights;
mod servers;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crate::{Counters, Server, Stores};

/// A key of the shared state.
fn key(text: &str) -> Vec<String> {
    vec![format!("internal_api:{text}")]
}

async fn count(counters: &Counters, text: &str) -> Result<i64, crate::RedisError> {
    Ok(counters.count(&key(text), Duration::from_mins(10)).await?[0])
}

fn counters(stores: &Stores) -> Counters {
    Counters::redis(stores, |_| ()).unwrap()
}

/// All stores on the server with this URL.
fn server(url: &str) -> Stores {
    Stores::new(Some(Server { url: url.into(), sentinels: Vec::new() }))
}

/// A subscriber that collects warnings and errors.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<String>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN && metadata.target().starts_with("shared_state")
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = String::new();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            let _ = write!(line, "{field}={value:?} ");
        });
        self.0.lock().unwrap().push(line);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}
