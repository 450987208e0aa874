//! Gitaly's authentication: a signed timestamp that differs by at most 30 seconds.
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac::{HMAC_SHA256, Key, verify};
use tonic::Status;

pub(super) fn check(header: Option<&String>, token: &str) -> Result<(), Status> {
    let unauthenticated = || Status::unauthenticated("authentication required");
    let (scheme, credentials) =
        header.and_then(|header| header.split_once(' ')).ok_or_else(unauthenticated)?;
    let parts: Vec<&str> = credentials.splitn(3, '.').collect();
    let [version, signature, message] = parts[..] else { return Err(unauthenticated()) };
    let signature = bytes(signature).ok_or_else(unauthenticated)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
    let fresh = message.parse::<u64>().is_ok_and(|time| now.abs_diff(time) <= 30);
    let key = Key::new(HMAC_SHA256, token.as_bytes());
    let signed = verify(&key, message.as_bytes(), &signature).is_ok();
    if scheme.eq_ignore_ascii_case("bearer") && version == "v2" && signed && fresh {
        Ok(())
    } else {
        Err(unauthenticated())
    }
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let pairs = hexadecimal.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
