//! The configuration of the binary `billing-api`.
use std::process::{Command, Output};

use super::support::write_files;
use tempfile::TempDir;

fn check_config(data: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(testkit::binary("billing-api"));
    command.args(["check-config", "--data-dir", data.path().to_str().unwrap()]).args(arguments);
    command.env_clear().current_dir(data.path()).output().unwrap()
}

/// The exit code and the printed message.
fn refused(data: &TempDir, arguments: &[&str]) -> (Option<i32>, String) {
    let output = check_config(data, arguments);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn invalid_configuration_is_refused_before_a_port_is_bound() {
    let data = TempDir::new().unwrap();
    let (code, said) = refused(&data, &[]);
    assert!(code == Some(78) && said.contains(".gitlab_db_key_base"), "{said}");
    write_files(&data);
    let output = check_config(&data, &[]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(
        printed.contains("https://customers.gitlab.com") && printed.contains("gitlab-subscriptions"),
        "{printed}"
    );
    let keys = data.path().join("jwks.json");
    assert_eq!(check_config(&data, &["--jwks-file", keys.to_str().unwrap()]).status.code(), Some(0));
    for arguments in [
        &["--jwks-file", "/nowhere"][..],
        &["--jwks-file", ".gitlab_db_key_base"],
        &["--jwks-url", "ftp://portal.example.com/keys"],
        &["--jwks-url", "keys"],
        &["--algorithms", "HS256"],
        &["--algorithms", "none"],
        &["--plan-name-form", "long"],
        &["--jwks-url", "https://portal.example.com/keys", "--jwks-file", "jwks.json"],
    ] {
        assert_eq!(refused(&data, arguments).0, Some(78), "{arguments:?}");
    }
    std::fs::write(data.path().join(".gitlab_db_key_base"), "short").unwrap();
    assert_eq!(refused(&data, &[]).0, Some(78));
}

/// URLs of the portal can contain a password or a token.
#[test]
fn check_config_masks_the_urls_of_the_portal() {
    let data = TempDir::new().unwrap();
    write_files(&data);
    let url = "https://u:pw-4711@portal.example.com/keys?token=tk-4711";
    for arguments in [&["--jwks-url", url][..], &["--portal-url", url]] {
        let output = check_config(&data, arguments);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.code() == Some(0) && text.contains("portal.example.com"), "{text}");
        assert!(!text.contains("pw-4711") && !text.contains("tk-4711"), "{text}");
    }
    let (code, text) =
        refused(&data, &["--jwks-url", "ftp://u:pw-4711@portal.example.com/keys?token=tk-4711"]);
    assert!(code == Some(78) && !text.contains("4711"), "{text}");
}
