//! What a service tells about itself: its log, its traces and its metrics.
//!
//! - [`init`] is called once, first thing in `main`. From then on `tracing::info!` and its sisters write one flat
//!   JSON object a line to standard output, and spans go to an OpenTelemetry collector when one is configured.
//! - [`set_parent`], [`inject`] and [`trace_id`] join our spans to the traces of callers and of the services we call.
//! - [`metrics::Metrics`] holds every metric of a service; each instance has its own registry.
//!
//! To add a field to the log, record it on the event or on a span around it: there is no list to extend. To add a
//! metric, add it to `metrics/families.rs` and give it a method in `metrics.rs`. Only spans of level info and above
//! carry fields into the log and are traced.

mod filter;
mod json;
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
    filter::{FilterExt, ParseError},
    layer::SubscriberExt,
    reload,
    util::{SubscriberInitExt, TryInitError},
};

pub use crate::{
    options::{Format, Options},
    propagation::{inject, set_parent, trace_id},
};

/// How long a stopping service waits for the collector to take its last spans.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// What can be wrong with the settings of the log and of the traces.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directives enable nothing which exists.
    #[error("{0:?} is not a log level: error, warn, info, debug, trace, off or directives as in RUST_LOG")]
    Level(String),
    /// The directives cannot be read.
    #[error("the log level {0:?} is invalid")]
    Directives(String, #[source] ParseError),
    /// The log can no longer be changed, as a thread panicked while doing so.
    #[error("the log level cannot be changed")]
    Reload(#[from] reload::Error),
    /// The endpoint is no URL of HTTP.
    #[error("the trace collector's endpoint {0:?} must begin with http:// or https://")]
    Endpoint(String),
    /// A variable of OpenTelemetry cannot be understood.
    #[error("{name} must be {expected}, not {value:?}")]
    Variable { name: &'static str, expected: &'static str, value: String },
    /// The HTTP client of the traces cannot be made.
    #[error("the trace collector's client cannot be set up")]
    Client(#[from] reqwest::Error),
    /// The exporter of the traces cannot be made.
    #[error("the trace exporter cannot be set up")]
    Exporter(#[from] ExporterBuildError),
    /// Somebody in this process has called [`init`] before.
    #[error("the log is already set up")]
    Initialised(#[from] TryInitError),
}

/// Keeps what a running service can still change of its telemetry, and flushes it at the end.
#[derive(Debug)]
#[must_use = "shut it down at the end, or the last spans are lost"]
pub struct Guard {
    level: reload::Handle<EnvFilter, Registry>,
    provider: Option<SdkTracerProvider>,
}

/// Starts the log and, if the environment names a collector, the traces.
///
/// `service` is the program (`shell-api`), `consumer` whom it serves (`shell`). May be called inside or outside an
/// async runtime, once a process.
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

    tracing_subscriber::registry()
        .with(log.with_filter(level.or(filter::spans())))
        .with(provider.as_ref().map(traces::layer))
        .try_init()?;
    Ok(Guard { level: handle, provider })
}

impl Guard {
    /// Changes what is logged from now on. An invalid text changes nothing.
    pub fn set_level(&self, directives: &str) -> Result<(), Error> {
        self.level.reload(filter::directives(directives)?)?;
        Ok(())
    }

    /// Sends the last spans, and gives up after five seconds. Blocks the calling thread meanwhile.
    pub fn shutdown(self) {
        let Some(provider) = self.provider else { return };
        if let Err(error) = provider.shutdown_with_timeout(FLUSH_TIMEOUT) {
            tracing::warn!(error = &error as &dyn std::error::Error, "the last traces could not be sent");
        }
    }
}

#[cfg(test)]
mod tests;
