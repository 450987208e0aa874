//! The token that Git LFS sends to GitLab's HTTP endpoints. It is not stored: GitLab verifies it with the
//! account and `db_key_base`.
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

use crate::key_base::{first_characters, key_32};
use crate::{KeyBase, SecretError};

/// The account that a token is issued for. `Debug` prints only the name, because the signing key is derived
/// from the other fields.
#[derive(Clone)]
pub enum LfsActor {
    /// A password change invalidates all tokens of the user.
    User {
        /// The id of the user.
        id: i64,
        /// The login name.
        username: String,
        /// `users.encrypted_password`
        encrypted_password: String,
    },
    /// A deploy key of a project.
    DeployKey {
        /// The id of the key.
        id: i64,
        /// SHA-256, in base64.
        fingerprint: String,
    },
}

impl std::fmt::Debug for LfsActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LfsActor({})", self.name())
    }
}

impl LfsActor {
    /// The HTTP Basic user name for the token.
    pub fn name(&self) -> String {
        match self {
            Self::User { username, .. } => username.clone(),
            Self::DeployKey { id, .. } => format!("lfs+deploy-key-{id}"),
        }
    }

    fn key(&self, base: &KeyBase) -> Vec<u8> {
        match self {
            Self::User { id, encrypted_password, .. } => {
                let start = encrypted_password.char_indices().rev().nth(15).map_or(0, |(start, _)| start);
                let base = first_characters(base.current(), 16);
                format!("{id}{}{base}", &encrypted_password[start..]).into_bytes()
            }
            Self::DeployKey { fingerprint, .. } => {
                [first_characters(fingerprint, 16).as_bytes(), &key_32(base.current())].concat()
            }
        }
    }
}

/// The scope and lifetime of a token.
#[derive(Debug, Clone)]
pub struct LfsToken<'a> {
    /// The actor that the token authenticates.
    pub actor: &'a LfsActor,
    /// The project whose files the token gives access to.
    pub project_id: i64,
    /// A random UUID, which makes every token unique.
    pub jti: String,
    /// The current Unix timestamp in seconds.
    pub now: i64,
    /// In seconds.
    pub lifetime: i64,
}

impl LfsToken<'_> {
    /// Signs the token with a key that only GitLab and this service can derive.
    pub fn sign(&self, base: &KeyBase) -> Result<String, SecretError> {
        let Self { actor, project_id, jti, now, lifetime } = self;
        let claims = json!({
            "data": { "actor": actor.name(), "container_gid": format!("gid://gitlab/Project/{project_id}") },
            "jti": jti,
            "iat": now,
            "nbf": now.saturating_sub(5),
            "exp": now.saturating_add(*lifetime),
        });
        let key = EncodingKey::from_secret(&actor.key(base));
        encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(|_| SecretError::Signing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_base::tests::key_base;
    use jsonwebtoken::crypto;
    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde_json::Value;

    /// The example of GitLab's documentation.
    const DOCUMENTED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJkYXRhIjp7ImFjdG9yIjoicm9vdCJ9LCJqdGkiOiIyYWJhZDcxZC0xNDFlLTQ2NGUtOTZlMi1mODllYWRiMGVmZTYiLCJpYXQiOjE1NzAxMTc2NzYsIm5iZiI6MTU3MDExNzY3MSwiZXhwIjoxNTcwMTE5NDc2fQ";

    fn root() -> LfsActor {
        let encrypted_password = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy".to_owned();
        LfsActor::User { id: 1, username: "root".to_owned(), encrypted_password }
    }

    #[test]
    fn key_equals_the_key_of_gitlab() {
        let key = root().key(&key_base());
        assert_eq!(key, b"1xad68LJZdL17lhWy0123456789abcdef");
        let signature =
            crypto::sign(DOCUMENTED.as_bytes(), &EncodingKey::from_secret(&key), Algorithm::HS256).unwrap();
        assert_eq!(signature, "tyqWlxXEsdECzh4U8AF8kMGhvKS-5a2zskTAvb_Qy4M");
        let fingerprint = "lbmsoA0yIEcEiVDRnMWuzm+nV+3ZEEpVIURqFoeSspg".to_owned();
        let deploy_key = LfsActor::DeployKey { id: 30, fingerprint };
        assert_eq!(deploy_key.key(&key_base()), b"lbmsoA0yIEcEiVDR0123456789abcdef0123456789abcdef");
        assert_eq!(deploy_key.name(), "lfs+deploy-key-30");
    }

    #[test]
    fn short_password_digest_is_used_whole() {
        let actor = LfsActor::User { id: 2, username: String::new(), encrypted_password: "ü$".to_owned() };
        assert_eq!(actor.key(&key_base()), "2ü$0123456789abcdef".as_bytes());
    }

    #[test]
    fn token_contains_its_actor_and_expiry() {
        let actor = root();
        let jti = "2abad71d-141e-464e-96e2-f89eadb0efe6".to_owned();
        let token =
            LfsToken { actor: &actor, project_id: 3, jti: jti.clone(), now: 1_570_117_676, lifetime: 1800 };
        let signed = token.sign(&key_base()).unwrap();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let key = DecodingKey::from_secret(&actor.key(&key_base()));
        let decoded = decode::<Value>(&signed, &key, &validation).unwrap();
        let expected = json!({
            "data": { "actor": "root", "container_gid": "gid://gitlab/Project/3" },
            "jti": jti, "iat": 1_570_117_676, "nbf": 1_570_117_671, "exp": 1_570_119_476,
        });
        assert_eq!(decoded.claims, expected);
        assert_eq!(decoded.header.typ.as_deref(), Some("JWT"));
        assert!(!format!("{actor:?}").contains("lhWy"));
    }
}
