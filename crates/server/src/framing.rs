//! A guard against request smuggling through chunked bodies.
//!
//! actix-http before 3.21.3 (CVE-2026-134342) takes `0\r\n\n` for the start of trailers: the head of the
//! next request on the connection is read as trailers, and its body as a request. Therefore the next request
//! on such a connection is never handled, and the response asks a well-behaved client to open a new
//! connection. Closing after the response would not be enough, because actix-http processes what it has
//! already read.
use std::any::Any;
use std::cell::Cell;

use actix_web::HttpResponse;
use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::http::header::TRANSFER_ENCODING;
use serde_json::json;

/// Whether a connection has carried a request with `Transfer-Encoding`.
#[derive(Debug, Default)]
struct Connection {
    is_used_up: Cell<bool>,
}

/// How far a request's position in its connection can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The request's framing is reliable.
    Certain,
    /// The end of this request is uncertain, so no later request on the connection may be handled.
    LastOfConnection,
    /// The previous request had an uncertain end, so its sender may have forged this one.
    Untrusted,
}

/// Called for each new connection.
pub(crate) fn on_connect(_: &dyn Any, extensions: &mut Extensions) {
    extensions.insert(Connection::default());
}

/// Checks a request's framing and updates the state of its connection.
pub(crate) fn inspect(request: &ServiceRequest) -> Framing {
    let Some(connection) = request.request().conn_data::<Connection>() else { return Framing::Certain };
    let is_chunked = request.headers().contains_key(TRANSFER_ENCODING);
    match (connection.is_used_up.replace(connection.is_used_up.get() || is_chunked), is_chunked) {
        (true, _) => Framing::Untrusted,
        (false, true) => Framing::LastOfConnection,
        (false, false) => Framing::Certain,
    }
}

/// The response to a request with untrusted framing.
pub(crate) fn refusal() -> HttpResponse {
    HttpResponse::BadRequest()
        .force_close()
        .json(json!({ "message": "400 Bad request - the connection has carried a chunked body" }))
}

#[cfg(test)]
mod tests {
    /// The guard has a cost: clients that send chunked bodies open a connection for each request.
    #[test]
    fn guard_is_needed_for_the_locked_actix_http() {
        let lock = include_str!("../../../Cargo.lock");
        let version = lock.split("name = \"actix-http\"\nversion = \"").nth(1).unwrap();
        let version = version.split('"').next().unwrap();
        let numbers: Vec<u32> = version.split('.').map(|number| number.parse().unwrap()).collect();
        assert!(
            numbers.as_slice() < [3, 21, 3].as_slice(),
            "actix-http {version} reads chunked bodies as RFC 9112 says: remove server::framing, its calls and this test"
        );
    }
}
