//! Exports spans to an OpenTelemetry collector: OTLP over HTTP, in batches, on its own thread.

use std::{panic, thread, time::Duration};

use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use reqwest::blocking::Client;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use crate::Error;

const RATIO: &str = "OTEL_TRACES_SAMPLER_ARG";

/// Crates that the exporter uses. Tracing their spans would create new spans without end.
const SENDERS: [&str; 5] = ["opentelemetry", "tracing_opentelemetry", "reqwest", "hyper", "h2"];

/// The endpoint and sampling settings of the exporter.
#[derive(Debug, PartialEq)]
pub(crate) struct Settings {
    endpoint: String,
    ratio: f64,
    /// The timeout of one request to the collector.
    timeout: Duration,
    service_name: Option<String>,
}

impl Settings {
    /// Reads OpenTelemetry's standard environment variables. Returns `None` if no endpoint is set.
    pub(crate) fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Error> {
        let value = |name| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let base = || value("OTEL_EXPORTER_OTLP_ENDPOINT");
        let Some(endpoint) = value("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
            .or_else(|| base().map(|base| format!("{}/v1/traces", base.trim_end_matches('/'))))
        else {
            return Ok(None);
        };
        if value("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(Error::Endpoint(endpoint));
        }
        let ratio = value(RATIO).map_or(Ok(1.0), ratio)?;
        let timeout = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"]
            .into_iter()
            .find_map(|name| Some(milliseconds(name, value(name)?)))
            .unwrap_or(Ok(Duration::from_secs(10)))?;
        Ok(Some(Self { endpoint, ratio, timeout, service_name: value("OTEL_SERVICE_NAME") }))
    }

    /// Starts the thread that exports spans. If the collector does not respond, spans are lost, but no
    /// request is delayed.
    pub(crate) fn provider(&self, service: &'static str, version: &str) -> Result<SdkTracerProvider, Error> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(self.client()?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&self.endpoint)
            .with_timeout(self.timeout)
            .build()?;
        let resource = Resource::builder()
            .with_service_name(self.service_name.clone().unwrap_or_else(|| service.to_owned()))
            .with_attribute(KeyValue::new("service.version", version.to_owned()))
            .build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(self.ratio)));
        let builder = SdkTracerProvider::builder().with_resource(resource).with_sampler(sampler);
        Ok(builder.with_batch_exporter(exporter).build())
    }

    fn client(&self) -> Result<Client, Error> {
        let mut builder = Client::builder().timeout(self.timeout);
        if self.endpoint.starts_with("http://") {
            // Otherwise an image without CA certificates could not even send over plain HTTP.
            builder = builder.tls_certs_only([]);
        }
        // The blocking client panics if it is built inside an async runtime.
        let built = thread::scope(|scope| scope.spawn(|| builder.build()).join());
        Ok(built.unwrap_or_else(|payload| panic::resume_unwind(payload))?)
    }
}

fn ratio(value: String) -> Result<f64, Error> {
    match value.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err(Error::Variable { name: RATIO, expected: "a number from 0 to 1", value }),
    }
}

fn milliseconds(name: &'static str, value: String) -> Result<Duration, Error> {
    match value.parse() {
        Ok(milliseconds) if milliseconds > 0 => Ok(Duration::from_millis(milliseconds)),
        _ => Err(Error::Variable { name, expected: "a number of milliseconds", value }),
    }
}

/// Converts `tracing` spans to OpenTelemetry spans, and warnings inside them to span events.
pub(crate) fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("internal-api"))
        .with_location(false)
        .with_target(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(is_traced))
}

fn is_traced(metadata: &Metadata<'_>) -> bool {
    let least = if metadata.is_span() { Level::INFO } else { Level::WARN };
    *metadata.level() <= least && !SENDERS.iter().any(|name| metadata.target().starts_with(name))
}

#[cfg(test)]
mod tests;
