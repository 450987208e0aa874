//! What the listener and the handler of a request tell each other about their connection.
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};

use actix_web::HttpRequest;

/// How the end of a request's body is found (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFraming {
    /// The number of bytes.
    Length(u64),
    Chunked,
    UntilClose,
}

/// The state of a connection. The listener stores it in the connection's data.
#[derive(Debug, Default)]
pub struct Connection {
    is_tls: bool,
    /// Whether the connection has carried a chunked body.
    pub has_carried_chunks: Cell<bool>,
    /// Whether the head of the request has taken memory from the budget for large heads.
    pub has_large_head: Cell<bool>,
    framing: Cell<Option<BodyFraming>>,
    is_busy: Cell<bool>,
    is_body_wanted: Cell<bool>,
    is_body_broken: Cell<bool>,
    listener: RefCell<Option<Waker>>,
    handler: RefCell<Option<Waker>>,
}

impl Connection {
    pub fn new(is_tls: bool) -> Self {
        Self { is_tls, ..Self::default() }
    }

    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Returns the connection of a request. Only requests of unit tests have none.
    pub fn of(request: &HttpRequest) -> Option<&Rc<Self>> {
        request.conn_data()
    }

    /// Tells the listener that a request is being handled, until the returned value is dropped, and how the
    /// request's body ends.
    pub fn begin_request(self: &Rc<Self>, framing: BodyFraming) -> Busy {
        self.framing.set(Some(framing));
        self.is_busy.set(true);
        self.is_body_wanted.set(false);
        wake(&self.listener);
        Busy(Rc::clone(self))
    }

    /// Tells the listener whether the body may be read as fast as it comes.
    pub fn want_body(&self, is_wanted: bool) {
        self.is_body_wanted.set(is_wanted);
        wake(&self.listener);
    }

    /// Whether the body ends before its end, or its chunks are malformed. Otherwise registers the task to be
    /// woken when that happens.
    pub fn poll_broken_body(&self, task: &Context<'_>) -> bool {
        if !self.is_body_broken.get() {
            self.handler.replace(Some(task.waker().clone()));
        }
        self.is_body_broken.get()
    }

    /// Returns the framing of the body that follows, once the request is being handled.
    pub fn take_framing(&self) -> Option<BodyFraming> {
        self.framing.take()
    }

    pub fn is_busy(&self) -> bool {
        self.is_busy.get()
    }

    pub fn is_body_wanted(&self) -> bool {
        self.is_body_wanted.get()
    }

    pub fn is_body_broken(&self) -> bool {
        self.is_body_broken.get()
    }

    /// Tells the handler that the rest of the body will not come.
    pub fn break_body(&self) {
        self.is_body_broken.set(true);
        wake(&self.handler);
    }

    /// Registers the listener's task to be woken when the state changes.
    pub fn register_listener(&self, task: &Context<'_>) {
        self.listener.replace(Some(task.waker().clone()));
    }
}

fn wake(waker: &RefCell<Option<Waker>>) {
    let waker = waker.take();
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// A request that is being handled. Dropped when there is a response, or when the client is gone.
#[derive(Debug)]
pub struct Busy(Rc<Connection>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.is_busy.set(false);
        wake(&self.0.listener);
    }
}
