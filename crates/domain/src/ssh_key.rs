//! SSH public keys: parsing, fingerprints, and the restrictions of the instance.
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chrono::NaiveDateTime;
use sha2::{Digest, Sha256};

use crate::access::Denial;

/// OpenSSH sends keys with padding, gitlab-sshd without. Both are accepted.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The key types that GitLab restricts separately. `-sk` keys are stored on a security token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `ssh-rsa`
    Rsa,
    /// `ssh-dss`
    Dsa,
    /// `ecdsa-sha2-nistp256`, `-nistp384` and `-nistp521`
    Ecdsa,
    /// `ssh-ed25519`
    Ed25519,
    /// `sk-ecdsa-sha2-nistp256@openssh.com`
    EcdsaSk,
    /// `sk-ssh-ed25519@openssh.com`
    Ed25519Sk,
}

/// Whether a key with this expiry has expired. A key expires at that time, not after it; `None` never expires.
pub(crate) fn has_expired(expires_at: Option<NaiveDateTime>, now: NaiveDateTime) -> bool {
    expires_at.is_some_and(|expiry| expiry <= now)
}

impl Algorithm {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "ssh-rsa" => Self::Rsa,
            "ssh-dss" => Self::Dsa,
            "ssh-ed25519" => Self::Ed25519,
            "sk-ssh-ed25519@openssh.com" => Self::Ed25519Sk,
            "sk-ecdsa-sha2-nistp256@openssh.com" => Self::EcdsaSk,
            "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" | "ecdsa-sha2-nistp521" => Self::Ecdsa,
            _ => return None,
        })
    }
}

/// The restriction of one key type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Every length is allowed.
    Any,
    /// The type is not allowed.
    Forbidden,
    /// The minimum length in bits.
    MinBits(u32),
}

impl Rule {
    /// Converts GitLab's number: 0 allows all, -1 forbids the type, N requires at least N bits.
    pub fn from_number(number: i32) -> Self {
        match u32::try_from(number) {
            Ok(0) => Self::Any,
            Ok(bits) => Self::MinBits(bits),
            Err(_) => Self::Forbidden,
        }
    }
}

/// The six settings `…_key_restriction`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restrictions {
    /// The rule for `ssh-rsa`.
    pub rsa: Rule,
    /// The rule for `ssh-dss`.
    pub dsa: Rule,
    /// The rule for ECDSA keys.
    pub ecdsa: Rule,
    /// The rule for `ssh-ed25519`.
    pub ed25519: Rule,
    /// The rule for ECDSA keys on a security token.
    pub ecdsa_sk: Rule,
    /// The rule for Ed25519 keys on a security token.
    pub ed25519_sk: Rule,
}

impl Restrictions {
    fn rule(&self, algorithm: Algorithm) -> Rule {
        match algorithm {
            Algorithm::Rsa => self.rsa,
            Algorithm::Dsa => self.dsa,
            Algorithm::Ecdsa => self.ecdsa,
            Algorithm::Ed25519 => self.ed25519,
            Algorithm::EcdsaSk => self.ecdsa_sk,
            Algorithm::Ed25519Sk => self.ed25519_sk,
        }
    }

    /// Refuses a key whose type is forbidden, or that is too short. `key` is a line of an `authorized_keys`
    /// file.
    pub fn check(&self, key: &str) -> Result<(), Denial> {
        let algorithm = key.split_whitespace().next().and_then(Algorithm::from_name);
        match algorithm.map(|algorithm| (algorithm, self.rule(algorithm))) {
            Some((_, Rule::Any)) => Ok(()),
            Some((algorithm, Rule::MinBits(least)))
                if bits(algorithm, key).is_some_and(|bits| bits >= least) =>
            {
                Ok(())
            }
            Some((_, Rule::MinBits(least))) => {
                Err(Denial::Forbidden(format!("Your SSH key must be at least {least} bits.")))
            }
            None | Some((_, Rule::Forbidden)) => Err(Denial::Forbidden(self.forbidden())),
        }
    }

    /// The message with all types that are allowed.
    fn forbidden(&self) -> String {
        let kinds = [
            ("RSA", self.rsa),
            ("DSA", self.dsa),
            ("ECDSA", self.ecdsa),
            ("ED25519", self.ed25519),
            ("ECDSA_SK", self.ecdsa_sk),
            ("ED25519_SK", self.ed25519_sk),
        ];
        let allowed: Vec<&str> =
            kinds.iter().filter(|(_, rule)| *rule != Rule::Forbidden).map(|(name, _)| *name).collect();
        let sentence = match allowed.as_slice() {
            [] => return "Your SSH key type is forbidden.".to_owned(),
            [one] => (*one).to_owned(),
            [one, two] => format!("{one} or {two}"),
            [most @ .., last] => format!("{}, or {last}", most.join(", ")),
        };
        format!("Your SSH key type is forbidden. Must be {sentence}.")
    }
}

/// The raw SHA-256 fingerprint of a base64 key, with or without padding. A whole key line
/// (`ssh-rsa AAAA… me`) is accepted too. A space inside the word is a `+` that form decoding has replaced.
pub fn fingerprint(text: &str) -> Option<[u8; 32]> {
    Some(Sha256::digest(decode(base64_word(text)?.as_ref())?).into())
}

/// Parses a SHA-256 fingerprint in OpenSSH's format, with or without `SHA256:` and padding. A space is a `+`
/// that form decoding has replaced.
pub fn parse_fingerprint(text: &str) -> Option<[u8; 32]> {
    let decode = |text: &str| {
        let word = text.strip_prefix("SHA256:").unwrap_or(text).replace(' ', "+");
        LENIENT.decode(word).ok()?.try_into().ok()
    };
    // A fingerprint may begin with `+`, so the spaces around it are removed only if it is none otherwise.
    decode(text).or_else(|| decode(text.trim()))
}

fn base64_word(text: &str) -> Option<std::borrow::Cow<'_, str>> {
    let text = text.trim();
    match text.split_once(' ') {
        None => Some(text.into()),
        Some((kind, rest)) if Algorithm::from_name(kind).is_some() => {
            Some(rest.split_whitespace().next()?.into())
        }
        Some(_) => Some(text.replace(' ', "+").into()),
    }
}

fn decode(word: &str) -> Option<Vec<u8>> {
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let word: Vec<u8> = word.bytes().filter(known).collect();
    LENIENT.decode(word).ok().filter(|blob| !blob.is_empty())
}

fn bits(algorithm: Algorithm, key: &str) -> Option<u32> {
    let blob = decode(key.split_whitespace().nth(1)?)?;
    let (name, rest) = take_string(&blob)?;
    match algorithm {
        Algorithm::Ed25519 | Algorithm::Ed25519Sk | Algorithm::EcdsaSk => Some(256),
        Algorithm::Ecdsa => std::str::from_utf8(name).ok()?.strip_prefix("ecdsa-sha2-nistp")?.parse().ok(),
        Algorithm::Rsa => {
            let (_exponent, rest) = take_string(rest)?;
            bit_length(take_string(rest)?.0)
        }
        Algorithm::Dsa => bit_length(take_string(rest)?.0),
    }
}

/// Reads an SSH string: a four-byte length followed by that number of bytes (RFC 4251 §5).
fn take_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

fn bit_length(integer: &[u8]) -> Option<u32> {
    let start = integer.iter().position(|byte| *byte != 0)?;
    let whole = u32::try_from(integer.len() - start).ok()?.checked_mul(8)?;
    Some(whole - integer[start].leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
    const OPEN: Restrictions = Restrictions {
        rsa: Rule::Any,
        dsa: Rule::Forbidden,
        ecdsa: Rule::Any,
        ed25519: Rule::Any,
        ecdsa_sk: Rule::Any,
        ed25519_sk: Rule::Any,
    };

    const CLOSED: Restrictions = Restrictions {
        rsa: Rule::Forbidden,
        dsa: Rule::Forbidden,
        ecdsa: Rule::Forbidden,
        ed25519: Rule::Forbidden,
        ecdsa_sk: Rule::Forbidden,
        ed25519_sk: Rule::Forbidden,
    };

    fn rsa(modulus_bytes: usize) -> String {
        let mut blob = Vec::new();
        for part in [b"ssh-rsa".to_vec(), vec![1, 0, 1], [vec![0, 0x80], vec![1; modulus_bytes - 1]].concat()]
        {
            blob.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
            blob.extend(part);
        }
        format!("ssh-rsa {} me", base64::engine::general_purpose::STANDARD.encode(blob))
    }

    #[test]
    fn fingerprints_every_form_of_the_same_key() {
        let expected = [
            0x95, 0xb9, 0xac, 0xa0, 0x0d, 0x32, 0x20, 0x47, 0x04, 0x89, 0x50, 0xd1, 0x9c, 0xc5, 0xae, 0xce,
            0x6f, 0xa7, 0x57, 0xed, 0xd9, 0x10, 0x4a, 0x55, 0x21, 0x44, 0x6a, 0x16, 0x87, 0x92, 0xb2, 0x98,
        ];
        let (plus_as_blank, line) = (ED25519.replace('+', " "), format!("ssh-ed25519 {ED25519} a comment"));
        for text in [ED25519, &format!("{ED25519}=="), &format!("{ED25519}\n"), &plus_as_blank, &line] {
            assert_eq!(fingerprint(text), Some(expected), "{text}");
        }
        assert_eq!(fingerprint(""), None);
        assert_eq!(fingerprint("!!!"), None);
    }

    #[test]
    fn reads_every_form_of_a_fingerprint() {
        let written = "lbmsoA0yIEcEiVDRnMWuzm+nV+3ZEEpVIURqFoeSspg";
        let expected = fingerprint(ED25519);
        for text in
            [written, &format!("SHA256:{written}"), &format!("{written}="), &written.replace('+', " ")]
        {
            assert_eq!(parse_fingerprint(text), expected, "{text}");
        }
        let begins_with_plus = "++7qynjVX9IRrKSpHRPw1AZf2W9Uw56ZM2xAP0r6sjQ";
        let parsed = parse_fingerprint(begins_with_plus);
        assert!(parsed.is_some());
        assert_eq!(parse_fingerprint(&begins_with_plus.replace('+', " ")), parsed);
        assert_eq!(parse_fingerprint(&format!(" {written}\n")), expected);
        for text in ["", "SHA256:", "SHA256:AAAA", "!", &written[1..], &format!("{written}AAAA")] {
            assert_eq!(parse_fingerprint(text), None, "{text}");
        }
    }

    #[test]
    fn refuses_short_and_forbidden_keys() {
        let denied = |message: &str| Err(Denial::Forbidden(message.to_owned()));
        let strict = Restrictions { rsa: Rule::from_number(3072), ..OPEN };
        assert_eq!(strict.check(&rsa(256)), denied("Your SSH key must be at least 3072 bits."));
        assert_eq!(strict.check(&rsa(384)), Ok(()));
        assert_eq!(strict.check("ssh-rsa rubbish"), denied("Your SSH key must be at least 3072 bits."));
        assert_eq!(OPEN.check(&rsa(128)), Ok(()));
        let kinds = "Your SSH key type is forbidden. Must be RSA, ECDSA, ED25519, ECDSA_SK, or ED25519_SK.";
        assert_eq!(OPEN.check("ssh-dss AAAA"), denied(kinds));
        assert_eq!(OPEN.check("ssh-unknown AAAA"), denied(kinds));
        let no_rsa = Restrictions { rsa: Rule::from_number(-1), ..OPEN };
        assert_eq!(
            no_rsa.check(&rsa(512)),
            denied("Your SSH key type is forbidden. Must be ECDSA, ED25519, ECDSA_SK, or ED25519_SK.")
        );
        let forbidden = Rule::Forbidden;
        let key = format!("ssh-ed25519 {ED25519}");
        for (restrictions, allowed) in [
            (Restrictions { ed25519: forbidden, ..OPEN }, " Must be RSA, ECDSA, ECDSA_SK, or ED25519_SK."),
            (
                Restrictions { rsa: forbidden, ecdsa: forbidden, ed25519: forbidden, ..OPEN },
                " Must be ECDSA_SK or ED25519_SK.",
            ),
            (Restrictions { rsa: Rule::Any, ..CLOSED }, " Must be RSA."),
            (CLOSED, ""),
        ] {
            let message = format!("Your SSH key type is forbidden.{allowed}");
            assert_eq!(restrictions.check(&key), denied(&message));
        }
        let long = Restrictions { ed25519: Rule::MinBits(512), ..OPEN };
        assert_eq!(
            long.check(&format!("ssh-ed25519 {ED25519}")),
            denied("Your SSH key must be at least 512 bits.")
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = fingerprint(&text);
            let _ = parse_fingerprint(&text);
            let _ = Restrictions { rsa: Rule::MinBits(2048), ..OPEN }.check(&text);
        }

        #[test]
        fn any_blob_has_a_length_or_none(blob in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let key = format!("ssh-rsa {}", base64::engine::general_purpose::STANDARD.encode(blob));
            let _ = bits(Algorithm::Rsa, &key);
        }
    }
}
