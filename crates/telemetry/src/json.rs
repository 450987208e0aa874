//! The machine-readable log: one flat JSON object per line.

mod fields;

use std::{borrow::Cow, io::Write, time::SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use opentelemetry::{Context as TraceContext, trace::TraceContextExt};
use serde::ser::{Serialize, SerializeMap, Serializer};
use tracing::{Event, Level, Metadata, Subscriber, span};
use tracing_subscriber::{Layer, fmt::MakeWriter, layer::Context, registry::LookupSpan};

use fields::Fields;

/// Writes each event with one call of `write`, so that lines of different threads do not mix.
pub(crate) struct JsonLayer<W> {
    service: &'static str,
    consumer: &'static str,
    writer: W,
}

impl<W> JsonLayer<W> {
    pub(crate) fn new(service: &'static str, consumer: &'static str, writer: W) -> Self {
        Self { service, consumer, writer }
    }

    /// Formats the event as JSON with a trailing line feed. If a name occurs more than once, the first value
    /// counts: the fixed fields, then the event, then its spans from the innermost to the outermost.
    fn line<S>(&self, event: &Event<'_>, context: &Context<'_, S>) -> serde_json::Result<Vec<u8>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let metadata = event.metadata();
        let mut fields = Fields::collect(|visitor| event.record(visitor));
        let message = fields.take("message").unwrap_or_else(|| name(metadata).into());
        let timestamp = DateTime::<Utc>::from(SystemTime::now()).to_rfc3339_opts(SecondsFormat::Millis, true);

        let mut line = Vec::with_capacity(512);
        let mut serializer = serde_json::Serializer::new(&mut line);
        let mut entries = Entries { map: serializer.serialize_map(None)?, seen: Vec::with_capacity(32) };
        entries.put("timestamp", &timestamp)?;
        entries.put("severity", severity(metadata))?;
        entries.put("message", &message)?;
        entries.put("service_name", self.service)?;
        entries.put("consumer", self.consumer)?;
        entries.put_all(&fields)?;
        // OpenTelemetry may log while it holds its own locks, so its events do not access the spans.
        if !is_of_opentelemetry(metadata) {
            for span in context.event_scope(event).into_iter().flatten() {
                if let Some(fields) = span.extensions().get::<Fields>() {
                    entries.put_all(fields)?;
                }
            }
            let trace = TraceContext::current().span().span_context().clone();
            if trace.is_valid() {
                entries.put("trace_id", &trace.trace_id().to_string())?;
            }
        }
        entries.map.end()?;
        line.push(b'\n');
        Ok(line)
    }
}

impl<S, W> Layer<S> for JsonLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let fields = Fields::collect(|visitor| attributes.record(visitor));
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        let recorded = Fields::collect(|visitor| values.record(visitor));
        if !recorded.is_empty()
            && let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            fields.update(recorded);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if let Ok(line) = self.line(event, &context) {
            // A failure to write the log cannot be reported anywhere.
            let _ = self.writer.make_writer().write_all(&line);
        }
    }
}

/// A JSON object under construction. Each key is written once.
struct Entries<M> {
    map: M,
    seen: Vec<Cow<'static, str>>,
}

impl<M: SerializeMap> Entries<M> {
    fn put<V: Serialize + ?Sized>(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        value: &V,
    ) -> Result<(), M::Error> {
        let key = key.into();
        if self.seen.contains(&key) {
            return Ok(());
        }
        self.map.serialize_entry(key.as_ref(), value)?;
        self.seen.push(key);
        Ok(())
    }

    fn put_all(&mut self, fields: &Fields) -> Result<(), M::Error> {
        fields.iter().try_for_each(|(key, value)| self.put(key.clone(), value))
    }
}

/// Downgrades errors of OpenTelemetry to warnings.
fn severity(metadata: &Metadata<'_>) -> &'static str {
    match *metadata.level() {
        Level::ERROR if is_of_opentelemetry(metadata) => "warn",
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG | Level::TRACE => "debug",
    }
}

fn is_of_opentelemetry(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("opentelemetry")
}

/// Replaces the message of an event without one with the event's name, unless that is only a source
/// location.
fn name(metadata: &Metadata<'_>) -> &'static str {
    let name = metadata.name();
    if name.starts_with("event ") { "" } else { name }
}

#[cfg(test)]
mod tests;
