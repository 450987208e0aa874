//! No program leaves secrets on the disk or shows them, whatever its caller's limits and file mode mask are.
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use testkit::binary;

use crate::binaries::Setup;
use crate::services::{Service, built};

/// Allows core files, and lets everybody read new files.
const CARELESS: &str = "ulimit -c \"$(ulimit -H -c)\"; umask 000";

/// The modes of the files in a directory, by name.
fn modes(directory: &Path) -> Vec<(String, u32)> {
    let files = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().unwrap().is_file());
    files
        .map(|entry| {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            (entry.file_name().into_string().unwrap(), mode)
        })
        .collect()
}

fn assert_private(what: &str, directory: &Path) {
    let modes = modes(directory);
    assert!(!modes.is_empty(), "{what} creates no file");
    for (name, mode) in modes {
        assert_eq!(mode, 0o600, "{what}: {name} has mode {mode:o}");
    }
}

#[test]
fn services_allow_no_core_file_and_keep_their_database_private() {
    for Service { name, .. } in built() {
        let setup = Setup::new(name);
        let process = setup.start_after(CARELESS);
        let limits = process.proc_file("limits");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        let limits: Vec<&str> = core.split_whitespace().filter(|word| *word == "0").collect();
        assert_eq!(limits.len(), 2, "{name}: {core}");
        let umask = process.proc_file("status");
        assert!(umask.contains("\nUmask:\t0077\n"), "{name}: {umask}");
        let directory = setup.directory.path().join("tmp");
        assert_private(name, &directory);
        // A start also removes the rights of other accounts from an existing database.
        drop(process);
        for (file, _) in modes(&directory) {
            std::fs::set_permissions(directory.join(file), Permissions::from_mode(0o666)).unwrap();
        }
        let _process = setup.start_after(CARELESS);
        assert_private(name, &directory);
    }
}

#[test]
fn files_of_internal_apictl_are_private() {
    let data = TempDir::new().unwrap();
    for command in ["secrets generate", "migrate"] {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{CARELESS}; exec \"$0\" {command} --data-dir \"$1\"")]);
        let output = shell.arg(binary("internal-apictl")).arg(data.path()).env_clear().output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        assert_private(command, data.path());
    }
    let names: Vec<String> = modes(data.path()).into_iter().map(|(name, _)| name).collect();
    for expected in
        ["internal-api.sqlite3", ".gitlab_shell_secret", ".gitlab_kas_secret", ".gitlab_db_key_base"]
    {
        assert!(names.iter().any(|name| name == expected), "{expected}: {names:?}");
    }
}

/// An empty secret would make every token that is signed with nothing a valid one.
#[test]
fn no_service_starts_with_an_empty_secret() {
    for Service { name, secrets, .. } in built() {
        for file in secrets.iter().copied().chain(["gitlab-db-key-base/db_key_base"]) {
            for text in ["", "\n", "\r\n", " ", " \n\t\n", "\u{feff}", "=", "AA=="] {
                let setup = Setup::new(name);
                std::fs::write(setup.secret(file), text).unwrap();
                let (code, printed) = setup.check_with(&[]);
                // The secret of GitLab Shell is any text, of any length.
                let is_a_secret = file == "gitlab-shell-secret/secret" && !text.trim().is_empty();
                let expected = if is_a_secret { 0 } else { 78 };
                assert_eq!(code, Some(expected), "{name} {file} {text:?}: {printed}");
            }
        }
    }
}

/// URLs with a secret in each part, in every option that takes a URL.
const URLS: &[(&str, &str)] = &[
    ("--database-url", "postgres://gitlab:CANARY@db.example.com/gitlab?sslmode=require&password=CANARY"),
    ("--redis-url", "redis+unix:///x.sock?pass=CANARY"),
    ("--redis-url", "rediss://:CANARY@redis:6379/1"),
    ("--external-url", "https://gitlab:CANARY@gitlab.example.com/?key=CANARY#CANARY"),
    ("--portal-url", "https://portal:CANARY@portal.example.com/?token=CANARY"),
    ("--jwks-url", "https://portal.example.com/keys?token=CANARY"),
    ("--lfs-http", "https://lfs:CANARY@lfs.example.com/?x=CANARY"),
    ("--scim-external-url", "https://scim:CANARY@scim.example.com/?x=CANARY"),
];

#[test]
fn no_secret_of_a_url_is_printed() {
    for Service { name, .. } in built() {
        let help =
            String::from_utf8(Command::new(binary(name)).arg("--help").env_clear().output().unwrap().stdout);
        let help = help.unwrap();
        for (flag, url) in URLS.iter().filter(|(flag, _)| help.contains(&format!("{flag} <"))) {
            let (code, printed) = Setup::new(name).check_with(&[flag, url]);
            assert!(!printed.contains("CANARY"), "{name} {flag}: {code:?} {printed}");
        }
    }
    let geo = "geo: {role: secondary, primary_url: 'https://u:CANARY@primary.example.com/?token=CANARY'}\n";
    let setup = Setup::new("shell-api");
    setup.configure(geo);
    let (code, printed) = setup.check_with(&[]);
    assert!(!printed.contains("CANARY") && printed.contains("primary"), "{code:?} {printed}");
}
