//! Public keys without private keys.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A line of an `authorized_keys` file. Each seed gives another key.
pub fn ed25519(seed: i64) -> String {
    line("ssh-ed25519", &[&Sha256::digest(seed.to_be_bytes())])
}

/// An RSA key with a modulus of `bits` bits.
pub fn rsa(bits: usize, seed: i64) -> String {
    let mut modulus = vec![0, 0x80];
    modulus.extend(Sha256::digest(seed.to_be_bytes()).iter().cycle().take(bits / 8 - 1));
    line("ssh-rsa", &[&[1, 0, 1], &modulus])
}

/// A key of any type, of which only the name of the type is valid.
pub fn named(kind: &str) -> String {
    line(kind, &[b"somewhere on a curve"])
}

fn line(kind: &str, parts: &[&[u8]]) -> String {
    let mut blob = Vec::new();
    for part in std::iter::once(kind.as_bytes()).chain(parts.iter().copied()) {
        blob.extend(u32::try_from(part.len()).expect("a short part").to_be_bytes());
        blob.extend(part);
    }
    format!("{kind} {} somebody@somewhere", STANDARD.encode(blob))
}

/// The base64 part of a key's line.
pub fn word(key: &str) -> &str {
    key.split(' ').nth(1).expect("a key has two words")
}
