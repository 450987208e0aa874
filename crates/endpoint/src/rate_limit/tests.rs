use super::file::parse;
use super::*;

fn buckets(per_second: f64, burst: Option<u32>) -> Buckets {
    Buckets::new(Limit { per_second, burst }).unwrap()
}

fn after(start: Instant, milliseconds: u64) -> Instant {
    start + Duration::from_millis(milliseconds)
}

#[test]
fn burst_is_allowed_before_the_sustained_rate() {
    let (buckets, start, key) = (buckets(10.0, Some(3)), Instant::now(), digest("credential", "a"));
    let refused = |wait, reset| {
        let [wait, reset] = [wait, reset].map(Duration::from_millis);
        Err(Throttled { name: NAME, limit: 3, wait, reset })
    };
    for (ms, expected) in [
        (0, Ok(())),
        (0, Ok(())),
        (0, Ok(())),
        (0, refused(100, 300)),
        // A rejected request takes no permit.
        (99, refused(1, 201)),
        (100, Ok(())),
        (150, refused(50, 250)),
        (200, Ok(())),
        (5000, Ok(())),
        (5000, Ok(())),
        (5000, Ok(())),
        (5000, refused(100, 300)),
    ] {
        assert_eq!(buckets.take(key, after(start, ms)), expected, "{ms} ms");
    }
    assert_eq!(buckets.take(digest("credential", "b"), start), Ok(()));
}

#[test]
fn a_caller_is_a_credential_or_an_address() {
    assert_ne!(digest("credential", "127.0.0.1"), digest("address", "127.0.0.1"));
    assert_ne!(digest("credential", "a"), digest("credential", "b"));
}

#[test]
fn idle_callers_are_forgotten() {
    let (buckets, start) = (buckets(1000.0, None), Instant::now());
    for n in 0..100_000_u64 {
        buckets.take(digest("credential", &n.to_string()), after(start, n)).unwrap();
    }
    let callers = buckets.callers.lock().unwrap().full_at.len();
    assert!(callers <= SWEEP_AT, "{callers}");
}

fn limits(text: &str, consumer: &str) -> Option<(f64, u32)> {
    let state = State::new(&parse(text).unwrap(), consumer, None).unwrap();
    state.buckets.map(|buckets| (buckets.limit.per_second, buckets.burst))
}

/// Wrong credentials a minute; `None` for no limit.
fn failures(text: &str, consumer: &str) -> Option<Failures> {
    State::new(&parse(text).unwrap(), consumer, None).unwrap().failures.and_then(Arc::into_inner)
}

#[test]
fn limits_are_on_by_default_and_the_example_names_the_defaults() {
    let example = include_str!("../../../../deploy/rate-limits.yaml");
    for (consumer, expected) in [
        ("kas", Some((50.0, 100))),
        ("scim", Some((50.0, 200))),
        ("admin", Some((10.0, 10))),
        ("billing", Some((50.0, 50))),
        ("shell", None),
    ] {
        assert_eq!(limits("{}", consumer), expected, "{consumer}");
        assert_eq!(limits(example, consumer), expected, "{consumer}");
        let counts_failures = ["scim", "admin", "billing"].contains(&consumer);
        assert_eq!(failures("{}", consumer).is_some(), counts_failures, "{consumer}");
        assert_eq!(
            failures(example, consumer).map(|failures| failures.limit()),
            failures("{}", consumer).map(|failures| failures.limit())
        );
    }
}

#[test]
fn file_changes_only_the_named_limits() {
    let text = "scim: {per_second: 100, burst: 500}\nkas: unlimited\nfailures: unlimited";
    assert_eq!(limits(text, "scim"), Some((100.0, 500)));
    assert_eq!(limits(text, "kas"), None);
    assert_eq!(limits(text, "admin"), Some((10.0, 10)));
    assert!(failures(text, "scim").is_none());
    assert_eq!(limits("billing: {per_second: 2.5}", "billing"), Some((2.5, 3)));
    let some = failures("failures: {per_minute: 1}", "admin").unwrap();
    let (address, now) = (failures::network(None), Instant::now());
    assert!(some.count(address, now).is_ok() && some.count(address, now).is_err());
}

#[test]
fn invalid_file_is_refused_by_every_service() {
    for (text, words) in [
        ("", "empty"),
        ("# nothing", "empty"),
        ("kas: 50", "kas"),
        ("kas: limited", "kas"),
        ("kas: {}", "per_second"),
        ("kas: {per_second: fast}", "kas: invalid type: string \"fast\""),
        ("kas: {per_second: 0}", "kas: per_second must be"),
        ("kas: {per_second: -1}", "per_second must be"),
        ("kas: {per_second: .nan}", "per_second must be"),
        ("kas: {per_second: .inf}", "per_second must be"),
        ("kas: {per_second: 1, burst: 0}", "burst must be"),
        ("kas: {per_second: 1, burst: 1000001}", "burst must be"),
        ("kas: {per_second: 1, bust: 2}", "bust"),
        ("scim: {per_second: 0}", "scim: per_second must be"),
        ("shell: {per_second: 1}", "unknown name shell"),
        ("failures: {per_minute: 0}", "failures: per_minute must be"),
        ("failures: {per_second: 1}", "per_second"),
        ("failures: 30", "failures"),
        ("[", ""),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn invalid_new_file_keeps_the_old_limits() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let write = |text: &str| std::fs::write(file.path(), text).unwrap();
    write("kas: {per_second: 0.001, burst: 1}");
    let limits = RateLimits::open(Some(file.path()), "kas").unwrap();
    assert_eq!(limits.names(), [NAME]);
    let (key, now) = (digest("credential", "a"), Instant::now());
    let take = || limits.state.load().buckets.as_ref().map(|buckets| buckets.take(key, now).is_ok());
    assert_eq!((take(), take()), (Some(true), Some(false)));
    for same in ["kas: {per_second: 0.001, burst: 1}", "kas: {per_second: 0}", ""] {
        write(same);
        limits.reload();
        assert_eq!(take(), Some(false), "{same}");
    }
    write("kas: {per_second: 0.001, burst: 2}");
    limits.reload();
    assert_eq!((take(), take(), take()), (Some(true), Some(true), Some(false)));
    write("kas: unlimited");
    limits.reload();
    assert_eq!(take(), None);
    std::fs::remove_file(file.path()).unwrap();
    let error = RateLimits::open(Some(file.path()), "kas").unwrap_err().to_string();
    assert!(error.starts_with("rate_limits_file "), "{error}");
}
