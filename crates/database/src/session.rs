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
}

impl Instrumentation for Session {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            self.statements += 1;
        }
    }
}

impl Conn {
    #[expect(clippy::expect_used, reason = "the instrumentation was set to a session just before")]
    pub(crate) fn session(&mut self) -> &mut Session {
        if !self.instrumentation().is::<Session>() {
            self.set_instrumentation(Session::default());
        }
        self.instrumentation().downcast_mut().expect("the instrumentation is a session")
    }

    /// The tables and columns of this database. They are loaded once, with the first connection of a pool.
    pub fn catalogue(&mut self) -> Result<Arc<Catalogue>> {
        if let Some(catalogue) = &self.session().catalogue {
            return Ok(Arc::clone(catalogue));
        }
        let catalogue = Arc::new(Catalogue::read(self)?);
        self.set_catalogue(Some(Arc::clone(&catalogue)));
        Ok(catalogue)
    }

    /// Replaces the catalogue. With `None`, it is reloaded on next use.
    pub(crate) fn set_catalogue(&mut self, catalogue: Option<Arc<Catalogue>>) {
        self.session().catalogue = catalogue;
    }
}
