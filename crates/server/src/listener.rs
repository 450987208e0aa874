//! TCP, TLS and Unix-socket listeners, for the service itself and for monitoring.
use std::future::ready;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Request};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, map_config};
use actix_tls::accept::TlsError;
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Extensions, Server, ServiceFactory, ServiceResponse, fn_service};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, Error};
use rustls::ServerConfig;
use tokio::net::{TcpStream, UnixStream};

use crate::config::Options;
use crate::stream::{HEAD_TIMEOUT, Socket, Stream};
use crate::{health, observe};
use endpoint::Shared;

/// Longer than load balancers keep idle connections open.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Seconds to wait after the last response, so that it can be sent.
const LINGER_S: u64 = 1;
/// Prometheus and the probes need only a few connections.
const MAX_MONITORING_CONNECTIONS: usize = 256;

/// A bound listener.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Tls(TcpListener, Box<ServerConfig>),
    Unix(UnixListener),
}

/// The resource limits of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub workers: usize,
    pub max_connections: usize,
}

impl Size {
    pub(crate) fn new(options: &Options) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let workers = options.workers.unwrap_or_else(|| cores.max(2)).max(1);
        Self { workers, max_connections: options.max_connections }
    }
}

/// Binds `HOST:PORT` or `unix:/path`. Removes a stale socket file that no process listens on.
pub(crate) fn bind(
    address: &str,
    backlog: u32,
    mode: u32,
    tls: Option<&ServerConfig>,
) -> io::Result<Listener> {
    let Some(path) = address.strip_prefix("unix:") else {
        let listener = tcp(address, backlog)?;
        return Ok(match tls {
            Some(config) => Listener::Tls(listener, Box::new(config.clone())),
            None => Listener::Tcp(listener),
        });
    };
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    if std::fs::symlink_metadata(path)
        .is_ok_and(|file| std::os::unix::fs::FileTypeExt::is_socket(&file.file_type()))
    {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    listener.set_nonblocking(true)?;
    Ok(Listener::Unix(listener))
}

fn tcp(address: &str, backlog: u32) -> io::Result<TcpListener> {
    use std::net::ToSocketAddrs;
    let address = address.to_socket_addrs()?.next().ok_or(io::ErrorKind::InvalidInput)?;
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Serves the routes of a service on one port, for tests.
pub fn serve(
    listener: TcpListener,
    core: &Shared,
    routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> io::Result<Server> {
    start(vec![Listener::Tcp(listener)], Size { workers: 2, max_connections: 4096 }, core, routes)
}

/// Serves the routes of a service and the guarded health routes on each listener.
pub(crate) fn start(
    listeners: Vec<Listener>,
    size: Size,
    core: &Shared,
    routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> io::Result<Server> {
    let shared = Arc::clone(core);
    let app = move || {
        let root = shared.relative_url_root.clone();
        App::new()
            .app_data(Data::new(Arc::clone(&shared)))
            .wrap(from_fn(observe::observe))
            .configure(health::guarded_routes)
            .service(
                web::scope(&root).configure(routes.clone()).default_service(web::to(endpoint::not_found)),
            )
            .default_service(web::to(endpoint::not_found))
    };
    run(listeners, size, core, app)
}

/// Serves health and metrics without access control.
pub(crate) fn start_monitoring(listener: Listener, core: &Shared) -> io::Result<Server> {
    let shared = Arc::clone(core);
    let app = move || {
        App::new()
            .app_data(Data::new(Arc::clone(&shared)))
            .wrap(from_fn(observe::observe))
            .configure(health::routes)
            .default_service(web::to(endpoint::not_found))
    };
    run(vec![listener], Size { workers: 1, max_connections: MAX_MONITORING_CONNECTIONS }, core, app)
}

fn run<A, S, B>(
    listeners: Vec<Listener>,
    size: Size,
    core: &Shared,
    app: impl Fn() -> A + Clone + Send + 'static,
) -> io::Result<Server>
where
    A: IntoServiceFactory<S, Request>,
    S: ServiceFactory<
            Request,
            Config = AppConfig,
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let mut server = Server::build()
        .workers(size.workers)
        .max_concurrent_connections(size.max_connections.div_ceil(size.workers))
        .shutdown_timeout(LINGER_S)
        .disable_signals();
    for listener in listeners {
        let (app, shutdown) = (app.clone(), server.graceful_shutdown_signal());
        let http = move || {
            let shutdown = shutdown.clone();
            let app = app().into_factory().map_err(|error: Error| error.error_response());
            HttpService::build()
                .graceful_shutdown_signal(move || {
                    let shutdown = shutdown.clone();
                    async move { shutdown.notified().await }
                })
                .keep_alive(KEEP_ALIVE)
                .client_request_timeout(HEAD_TIMEOUT)
                .client_disconnect_timeout(Duration::from_secs(LINGER_S))
                .h1_allow_half_closed(false)
                .on_connect_ext(|stream: &Stream, data: &mut Extensions| {
                    data.insert(Rc::clone(&stream.connection));
                })
                .h1(map_config(app, |()| AppConfig::default()))
        };
        let budget = core.head_budget.clone();
        let open = move |socket: Box<dyn Socket>, is_tls| Stream::new(socket, is_tls, &budget);
        server = match listener {
            Listener::Tcp(listener) => server.listen("tcp", listener, move || {
                let open = open.clone();
                let accept = fn_service(move |socket: TcpStream| {
                    let peer = socket.peer_addr().ok();
                    ready(Ok::<_, DispatchError>((open(Box::new(socket), false), peer)))
                });
                accept.and_then(http())
            })?,
            Listener::Tls(listener, config) => server.listen("tls", listener, move || {
                let mut config = (*config).clone();
                config.alpn_protocols = vec![b"http/1.1".to_vec()];
                let open = open.clone();
                let opened = move |socket: TlsStream<TcpStream>| {
                    let peer = socket.get_ref().0.peer_addr().ok();
                    (open(Box::new(socket), true), peer)
                };
                Acceptor::new(config)
                    .map_err(TlsError::into_service_error)
                    .map(opened)
                    .and_then(http().map_err(TlsError::Service))
            })?,
            Listener::Unix(listener) => server.listen_uds("unix", listener, move || {
                let open = open.clone();
                let accept = fn_service(move |socket: UnixStream| {
                    ready(Ok::<_, DispatchError>((open(Box::new(socket), false), None)))
                });
                accept.and_then(http())
            })?,
        };
    }
    Ok(server.run())
}
