//! Reads a request body completely, within its size limit, its deadline and the memory budget that all
//! bodies share.
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::{Bytes, BytesMut, Data};
use actix_web::{HttpMessage, HttpRequest};
use futures_util::StreamExt;
use futures_util::future::{FutureExt, LocalBoxFuture, Shared};
use tokio::sync::OwnedSemaphorePermit;

use crate::connection::Connection;
use crate::{Context, RestError, log_field};

/// The time limit for receiving a whole body.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// Bodies up to this many bytes take no room: those of 4,096 connections are 32 MiB.
const FREE_BYTES: usize = 8 * 1024;
/// Bodies up to this many bytes do not count against the budget of large bodies, so that small requests are
/// served while large ones fill it. They have a budget of their own, because 64 KiB for each of 4,096
/// connections would be 256 MiB, as much as the memory limit of a pod.
const SMALL_BYTES: usize = 64 * 1024;
/// The memory, in bytes, for all bodies of at most 64 KiB.
pub const SMALL_BODIES_BUDGET: usize = 16 * 1024 * 1024;

/// A request's share of the budget. It belongs to the request's [`Context`] and is released with it.
#[derive(Debug, Clone, Default)]
pub struct Room(Rc<RefCell<Option<OwnedSemaphorePermit>>>);

impl Room {
    fn bytes(&self) -> usize {
        self.0.borrow().as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// Releases the memory that the body did not need.
    fn shrink_to(&self, bytes: usize) {
        let mut room = self.0.borrow_mut();
        let kept = room.as_mut().and_then(|permit| permit.split(bytes.min(permit.num_permits())));
        *room = kept;
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the bodies of other requests leave no room for this one")]
struct NoRoom;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    TooLarge,
    Timeout,
    Incomplete,
    NoRoom,
}

impl From<Failure> for RestError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::TooLarge => Self::TooLarge,
            Failure::Timeout => Self::BodyTimeout,
            Failure::Incomplete => Self::BadRequest("the body is incomplete".to_owned()),
            Failure::NoRoom => Self::Unavailable(Box::new(NoRoom)),
        }
    }
}

type Reading = Shared<LocalBoxFuture<'static, Result<Bytes, Failure>>>;

#[derive(Clone)]
struct Stored(Reading);

/// Reads the body when it is first polled. Several extractors of one request may call this; the body is read
/// once.
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
    let request = request.clone();
    Box::pin(async move {
        let bytes = reading.clone().await?;
        // Only the extractor keeps the body, so that its buffer can be reused and freed.
        let stored = request.extensions_mut().remove::<Stored>();
        drop((stored, reading));
        Ok(bytes)
    })
}

fn start(request: &HttpRequest, payload: Payload) -> Reading {
    let context = Context::of(request);
    let body = Body {
        payload,
        limit: context.as_ref().map_or(0, |context| context.max_body),
        announced: announced_length(request),
        core: request.app_data::<Data<crate::Shared>>().cloned(),
        room: context.as_ref().map(|context| context.room.clone()).unwrap_or_default(),
        connection: Connection::of(request).cloned(),
    };
    async move {
        if let Some(context) = &context {
            context.begin_body();
        }
        let body = body.read().await;
        if let Ok(bytes) = &body
            && !bytes.is_empty()
        {
            log_field("received_bytes", bytes.len());
        }
        if let Some(context) = context {
            context.begin_work();
        }
        body
    }
    .boxed_local()
    .shared()
}

fn announced_length(request: &HttpRequest) -> Option<usize> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A body that has not been read yet.
struct Body {
    payload: Payload,
    limit: usize,
    announced: Option<usize>,
    core: Option<Data<crate::Shared>>,
    room: Room,
    connection: Option<Rc<Connection>>,
}

impl Body {
    async fn read(mut self) -> Result<Bytes, Failure> {
        if self.announced.is_some_and(|length| length > self.limit) {
            return Err(Failure::TooLarge);
        }
        if let Some(length) = self.announced.filter(|length| *length > FREE_BYTES) {
            self.take_room(length).await?;
        }
        tokio::time::timeout(DEADLINE, self.collect()).await.unwrap_or(Err(Failure::Timeout))
    }

    async fn collect(&mut self) -> Result<Bytes, Failure> {
        let mut body = BytesMut::with_capacity(self.announced.unwrap_or(0));
        self.want(true);
        while let Some(chunk) = self.next_chunk().await {
            let chunk = chunk?;
            let length = body.len() + chunk.len();
            if length > self.limit {
                return Err(Failure::TooLarge);
            }
            if self.announced.is_none() && self.room_for(length) > self.room.bytes() {
                self.want(false);
                self.take_room(self.room_for(length)).await?;
                self.want(true);
            }
            body.extend_from_slice(&chunk);
        }
        self.room.shrink_to(body.len());
        Ok(body.freeze())
    }

    async fn next_chunk(&mut self) -> Option<Result<Bytes, Failure>> {
        poll_fn(|task| {
            if self.connection.as_ref().is_some_and(|connection| connection.poll_broken_body(task)) {
                return Poll::Ready(Some(Err(Failure::Incomplete)));
            }
            self.payload.poll_next_unpin(task).map(|chunk| Some(chunk?.map_err(|_| Failure::Incomplete)))
        })
        .await
    }

    /// While the body is not wanted, the listener reads only a few bytes of it.
    fn want(&self, is_wanted: bool) {
        if let Some(connection) = &self.connection {
            connection.want_body(is_wanted);
        }
    }

    /// The room that a chunked body takes once it has this many bytes.
    fn room_for(&self, length: usize) -> usize {
        if length <= FREE_BYTES {
            0
        } else if length <= SMALL_BYTES {
            SMALL_BYTES
        } else {
            self.limit
        }
    }

    async fn take_room(&self, bytes: usize) -> Result<(), Failure> {
        let Some(core) = &self.core else { return Ok(()) };
        let budget = if bytes <= SMALL_BYTES { &core.small_body_budget } else { &core.body_budget };
        let permit = budget.take(bytes).await.ok_or(Failure::NoRoom)?;
        self.room.0.replace(Some(permit));
        Ok(())
    }
}
