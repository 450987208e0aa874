//! Additional state of a connection.
use std::sync::Arc;

use diesel::connection::{Connection, Instrumentation, InstrumentationEvent};

use crate::catalogue::Catalogue;
use crate::{Conn, Result};

/// The state of one connection. It is attached as diesel's instrumentation, the only extension point that
/// diesel offers.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// The number of statements since the counter was reset.
    pub statements: u32,
    /// The statement that begins a transaction with our settings. `None` if the server session already has
    /// them.
    pub local_settings: Option<Arc<str>>,
    catalogue: Option<Arc<Catalogue>>,
    pub progress: Progress,
}

/// How far a unit of work has come, which decides whether it may be repeated.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Whether a transaction is open, or about to be.
    pub is_in_transaction: bool,
    /// Whether a transaction was committed, or may have been.
    pub has_committed: bool,
    /// Whether a statement ran outside of a transaction.
    pub has_autocommitted: bool,
}

impl Progress {
    /// Whether a failed unit of work has changed nothing. A server that only reads has not changed anything
    /// outside of a transaction either.
    pub fn has_changed_nothing(&self, is_read_only: bool) -> bool {
        !self.has_committed && (is_read_only || !self.has_autocommitted)
    }
}

impl Instrumentation for Session {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            self.statements += 1;
            self.progress.has_autocommitted |= !self.progress.is_in_transaction;
        }
    }
}

impl Conn {
    /// Runs `f` with the state of this connection. A new connection has the default state.
    pub(crate) fn with_session<T>(&mut self, f: impl FnOnce(&mut Session) -> T) -> T {
        if let Some(session) = self.instrumentation().downcast_mut::<Session>() {
            return f(session);
        }
        let mut session = Session::default();
        let value = f(&mut session);
        self.set_instrumentation(session);
        value
    }

    /// The tables and columns of this database. They are loaded once, with the first connection of a pool.
    pub fn catalogue(&mut self) -> Result<Arc<Catalogue>> {
        if let Some(catalogue) = self.with_session(|session| session.catalogue.clone()) {
            return Ok(catalogue);
        }
        let catalogue = Arc::new(Catalogue::read(self)?);
        self.set_catalogue(Some(Arc::clone(&catalogue)));
        Ok(catalogue)
    }

    /// Replaces the catalogue. With `None`, it is reloaded on next use.
    pub(crate) fn set_catalogue(&mut self, catalogue: Option<Arc<Catalogue>>) {
        self.with_session(|session| session.catalogue = catalogue);
    }
}
