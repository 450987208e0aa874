//! Finds the primary through Redis Sentinel: <https://redis.io/docs/latest/develop/reference/sentinel-clients/>.
//!
//! A connection is opened to the address that a sentinel names, after the server there has confirmed that it
//! is a primary. Subscriptions tell when another server becomes the primary. All connections to the earlier
//! one are closed then, because it still accepts writes for a while, and these are lost.
//!
//! Sentinels announce a new primary up to a second after its promotion. Therefore the services also react to
//! the event that a replica is being promoted, and ask the replica itself.
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, Value, cmd, from_redis_value};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::error::Cause;
use crate::open::Connection;
use crate::stores::SentinelAddress;

const SENTINEL_TIMEOUT: Duration = Duration::from_secs(1);
/// The number of attempts to connect to a primary, and the pause between them.
const ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_millis(250);
/// How often a subscriber asks for the address, because a lost connection may not be noticed.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// The pause before a lost subscription is renewed.
const SUBSCRIBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long a service waits for a replica to be promoted, and the pause between two requests for its role.
const PROMOTION_TIMEOUT: Duration = Duration::from_secs(3);
const PROMOTION_PAUSE: Duration = Duration::from_millis(50);
/// How long sentinels may name the former primary after its successor is known.
const FORMER_LIFETIME: Duration = Duration::from_secs(15);
/// The events of a completed failover, and of a replica that is being promoted to primary.
const SWITCHED: &str = "+switch-master";
const PROMOTING: &str = "+failover-state-wait-promotion";

type HostAndPort = (String, u16);

pub(crate) struct Sentinel {
    pub address: SentinelAddress,
    pub client: Client,
}

/// The sentinels that monitor a primary.
pub(crate) struct Sentinels {
    /// The name under which the sentinels know the primary.
    name: String,
    all: Vec<Sentinel>,
    /// The index of the sentinel to ask first.
    first: AtomicUsize,
    /// How to connect to the primary. Its address is replaced.
    login: ConnectionInfo,
    known: Mutex<Known>,
    /// The number of times that the primary has moved.
    generation: watch::Sender<u64>,
    /// Whether no sentinel answered the last time.
    are_unavailable: AtomicBool,
    watchers: Mutex<Vec<JoinHandle<()>>>,
}

/// The current primary and the former one.
#[derive(Default)]
struct Known {
    address: Option<HostAndPort>,
    /// The former primary, and when its connections were closed.
    former: Option<(HostAndPort, Instant)>,
}

impl Known {
    /// Whether this is the address of a primary that was left a short time ago.
    fn has_left(&self, address: &HostAndPort) -> bool {
        let is_former =
            |(former, left): &(HostAndPort, Instant)| former == address && left.elapsed() < FORMER_LIFETIME;
        self.address.is_some() && self.former.as_ref().is_some_and(is_former)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sentinels {
    pub fn new(name: String, sentinels: Vec<Sentinel>, login: ConnectionInfo) -> Self {
        Self {
            name,
            all: sentinels,
            first: AtomicUsize::new(0),
            login,
            known: Mutex::default(),
            generation: watch::Sender::default(),
            are_unavailable: AtomicBool::new(false),
            watchers: Mutex::default(),
        }
    }

    /// The name under which the sentinels know the primary.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn generation(&self) -> u64 {
        *self.generation.borrow()
    }

    /// Opens a connection to the primary. It retries during a failover, so that a short one causes no error.
    pub async fn open(self: &Arc<Self>) -> Result<Connection, Cause> {
        self.watch();
        let mut generation = self.generation.subscribe();
        let mut attempt = 1;
        loop {
            generation.mark_unchanged();
            let is_last = attempt >= ATTEMPTS;
            let opening = async {
                let result = self.open_once().await;
                if result.is_err() && !is_last {
                    sleep(PAUSE).await;
                }
                result
            };
            tokio::select! {
                result = opening => {
                    if result.is_ok() || is_last {
                        return result;
                    }
                    attempt += 1;
                }
                // The attempt was one to the former primary. The sender lives as long as `self`.
                _ = generation.changed() => {}
            }
        }
    }

    async fn open_once(&self) -> Result<Connection, Cause> {
        let before = self.generation();
        let address = self.find().await?;
        let (address, generation) = self.learn(address, before)?;
        self.connect(&address, generation).await
    }

    /// Opens a connection to the server at this address, if it is a primary.
    async fn connect(&self, (host, port): &HostAndPort, generation: u64) -> Result<Connection, Cause> {
        let (host, port) = (host.clone(), *port);
        let addr = match self.login.addr() {
            ConnectionAddr::TcpTls { tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: tls_params.clone() }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        let address = addr.to_string();
        let client = Client::open(self.login.clone().set_addr(addr))?;
        let mut connection = Connection::open(&client, generation).await?;
        if is_primary(&cmd("ROLE").query_async(&mut connection.commands).await?) {
            Ok(connection)
        } else {
            Err(Cause::NotPrimary { address })
        }
    }

    /// Asks the sentinels for the address, beginning with the one that answered last. If none answers, returns the
    /// known address.
    async fn find(&self) -> Result<HostAndPort, Cause> {
        let (first, count) = (self.first.load(Ordering::Relaxed), self.all.len());
        let mut failure = Cause::Moved;
        for index in (first..first + count).map(|index| index % count) {
            // If this attempt is cancelled, the next call begins with another sentinel.
            self.first.store((index + 1) % count, Ordering::Relaxed);
            match self.ask(&self.all[index]).await {
                Ok(address) => {
                    self.first.store(index, Ordering::Relaxed);
                    if self.are_unavailable.swap(false, Ordering::Relaxed) {
                        tracing::info!("a sentinel of {} responds again", self.name);
                    }
                    return Ok(address);
                }
                Err(error) => failure = error,
            }
        }
        if !self.are_unavailable.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                error = &failure as &dyn std::error::Error,
                "no sentinel knows the Redis primary {}",
                self.name
            );
        }
        lock(&self.known).address.clone().ok_or(failure)
    }

    async fn ask(&self, sentinel: &Sentinel) -> Result<HostAndPort, Cause> {
        let asked = async {
            let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
            let mut connection =
                sentinel.client.get_multiplexed_async_connection_with_config(&config).await?;
            let mut command = cmd("SENTINEL");
            command.arg("get-master-addr-by-name").arg(&self.name);
            command.query_async::<Option<HostAndPort>>(&mut connection).await
        };
        let answer = timeout(SENTINEL_TIMEOUT, asked).await.unwrap_or_else(|_| Err(Cause::timeout()));
        let sentinel = sentinel.address.clone();
        match answer {
            Ok(Some(address)) => Ok(address),
            Ok(None) => Err(Cause::UnknownPrimary { sentinel, name: self.name.clone() }),
            Err(error) => Err(Cause::Sentinel { sentinel, error }),
        }
    }

    /// Stores the address that a sentinel gave. Returns the address of the primary and the generation of
    /// connections to it. A sentinel may not know yet that the primary has moved, so the former one is not used
    /// again for a while. Fails if the primary has moved since generation `before`, because the address may be
    /// an old one.
    fn learn(&self, address: HostAndPort, before: u64) -> Result<(HostAndPort, u64), Cause> {
        let mut known = lock(&self.known);
        if self.generation() != before {
            return Err(Cause::Moved);
        }
        if !known.has_left(&address) {
            self.move_to(&mut known, &address);
        }
        Ok((known.address.clone().unwrap_or(address), self.generation()))
    }

    /// Makes this the address of the primary.
    fn move_to(&self, known: &mut Known, address: &HostAndPort) {
        if known.address.as_ref() == Some(address) {
            return;
        }
        let former = known.address.replace(address.clone());
        if let Some(former) = former {
            let (host, port) = address;
            tracing::info!(
                address = %format_args!("{host}:{port}"),
                "the Redis primary {} has moved",
                self.name
            );
            known.former = Some((former, Instant::now()));
            self.generation.send_modify(|generation| *generation += 1);
        }
    }

    /// Starts the tasks that subscribe to changes of the primary, unless they are running.
    fn watch(self: &Arc<Self>) {
        let mut watchers = lock(&self.watchers);
        if watchers.is_empty() || watchers.iter().any(JoinHandle::is_finished) {
            watchers.drain(..).for_each(|watcher| watcher.abort());
            // Only the sentinel that leads a failover announces the promotion.
            watchers
                .extend((0..self.all.len()).map(|index| tokio::spawn(watch(Arc::downgrade(self), index))));
        }
    }

    /// Compares the address that a sentinel gives with the known one.
    async fn check(&self, sentinel: &Sentinel) -> Result<(), Cause> {
        let before = self.generation();
        let address = self.ask(sentinel).await?;
        // If it has moved in the meantime, the address is already known.
        let _ = self.learn(address, before);
        Ok(())
    }

    /// Reads an event of a sentinel.
    async fn on_event(&self, channel: &str, message: &str) {
        match (channel, Event::parse(message)) {
            (SWITCHED, Some(event)) if event.name == self.name => {
                self.move_to(&mut lock(&self.known), &event.primary);
            }
            (PROMOTING, Some(event)) if event.name == self.name => self.await_promotion(event).await,
            _ => {}
        }
    }

    /// Uses a replica as soon as it says that it is the primary.
    async fn await_promotion(&self, event: Event<'_>) {
        let mut generation = self.generation.subscribe();
        let promoted = async {
            loop {
                // Redis closes the connections of a replica that it promotes.
                if self.connect(&event.primary, 0).await.is_ok() {
                    break;
                }
                sleep(PROMOTION_PAUSE).await;
            }
        };
        tokio::select! {
            () = promoted => {
                let mut known = lock(&self.known);
                // If the primary is not known yet, sentinels still name the former one.
                known.address.get_or_insert(event.former);
                self.move_to(&mut known, &event.primary);
            }
            // The failover is complete.
            _ = generation.changed() => {}
            // The failover was aborted.
            () = sleep(PROMOTION_TIMEOUT) => {}
        }
    }
}

/// An event about the primary with this name.
#[derive(Debug, PartialEq, Eq)]
struct Event<'a> {
    name: &'a str,
    former: HostAndPort,
    primary: HostAndPort,
}

impl<'a> Event<'a> {
    /// Parses the message of a completed failover, `NAME OLD-HOST OLD-PORT NEW-HOST NEW-PORT`, or of a promotion,
    /// `slave REPLICA-NAME NEW-HOST NEW-PORT @ NAME OLD-HOST OLD-PORT`.
    fn parse(message: &'a str) -> Option<Self> {
        let words: Vec<&str> = message.split(' ').collect();
        let (name, former, primary) = match words[..] {
            [name, host, port, new_host, new_port] => (name, (host, port), (new_host, new_port)),
            ["slave", _, new_host, new_port, "@", name, host, port] => {
                (name, (host, port), (new_host, new_port))
            }
            _ => return None,
        };
        let address = |(host, port): (&str, &str)| Some((host.to_owned(), port.parse().ok()?));
        Some(Self { name, former: address(former)?, primary: address(primary)? })
    }
}

/// Subscribes to a sentinel, again and again until the connections are dropped.
async fn watch(sentinels: Weak<Sentinels>, index: usize) {
    loop {
        let Some(strong) = sentinels.upgrade() else { return };
        let sentinel = &strong.all[index];
        let subscribed = timeout(SENTINEL_TIMEOUT, async {
            let mut subscription = sentinel.client.get_async_pubsub().await?;
            subscription.subscribe(SWITCHED).await?;
            // Not every user may read this event, without which a failover takes longer.
            let _ = subscription.subscribe(PROMOTING).await;
            Ok::<_, redis::RedisError>(subscription.into_on_message())
        });
        if let Ok(Ok(mut messages)) = subscribed.await {
            // A message that was sent before the subscription was missed.
            let mut is_well = strong.check(sentinel).await.is_ok();
            drop(strong);
            while is_well {
                let message = timeout(CHECK_INTERVAL, messages.next()).await;
                let Some(strong) = sentinels.upgrade() else { return };
                is_well = match message {
                    Ok(Some(message)) => {
                        let text = message.get_payload::<String>().unwrap_or_default();
                        strong.on_event(message.get_channel_name(), &text).await;
                        true
                    }
                    Ok(None) => false,
                    Err(_) => strong.check(&strong.all[index]).await.is_ok(),
                };
            }
        }
        sleep(SUBSCRIBE_INTERVAL).await;
    }
}

/// Whether the response to `ROLE` is that of a primary.
pub(crate) fn is_primary(role: &Value) -> bool {
    let Value::Array(items) = role else { return false };
    items
        .first()
        .is_some_and(|item| from_redis_value::<String>(item.clone()).is_ok_and(|role| role == "master"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_name_the_former_and_the_new_primary() {
        let event = |name| {
            let (former, primary) = (("10.0.0.1".to_owned(), 6379), ("fd00::2".to_owned(), 6380));
            Some(Event { name, former, primary })
        };
        assert_eq!(Event::parse("gitlab-redis 10.0.0.1 6379 fd00::2 6380"), event("gitlab-redis"));
        let promotion = "slave [fd00::2]:6380 fd00::2 6380 @ other 10.0.0.1 6379";
        assert_eq!(Event::parse(promotion), event("other"));
        for text in ["", "slave", "x 10.0.0.1 6379 fd00::2 port", "sentinel a b 1 @ other 10.0.0.1 6379"] {
            assert_eq!(Event::parse(text), None, "{text}");
        }
    }
}
