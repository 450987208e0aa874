//! The token of CustomersDot: a JWT signed by one of the portal's published keys.
//!
//! The key determines the algorithm. A token that names another algorithm matches no key.
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

use crate::Rejection;
use crate::jwt::{self, as_claim, present, seconds};

/// Further keys are ignored. No real portal publishes as many.
const MAX_KEYS: usize = 100;

/// The required claims and the permitted signature algorithms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The expected claim `iss`.
    pub issuer: String,
    /// The expected claim `aud`.
    pub audience: String,
    /// The algorithms that may sign.
    pub algorithms: Vec<Algorithm>,
}

/// The portal's public keys.
#[derive(Debug)]
pub struct Keys(Vec<Key>);

struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    decoding: DecodingKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// Why a key set cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// The text is not a JSON Web Key Set.
    #[error("not a JSON Web Key Set")]
    Malformed,
    /// No key of the set can verify a signature.
    #[error("the set has no usable key")]
    NoKey,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<Value>,
    aud: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    exp: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<Value>,
}

impl Keys {
    /// Parses a JWK set. Skips symmetric keys and keys for other purposes.
    pub fn parse(json: &[u8]) -> Result<Self, KeysError> {
        let set: KeySet = serde_json::from_slice(json).map_err(|_| KeysError::Malformed)?;
        let keys: Vec<Key> = set.keys.into_iter().take(MAX_KEYS).filter_map(Key::read).collect();
        if keys.is_empty() { Err(KeysError::NoKey) } else { Ok(Self(keys)) }
    }

    /// Verifies a token at `now`, a Unix timestamp in seconds. Returns `None` if no key matches it.
    pub fn verify(&self, token: &Token<'_>, expected: &Expected, now: i64) -> Option<Result<(), Rejection>> {
        self.find(token).map(|key| key.verify(token, expected, now))
    }

    fn find(&self, token: &Token<'_>) -> Option<&Key> {
        match (&token.key_id, &self.0[..]) {
            (Some(id), keys) => {
                keys.iter().find(|key| key.id.as_ref() == Some(id) && key.algorithm == token.algorithm)
            }
            // Without a key id, the only key is used.
            (None, [only]) if only.algorithm == token.algorithm => Some(only),
            (None, _) => None,
        }
    }
}

/// A token whose header has been parsed but not verified.
#[derive(Debug)]
pub struct Token<'a> {
    text: &'a str,
    key_id: Option<String>,
    algorithm: Algorithm,
}

impl<'a> Token<'a> {
    /// Parses the header. An unexpected algorithm is rejected before the key lookup.
    pub fn read(text: &'a str, expected: &Expected) -> Result<Self, Rejection> {
        jwt::refuse_extensions(text)?;
        let header = decode_header(text).map_err(|_| Rejection::Malformed)?;
        if !expected.algorithms.contains(&header.alg) {
            return Err(Rejection::Malformed);
        }
        Ok(Self { text, key_id: header.kid, algorithm: header.alg })
    }
}

impl Key {
    fn read(value: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
            return None;
        }
        let (algorithm, named) = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
            AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
            }
            _ => return None,
        };
        if jwk.common.key_algorithm.is_some_and(|other| other != named) {
            return None;
        }
        let decoding = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { id: jwk.common.key_id, algorithm, decoding })
    }

    fn verify(&self, token: &Token<'_>, expected: &Expected, now: i64) -> Result<(), Rejection> {
        let mut validation = Validation::new(self.algorithm);
        // The timestamps, the issuer and the audience are checked below; the timestamps against the caller's
        // clock.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = match decode::<Claims>(token.text, &self.decoding, &validation) {
            Ok(data) => data.claims,
            Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => {
                return Err(Rejection::Signature);
            }
            Err(_) => return Err(Rejection::Malformed),
        };
        let now = as_claim(now);
        let expiry = seconds(claims.exp)?.ok_or(Rejection::Malformed)?;
        if now >= expiry {
            return Err(Rejection::Expired);
        }
        if seconds(claims.nbf)?.is_some_and(|start| start > now) {
            return Err(Rejection::NotYetValid);
        }
        let is = |claim: &Value, wanted: &str| claim.as_str() == Some(wanted);
        let for_us = match &claims.aud {
            Some(Value::Array(all)) => all.iter().any(|one| is(one, &expected.audience)),
            Some(one) => is(one, &expected.audience),
            None => false,
        };
        let from_portal = claims.iss.as_ref().is_some_and(|issuer| is(issuer, &expected.issuer));
        match (from_portal, for_us) {
            (true, true) => Ok(()),
            (false, _) => Err(Rejection::Issuer),
            (true, false) => Err(Rejection::Audience),
        }
    }
}

#[cfg(test)]
mod tests;
