//! The secret changes while the service runs.
use super::support::{storages, write_config};
use super::tokens::{claims, signed_by};
use super::{Shell, shell_api_with};
use tempfile::TempDir;
use testkit::Process;

async fn check_with(shell: &Shell, secret: &str) -> u16 {
    let request = shell.anonymous("GET", "/check");
    request.header("Gitlab-Shell-Api-Request", &signed_by(secret, &claims())).send().await.status
}

#[testkit::test]
async fn the_previous_secret_verifies_until_its_file_is_empty(database: Database) {
    let files = TempDir::new().unwrap();
    let [current, previous] = ["current", "previous"].map(|name| files.path().join(name));
    let write = |path: &std::path::Path, text: &str| std::fs::write(path, text).unwrap();
    write(&current, "new\n");
    write(&previous, "old\n");
    let options = ["--shell-secret-file", "--shell-secret-previous-file"];
    let arguments = [options[0], current.to_str().unwrap(), options[1], previous.to_str().unwrap()];
    let shell = shell_api_with(database, &arguments).await;
    let statuses = async || {
        [check_with(&shell, "new").await, check_with(&shell, "old").await, check_with(&shell, "newer").await]
    };
    assert_eq!(statuses().await, [200, 200, 401]);

    write(&previous, "\n");
    assert_eq!(statuses().await, [200, 200, 401], "the file has not been reloaded yet");
    shell.secret.reload(true);
    assert_eq!(statuses().await, [200, 401, 401]);

    write(&previous, "new");
    write(&current, "newer");
    shell.secret.reload(true);
    assert_eq!(statuses().await, [200, 401, 200]);

    // A blank file does not replace the secret.
    write(&current, " \n");
    shell.secret.reload(true);
    assert_eq!(statuses().await, [200, 401, 200]);
    let reloads = |result: &str| {
        format!("internal_api_secret_reload_total{{result=\"{result}\",secret=\"gitlab_shell\"}}")
    };
    assert_eq!(shell.service.metric(&reloads("ok")).await, Some(2.0));
    assert_eq!(shell.service.metric(&reloads("error")).await, Some(1.0));
}

#[testkit::test]
async fn sighup_reloads_the_secret(database: Database) {
    let data = TempDir::new().unwrap();
    let config = write_config(&data, &storages("/nowhere"));
    let directory = data.path().to_str().unwrap();
    let arguments =
        ["--config", &config, "--database-url", database.url_for("shell-api"), "--data-dir", directory];
    let process = Process::start("shell-api", &arguments, &[]).until_ready();
    let fresh = signed_by("a fresh secret", &claims());
    let check = async || {
        let request = process.request("GET", "/api/v4/internal/check");
        request.header("Gitlab-Shell-Api-Request", &fresh).send().await.status
    };
    assert_eq!(check().await, 401);
    std::fs::write(data.path().join(".gitlab_shell_secret"), "a fresh secret\n").unwrap();
    process.signal("HUP");
    process.log_line(|line| line["message"] == "read the secret again");
    assert_eq!(check().await, 200);
}
