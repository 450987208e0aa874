//! The demo's tokens: made once, and kept in `demo.json`. Nobody can read them out of the database again.
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use auth::KeyBase;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::NaiveDateTime;
use database::Conn;
use serde_json::Value;

use crate::secrets;

/// Each begins as GitLab's own do.
pub struct Tokens {
    /// By which the demo's visitors administer.
    pub admin: String,
    /// Of the agent for Kubernetes.
    pub agent: String,
    /// Of the identity providers, of a group and of the instance.
    pub scim_group: String,
    pub scim_instance: String,
}

impl Tokens {
    /// Those that `demo.json` tells of, else fresh ones.
    pub fn of(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join("demo.json");
        let known: Value = match fs::read(&path) {
            Ok(text) => {
                serde_json::from_slice(&text).with_context(|| format!("{} is broken", path.display()))?
            }
            Err(_) => Value::Null,
        };
        let token = |name: &str, prefix: &str, length: usize| match known[name].as_str() {
            Some(token) => Ok(token.to_owned()),
            None => fresh(prefix, length),
        };
        Ok(Self {
            admin: token("admin_token", "glpat-", 20)?,
            agent: token("agent_token", "glagent-", 50)?,
            scim_group: token("scim_group_token", "glsoat-", 20)?,
            scim_instance: token("scim_instance_token", "glsoat-", 20)?,
        })
    }

    /// Puts those that were not planted into the database, as its columns hold them.
    pub fn keep(&self, conn: &mut Conn, keys: &KeyBase, now: NaiveDateTime) -> Result<()> {
        let encrypted = [&self.scim_group, &self.scim_instance].map(|token| keys.encrypt(token));
        database::seed::set_scim_tokens(conn, [&encrypted[0], &encrypted[1]], now)?;
        database::seed::set_admin_token(conn, &keys.token_digest(&self.admin), now)?;
        Ok(())
    }
}

fn fresh(prefix: &str, length: usize) -> Result<String> {
    let characters = URL_SAFE_NO_PAD.encode(secrets::random::<38>()?);
    Ok(format!("{prefix}{}", &characters[..length]))
}
