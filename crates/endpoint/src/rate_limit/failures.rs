//! Counts failed authentications for each client address. Valid credentials are never delayed.
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{FAILURES_NAME, Throttled};

const WINDOW: Duration = Duration::from_mins(1);
/// The maximum number of addresses to remember. The address with the oldest last failure is removed first.
const MAX_ADDRESSES: usize = 10_000;

/// How many failed authentications of one address are answered without a delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailureLimit {
    /// From 1 to 1,000.
    per_minute: u32,
}

impl Default for FailureLimit {
    fn default() -> Self {
        Self { per_minute: 30 }
    }
}

impl FailureLimit {
    pub(super) fn checked(self) -> Result<Self, &'static str> {
        if (1..=1000).contains(&self.per_minute) {
            Ok(self)
        } else {
            Err("per_minute must be from 1 to 1000")
        }
    }
}

/// The times of the most recent failures of each address.
#[derive(Debug)]
pub(super) struct Failures {
    limit: FailureLimit,
    times: Mutex<HashMap<IpAddr, VecDeque<Instant>>>,
}

/// The network that counts as one client. An IPv6 host usually has a whole /64 network. A Unix socket has no
/// address.
pub fn network(ip: Option<IpAddr>) -> IpAddr {
    match ip {
        Some(IpAddr::V6(ip)) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        Some(ip) => ip,
        None => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

impl Failures {
    pub(super) fn new(limit: FailureLimit) -> Self {
        Self { limit, times: Mutex::default() }
    }

    pub(super) fn limit(&self) -> FailureLimit {
        self.limit
    }

    /// Counts a failure. Returns an error if there were too many in the last minute.
    pub(super) fn count(&self, address: IpAddr, now: Instant) -> Result<(), Throttled> {
        let limit = self.limit.per_minute as usize;
        // Each change is complete in itself, so a panic cannot leave inconsistent data.
        let mut all = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_ADDRESSES && !all.contains_key(&address) {
            forget_oldest(&mut all, now);
        }
        let times = all.entry(address).or_default();
        while times.front().is_some_and(|time| now.duration_since(*time) >= WINDOW) {
            times.pop_front();
        }
        let is_throttled = times.len() >= limit;
        if is_throttled {
            times.pop_front();
        }
        times.push_back(now);
        if !is_throttled {
            return Ok(());
        }
        let until = |time: Option<&Instant>| {
            time.map_or(WINDOW, |time| WINDOW.saturating_sub(now.duration_since(*time)))
        };
        let (wait, reset) = (until(times.front()), until(times.back()));
        Err(Throttled { name: FAILURES_NAME, limit: self.limit.per_minute, wait, reset })
    }
}

/// Removes a tenth of the addresses at once, so that not every new address needs a search.
fn forget_oldest(all: &mut HashMap<IpAddr, VecDeque<Instant>>, now: Instant) {
    all.retain(|_, times| times.back().is_some_and(|last| now.duration_since(*last) < WINDOW));
    if all.len() < MAX_ADDRESSES {
        return;
    }
    let mut newest: Vec<Instant> = all.values().filter_map(|times| times.back().copied()).collect();
    let (_, oldest_kept, _) = newest.select_nth_unstable(MAX_ADDRESSES / 10);
    let oldest_kept = *oldest_kept;
    all.retain(|_, times| times.back().is_some_and(|last| *last > oldest_kept));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        network(text.parse().ok())
    }

    #[test]
    fn the_31st_failure_within_a_minute_is_throttled() {
        let (failures, start) = (Failures::new(FailureLimit::default()), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let here = address("192.0.2.1");
        for second in 0..30 {
            assert_eq!(failures.count(here, at(second)), Ok(()));
        }
        let throttled = failures.count(here, at(30)).unwrap_err();
        assert_eq!((throttled.limit, throttled.wait), (30, Duration::from_secs(31)));
        assert_eq!(failures.count(address("192.0.2.2"), at(30)), Ok(()));
        // Throttled attempts count, too, so continued guessing stays throttled.
        for second in 31..90 {
            assert!(failures.count(here, at(second)).is_err(), "{second}");
        }
        assert_eq!(failures.count(here, at(89 + 60)), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let failures = Failures::new(FailureLimit { per_minute: 1 });
        let now = Instant::now();
        assert_eq!(failures.count(address("2001:db8::1"), now), Ok(()));
        assert!(failures.count(address("2001:db8::ffff:1"), now).is_err());
        assert_eq!(failures.count(address("2001:db8:0:1::1"), now), Ok(()));
        assert_eq!(failures.count(address("192.0.2.1"), now), Ok(()));
        assert_eq!(failures.count(address("192.0.2.2"), now), Ok(()));
    }

    #[test]
    fn table_is_bounded_and_drops_the_oldest_address() {
        let (failures, start) = (Failures::new(FailureLimit { per_minute: 1 }), Instant::now());
        let many = u32::try_from(MAX_ADDRESSES).unwrap();
        for n in 0..=many {
            let now = start + Duration::from_millis(n.into());
            failures.count(IpAddr::from(n.to_be_bytes()), now).unwrap();
        }
        let now = start + Duration::from_millis(u64::from(many) + 1);
        assert!(failures.times.lock().unwrap().len() <= MAX_ADDRESSES);
        assert!(failures.count(IpAddr::from(many.to_be_bytes()), now).is_err());
        assert_eq!(failures.count(IpAddr::from(0_u32.to_be_bytes()), now), Ok(()));
    }
}
