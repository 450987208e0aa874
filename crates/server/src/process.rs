//! Runs a service as a process: configuration, start, signals and shutdown.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::{System, SystemRunner};
use actix_web::web::ServiceConfig;
use clap::{CommandFactory, FromArgMatches};
use database::Location;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::options::MigrationsOption;
use crate::config::{self, ConfigError, Loaded, Options, RedisOptions, Structures};
use crate::core::{REVISION, prepare_database};
use crate::listener::{self, Listener, Size};
use crate::notify::{self, notify};
use crate::secrets::{self, Reload};
use crate::tls::{self, Tls};
use database::Pool;
use endpoint::{ServiceInfo, Shared};
use futures_util::future::join_all;
use shared_state::{Counters, ServerKind, StoreName};

const INVALID_CONFIGURATION: u8 = 78;
const SECRETS_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// The command to run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Command {
    /// Serve until SIGTERM
    #[default]
    Serve,
    /// Print the effective configuration with masked secrets; exit 78 if it is invalid
    CheckConfig,
    /// Check whether the running service is alive; exit 0 or 1
    Healthcheck,
}

/// The command line of a service.
pub trait Service: CommandFactory + FromArgMatches {
    fn command_to_run(&self) -> Command;
    fn options(&self) -> &Options;
    fn redis_options(&self) -> &RedisOptions;
    /// Reads secrets and validates everything else that must be correct before a port is bound.
    fn prepare(self, structures: &Structures) -> Result<Prepared, ConfigError>;
}

/// A service that is ready to serve requests.
pub struct Prepared {
    pub core: Shared,
    pub secrets: Vec<Arc<dyn Reload>>,
    pub migrations: Option<MigrationsOption>,
    pub routes: Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("core", &self.core).finish_non_exhaustive()
    }
}

/// The `main` function of a service.
pub fn run<S: Service>(info: &'static ServiceInfo) -> ExitCode {
    crate::allocator::configure();
    harden();
    let loaded = match config::load::<S>(info.name, info.structures, std::env::args_os()) {
        Ok(loaded) => loaded,
        Err(error) if error.use_stderr() => {
            // There is no way to report that printing has failed.
            let _ = error.print();
            return ExitCode::from(INVALID_CONFIGURATION);
        }
        Err(help) => help.exit(),
    };
    let outcome = match loaded.options.command_to_run() {
        Command::Serve => serve(info, loaded),
        Command::CheckConfig => check_config(loaded),
        Command::Healthcheck => return healthcheck(info, loaded.options.options()),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{}: {error}", info.name);
            ExitCode::from(INVALID_CONFIGURATION)
        }
    }
}

/// Restricts access to the process's files: new files are readable by its own account only, and a crash
/// leaves no core file with secrets. Every `main` calls this before it starts a thread.
pub fn harden() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask};
    umask(rustix::fs::Mode::from_raw_mode(0o077));
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let forbidden = setrlimit(Resource::Core, none);
    if let Err(error) = forbidden.and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable)) {
        eprintln!("core dumps could not be switched off: {error}");
    }
}

fn check_config<S: Service>(loaded: Loaded<S>) -> Result<ExitCode, ConfigError> {
    let Loaded { options, structures, effective } = loaded;
    tls::configure(options.options())?;
    socket_mode(options.options())?;
    let table = config::redis::table(&options.redis_options().stores()?);
    prepare(&System::new(), options, &structures)?;
    print!("{}{table}", config::print(&effective, &structures));
    Ok(ExitCode::SUCCESS)
}

/// Runs in the event loop, because clients that a service creates (of Redis, for example) belong to it.
fn prepare<S: Service>(
    system: &SystemRunner,
    options: S,
    structures: &Structures,
) -> Result<Prepared, ConfigError> {
    system.block_on(async { options.prepare(structures) })
}

/// Sends a health request as a load balancer would. The image contains no other HTTP client.
fn healthcheck(info: &ServiceInfo, options: &Options) -> ExitCode {
    const HEALTHCHECK_TIMEOUT: Duration = Duration::from_secs(3);
    let address =
        monitoring_address(info, options).replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
    let ask = || -> std::io::Result<bool> {
        let mut stream: Box<dyn ReadWrite> = if let Some(path) = address.strip_prefix("unix:") {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(HEALTHCHECK_TIMEOUT))?;
            Box::new(stream)
        } else {
            let stream = TcpStream::connect(&address)?;
            stream.set_read_timeout(Some(HEALTHCHECK_TIMEOUT))?;
            Box::new(stream)
        };
        stream.write_all(b"GET /-/liveness HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200 "))
    };
    match ask() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}: {address}: {error}", info.name);
            ExitCode::FAILURE
        }
    }
}

fn monitoring_address(info: &ServiceInfo, options: &Options) -> String {
    options.monitoring_listen.clone().unwrap_or_else(|| format!("127.0.0.1:{}", info.monitoring_port))
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

struct Listeners {
    main: Vec<Listener>,
    monitoring: Listener,
}

fn socket_mode(options: &Options) -> Result<u32, ConfigError> {
    u32::from_str_radix(&options.socket_mode, 8).map_err(|error| ConfigError(format!("socket_mode: {error}")))
}

/// Binds all listeners and logs their addresses.
fn listen(info: &ServiceInfo, options: &Options, mode: u32, tls: Option<&Tls>) -> std::io::Result<Listeners> {
    let default = [format!("127.0.0.1:{}", info.port)];
    let addresses = if options.listen.is_empty() { &default[..] } else { &options.listen };
    let open = |address: &String, tls: Option<&Tls>| {
        let bound = listener::bind(address, options.backlog, mode, tls.map(|tls| &tls.config));
        let bound =
            bound.map_err(|error| std::io::Error::other(format!("cannot listen at {address}: {error}")))?;
        tracing::info!(address, "listening");
        Ok::<_, std::io::Error>(bound)
    };
    let main = addresses.iter().map(|address| open(address, tls)).collect::<Result<_, _>>()?;
    Ok(Listeners { main, monitoring: open(&monitoring_address(info, options), None)? })
}

fn serve<S: Service>(info: &'static ServiceInfo, loaded: Loaded<S>) -> Result<ExitCode, ConfigError> {
    let Loaded { options, structures, .. } = loaded;
    let common = options.options().clone();
    let telemetry = telemetry::init(info.name, info.consumer, info.version, &common.telemetry)
        .map_err(ConfigError::new)?;
    make_data_dir(&common.data_dir)?;
    let system = System::new();
    let start = Start {
        info,
        mode: socket_mode(&common)?,
        tls: tls::configure(&common)?,
        prepared: prepare(&system, options, &structures)?,
        options: common,
    };
    if let Location::Sqlite(path) = start.prepared.core.pool.location() {
        secrets::close_to_others(path);
    }
    let reload_level = || {
        let again =
            config::load::<S>(info.name, info.structures, std::env::args_os()).map_err(ConfigError::new)?;
        let level = again.options.options().telemetry.log_level.clone().unwrap_or_else(|| "info".to_owned());
        telemetry.set_level(&level).map_err(ConfigError::new)
    };
    let outcome = system.block_on(start.until_signal(reload_level));
    telemetry.shutdown();
    Ok(outcome.unwrap_or_else(|error| {
        eprintln!("{}: {}", info.name, chain(&*error));
        ExitCode::FAILURE
    }))
}

/// Formats an error and its sources in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Warns about servers that do not respond. A Redis Cluster is an error.
async fn check_redis(counters: &Counters) -> Result<(), ConfigError> {
    let checks = counters.servers().map(async |(store, names)| (store.check().await, names));
    for (result, names) in join_all(checks).await {
        match result {
            Ok(ServerKind::Single) => {}
            Ok(ServerKind::Cluster) => return Err(config::redis::cluster(&names)),
            Err(error) => {
                let stores = names.into_iter().map(StoreName::as_str).collect::<Vec<_>>().join(", ");
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "Redis does not answer yet ({stores})"
                );
            }
        }
    }
    Ok(())
}

struct Start {
    info: &'static ServiceInfo,
    options: Options,
    mode: u32,
    tls: Option<Tls>,
    prepared: Prepared,
}

fn make_data_dir(path: &std::path::Path) -> Result<(), ConfigError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| ConfigError(format!("data_dir {}: {error}", path.display())))?;
    secrets::warn_if_open_to_others(path);
    Ok(())
}

fn reload_secrets(secrets: &[Arc<dyn Reload>], always: bool) {
    for secret in secrets {
        secret.reload(always);
    }
}

impl Start {
    async fn until_signal(
        self,
        reload_level: impl Fn() -> Result<(), ConfigError>,
    ) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let Self { info, options, mode, tls, prepared } = self;
        let Prepared { core, secrets, migrations, routes } = prepared;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;

        core.pools().for_each(Pool::close);
        if !core.counters.is_redis() {
            tracing::warn!("no Redis: counters and limits are this process's own, run one replica only");
        }
        if let Err(error) = check_redis(&core.counters).await {
            eprintln!("{}: {error}", info.name);
            return Ok(ExitCode::from(INVALID_CONFIGURATION));
        }

        if let Some(tls) = &tls {
            tls.record_expiry(&core.metrics);
        }
        let bound = listen(info, &options, mode, tls.as_ref())?;
        let routes = move |config: &mut ServiceConfig| routes(config);
        let main = listener::start(bound.main, Size::new(&options), &core, routes)?;
        let handle = main.handle();
        let mut main = actix_web::rt::spawn(main);
        actix_web::rt::spawn(listener::start_monitoring(bound.monitoring, &core)?);
        let mut preparation = pin!(prepare_database(&core, migrations));
        let mut is_prepared = false;

        let mut tick = tokio::time::interval(Duration::from_secs(1));
        let mut secrets_check = tokio::time::interval(SECRETS_CHECK_INTERVAL);
        let blackout = loop {
            tokio::select! {
                prepared = &mut preparation, if !is_prepared => {
                    if let Err(error) = prepared {
                        eprintln!("{}: {}", info.name, chain(&error));
                        return Ok(ExitCode::from(INVALID_CONFIGURATION));
                    }
                    is_prepared = true;
                    core.lifecycle.start();
                    tracing::info!(version = info.version, revision = REVISION, "{} is ready", info.name);
                    notify(notify::READY);
                }
                _ = tick.tick() => core.lifecycle.tick(),
                _ = secrets_check.tick() => reload_secrets(&secrets, false),
                _ = hangup.recv() => {
                    reload_secrets(&secrets, true);
                    core.rate_limits.reload();
                    if let Some(tls) = &tls {
                        tls.reload();
                        tls.record_expiry(&core.metrics);
                    }
                    if let Err(error) = reload_level() {
                        tracing::error!(error = &error as &dyn std::error::Error, "kept the old log level");
                    }
                }
                _ = terminate.recv() => break options.shutdown_blackout.0,
                _ = interrupt.recv() => break Duration::ZERO,
                ended = &mut main => {
                    ended??;
                    return Ok(ExitCode::FAILURE);
                }
            }
        };

        core.lifecycle.drain();
        notify(notify::STOPPING);
        core.pools().for_each(Pool::drain);
        tracing::info!(blackout_s = blackout.as_secs_f64(), "draining");
        let end = async {
            tokio::time::sleep(blackout).await;
            // New connections are refused. Open connections finish their current request.
            handle.pause().await;
            if tokio::time::timeout(options.shutdown_timeout.0, core.lifecycle.idle()).await.is_err() {
                tracing::error!("requests were still running at the end");
            }
            handle.stop(true).await;
        };
        tokio::select! {
            () = end => {}
            _ = terminate.recv() => return Ok(ExitCode::FAILURE),
            _ = interrupt.recv() => return Ok(ExitCode::FAILURE),
        }
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}
