//! What the tokens of all clients have in common: a JWT of HS256 and no other algorithm.
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, decode, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{Rejection, Secrets};

/// The claims of a token that one of the secrets has signed. The times are the caller's to check, by its own clock.
pub(crate) fn claims<C: DeserializeOwned>(secrets: &Secrets, token: &str) -> Result<C, Rejection> {
    let claims = secrets.verifying().map(|secret| decode_with(secret, token)).reduce(Result::or);
    claims.unwrap_or(Err(Rejection::Signature))
}

fn decode_with<C: DeserializeOwned>(secret: &crate::Secret, token: &str) -> Result<C, Rejection> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    match decode::<C>(token, &secret.decoding, &validation) {
        Ok(data) => Ok(data.claims),
        Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => Err(Rejection::Signature),
        Err(_) => Err(Rejection::Malformed),
    }
}

/// A claim that is there, be it `null`: an `Option` by itself takes that for no claim.
pub(crate) fn there<'de, D: Deserializer<'de>>(claim: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(claim).map(Some)
}

/// A moment in seconds of Unix time, which may have a fraction.
pub(crate) fn seconds(claim: Option<Value>) -> Result<Option<f64>, Rejection> {
    claim.map(|value| value.as_f64().ok_or(Rejection::Malformed)).transpose()
}

/// Seconds of Unix time, as comparable with claims.
#[expect(clippy::cast_precision_loss, reason = "seconds of Unix time fit for millions of years")]
pub(crate) fn moment(now: i64) -> f64 {
    now as f64
}

/// Signs claims.
pub(crate) fn sign(secrets: &Secrets, claims: &impl Serialize) -> Result<String, Rejection> {
    encode(&Header::new(Algorithm::HS256), claims, &secrets.signing().encoding())
        .map_err(|_| Rejection::Malformed)
}
