use super::*;
use clap::Parser;

#[derive(Debug, Parser)]
struct Example {
    #[command(flatten)]
    web: Options,
    #[command(flatten)]
    storage: StorageOptions,
}

fn load_with(file: &str, arguments: &[&str]) -> Result<Loaded<Example>, clap::Error> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    std::fs::write(&path, file).unwrap();
    let mut all: Vec<OsString> = vec!["shell-api".into(), "--config".into(), path.into()];
    all.extend(arguments.iter().map(Into::into));
    load("shell-api", &["storages"], all)
}

#[test]
fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
    let file = "backlog: 7\nshell-api:\n  backlog: 8\n  listen: [127.0.0.1:1, 'unix:/x']\n  max_connections: 9\nkas-api:\n  what: 1\n";
    let loaded = load_with(file, &["--max-connections", "10"]).unwrap();
    assert_eq!(loaded.options.web.backlog, 8);
    assert_eq!(loaded.options.web.listen, ["127.0.0.1:1", "unix:/x"]);
    assert_eq!(loaded.options.web.max_connections, 10);
    assert_eq!(loaded.options.web.shutdown_blackout, Seconds(std::time::Duration::from_secs(10)));
}

#[test]
fn unknown_key_is_an_error() {
    let error = load_with("databse_url: x\n", &[]).unwrap_err().to_string();
    assert!(error.contains("unknown configuration key `databse_url`"), "{error}");
    assert!(load_with("backlog: many\n", &[]).is_err());
    assert!(load_with("backlog: {a: 1}\n", &[]).is_err());
    assert!(load_with("- a\n", &[]).is_err());
}

#[test]
fn nested_values_are_passed_as_json() {
    let loaded = load_with("storages:\n  default: {address: 'unix:/x'}\n", &[]).unwrap();
    let storages: std::collections::BTreeMap<String, std::collections::BTreeMap<String, String>> =
        loaded.structures.get("storages").unwrap();
    assert_eq!(storages["default"]["address"], "unix:/x");
    assert_eq!(loaded.structures.get::<Option<bool>>("geo").unwrap(), None);
}

#[test]
fn the_effective_configuration_hides_passwords() {
    let loaded = load_with("", &["--database-url", "postgres://me:s3cret@db/x"]).unwrap();
    let text = print(&loaded.effective, &loaded.structures);
    assert!(text.contains("database_url: postgres://me:[FILTERED]@db/x\n"), "{text}");
    assert!(text.contains("backlog: '1024'\n") && !text.contains("s3cret"), "{text}");
}

#[test]
fn errors_hide_passwords_of_urls() {
    let flag = load_with("", &["--max-connections", "redis://:CANARY@h:1"]).unwrap_err().to_string();
    let file = load_with("backlog: 'me:CANARY@h'\n", &[]).unwrap_err().to_string();
    for error in [flag, file] {
        assert!(error.contains("[FILTERED]@h") && !error.contains("CANARY"), "{error}");
    }
}

#[test]
fn lengths_of_time_have_units() {
    let seconds = |text: &str| text.parse::<Seconds>().map(|seconds| seconds.0.as_millis());
    assert_eq!(seconds("5s"), Ok(5000));
    assert_eq!(seconds("500ms"), Ok(500));
    assert_eq!(seconds("2m"), Ok(120_000));
    assert_eq!(seconds("7"), Ok(7000));
    for bad in ["", "s", "5h", "-1s", "1.5s", "99999999999999999999s"] {
        assert!(seconds(bad).is_err(), "{bad}");
    }
}

/// Another program reads some options of a service, and not those that it does not know.
#[test]
fn the_file_of_a_service_is_loaded_without_its_other_options() {
    #[derive(Debug, Parser)]
    struct Part {
        #[command(flatten)]
        storage: StorageOptions,
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shell-api.yaml");
    let load = |text: &str| {
        std::fs::write(&path, text).unwrap();
        load_file::<Part>("shell-api", &path)
    };
    let file = "backlog: 7\nshell-api:\n  database_url: postgres://h/d\n  storages: {default: {path: /x}}\n\
                kas-api:\n  database_url: postgres://other/d\n";
    let (part, structures) = load(file).unwrap();
    assert_eq!(part.storage.database_url.as_deref(), Some("postgres://h/d"));
    let storages: std::collections::BTreeMap<String, std::collections::BTreeMap<String, String>> =
        structures.get("storages").unwrap();
    assert_eq!(storages["default"]["path"], "/x");
    let error = load("database_pooler: pgbouncer\n").unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: invalid value", path.display())), "{error}");
    assert_eq!(error.lines().count(), 1);
}

/// The parser quotes values of the wrong type, and a structure may hold tokens and URLs with passwords.
#[test]
fn errors_in_structures_hide_values() {
    type Storages = std::collections::BTreeMap<String, std::collections::BTreeMap<String, u8>>;
    for file in [
        "storages: 'tcp://x:CANARY@h:1'\n",
        "storages: {default: 'tcp://x:CANARY@h:1'}\n",
        "storages: {default: {address: 'a \"quoted\" CANARY'}}\n",
    ] {
        let loaded = load_with(file, &[]).unwrap();
        let error = loaded.structures.get::<Storages>("storages").unwrap_err().to_string();
        assert!(error.starts_with("storages: ") && error.contains("expected"), "{error}");
        assert!(!error.contains("CANARY"), "{error}");
    }
    let error = without_values(r#"unknown variant `magic`, "a \"quoted\" CANARY", expected `local`"#);
    assert_eq!(error, "unknown variant `magic`, \u{2026}, expected `local`");
}
