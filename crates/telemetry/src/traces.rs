//! Exports spans to an OpenTelemetry collector: OTLP over HTTP, in batches, on its own thread.

use std::{panic, thread, time::Duration};

use opentelemetry::{Key, KeyValue, trace::TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    resource::{EnvResourceDetector, ResourceDetector},
    trace::{Sampler, SdkTracerProvider},
};
use reqwest::blocking::Client;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use crate::Error;

/// Crates that the exporter uses. Tracing their spans would create new spans without end.
const SENDERS: [&str; 5] = ["opentelemetry", "tracing_opentelemetry", "reqwest", "hyper", "h2"];

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const RATIO: &str = "OTEL_TRACES_SAMPLER_ARG";
const SAMPLERS: &str = "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or \
    parentbased_traceidratio";

/// OpenTelemetry's [environment variables](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/)
/// that have an effect. The SDK itself reads `OTEL_RESOURCE_ATTRIBUTES` and the headers of the exporter.
pub const VARIABLES: [&str; 14] = [
    "OTEL_SDK_DISABLED",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_EXPORTER",
    SAMPLER,
    RATIO,
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
];

/// The settings of the exporter.
#[derive(Debug)]
pub(crate) struct Settings {
    endpoint: String,
    sampler: Sampler,
    /// The timeout of one request to the collector.
    timeout: Duration,
    service_name: Option<String>,
}

impl Settings {
    /// Reads OpenTelemetry's standard environment variables. Returns `None` if no endpoint is set, or if
    /// traces are switched off.
    pub(crate) fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Error> {
        let value = |name| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        // Every variable is checked, also while traces are off.
        let exports = exports(value("OTEL_TRACES_EXPORTER"))?;
        for name in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
            check_protocol(name, value(name))?;
        }
        let sampler = sampler(value(SAMPLER), value(RATIO).map(ratio).transpose()?)?;
        let timeout = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"]
            .into_iter()
            .find_map(|name| Some(milliseconds(name, value(name)?)))
            .unwrap_or(Ok(Duration::from_secs(10)))?;
        let base = || value("OTEL_EXPORTER_OTLP_ENDPOINT");
        let endpoint = value("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
            .or_else(|| base().map(|base| format!("{}/v1/traces", base.trim_end_matches('/'))));
        let is_disabled = value("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let Some(endpoint) = endpoint.filter(|_| exports && !is_disabled) else { return Ok(None) };
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(Error::Endpoint(endpoint));
        }
        Ok(Some(Self { endpoint, sampler, timeout, service_name: value("OTEL_SERVICE_NAME") }))
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
        // The builder reads OTEL_RESOURCE_ATTRIBUTES. A service name there counts only without OTEL_SERVICE_NAME.
        let name = self.service_name.clone().or_else(service_name_attribute);
        let resource = Resource::builder()
            .with_service_name(name.unwrap_or_else(|| service.to_owned()))
            .with_attribute(KeyValue::new("service.version", version.to_owned()))
            .build();
        let builder = SdkTracerProvider::builder().with_resource(resource).with_sampler(self.sampler.clone());
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

/// The service name in `OTEL_RESOURCE_ATTRIBUTES`.
fn service_name_attribute() -> Option<String> {
    let attributes = EnvResourceDetector::new().detect();
    attributes.get(&Key::from_static_str("service.name")).map(|value| value.to_string())
}

/// Whether spans are exported. There is one exporter.
fn exports(exporter: Option<String>) -> Result<bool, Error> {
    match exporter.as_deref() {
        None | Some("otlp") => Ok(true),
        Some("none") => Ok(false),
        Some(_) => {
            let (name, expected) = ("OTEL_TRACES_EXPORTER", "otlp or none");
            Err(Error::Variable { name, expected, value: exporter.unwrap_or_default() })
        }
    }
}

fn check_protocol(name: &'static str, protocol: Option<String>) -> Result<(), Error> {
    match protocol {
        Some(value) if value != "http/protobuf" => {
            Err(Error::Variable { name, expected: "http/protobuf", value })
        }
        _ => Ok(()),
    }
}

/// The sampler. A ratio without a sampler is that of new traces, as in earlier releases.
fn sampler(name: Option<String>, ratio: Option<f64>) -> Result<Sampler, Error> {
    let parent_based = |root| Sampler::ParentBased(Box::new(root));
    let by_ratio = Sampler::TraceIdRatioBased(ratio.unwrap_or(1.0));
    Ok(match name.as_deref() {
        None if ratio.is_some() => parent_based(by_ratio),
        None | Some("parentbased_always_on") => parent_based(Sampler::AlwaysOn),
        Some("parentbased_always_off") => parent_based(Sampler::AlwaysOff),
        Some("parentbased_traceidratio") => parent_based(by_ratio),
        Some("always_on") => Sampler::AlwaysOn,
        Some("always_off") => Sampler::AlwaysOff,
        Some("traceidratio") => by_ratio,
        Some(_) => {
            let value = name.unwrap_or_default();
            return Err(Error::Variable { name: SAMPLER, expected: SAMPLERS, value });
        }
    })
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
    // The span of a request has all that its line in the log says.
    let is_access_line = metadata.is_event() && metadata.target() == "access";
    *metadata.level() <= least
        && !is_access_line
        && !SENDERS.iter().any(|name| metadata.target().starts_with(name))
}

#[cfg(test)]
mod tests;
