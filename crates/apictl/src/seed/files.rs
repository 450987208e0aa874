//! Files for the demo: the services' configuration, and the data that clients of the demo need.
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use database::seed::Demo;
use serde_json::{Map, Value, json};

use super::tokens::Tokens;
use crate::files::{create, replace};

const HEAD: &str =
    "# Made by `internal-apictl seed --demo`, which keeps it as you change it; remove it to get it anew.\n";

/// The locations of the demo. All directories are absolute.
#[derive(Debug)]
pub struct Places {
    pub base_url: String,
    pub data_dir: PathBuf,
    pub repositories_dir: PathBuf,
}

impl Places {
    pub fn ssh_key_file(&self) -> PathBuf {
        self.data_dir.join("demo_ssh_key")
    }
}

pub fn write(places: &Places, demo: &Demo, tokens: &Tokens) -> Result<()> {
    let config = yaml_serde::to_string(&config(places)).context("the configuration cannot be written")?;
    create(&places.data_dir.join("config.yaml"), format!("{HEAD}{config}").as_bytes())?;

    let path = places.data_dir.join("demo.json");
    // Existing values that cannot be recovered, such as tokens, are kept.
    let mut known: Map<String, Value> = match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).with_context(|| format!("{} is broken", path.display()))?,
        Err(_) => Map::new(),
    };
    known.extend(tell(places, demo, tokens));
    replace(&path, format!("{:#}\n", Value::Object(known)).as_bytes(), 0o600)
}

/// The configuration that the documented examples assume.
fn config(places: &Places) -> Value {
    let storages = json!({
        "default": {
            "address": format!("unix:{}", places.data_dir.join("gitaly.socket").display()),
            "inspect": "local",
            "path": places.repositories_dir,
        },
    });
    json!({
        "external_url": places.base_url,
        "shell-api": {
            "gitlab_version": "12.3.0-pre",
            "gitlab_rev": "d69c988e6a6",
            "legacy_shared_secret": true,
            "partial_clone": false,
            "lfs_token_ttl": 1800,
            "storages": storages,
        },
        "kas-api": { "storages": storages },
    })
}

fn tell(places: &Places, demo: &Demo, tokens: &Tokens) -> Map<String, Value> {
    let users: Map<String, Value> = demo
        .pushers
        .iter()
        .map(|who| (who.username.clone(), json!({ "user_id": who.user_id, "key_id": who.key_id })))
        .collect();
    let facts = [
        ("base_url", json!(places.base_url)),
        ("shell_secret_file", json!(places.data_dir.join(".gitlab_shell_secret"))),
        ("kas_secret_file", json!(places.data_dir.join(".gitlab_kas_secret"))),
        ("repositories_dir", json!(places.repositories_dir)),
        ("ssh_key_file", json!(places.ssh_key_file())),
        ("ssh_ca_fingerprint", json!(STANDARD_NO_PAD.encode(&demo.certificate_authority))),
        ("admin_token", json!(tokens.admin)),
        ("agent_token", json!(tokens.agent)),
        ("scim_group_path", json!(database::seed::SCIM_GROUP.1)),
        ("scim_group_token", json!(tokens.scim_group)),
        ("scim_instance_token", json!(tokens.scim_instance)),
        ("users", Value::Object(users)),
    ];
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
