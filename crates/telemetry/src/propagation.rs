//! Propagates the W3C trace context from and to other services.

use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Makes the caller's `traceparent` the parent of `span`. Call this before the span is entered.
///
/// `header` returns a request header by its lower-case name. A request without a valid `traceparent` starts
/// a new trace.
pub fn set_parent(span: &Span, header: impl Fn(&str) -> Option<String>) {
    let Some(parent) = header(TRACEPARENT) else { return };
    let headers = Headers { parent, state: header(TRACESTATE) };
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &headers);
    if context.span().span_context().is_valid() {
        // This fails only while traces are disabled.
        let _ = span.set_parent(context);
    }
}

/// The headers `traceparent` and `tracestate` for a call made within `span`. Empty if traces are disabled.
pub fn inject(span: &Span) -> Vec<(&'static str, String)> {
    let mut headers = std::collections::HashMap::new();
    TraceContextPropagator::new().inject_context(&span.context(), &mut headers);
    [TRACEPARENT, TRACESTATE]
        .into_iter()
        .filter_map(|name| Some((name, headers.remove(name)?)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// The id of the trace of `span`: 32 hexadecimal digits, or `None` if traces are disabled.
pub fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let span_ref = context.span();
    let span_context = span_ref.span_context();
    span_context.is_valid().then(|| span_context.trace_id().to_string())
}

struct Headers {
    parent: String,
    state: Option<String>,
}

impl Extractor for Headers {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            TRACEPARENT => Some(&self.parent),
            TRACESTATE => self.state.as_deref(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT, TRACESTATE]
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// Runs `act` with traces on.
    fn traced(act: impl FnOnce()) {
        let provider = SdkTracerProvider::builder().build();
        let subscriber = tracing_subscriber::registry().with(crate::traces::layer(&provider));
        tracing::subscriber::with_default(subscriber, act);
    }

    fn span_of_request(parent: Option<&'static str>) -> Span {
        let span = tracing::info_span!(parent: None, "request");
        set_parent(&span, |name| parent.filter(|_| name == "traceparent").map(str::to_owned));
        span
    }

    #[test]
    fn trace_of_the_caller_continues() {
        traced(|| {
            let span = span_of_request(Some(PARENT));
            assert_eq!(trace_id(&span).unwrap(), "0af7651916cd43dd8448eb211c80319c");
            let headers = inject(&span);
            let [(TRACEPARENT, onward)] = headers.as_slice() else { panic!("{headers:?}") };
            assert!(onward.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{onward}");
            assert!(onward.ends_with("-01") && onward.len() == PARENT.len() && onward != PARENT, "{onward}");
        });
    }

    #[test]
    fn no_or_a_broken_header_starts_a_trace() {
        traced(|| {
            let (first, second) = (span_of_request(None), span_of_request(Some("00-zz-01")));
            assert_eq!(trace_id(&first).unwrap().len(), 32);
            assert_ne!(trace_id(&first), trace_id(&second));
        });
    }

    #[test]
    fn no_trace_context_is_sent_while_traces_are_off() {
        tracing::subscriber::with_default(tracing_subscriber::registry(), || {
            let span = span_of_request(Some(PARENT));
            assert_eq!((trace_id(&span), inject(&span)), (None, Vec::new()));
        });
        assert_eq!((trace_id(&Span::none()), inject(&Span::none())), (None, Vec::new()));
    }
}
