use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::tests::Collector;

fn settings(variables: &[(&str, &str)]) -> Result<Option<Settings>, Error> {
    Settings::from_environment(|name| {
        variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    })
}

fn to(endpoint: &str) -> Settings {
    settings(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]).unwrap().unwrap()
}

#[test]
fn traces_are_off_without_an_endpoint() {
    assert!(settings(&[("OTEL_TRACES_SAMPLER", "always_on")]).unwrap().is_none());
    assert!(settings(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]).unwrap().is_none());
    for switch in [("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_TRACES_EXPORTER", "none")] {
        assert!(settings(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"), switch]).unwrap().is_none());
    }
}

#[test]
fn the_endpoint_of_traces_is_taken_as_it_is() {
    let both = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t/x"),
    ];
    assert_eq!(settings(&both).unwrap().unwrap().endpoint, "https://t/x");
    assert_eq!(to("http://c:4318/").endpoint, "http://c:4318/v1/traces");
    let wrong = settings(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4318")]);
    assert!(matches!(wrong, Err(Error::Endpoint(_))), "{wrong:?}");
}

#[test]
fn invalid_variable_is_an_error() {
    for (name, text) in [
        ("OTEL_TRACES_EXPORTER", "jaeger"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_TRACES_SAMPLER", "xray"),
        ("OTEL_TRACES_SAMPLER_ARG", "half"),
        ("OTEL_TRACES_SAMPLER_ARG", "-0.1"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.1"),
        ("OTEL_TRACES_SAMPLER_ARG", "NaN"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0"),
    ] {
        let read = settings(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"), (name, text)]);
        assert!(
            matches!(&read, Err(Error::Variable { name: named, .. }) if *named == name),
            "{name} {text} {read:?}"
        );
    }
}

/// The names of the spans that reach the collector with these variables: two roots, and one whose caller is sampled.
fn sampled(variables: &[(&str, &str)]) -> Vec<String> {
    let collector = Collector::start();
    let endpoint = collector.endpoint();
    let variables = [variables, &[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())]].concat();
    let provider = settings(&variables).unwrap().unwrap().provider("shell-api", "1.2.3").unwrap();
    let subscriber = tracing_subscriber::registry().with(layer(&provider));
    tracing::subscriber::with_default(subscriber, || {
        tracing::info_span!("first").in_scope(|| tracing::debug_span!("too small").in_scope(|| ()));
        tracing::info_span!("second", otel.name = "GET /-/health").in_scope(|| ());
        tracing::info_span!(target: "hyper::client", "loop").in_scope(|| ());
        let joined = tracing::info_span!("joined");
        crate::set_parent(&joined, |name| {
            (name == "traceparent").then(|| "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into())
        });
    });
    provider.shutdown().unwrap();
    collector.spans().into_iter().map(|span| span.name).collect()
}

#[test]
fn each_sampler_has_its_effect() {
    let (all, only_joined, none): (&[&str], &[&str], &[&str]) =
        (&["first", "GET /-/health", "joined"], &["joined"], &[]);
    for (sampler, ratio, expected) in [
        (None, None, all),
        (None, Some("1"), all),
        (None, Some("0"), only_joined),
        (Some("always_on"), Some("0"), all),
        (Some("always_off"), None, none),
        (Some("traceidratio"), Some("0"), none),
        (Some("traceidratio"), None, all),
        (Some("parentbased_always_on"), None, all),
        (Some("parentbased_always_off"), None, only_joined),
        (Some("parentbased_traceidratio"), Some("0"), only_joined),
    ] {
        let sampler = sampler.map(|sampler| ("OTEL_TRACES_SAMPLER", sampler));
        let ratio = ratio.map(|ratio| ("OTEL_TRACES_SAMPLER_ARG", ratio));
        let variables: Vec<_> = sampler.into_iter().chain(ratio).collect();
        assert_eq!(sampled(&variables), expected, "{variables:?}");
    }
}

#[test]
fn unresponsive_collector_does_not_delay_spans() {
    // Accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let provider = to(&endpoint).provider("shell-api", "1.2.3").unwrap();
    let subscriber = tracing_subscriber::registry().with(layer(&provider));

    let start = Instant::now();
    tracing::subscriber::with_default(subscriber, || {
        for number in 0..10_000 {
            tracing::info_span!("request", number).in_scope(|| ());
        }
    });
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());

    let start = Instant::now();
    let flushed = provider.shutdown_with_timeout(crate::FLUSH_TIMEOUT);
    assert!(flushed.is_err() && start.elapsed() < Duration::from_secs(45), "{:?}", start.elapsed());
}
