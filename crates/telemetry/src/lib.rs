//! The telemetry of a service: log, traces and metrics.
//!
//! - [`init`] is called once, at the start of `main`. From then on, `tracing::info!` and the other macros write
//!   one flat JSON object per line to standard output. Spans are exported to an OpenTelemetry collector if one is
//!   configured.
//! - [`set_parent`], [`inject`] and [`trace_id`] connect spans with the traces of callers and of called services.
//! - [`metrics::Metrics`] contains every metric of a service. Each instance has its own registry.
//!
//! To add a field to the log, add it to [`dictionary`] and to `docs/observability.md`, then record it on the event,
//! on a span around it, or in the [`LogFields`] of the request. To add a metric, add it to `metrics/families.rs`
//! and give it a method in `metrics.rs`. Only spans of level info and above add fields to the log and are traced.

pub mod dictionary;
mod filter;
mod json;
mod log_fields;
pub mod metrics;
mod options;
mod propagation;
mod traces;

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::ParseError,
    layer::SubscriberExt,
    reload,
    util::{SubscriberInitExt, TryInitError},
};

pub use crate::{
    log_fields::{FieldValue, LogFields},
    options::{Format, Options},
    propagation::{inject, set_parent, trace_id},
    traces::VARIABLES as TRACE_VARIABLES,
};

/// How long shutdown waits for the collector to accept the last spans.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Errors in the settings of the log and the traces.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directives enable nothing that exists.
    #[error("{0:?} is not a log level: error, warn, info, debug, trace, off or directives as in RUST_LOG")]
    Level(String),
    /// The directives are invalid.
    #[error("the log level {0:?} is invalid")]
    Directives(String, #[source] ParseError),
    /// The log level can no longer be changed, because a thread panicked while changing it.
    #[error("the log level cannot be changed")]
    Reload(#[from] reload::Error),
    /// The endpoint is not an HTTP URL.
    #[error("the trace collector's endpoint {0:?} must begin with http:// or https://")]
    Endpoint(String),
    /// An environment variable of OpenTelemetry is invalid.
    #[error("{name} must be {expected}, not {value:?}")]
    Variable { name: &'static str, expected: &'static str, value: String },
    /// The HTTP client for the traces cannot be created.
    #[error("the trace collector's client cannot be set up")]
    Client(#[from] reqwest::Error),
    /// The trace exporter cannot be created.
    #[error("the trace exporter cannot be set up")]
    Exporter(#[from] ExporterBuildError),
    /// [`init`] was already called in this process.
    #[error("the log is already set up")]
    Initialised(#[from] TryInitError),
}

/// A handle to change the log level at runtime, and to flush spans at shutdown.
#[derive(Debug)]
#[must_use = "shut it down at the end, or the last spans are lost"]
pub struct Guard {
    level: reload::Handle<EnvFilter, Registry>,
    provider: Option<SdkTracerProvider>,
}

/// Starts the log and, if the environment configures a collector, the traces.
///
/// `service` is the program (`shell-api`), and `consumer` is the client that it serves (`shell`). Call this
/// once per process, inside or outside an async runtime.
pub fn init(
    service: &'static str,
    consumer: &'static str,
    version: &str,
    options: &Options,
) -> Result<Guard, Error> {
    let directives = options.log_level.as_deref().unwrap_or("info");
    let (level, handle) = reload::Layer::new(filter::directives(directives)?);
    let log = match options.log_format.unwrap_or_default() {
        Format::Json => json::JsonLayer::new(service, consumer, io::stdout).boxed(),
        Format::Pretty => {
            tracing_subscriber::fmt::layer().compact().with_ansi(io::stdout().is_terminal()).boxed()
        }
    };
    let provider = traces::Settings::from_environment(|name| std::env::var(name).ok())?
        .map(|settings| settings.provider(service, version))
        .transpose()?;

    let log = tracing_subscriber::registry().with(log.with_filter(filter::log(level)));
    match &provider {
        Some(provider) => log.with(traces::layer(provider)).try_init()?,
        // A layer that does nothing would enable every span.
        None => log.try_init()?,
    }
    Ok(Guard { level: handle, provider })
}

/// Starts the log of a command-line tool: one JSON object per line on standard error.
pub fn init_tool(name: &'static str, directives: &str) -> Result<(), Error> {
    let log = json::JsonLayer::new(name, "operator", io::stderr);
    tracing_subscriber::registry().with(log.with_filter(filter::directives(directives)?)).try_init()?;
    Ok(())
}

impl Guard {
    /// Changes the log level. Invalid directives change nothing.
    pub fn set_level(&self, directives: &str) -> Result<(), Error> {
        self.level.reload(filter::directives(directives)?)?;
        Ok(())
    }

    /// Sends the last spans, for at most five seconds. Blocks the calling thread.
    pub fn shutdown(self) {
        let Some(provider) = self.provider else { return };
        if let Err(error) = provider.shutdown_with_timeout(FLUSH_TIMEOUT) {
            tracing::warn!(error = &error as &dyn std::error::Error, "the last traces could not be sent");
        }
    }
}

#[cfg(test)]
mod tests;
