//! A Gitaly for tests: it speaks the real protocol, answers from repositories on this disk, and notes what it was asked.
//!
//! It runs in a thread of its own, so that a service under test can neither help nor hinder it.
mod authentication;
mod git;
mod services;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::Stream;
use gitaly_proto as pb;
use tokio::sync::oneshot;
use tonic::transport::server::Connected;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Status};

use self::services::Services;

/// A Gitaly that listens until it is dropped.
#[derive(Debug)]
pub struct Gitaly {
    /// As it stands in a configuration.
    pub address: String,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// One call.
#[derive(Debug, Clone)]
pub struct RecordedCall {
    /// `CommitService/CommitIsAncestor`
    pub method: &'static str,
    pub repository: pb::Repository,
    pub metadata: BTreeMap<String, String>,
}

/// What goes wrong with every call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// No answer ever comes.
    Hang,
    Status(tonic::Code),
    /// An answer of several messages ends after the first.
    BrokenStream,
}

#[derive(Debug)]
pub(crate) struct State {
    /// Where the repositories of every storage lie.
    repositories: PathBuf,
    token: Option<String>,
    asked: Mutex<Vec<RecordedCall>>,
    connections: AtomicUsize,
    fault: Mutex<Option<Fault>>,
}

impl Gitaly {
    /// Listens on a free port, and lets everybody in.
    pub fn start(repositories: &Path) -> Self {
        Self::on_tcp(repositories, None, None)
    }

    /// Listens on a free port, and lets in who knows the token.
    pub fn with_token(repositories: &Path, token: &str) -> Self {
        Self::on_tcp(repositories, Some(token), None)
    }

    /// The same, by TLS alone: with a certificate and its key, both PEM.
    pub fn with_tls(repositories: &Path, token: &str, certificate: &[u8], key: &[u8]) -> Self {
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
        Self::on_tcp(repositories, Some(token), Some(tls))
    }

    fn on_tcp(repositories: &Path, token: Option<&str>, tls: Option<ServerTlsConfig>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.set_nonblocking(true).expect("a listener");
        let scheme = if tls.is_some() { "tls" } else { "tcp" };
        let address = format!("{scheme}://{}", listener.local_addr().expect("the port is bound"));
        Self::run(address, repositories, token, tls, |state| {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            futures_util::stream::unfold((listener, state), async |(listener, state)| {
                let accepted = listener.accept().await.map(|(stream, _)| stream);
                state.connections.fetch_add(1, Ordering::SeqCst);
                Some((accepted, (listener, state)))
            })
        })
    }

    /// Listens on a unix socket.
    pub fn on_socket(repositories: &Path, socket: &Path) -> Self {
        let listener = std::os::unix::net::UnixListener::bind(socket).expect("a socket");
        listener.set_nonblocking(true).expect("a listener");
        Self::run(format!("unix:{}", socket.display()), repositories, None, None, |state| {
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
            repositories: repositories.to_owned(),
            token: token.map(ToOwned::to_owned),
            asked: Mutex::default(),
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

    /// From now on; `None` ends it.
    pub fn fail(&self, fault: impl Into<Option<Fault>>) {
        *self.state.fault.lock().expect("the fault") = fault.into();
    }

    /// What it was asked since this was called last.
    pub fn asked(&self) -> Vec<RecordedCall> {
        std::mem::take(&mut *self.state.asked.lock().expect("the calls"))
    }

    /// The names of the same.
    pub fn methods(&self) -> Vec<&'static str> {
        self.asked().into_iter().map(|asked| asked.method).collect()
    }

    /// How often somebody connected.
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
    /// Notes a call, and lets it go on unless it is not to.
    async fn begin<M>(
        &self,
        method: &'static str,
        request: &Request<M>,
        repository: Option<&pb::Repository>,
    ) -> Result<pb::Repository, Status> {
        let repository = repository.cloned().ok_or_else(|| Status::invalid_argument("repository not set"))?;
        let metadata = request.metadata().clone().into_headers();
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let metadata =
            metadata.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
        let asked = RecordedCall { method, repository: repository.clone(), metadata };
        if let Some(token) = &self.token {
            authentication::check(asked.metadata.get("authorization"), token)?;
        }
        self.asked.lock().expect("the calls").push(asked);
        let fault = self.fault.lock().expect("the fault").clone();
        match fault {
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Status(code)) => Err(Status::new(code, "as the test wants it")),
            Some(Fault::BrokenStream) | None => Ok(repository),
        }
    }

    fn breaks(&self) -> bool {
        matches!(*self.fault.lock().expect("the fault"), Some(Fault::BrokenStream))
    }
}
