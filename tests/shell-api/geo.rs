//! A Geo secondary.
use super::Shell;
use super::support::{ALLOWED, storages, verdict, write_config};
use serde_json::{Value, json};
use server::Service as _;
use tempfile::TempDir;
use testkit::Database;

const READ_ONLY: (u16, &str) = (401, "You can't push code to a read-only GitLab instance.");

fn options(
    data: &TempDir,
    database: &Database,
    geo: &str,
) -> Result<server::Prepared, server::config::ConfigError> {
    let git = testkit::git::repositories();
    let config = write_config(data, &format!("{}{geo}", storages(&git.path.to_string_lossy())));
    let arguments = [
        "shell-api",
        "--config",
        &config,
        "--database-url",
        database.url_for("shell-api"),
        "--data-dir",
        data.path().to_str().unwrap(),
    ];
    let loaded = server::config::load::<shell_api::Options>(
        "shell-api",
        shell_api::INFO.structures,
        arguments.iter().map(Into::into),
    )
    .unwrap();
    loaded.options.prepare(&loaded.structures)
}

async fn secondary(database: Database, further: &str) -> Shell {
    let data = TempDir::new().unwrap();
    std::fs::write(data.path().join("token"), "a-token\n").unwrap();
    let further = further.replace("TOKEN", data.path().join("token").to_str().unwrap());
    let prepared = options(
        &data,
        &database,
        &format!("geo: {{role: secondary, primary_url: 'https://primary.example.com/'{further}}}\n"),
    )
    .unwrap();
    Shell::start(database, prepared, data).await
}

fn forwarded(path: &str, headers: &Value, direct: bool) -> (u16, Value) {
    let url = format!("https://primary.example.com/{path}.git");
    (
        300,
        json!({
            "status": true,
            "payload": { "action": "geo_proxy_to_primary", "data": {
                "api_endpoints": [], "gl_username": "alice", "primary_repo": url, "gl_id": "user-2",
                    "request_headers": headers,
                "geo_proxy_fetch_ssh_direct_to_primary": false,
                    "geo_proxy_push_ssh_direct_to_primary": direct,
            } },
            "gl_console_messages": [format!("This request to a Geo secondary node will be forwarded to \
             the\nGeo primary node:\n\n  {url}")],
        }),
    )
}

#[testkit::test]
async fn pushes_go_to_the_primary(database: Database) {
    let shell = secondary(database, "").await;
    let nothing = json!({});
    assert_eq!(shell.push_any(11, "grp/p.git").await, forwarded("grp/p", &nothing, false));
    assert_eq!(shell.push_any(11, "GRP/P").await, forwarded("grp/p", &nothing, false));
    assert_eq!(shell.push_any(11, "grp/p.wiki").await, forwarded("grp/p.wiki", &nothing, false));
    assert_eq!(shell.push_any(11, "/alice/new.git").await, forwarded("alice/new", &nothing, false));
    assert_eq!(verdict(&shell.clone(11, "grp/p").await), ALLOWED);
}

#[testkit::test]
async fn primary_gets_the_token(database: Database) {
    let shell = secondary(database, ", token_file: TOKEN, push_ssh_direct_to_primary: true").await;
    assert_eq!(
        shell.push_any(11, "grp/p").await,
        forwarded("grp/p", &json!({ "Authorization": "Bearer a-token" }), true)
    );
}

/// Gitaly treats status 300 as success, so requests that cannot be forwarded must be rejected.
#[testkit::test]
async fn requests_that_cannot_be_forwarded_are_refused(database: Database) {
    let shell = secondary(database, "").await;
    let (a, b) = (&shell.git.a, &shell.git.b);
    assert_eq!(verdict(&shell.push(11, &format!("{a} {b} refs/heads/f\n")).await), READ_ONLY);
    assert_eq!(verdict(&shell.push_any(31, "grp/p").await), READ_ONLY, "a deploy key has no name there");
    assert_eq!(verdict(&shell.push_any(999, "grp/pub").await), READ_ONLY);
    let nameless = json!({ "gl_repository": "project-999", "project": null });
    assert_eq!(
        verdict(&shell.push_with(11, "_any", nameless).await),
        (404, "The namespace you were looking for could not be found.")
    );
    let web = json!({ "key_id": 11, "action": "git-receive-pack", "protocol": "web" });
    assert_eq!(verdict(&shell.allowed(web).await), READ_ONLY);
    assert_eq!(verdict(&shell.push_any(16, "grp/p").await), (401, "Your account has been blocked."));
}

#[testkit::test]
async fn incomplete_configuration_is_refused(database: Database) {
    let data = TempDir::new().unwrap();
    for (geo, expected) in [
        ("{role: secondary}", "geo: a secondary needs primary_url, http:// or https://"),
        (
            "{role: secondary, primary_url: 'ftp://x'}",
            "geo: a secondary needs primary_url, http:// or https://",
        ),
        ("{role: tertiary}", "geo: unknown variant `tertiary`"),
        ("{role: secondary, primary_url: 'https://x', token_file: /nowhere/token}", "geo: /nowhere/token: "),
        ("{roll: secondary}", "geo: unknown field `roll`"),
    ] {
        let error = options(&data, &database, &format!("geo: {geo}\n")).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{geo}: {error}");
    }
    assert!(options(&data, &database, "geo: {role: primary}\n").is_ok());
}
