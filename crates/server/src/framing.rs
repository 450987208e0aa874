//! A guard against request smuggling through chunked bodies.
//!
//! actix-http before 3.21.3 (CVE-2026-134342) takes `0\r\n\n` for the start of trailers: the head of the
//! next request on the connection is read as trailers, and its body as a request. Therefore the next request
//! on such a connection is never handled, and the response asks a well-behaved client to open a new
//! connection. Closing after the response would not be enough, because actix-http processes what it has
//! already read.
use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use endpoint::connection::{BodyFraming, Connection};
use serde_json::json;

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

/// Checks a request's framing and updates the state of its connection.
pub(crate) fn inspect(request: &ServiceRequest) -> Framing {
    let Some(connection) = Connection::of(request.request()) else { return Framing::Certain };
    let is_chunked = request.headers().contains_key(TRANSFER_ENCODING);
    let has_carried_chunks = connection.has_carried_chunks.get();
    match (connection.has_carried_chunks.replace(has_carried_chunks || is_chunked), is_chunked) {
        (true, _) => Framing::Untrusted,
        (false, true) => Framing::LastOfConnection,
        (false, false) => Framing::Certain,
    }
}

/// How the request's body ends. These are the rules of actix-http, which has read the same head.
pub(crate) fn of_body(request: &ServiceRequest) -> BodyFraming {
    let header = |name| request.headers().get(name)?.to_str().ok().map(str::trim);
    let length = header(CONTENT_LENGTH).and_then(|length| length.parse().ok()).unwrap_or(0);
    if request.headers().contains_key(TRANSFER_ENCODING) {
        BodyFraming::Chunked
    } else if header(UPGRADE).is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
        || (request.method() == Method::CONNECT && length == 0)
    {
        BodyFraming::UntilClose
    } else {
        BodyFraming::Length(length)
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
