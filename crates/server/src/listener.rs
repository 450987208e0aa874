//! TCP, TLS and Unix-socket listeners, for the service itself and for monitoring.
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpServer};
use rustls::ServerConfig;

use crate::config::Options;
use crate::{framing, health, observe};
use endpoint::Shared;

/// Longer than load balancers keep idle connections open.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
const HEAD: Duration = Duration::from_secs(10);
/// Seconds to wait after the last response, so that it can be sent.
const LINGER: u64 = 1;

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
    let core = Arc::clone(core);
    let factory = move || {
        let root = core.relative_url_root.clone();
        App::new()
            .app_data(Data::new(Arc::clone(&core)))
            .wrap(from_fn(observe::observe))
            .configure(health::guarded_routes)
            .service(
                web::scope(&root).configure(routes.clone()).default_service(web::to(endpoint::not_found)),
            )
            .default_service(web::to(endpoint::not_found))
    };
    let mut server = HttpServer::new(factory)
        .workers(size.workers)
        .max_connections(size.max_connections.div_ceil(size.workers))
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD)
        .shutdown_timeout(LINGER)
        .h1_allow_half_closed(false)
        .on_connect(framing::on_connect)
        .disable_signals();
    for listener in listeners {
        server = match listener {
            Listener::Tcp(listener) => server.listen(listener)?,
            Listener::Tls(listener, config) => server.listen_rustls_0_23(listener, *config)?,
            Listener::Unix(listener) => server.listen_uds(listener)?,
        };
    }
    Ok(server.run())
}

/// Serves health and metrics without access control.
pub(crate) fn start_monitoring(listener: Listener, core: &Shared) -> io::Result<Server> {
    let core = Arc::clone(core);
    let factory = move || {
        App::new()
            .app_data(Data::new(Arc::clone(&core)))
            .wrap(from_fn(observe::observe))
            .configure(health::routes)
            .default_service(web::to(endpoint::not_found))
    };
    let server = HttpServer::new(factory)
        .workers(1)
        .shutdown_timeout(LINGER)
        .on_connect(framing::on_connect)
        .disable_signals();
    let server = match listener {
        Listener::Tcp(listener) | Listener::Tls(listener, _) => server.listen(listener)?,
        Listener::Unix(listener) => server.listen_uds(listener)?,
    };
    Ok(server.run())
}
