//! One call to Gitaly: its metadata, its timeout, its retry, its span.
use std::time::{Duration, Instant};

use prost::Message;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status, Streaming};
use tracing::{Instrument, Span};

use super::{Gitaly, token::Token};
use crate::local::is_about_missing_object;
use crate::usage::{Usage, code_name};
use crate::{CallContext, Error, Result};

/// The timeout for a short answer. GitLab calls it fast.
pub(super) const FAST: Duration = Duration::from_secs(10);
/// The timeout for an answer that needs a walk through history. GitLab calls it medium.
pub(super) const MEDIUM: Duration = Duration::from_secs(30);
/// The limit for all the messages of one answer.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Calls Gitaly on behalf of one request.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub gitaly: Gitaly,
    pub context: CallContext,
    /// The repository as the hook sees it.
    pub hook_relative_path: Option<String>,
    /// Whether the request has a quarantine, which only the primary of a Gitaly Cluster knows by this name.
    pub needs_primary: bool,
}

impl Call {
    pub fn channel(&self) -> Channel {
        self.gitaly.channel.clone()
    }

    /// Sends a message and waits for the answer. `limit` is the method's timeout.
    pub async fn send<M: Clone, T>(
        &self,
        method: &'static str,
        limit: Duration,
        message: M,
        send: impl AsyncFn(Request<M>) -> Result<T, Status>,
    ) -> Result<T> {
        let span = self.span(method);
        let started = Instant::now();
        let timeout = self.context.timeout(limit);
        let attempts = async {
            match send(self.request(timeout, message.clone(), &span)).await {
                // Gitaly may have restarted. Every method is safe to repeat.
                Err(status) if is_broken_connection(&status) => {
                    let left = timeout.saturating_sub(started.elapsed());
                    send(self.request(left, message, &span)).await
                }
                outcome => outcome,
            }
        };
        let outcome = tokio::time::timeout(timeout, attempts).instrument(span.clone()).await;
        let outcome = outcome.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
        let code = code_name(outcome.as_ref().err().map_or(Code::Ok, Status::code));
        span.record("rpc.response.status_code", code);
        if outcome.is_err() {
            span.record("error.type", code).record("otel.status_code", "error");
        }
        self.gitaly.observer.notify(Usage::GitalyCall { method, code, duration: started.elapsed() });
        outcome.map_err(|status| match status.code() {
            Code::NotFound => Error::NotFound(method),
            // Gitaly has no status of its own for git's failure.
            Code::Internal if is_about_missing_object(status.message()) => Error::NoSuchObject,
            _ => Error::Gitaly(method, Box::new(status)),
        })
    }

    fn span(&self, method: &'static str) -> Span {
        if Span::current().is_none() {
            // Only the calls of a traced request are traced.
            return Span::none();
        }
        let address = &self.gitaly.address;
        let name = format!("gitaly.{method}");
        tracing::info_span!(
            "gitaly",
            otel.name = name,
            otel.kind = "client",
            rpc.system.name = "grpc",
            rpc.method = name,
            rpc.response.status_code = tracing::field::Empty,
            server.address = address.host.as_str(),
            server.port = address.server_port.map(i64::from),
            "error.type" = tracing::field::Empty,
            otel.status_code = tracing::field::Empty,
        )
    }

    fn request<M>(&self, timeout: Duration, message: M, span: &Span) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(timeout);
        self.write_metadata(request.metadata_mut(), span);
        request
    }

    fn write_metadata(&self, metadata: &mut MetadataMap, span: &Span) {
        if let Some(header) = self.gitaly.token.as_ref().and_then(Token::header) {
            metadata.insert("authorization", header);
        }
        if let Some(path) = &self.hook_relative_path {
            metadata.insert_bin("relative-path-bin", MetadataValue::from_bytes(path.as_bytes()));
        }
        if self.needs_primary {
            let primary_only = MetadataValue::from_static("primary-only");
            metadata.insert("gitaly-route-repository-accessor-policy", primary_only);
        }
        let context = &self.context;
        if let Some(json) = &context.client_context {
            metadata.insert_bin("gitaly-client-context-bin", MetadataValue::from_bytes(json));
        }
        let texts = [
            ("client_name", Some(self.gitaly.client_name.to_owned())),
            ("x-gitlab-correlation-id", context.correlation_id.clone()),
            ("user_id", context.user_id.map(|id| id.to_string())),
            ("username", context.username.clone()),
            ("remote_ip", context.remote_ip.clone()),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text?)));
        for (name, text) in texts.chain(telemetry::inject(span)) {
            // Only logs and traces use these values. One that is not valid in a header, such as a name that is not
            // ASCII, is left out.
            if let Ok(value) = MetadataValue::try_from(text) {
                metadata.insert(name, value);
            }
        }
    }
}

/// Whether the connection failed, and not the call: a status that Gitaly sent has no source.
fn is_broken_connection(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

/// Reads all messages of an answer. An answer that breaks off is an error.
pub(super) async fn read_all<M: Message>(answer: Response<Streaming<M>>) -> Result<Vec<M>, Status> {
    let mut stream = answer.into_inner();
    let (mut messages, mut size) = (Vec::new(), 0);
    while let Some(message) = stream.message().await? {
        size += message.encoded_len();
        if size > MAX_ANSWER_BYTES {
            return Err(Status::resource_exhausted("the answer is too large"));
        }
        messages.push(message);
    }
    Ok(messages)
}
