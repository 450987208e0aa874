//! The bytes of a connection, between the socket and actix-http.
//!
//! actix-http ends a connection without a response if a body is malformed or ends early, and it reads
//! whatever the peer sends. This stream lets it read one request at a time: the next head follows when
//! there is a response, and a body follows when its handler wants it. Of a malformed body, actix-http gets
//! the bytes before the first wrong one, and the handler is told.
use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use actix_web::http::StatusCode;
use actix_web::http::header::HttpDate;
use endpoint::connection::{BodyFraming, Connection};
use endpoint::{MemoryBudget, MemoryShare};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::chunked::{ChunkedDecoder, Progress};

/// The time limit for receiving a head.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// actix-http's buffer for a head has this many bytes at first. It takes no memory from the budget: the
/// buffers of 4,096 connections are 32 MiB.
const FREE_BUFFER_BYTES: usize = 8 * 1024;
/// The maximum size of that buffer, which is actix-http's limit, too.
const MAX_BUFFER_BYTES: usize = 128 * 1024;
/// actix-http doubles the buffer when fewer bytes than this are free.
const BUFFER_MARGIN_BYTES: usize = 1024;
/// The memory, in bytes, for all heads that need a larger buffer.
pub(crate) const LARGE_HEADS_BUDGET: usize = 16 * 1024 * 1024;
/// Bytes of a body that are read before its handler wants it.
const UNWANTED_BYTES: u64 = 8 * 1024;
/// Bytes after a request that are read before its response. This is how a client that is gone gets noticed.
const MAX_READ_AHEAD: usize = 4 * 1024;
/// How long a connection stays open for the peer to read the response, while the peer is still sending.
const LINGER: Duration = Duration::from_secs(1);

/// A socket of any kind.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket for S {}

enum Phase {
    Head(Head),
    /// The head is complete, but its request is not being handled yet.
    Parsing,
    Body {
        framing: Body,
        bytes: u64,
    },
    /// The rest of the body will not be read.
    Broken,
    /// Nothing more will be read.
    Ended,
}

#[derive(Default)]
struct Head {
    bytes: usize,
    /// Whether a line has begun. Empty lines before the request line are ignored.
    has_begun: bool,
    is_at_line_start: bool,
}

impl Head {
    /// Returns the number of these bytes that belong to the head, if its end is among them.
    fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' if self.has_begun && self.is_at_line_start => return Some(at + 1),
                b'\n' => self.is_at_line_start = true,
                b'\r' => {}
                _ => {
                    self.has_begun = true;
                    self.is_at_line_start = false;
                }
            }
        }
        self.bytes += bytes.len();
        None
    }
}

enum Body {
    /// The number of bytes that have not been read yet.
    Length(u64),
    Chunked(ChunkedDecoder),
    UntilClose,
}

/// A connection as actix-http reads and writes it.
pub(crate) struct Stream {
    socket: Box<dyn Socket>,
    pub(crate) connection: Rc<Connection>,
    phase: Phase,
    /// Bytes that were read together with the end of a head or of a body.
    surplus: Vec<u8>,
    budget: MemoryBudget,
    room: Option<MemoryShare>,
    /// The time limit of every head but the first one, which actix-http limits itself.
    head_timer: Option<Pin<Box<Sleep>>>,
    is_first_head: bool,
    /// The response that is written before the connection is closed.
    refusal: Vec<u8>,
    /// Whether the peer may still be sending when the connection is closed.
    has_unread_bytes: bool,
    linger: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    /// `budget` is the memory for large heads.
    pub(crate) fn new(socket: Box<dyn Socket>, is_tls: bool, budget: &MemoryBudget) -> Self {
        Self {
            socket,
            connection: Rc::new(Connection::new(is_tls)),
            phase: Phase::Head(Head::default()),
            surplus: Vec::new(),
            budget: budget.clone(),
            room: None,
            head_timer: None,
            is_first_head: true,
            refusal: Vec::new(),
            has_unread_bytes: false,
            linger: None,
        }
    }

    fn is_busy(&self) -> bool {
        self.connection.is_busy()
    }

    fn wait(&self, task: &Context<'_>) -> Poll<io::Result<()>> {
        self.connection.register_listener(task);
        Poll::Pending
    }

    /// Ends the connection. actix-http takes this for the end of what the peer sends.
    fn end(&mut self, has_unread_bytes: bool) -> Poll<io::Result<()>> {
        self.phase = Phase::Ended;
        self.has_unread_bytes |= has_unread_bytes;
        Poll::Ready(Ok(()))
    }

    /// Ends the connection with a response to an incomplete head.
    fn refuse(&mut self, status: StatusCode) -> Poll<io::Result<()>> {
        tracing::debug!(status = status.as_u16(), "refused an incomplete request head");
        let mut response = String::new();
        let date = HttpDate::from(SystemTime::now());
        let _ = write!(
            response,
            "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\ndate: {date}\r\n\r\n"
        );
        self.refusal = response.into_bytes();
        self.end(true)
    }

    /// Reads at most `max` bytes, those that have been read already first, and returns their number.
    fn read(
        &mut self,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        max: usize,
    ) -> Poll<io::Result<usize>> {
        if !self.surplus.is_empty() {
            let length = max.min(buffer.remaining()).min(self.surplus.len());
            buffer.put_slice(&self.surplus[..length]);
            self.surplus.drain(..length);
            return Poll::Ready(Ok(length));
        }
        let before = buffer.filled().len();
        if max >= buffer.remaining() {
            ready!(Pin::new(&mut *self.socket).poll_read(task, buffer))?;
        } else {
            let mut part = ReadBuf::new(buffer.initialize_unfilled_to(max));
            ready!(Pin::new(&mut *self.socket).poll_read(task, &mut part))?;
            let length = part.filled().len();
            buffer.advance(length);
        }
        Poll::Ready(Ok(buffer.filled().len() - before))
    }

    /// Keeps only the first `length` of the bytes that were read last. The others are read again later.
    fn unread(&mut self, buffer: &mut ReadBuf<'_>, read: usize, length: usize) {
        let end = buffer.filled().len();
        let rest = &buffer.filled()[end - read + length..];
        self.surplus.splice(..0, rest.iter().copied());
        buffer.set_filled(end - read + length);
    }

    /// Reads a few bytes of the next request while this one is being handled.
    fn read_ahead(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.surplus.len() < MAX_READ_AHEAD {
            let mut bytes = [0; 1024];
            let mut ahead = ReadBuf::new(&mut bytes);
            if Pin::new(&mut *self.socket).poll_read(task, &mut ahead)?.is_pending() {
                break;
            }
            if ahead.filled().is_empty() {
                return self.end(false);
            }
            self.surplus.extend_from_slice(ahead.filled());
        }
        self.wait(task)
    }

    fn read_head(&mut self, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Phase::Head(head) = &self.phase else { return Poll::Ready(Ok(())) };
        let head_bytes = head.bytes;
        if head_bytes + BUFFER_MARGIN_BYTES >= self.buffer_bytes() {
            if self.buffer_bytes() >= MAX_BUFFER_BYTES {
                return self.refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
            }
            if !self.grow_room(2 * self.buffer_bytes()) {
                return self.refuse(StatusCode::SERVICE_UNAVAILABLE);
            }
        }
        let max = self.buffer_bytes() - BUFFER_MARGIN_BYTES - head_bytes;
        let read = self.read(task, buffer, max.min(FREE_BUFFER_BYTES));
        if read.is_pending() && head_bytes > 0 && self.is_late(task) {
            return self.refuse(StatusCode::REQUEST_TIMEOUT);
        }
        let read = ready!(read)?;
        if read == 0 {
            return self.end(false);
        }
        let filled = buffer.filled();
        let Phase::Head(head) = &mut self.phase else { return Poll::Ready(Ok(())) };
        if let Some(length) = head.advance(&filled[filled.len() - read..]) {
            self.unread(buffer, read, length);
            self.phase = Phase::Parsing;
            self.is_first_head = false;
        }
        Poll::Ready(Ok(()))
    }

    /// The size of the buffer that this head may fill.
    fn buffer_bytes(&self) -> usize {
        self.room.as_ref().map_or(FREE_BUFFER_BYTES, MemoryShare::bytes)
    }

    /// Takes memory from the budget for a buffer of this size.
    fn grow_room(&mut self, bytes: usize) -> bool {
        let missing = bytes - self.room.as_ref().map_or(0, MemoryShare::bytes);
        let Some(more) = self.budget.take_now(missing) else { return false };
        match &mut self.room {
            Some(room) => room.merge(more),
            None => self.room = Some(more),
        }
        self.connection.has_large_head.set(true);
        true
    }

    /// Whether the head has taken too long. Starts its timer.
    fn is_late(&mut self, task: &mut Context<'_>) -> bool {
        if self.is_first_head {
            return false;
        }
        let timer = self.head_timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(HEAD_TIMEOUT)));
        timer.as_mut().poll(task).is_ready()
    }

    fn read_body(&mut self, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let is_busy = self.is_busy();
        let is_wanted = self.connection.is_body_wanted();
        let Phase::Body { framing, bytes } = &self.phase else { return Poll::Ready(Ok(())) };
        let may_read = UNWANTED_BYTES.saturating_sub(*bytes);
        let mut max = if is_wanted || !is_busy { u64::MAX } else { may_read };
        match framing {
            Body::Length(left) => max = max.min(*left),
            // The response asks the client to close the connection, so the rest of the body is of no use.
            Body::Chunked(_) if !is_busy => return self.end(true),
            Body::Chunked(_) | Body::UntilClose => {}
        }
        if max == 0 {
            return self.wait(task);
        }
        let read = self.read(task, buffer, usize::try_from(max).unwrap_or(usize::MAX));
        if read.is_pending() {
            self.connection.register_listener(task);
        }
        let read = ready!(read)?;
        if read == 0 {
            return self.end_in_body(task);
        }
        let filled = buffer.filled();
        let last = &filled[filled.len() - read..];
        let Phase::Body { framing, bytes } = &mut self.phase else { return Poll::Ready(Ok(())) };
        *bytes += read as u64;
        match framing {
            Body::UntilClose => {}
            Body::Length(left) => {
                *left -= read as u64;
                if *left == 0 {
                    self.next_head();
                }
            }
            Body::Chunked(decoder) => match decoder.advance(last) {
                Progress::Unfinished => {}
                Progress::Complete(length) => {
                    self.unread(buffer, read, length);
                    self.next_head();
                }
                Progress::Malformed(length) => {
                    buffer.set_filled(buffer.filled().len() - read + length);
                    self.break_body();
                    if length == 0 {
                        return self.wait(task);
                    }
                }
            },
        }
        Poll::Ready(Ok(()))
    }

    /// The peer sends no more, though the body is not complete.
    fn end_in_body(&mut self, task: &Context<'_>) -> Poll<io::Result<()>> {
        let Phase::Body { framing, .. } = &self.phase else { return Poll::Ready(Ok(())) };
        if matches!(framing, Body::UntilClose) || !self.is_busy() {
            return self.end(false);
        }
        self.break_body();
        self.wait(task)
    }

    fn break_body(&mut self) {
        self.phase = Phase::Broken;
        self.connection.break_body();
    }

    fn next_head(&mut self) {
        self.phase = Phase::Head(Head::default());
        self.head_timer = None;
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        loop {
            match &stream.phase {
                Phase::Ended => return Poll::Ready(Ok(())),
                Phase::Broken if stream.is_busy() => return stream.wait(task),
                Phase::Broken => return stream.end(true),
                Phase::Head(_) if stream.is_busy() => return stream.read_ahead(task),
                Phase::Head(_) => return stream.read_head(task, buffer),
                Phase::Body { .. } => return stream.read_body(task, buffer),
                Phase::Parsing => match stream.connection.take_framing() {
                    None => return stream.wait(task),
                    Some(BodyFraming::Length(0)) => stream.next_head(),
                    Some(framing) => {
                        let framing = match framing {
                            BodyFraming::Length(length) => Body::Length(length),
                            BodyFraming::Chunked => Body::Chunked(ChunkedDecoder::new()),
                            BodyFraming::UntilClose => Body::UntilClose,
                        };
                        stream.phase = Phase::Body { framing, bytes: 0 };
                    }
                },
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.get_mut().socket).poll_write(task, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().socket).poll_flush(task)
    }

    /// Closes the connection. If the peer may still be sending, what it sends is read and ignored for a
    /// moment: otherwise the system resets the connection, and the peer may lose the response.
    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        while !stream.refusal.is_empty() {
            let written = ready!(Pin::new(&mut *stream.socket).poll_write(task, &stream.refusal))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            stream.refusal.drain(..written);
        }
        if stream.linger.is_none() {
            ready!(Pin::new(&mut *stream.socket).poll_shutdown(task))?;
            if !stream.has_unread_bytes {
                return Poll::Ready(Ok(()));
            }
        }
        let linger = stream.linger.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        if linger.as_mut().poll(task).is_ready() {
            return Poll::Ready(Ok(()));
        }
        loop {
            let mut bytes = [0; 4096];
            let mut ignored = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut *stream.socket).poll_read(task, &mut ignored));
            if read.is_err() || ignored.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
