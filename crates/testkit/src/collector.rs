//! A receiver of traces: OTLP over HTTP with protobuf.
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1 as otlp;
use prost::Message;
use serde_json::{Map, Value, json};

/// A receiver of traces, which stores the bodies of requests.
#[derive(Debug)]
pub struct Collector {
    pub endpoint: String,
    bodies: Receiver<Vec<u8>>,
}

/// A received span.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub name: String,
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub id: String,
    /// The id of the parent. Empty for the first span of a trace.
    pub parent_id: String,
    /// `SERVER`, `CLIENT` or `INTERNAL`.
    pub kind: String,
    pub is_error: bool,
    /// The attributes. An integer and a double are numbers, and only a double has a fraction.
    pub attributes: Map<String, Value>,
    /// The attributes of the service.
    pub resource: Map<String, Value>,
}

impl Collector {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let endpoint = format!("http://{}", listener.local_addr().expect("the port is bound"));
        let (sender, bodies) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some((body, mut stream)) = receive(stream) else { continue };
                // The body is stored before the service gets the response.
                if sender.send(body).is_err() {
                    return;
                }
                // A service that has ended does not read the response.
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
        });
        Self { endpoint, bodies }
    }

    /// The spans that have not been read yet. A service has sent its last spans before it ends.
    pub fn rest(&self) -> Vec<Span> {
        self.bodies.try_iter().flat_map(|body| decode(&body)).collect()
    }
}

fn decode(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).expect("an OTLP request");
    let mut spans = Vec::new();
    for resource_spans in request.resource_spans {
        let resource = resource_spans.resource.map(|resource| attributes(resource.attributes));
        for scope in resource_spans.scope_spans {
            let resource = resource.clone().unwrap_or_default();
            spans.extend(scope.spans.into_iter().map(|span| Span::new(span, resource.clone())));
        }
    }
    spans
}

impl Span {
    fn new(span: otlp::Span, resource: Map<String, Value>) -> Self {
        let kind = span.kind().as_str_name().trim_start_matches("SPAN_KIND_").to_owned();
        let is_error = span.status.is_some_and(|status| status.code() == otlp::status::StatusCode::Error);
        Self {
            name: span.name,
            trace_id: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent_id: hex(&span.parent_span_id),
            kind,
            is_error,
            attributes: attributes(span.attributes),
            resource,
        }
    }
}

fn attributes(pairs: Vec<KeyValue>) -> Map<String, Value> {
    pairs.into_iter().map(|pair| (pair.key, value(pair.value))).collect()
}

fn value(value: Option<AnyValue>) -> Value {
    match value.and_then(|value| value.value) {
        Some(Any::StringValue(text)) => json!(text),
        Some(Any::BoolValue(yes)) => json!(yes),
        Some(Any::IntValue(number)) => json!(number),
        Some(Any::DoubleValue(number)) => json!(number),
        other => panic!("no attribute has a value like {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn receive(stream: TcpStream) -> Option<(Vec<u8>, TcpStream)> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((body, stream))
}
