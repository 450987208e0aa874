//! Tokens. By the first byte the rest is claims to be signed, a header to be signed with good claims, or a
//! whole token.
use std::sync::LazyLock;

use auth::{Secret, Secrets, shell};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::Target;

pub const TARGET: Target = Target {
    name: "tokens",
    seeds: &[
        br#"c{"iss":"gitlab-shell","iat":1700000000,"exp":1700000060}"#,
        br#"c{"iss":"gitlab-shell","nbf":1700000059,"exp":1699999941,"gl_id":"key-1"}"#,
        br#"c{"iss":"gitlab-shell"}"#,
        br#"c{"iss":"gitlab-shell","exp":1699999940,"nbf":1700000060}"#,
        br#"c{"iss":"gitlab-kas","exp":1700000060}"#,
        br#"c{"iss":["gitlab-shell"],"exp":"1700000060"}"#,
        br#"h{"alg":"HS256","typ":"JWT"}"#,
        br#"h{"alg":"none"}"#,
        br#"h{"typ":"JWT","alg":"HS512","kid":"x","crit":["b64"],"b64":false}"#,
        b"teyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJnaXRsYWItc2hlbGwifQ.",
        b"tYSBzZWNyZXQ=",
    ],
    words: &[
        "iss",
        "exp",
        "nbf",
        "iat",
        "aud",
        "alg",
        "typ",
        "gitlab-shell",
        "1700000000",
        "1699999940",
        "1699999939",
        "1700000061",
        "1e300",
        "-1",
        "null",
        "\"HS256\"",
        "RS256",
        "none",
        "{}",
        "[]",
        ".",
        "eyJhbGciOiJub25lIn0",
        "\\u0069",
    ],
    run,
};

const NOW: i64 = 1_700_000_000;
const KEY: &str = "a secret";
const CLAIMS: &str = r#"{"iss":"gitlab-shell"}"#;
const HEADER: &str = r#"{"alg":"HS256"}"#;

static SECRETS: LazyLock<Secrets> = LazyLock::new(|| {
    Secrets::new(Secret::from_text("the newest secret").unwrap(), Secret::from_text(KEY).ok())
});

fn run(input: &[u8]) -> bool {
    match input.split_first() {
        Some((b'c', claims)) => claims_decide(claims),
        Some((b'h', header)) => header_decides(header),
        Some((_, text)) => text_decides(&String::from_utf8_lossy(text)),
        None => false,
    }
}

fn sign(header: &[u8], claims: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn is_taken(token: &str, require_exp: bool) -> bool {
    shell::verify(&SECRETS, token, NOW, require_exp).is_ok()
}

#[expect(clippy::cast_precision_loss, reason = "seconds of Unix time fit")]
fn claims_decide(claims: &[u8]) -> bool {
    let token = sign(HEADER.as_bytes(), claims);
    let (loose, strict) = (is_taken(&token, false), is_taken(&token, true));
    // An unused claim may hold what `Value` cannot: invalid UTF-8, or a number that is too large.
    let Ok(claims) = serde_json::from_str::<Value>(&String::from_utf8_lossy(claims)) else { return false };
    let seconds = |name: &str| claims.get(name).filter(|claim| !claim.is_null()).map(Value::as_f64);
    let expired = seconds("exp").is_some_and(|exp| exp.is_none_or(|exp| exp + 60.0 < NOW as f64));
    let early = seconds("nbf").is_some_and(|nbf| nbf.is_none_or(|nbf| nbf - 60.0 > NOW as f64));
    // A repeated claim is rejected, although serde_json keeps its last value.
    if claims["iss"] != "gitlab-shell" || expired || early {
        assert!(!loose, "{claims}");
    }
    assert_eq!(strict, loose && seconds("exp").is_some(), "{claims}");
    loose
}

/// No header makes the service accept another algorithm than HS256.
fn header_decides(header: &[u8]) -> bool {
    let taken = is_taken(&sign(header, CLAIMS.as_bytes()), false);
    if taken {
        let header: Value = serde_json::from_slice(header).unwrap();
        assert_eq!(header["alg"], "HS256", "{header}");
    }
    taken
}

/// Only a token signed with the secret, or the base64 of the secret itself, is accepted.
fn text_decides(text: &str) -> bool {
    if is_taken(text, false) {
        let (signed, tag) = text.rsplit_once('.').unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes());
        hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(tag).unwrap()).unwrap();
    }
    let is_secret = SECRETS.match_base64(text);
    let compact: String = text.split_ascii_whitespace().collect();
    let decoded = STANDARD.decode(compact).unwrap_or_default();
    assert_eq!(
        is_secret,
        [KEY, "the newest secret"].iter().any(|secret| decoded.trim_ascii() == secret.as_bytes())
    );
    is_secret
}
