//! Selects the events that are logged.

use tracing::{Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter,
    filter::{FilterExt, FilterFn, filter_fn},
    layer::Filter,
};

use crate::Error;

/// Libraries that describe their own start and work at level info. By default, only their warnings and errors
/// are logged.
const QUIET: &str = "opentelemetry=warn,actix_server=warn,actix_rt=warn";

/// Parses directives in the syntax of `RUST_LOG`.
pub(crate) fn directives(text: &str) -> Result<EnvFilter, Error> {
    let text = text.trim();
    if text.is_empty() || is_unknown_word(text) {
        return Err(Error::Level(text.to_owned()));
    }
    EnvFilter::builder()
        .parse(format!("{QUIET},{text}"))
        .map_err(|error| Error::Directives(text.to_owned(), error))
}

/// `RUST_LOG` takes a misspelt level (`warning`) for the name of a module, and would log only that module.
fn is_unknown_word(text: &str) -> bool {
    let is_word = text.chars().all(|letter| letter.is_ascii_alphanumeric());
    is_word && text.parse::<LevelFilter>().is_err()
}

/// The filter of the log: the events of this level, and the spans that add fields to lines.
pub(crate) fn log<S: Subscriber>(level: impl Filter<S> + 'static) -> impl Filter<S> {
    level.or(spans()).and(adds_to_lines())
}

/// Spans are enabled at every log level, so that a warning includes the fields of its request.
fn spans() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    let is_span: fn(&Metadata<'_>) -> bool =
        |metadata| metadata.is_span() && *metadata.level() <= LevelFilter::INFO;
    filter_fn(is_span).with_max_level_hint(LevelFilter::INFO)
}

/// A span with nothing but attributes for the tracer is not enabled for the log: it costs nothing while traces
/// are off.
fn adds_to_lines() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    let adds: fn(&Metadata<'_>) -> bool =
        |metadata| metadata.is_event() || metadata.fields().iter().any(|field| !field.name().contains('.'));
    filter_fn(adds).with_max_level_hint(LevelFilter::TRACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_levels_are_errors() {
        for text in ["", " ", "warning", "information", "a=b=c", "storage=loud", "info,[span"] {
            assert!(directives(text).is_err(), "{text:?}");
        }
        for text in
            ["info", "WARN", "off", "3", "info,database=debug", "shell_api::internal", "[request]=debug"]
        {
            assert!(directives(text).is_ok(), "{text:?}");
        }
    }
}
