//! A request's body: whole, within its size and its time.
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::{Bytes, BytesMut};
use actix_web::{HttpMessage, HttpRequest};
use futures_util::StreamExt;
use futures_util::future::{FutureExt, LocalBoxFuture, Shared};

use crate::{Context, RestError};

/// How long a body may take to come, as a whole.
pub const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failed {
    TooLarge,
    Timeout,
    Broken,
}

type Reading = Shared<LocalBoxFuture<'static, Result<Bytes, Failed>>>;

#[derive(Clone)]
struct Stored(Reading);

/// Reads the body when it is polled first. Several extractors of one request may ask: it is read once.
pub fn read(
    request: &HttpRequest,
    payload: &mut Payload,
) -> Pin<Box<dyn Future<Output = Result<Bytes, RestError>>>> {
    let stored = request.extensions().get::<Stored>().cloned();
    let Stored(reading) = stored.unwrap_or_else(|| {
        let stored = Stored(start(request, payload.take()));
        request.extensions_mut().insert(stored.clone());
        stored
    });
    Box::pin(async move {
        reading.await.map_err(|failed| match failed {
            Failed::TooLarge => RestError::TooLarge,
            Failed::Timeout => RestError::BodyTimeout,
            Failed::Broken => RestError::BadRequest("the body is incomplete".to_owned()),
        })
    })
}

fn start(request: &HttpRequest, mut payload: Payload) -> Reading {
    let context = Context::of(request);
    let limit = context.as_ref().map_or(0, |context| context.max_body);
    let announced =
        request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let read = async move {
        if announced.is_some_and(|length| length > limit) {
            return Err(Failed::TooLarge);
        }
        let mut body = BytesMut::with_capacity(announced.unwrap_or(0));
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| Failed::Broken)?;
            if body.len() + chunk.len() > limit {
                return Err(Failed::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    async move {
        let body = tokio::time::timeout(DEADLINE, read).await.unwrap_or(Err(Failed::Timeout));
        if let Some(context) = context {
            context.begin_work();
        }
        body
    }
    .boxed_local()
    .shared()
}
