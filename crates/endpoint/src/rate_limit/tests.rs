use super::*;

fn buckets(per_second: f64, burst: Option<u32>) -> Buckets {
    Buckets::new(Limit { per_second, burst }).unwrap()
}

fn after(start: Instant, milliseconds: u64) -> Instant {
    start + Duration::from_millis(milliseconds)
}

#[test]
fn a_burst_then_the_rate() {
    let (buckets, start, key) = (buckets(10.0, Some(3)), Instant::now(), digest("credential", "a"));
    let refused = |wait, reset| {
        let [wait, reset] = [wait, reset].map(Duration::from_millis);
        Err(Throttled { burst: 3, wait, reset })
    };
    for (ms, expected) in [
        (0, Ok(())),
        (0, Ok(())),
        (0, Ok(())),
        (0, refused(100, 300)),
        // What is refused costs nothing.
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
fn who_is_idle_is_forgotten() {
    let (buckets, start) = (buckets(1000.0, None), Instant::now());
    for n in 0..100_000_u64 {
        buckets.take(digest("credential", &n.to_string()), after(start, n)).unwrap();
    }
    let callers = buckets.full_at.lock().unwrap().full_at.len();
    assert!(callers <= SWEEP_AT, "{callers}");
}

#[test]
fn the_example_has_the_figures_of_the_contract() {
    let text = include_str!("../../../../deploy/rate-limits.yaml");
    for (consumer, expected) in
        [("kas", (50.0, 100)), ("scim", (20.0, 100)), ("admin", (10.0, 10)), ("billing", (50.0, 50))]
    {
        let found = parse(text, consumer).unwrap().unwrap();
        assert_eq!((found.limit.per_second, found.burst), expected, "{consumer}");
    }
    assert!(parse(text, "shell").unwrap().is_none());
}

#[test]
fn what_is_no_limit_is_refused() {
    assert!(parse("{}", "kas").unwrap().is_none());
    for (text, words) in [
        ("", "empty"),
        ("# nothing", "empty"),
        ("kas: 50", "kas"),
        ("kas: {}", "per_second"),
        ("kas: {per_second: fast}", "per_second"),
        ("kas: {per_second: 0}", "kas: per_second must be"),
        ("kas: {per_second: -1}", "per_second must be"),
        ("kas: {per_second: .nan}", "per_second must be"),
        ("kas: {per_second: .inf}", "per_second must be"),
        ("kas: {per_second: 1, burst: 0}", "burst must be"),
        ("kas: {per_second: 1, burst: 1000001}", "burst must be"),
        ("kas: {per_second: 1, bust: 2}", "bust"),
        ("scim: {per_second: 0}", "scim: per_second must be"),
        ("shell: {per_second: 1}", "shell is none of"),
        ("[", ""),
    ] {
        let error = parse(text, "kas").unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn a_bad_new_file_keeps_the_old_limits() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let write = |text: &str| std::fs::write(file.path(), text).unwrap();
    write("kas: {per_second: 0.001, burst: 1}");
    let limits = RateLimits::open(file.path(), "kas").unwrap();
    let (key, now) = (digest("credential", "a"), Instant::now());
    let take = || limits.buckets.load().as_deref().map(|buckets| buckets.take(key, now).is_ok());
    assert_eq!((take(), take()), (Some(true), Some(false)));
    for same in ["kas: {per_second: 0.001, burst: 1}", "kas: {per_second: 0}", ""] {
        write(same);
        limits.reload();
        assert_eq!(take(), Some(false), "{same}");
    }
    write("kas: {per_second: 0.001, burst: 2}");
    limits.reload();
    assert_eq!((take(), take(), take()), (Some(true), Some(true), Some(false)));
    write("scim: {per_second: 1}");
    limits.reload();
    assert_eq!(take(), None);
    std::fs::remove_file(file.path()).unwrap();
    assert!(RateLimits::open(file.path(), "kas").unwrap_err().starts_with("rate_limits_file "));
}
