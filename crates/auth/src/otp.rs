//! Time-based one-time passwords (RFC 6238): SHA-1, 6 digits, 30 seconds. Their secrets are stored encrypted
//! in `users`.
use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{hmac, pbkdf2};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::KeyBase;

const STEP_S: i64 = 30;

/// Ruby breaks base64 into lines and may omit the padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The three columns `encrypted_otp_secret…` of a user, as stored.
#[derive(Debug, Clone)]
pub struct EncryptedOtpSecret {
    /// The encrypted secret, in base64.
    pub secret: String,
    /// The initialisation vector, in base64.
    pub iv: String,
    /// The salt of the key.
    pub salt: String,
}

impl EncryptedOtpSecret {
    /// Decrypts AES-256-CBC with a key that PBKDF2 derives from `otp_key_base` and the salt, as GitLab does.
    pub fn decrypt(&self, otp_key_base: &KeyBase) -> Option<SecretString> {
        let base64 = |text: &str| LENIENT.decode(text.split_ascii_whitespace().collect::<String>()).ok();
        let salt = match self.salt.strip_prefix('_') {
            Some(encoded) => base64(encoded)?,
            None => self.salt.clone().into_bytes(),
        };
        let (sealed, iv) = (base64(&self.secret)?, base64(&self.iv)?);
        let iv: [u8; 16] = iv.get(..16)?.try_into().ok()?;
        otp_key_base.all().find_map(|base| {
            let mut key = [0; 32];
            let rounds = std::num::NonZeroU32::new(2000)?;
            pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA1, rounds, &salt, base.as_bytes(), &mut key);
            let key = UnboundCipherKey::new(&AES_256, &key).ok()?;
            let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
            let mut clear = sealed.clone();
            let clear = key.decrypt(&mut clear, DecryptionContext::Iv128(FixedLength::from(iv))).ok()?;
            let text = std::str::from_utf8(clear).ok()?;
            // A wrong key may decrypt to garbage, which is not a valid secret.
            base32(text).map(|_| text.into())
        })
    }
}

/// Returns the time step of the code: the current one, or the one before or after it to allow for clock
/// differences.
pub fn matching_step(secret: &SecretString, code: &str, now: i64) -> Option<i64> {
    let secret = base32(secret.expose_secret())?;
    let code: String = code.split_whitespace().collect();
    let current = now.div_euclid(STEP_S);
    // Returns the latest matching step, so that a code cannot be used twice.
    (current - 1..=current + 1).fold(None, |found, step| {
        let equal: bool = self::code(&secret, step).as_bytes().ct_eq(code.as_bytes()).into();
        if equal { Some(step) } else { found }
    })
}

fn code(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let digest = tag.as_ref();
    let offset = usize::from(digest[digest.len() - 1] & 0x0f);
    let number = digest[offset..offset + 4].iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// Decodes RFC 4648 base32 in either case, with or without padding.
fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut held) = (Vec::with_capacity(text.len() * 5 / 8), 0_u32, 0_u32);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        bits = (bits << 5 | u32::from(value)) & 0xfff;
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `12345678901234567890` from appendix B of RFC 6238.
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn makes_the_codes_of_the_rfc() {
        let secret = base32(SECRET).unwrap();
        assert_eq!(secret, b"12345678901234567890");
        for (time, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(&secret, time / STEP_S), expected);
        }
    }

    #[test]
    fn accepts_codes_of_three_time_steps() {
        let secret = SecretString::from(SECRET);
        let step = |code: &str, now: i64| matching_step(&secret, code, now);
        assert_eq!(step("050471", 1_111_111_111), Some(37_037_037));
        assert_eq!(step(" 050 471\n", 1_111_111_111), Some(37_037_037));
        assert_eq!(step("081804", 1_111_111_111), Some(37_037_036));
        assert_eq!(step("050471", 1_111_111_109), Some(37_037_037));
        assert_eq!(step("050471", 1_111_111_111 + 30), Some(37_037_037));
        assert_eq!(step("050471", 1_111_111_111 + 60), None);
        for wrong in ["", "050472", "50471", "0504710", "０５０４７１"] {
            assert_eq!(step(wrong, 1_111_111_111), None, "{wrong}");
        }
        assert_eq!(matching_step(&SecretString::from("no base32!"), "050471", 1_111_111_111), None);
    }

    /// Made with OpenSSL: `PBKDF2-HMAC-SHA1(2000)` of the key base and the salt, then `aes-256-cbc`.
    #[test]
    fn decrypts_a_secret_from_gitlab() {
        let key_base = crate::key_base::tests::key_base();
        let sealed = EncryptedOtpSecret {
            secret: "o13lzOxU7VmzWoiv6KSv5PqVkgidO31MQbnaR/Mib8kLLT3PcSy0vjrw/fX+O8q6\n".to_owned(),
            iv: "AAECAwQFBgcICQoLDA0ODw==\n".to_owned(),
            salt: "_c2FsdHNhbHQ=\n".to_owned(),
        };
        assert_eq!(sealed.decrypt(&key_base).unwrap().expose_secret(), SECRET);
        let raw = EncryptedOtpSecret { salt: "saltsalt".to_owned(), ..sealed.clone() };
        assert_eq!(raw.decrypt(&key_base).unwrap().expose_secret(), SECRET);
        let other = KeyBase::from_text(&"another key base".repeat(3)).unwrap();
        assert!(sealed.decrypt(&other).is_none());
        for broken in [
            EncryptedOtpSecret { iv: String::new(), ..sealed.clone() },
            EncryptedOtpSecret { secret: "!".to_owned(), ..sealed.clone() },
            EncryptedOtpSecret { salt: "_!".to_owned(), ..sealed },
        ] {
            assert!(broken.decrypt(&key_base).is_none());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_base32_or_none(text in "\\PC*") {
            let _ = base32(&text);
        }

        #[test]
        fn no_columns_are_too_strange(secret in "\\PC*", iv in "\\PC*", salt in "\\PC*") {
            let sealed = EncryptedOtpSecret { secret, iv, salt };
            proptest::prop_assert!(sealed.decrypt(&crate::key_base::tests::key_base()).is_none());
        }
    }
}
