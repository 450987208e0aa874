//! Selects the events that are logged.

use tracing::{Metadata, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter,
    filter::{FilterFn, filter_fn},
};

use crate::Error;

/// OpenTelemetry logs a lot at level info, so only its warnings and errors are logged by default.
const QUIET: &str = "opentelemetry=warn";

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

/// Spans are enabled at every log level, so that a warning includes the fields of its request.
pub(crate) fn spans() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    let is_span: fn(&Metadata<'_>) -> bool =
        |metadata| metadata.is_span() && *metadata.level() <= LevelFilter::INFO;
    filter_fn(is_span).with_max_level_hint(LevelFilter::INFO)
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
