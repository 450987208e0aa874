//! A Gitaly server for tests. It implements the real protocol, answers from repositories on disk, and
//! records its calls.
//!
//! It is as strict as a real one, in each of the three [`Form`]s. It knows a repository only by its own
//! path, reads a quarantine only in the directories that the hook named, and refuses calls whose metadata
//! does not match.
//!
//! It runs in its own thread, so that a service under test cannot affect it.
mod authentication;
mod forms;
mod git;
mod services;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::Stream;
use gitaly_proto as pb;
use tokio::sync::oneshot;
use tonic::metadata::KeyAndValueRef;
use tonic::transport::server::Connected;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Status};

use self::forms::Location;
pub use self::forms::{Form, PendingChange};
use self::services::Services;
pub use tonic::Code;

/// A Gitaly server that runs until it is dropped.
#[derive(Debug)]
pub struct Gitaly {
    /// The address for the configuration of a service.
    pub address: String,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A recorded call.
#[derive(Debug, Clone)]
pub struct RecordedCall {
    /// E.g. `CommitService/CommitIsAncestor`.
    pub method: &'static str,
    pub repository: pb::Repository,
    /// The metadata, binary values decoded.
    pub metadata: BTreeMap<String, String>,
}

/// A failure of every call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The call never gets a response.
    Hang,
    /// The call fails with this status.
    Status(Code),
    /// A response with several messages ends after the first.
    BrokenStream,
    /// Each call is delayed by this duration.
    Delay(std::time::Duration),
}

#[derive(Debug)]
pub(crate) struct State {
    form: Form,
    /// The directory of every storage.
    repositories: PathBuf,
    token: Option<String>,
    calls: Mutex<Vec<RecordedCall>>,
    pending: Mutex<Vec<PendingChange>>,
    connections: AtomicUsize,
    fault: Mutex<Option<Fault>>,
}

impl Gitaly {
    /// Starts a plain Gitaly on a free port. It accepts every caller.
    pub fn start(repositories: &Path) -> Self {
        Self::with_form(Form::Plain, repositories)
    }

    /// Starts a Gitaly of this form on a free port. It accepts every caller.
    pub fn with_form(form: Form, repositories: &Path) -> Self {
        Self::on_tcp(form, repositories, None, None)
    }

    /// Starts a plain Gitaly on a free port. It accepts callers with this token.
    pub fn with_token(repositories: &Path, token: &str) -> Self {
        Self::on_tcp(Form::Plain, repositories, Some(token), None)
    }

    /// Like [`Self::with_token`], with TLS. The certificate and its key are PEM.
    pub fn with_tls(repositories: &Path, token: &str, certificate: &[u8], key: &[u8]) -> Self {
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
        Self::on_tcp(Form::Plain, repositories, Some(token), Some(tls))
    }

    fn on_tcp(form: Form, repositories: &Path, token: Option<&str>, tls: Option<ServerTlsConfig>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.set_nonblocking(true).expect("a listener");
        let scheme = if tls.is_some() { "tls" } else { "tcp" };
        let address = format!("{scheme}://{}", listener.local_addr().expect("the port is bound"));
        Self::run(address, form, repositories, token, tls, |state| {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            futures_util::stream::unfold((listener, state), async |(listener, state)| {
                let accepted = listener.accept().await.map(|(stream, _)| stream);
                state.connections.fetch_add(1, Ordering::SeqCst);
                Some((accepted, (listener, state)))
            })
        })
    }

    /// Starts a plain Gitaly on a Unix socket.
    pub fn on_socket(repositories: &Path, socket: &Path) -> Self {
        let listener = std::os::unix::net::UnixListener::bind(socket).expect("a socket");
        listener.set_nonblocking(true).expect("a listener");
        Self::run(format!("unix:{}", socket.display()), Form::Plain, repositories, None, None, |state| {
            let listener = tokio::net::UnixListener::from_std(listener).expect("a listener");
            futures_util::stream::unfold((listener, state), async |(listener, state)| {
                let accepted = listener.accept().await.map(|(stream, _)| stream);
                state.connections.fetch_add(1, Ordering::SeqCst);
                Some((accepted, (listener, state)))
            })
        })
    }

    fn run<S, I>(
        address: String,
        form: Form,
        repositories: &Path,
        token: Option<&str>,
        tls: Option<ServerTlsConfig>,
        accept: impl FnOnce(Arc<State>) -> S + Send + 'static,
    ) -> Self
    where
        S: Stream<Item = std::io::Result<I>>,
        I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Connected + Unpin + Send + 'static,
    {
        let state = Arc::new(State {
            form,
            repositories: repositories.to_owned(),
            token: token.map(ToOwned::to_owned),
            calls: Mutex::default(),
            pending: Mutex::default(),
            connections: AtomicUsize::default(),
            fault: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let kept = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let server = match tls {
                    Some(tls) => Server::builder().tls_config(tls).expect("a certificate"),
                    None => Server::builder(),
                };
                let router = Services(Arc::clone(&kept)).router(server);
                tokio::select! {
                    ended = router.serve_with_incoming(accept(kept)) => ended.expect("Gitaly serves"),
                    _ = stopped => {}
                }
            });
        });
        Self { address, state, stop: Some(stop), thread: Some(thread) }
    }

    /// Makes every call fail from now on. `None` ends the failure.
    pub fn fail(&self, fault: impl Into<Option<Fault>>) {
        *self.state.fault.lock().expect("the fault") = fault.into();
    }

    /// Starts a `git push` to the repository at its own path.
    pub fn begin_push(&self, own_path: &str) -> PendingChange {
        self.state.begin_push(own_path)
    }

    /// Starts a change by GitLab itself, such as a merge or a commit in the web editor.
    pub fn begin_operation(&self, own_path: &str) -> PendingChange {
        self.state.begin_operation(own_path)
    }

    /// Starts a change that writes no objects, such as the removal of a branch in the web interface.
    pub fn begin_removal(&self, own_path: &str) -> PendingChange {
        self.state.begin_removal(own_path)
    }

    /// The calls since the calls were last read.
    pub fn calls(&self) -> Vec<RecordedCall> {
        std::mem::take(&mut *self.state.calls.lock().expect("the calls"))
    }

    /// The methods of the calls since the calls were last read.
    pub fn methods(&self) -> Vec<&'static str> {
        self.calls().into_iter().map(|call| call.method).collect()
    }

    /// The number of client connections so far.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Gitaly {
    fn drop(&mut self) {
        drop(self.stop.take());
        drop(self.thread.take().map(std::thread::JoinHandle::join));
    }
}

impl State {
    /// Records a call about a repository, and finds the directories in which git runs.
    async fn begin<M>(
        &self,
        method: &'static str,
        request: &Request<M>,
        repository: Option<&pb::Repository>,
    ) -> Result<Location, Status> {
        let repository = repository.cloned().ok_or_else(|| Status::invalid_argument("repository not set"))?;
        let call = self.record(method, request, repository).await?;
        self.locate(&call)
    }

    /// Records the call of an authenticated caller. Fails if the test has set a fault.
    async fn record<M>(
        &self,
        method: &'static str,
        request: &Request<M>,
        repository: pb::Repository,
    ) -> Result<RecordedCall, Status> {
        let metadata = request.metadata().iter().map(|entry| match entry {
            KeyAndValueRef::Ascii(name, value) => (name.to_string(), text(value.as_bytes())),
            KeyAndValueRef::Binary(name, value) => {
                (name.to_string(), text(&value.to_bytes().expect("binary metadata is base64")))
            }
        });
        let call = RecordedCall { method, repository, metadata: metadata.collect() };
        if let Some(token) = &self.token {
            authentication::check(call.metadata.get("authorization"), token)?;
        }
        self.calls.lock().expect("the calls").push(call.clone());
        let fault = self.fault.lock().expect("the fault").clone();
        match fault {
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Status(code)) => return Err(Status::new(code, "as the test wants it")),
            Some(Fault::Delay(duration)) => tokio::time::sleep(duration).await,
            Some(Fault::BrokenStream) | None => {}
        }
        Ok(call)
    }

    fn breaks(&self) -> bool {
        matches!(*self.fault.lock().expect("the fault"), Some(Fault::BrokenStream))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
