//! The tokens of the demo. They are generated once and stored in `demo.json`, because they cannot be read
//! back from the database.
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use auth::KeyBase;
use chrono::NaiveDateTime;
use database::Conn;
use serde_json::Value;

use crate::secrets;

/// The demo's tokens, with GitLab's prefixes.
pub struct Tokens {
    /// The token for administrators of the demo.
    pub admin: String,
    /// The token of the agent for Kubernetes.
    pub agent: String,
    /// The SCIM tokens of a group and of the instance.
    pub scim_group: String,
    pub scim_instance: String,
}

impl Tokens {
    /// Reads the tokens from `demo.json`, or generates new ones.
    pub fn of(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join("demo.json");
        let known: Value = match fs::read(&path) {
            Ok(text) => {
                serde_json::from_slice(&text).with_context(|| format!("{} is broken", path.display()))?
            }
            Err(_) => Value::Null,
        };
        let token = |name: &str, generate: fn() -> Result<String>| match known[name].as_str() {
            Some(token) => Ok(token.to_owned()),
            None => generate(),
        };
        Ok(Self {
            admin: token("admin_token", || secrets::access_token("glpat-"))?,
            agent: token("agent_token", secrets::agent_token)?,
            scim_group: token("scim_group_token", secrets::scim_token)?,
            scim_instance: token("scim_instance_token", secrets::scim_token)?,
        })
    }

    /// Stores the tokens that the seed rows do not contain, in the format of their columns.
    pub fn keep(&self, conn: &mut Conn, keys: &KeyBase, now: NaiveDateTime) -> Result<()> {
        let encrypted = [&self.scim_group, &self.scim_instance].map(|token| keys.encrypt(token));
        database::seed::set_scim_tokens(conn, [&encrypted[0], &encrypted[1]], now)?;
        database::seed::set_admin_token(conn, &keys.token_digest(&self.admin), now)?;
        Ok(())
    }
}
