//! GitLab's encryption of tokens: AES-256-GCM with a key derived from `db_key_base`. Equal tokens encrypt to
//! equal strings, so that a column can be searched.
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretBox;
use subtle::ConstantTimeEq;

use crate::KeyBase;
use crate::key_base::{key_32, sha256};

/// The line length of Ruby's Base64, in characters.
const LINE: usize = 60;

impl KeyBase {
    /// Encrypts a new token for its column.
    pub fn encrypt(&self, token: &str) -> String {
        dynamic(&key_32(self.current()), token)
    }

    /// Returns every value that a column may contain for a token, one for each format that GitLab has used.
    pub fn stored_forms(&self, token: &str) -> Vec<String> {
        self.all().flat_map(|base| forms(&key_32(base), token)).collect()
    }

    /// Whether `stored` is one of these values. Runs in constant time.
    pub fn encrypts_to(&self, token: &str, stored: &str) -> bool {
        let is_stored = |form: &String| bool::from(form.as_bytes().ct_eq(stored.as_bytes()));
        self.stored_forms(token).iter().fold(false, |found, form| found | is_stored(form))
    }

    /// Decrypts bytes with a trailing tag and a separate nonce.
    pub fn open(&self, nonce: &[u8], sealed: &[u8]) -> Option<SecretBox<Vec<u8>>> {
        let nonce: [u8; NONCE_LEN] = nonce.try_into().ok()?;
        let clear = self.all().find_map(|base| open(&key_32(base), nonce, sealed));
        clear.map(|clear| SecretBox::new(Box::new(clear)))
    }
}

fn forms(key: &[u8; 32], token: &str) -> [String; 4] {
    let old = fixed(key, token);
    let mut lines = old.as_bytes().chunks(LINE).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n");
    let unended = lines.clone();
    lines.push('\n');
    [dynamic(key, token), old, lines, unended]
}

/// The current format: the nonce is derived from the token and appended.
fn dynamic(key: &[u8; 32], token: &str) -> String {
    let hexadecimal = domain::hex(sha256(token.as_bytes()).as_ref());
    let nonce = &hexadecimal[..NONCE_LEN];
    let mut bytes = [0; NONCE_LEN];
    bytes.copy_from_slice(nonce.as_bytes());
    format!("|{}{nonce}", STANDARD.encode(seal(key, bytes, token)))
}

/// The legacy format: the nonce is the start of the key.
fn fixed(key: &[u8; 32], token: &str) -> String {
    let mut nonce = [0; NONCE_LEN];
    nonce.copy_from_slice(&key[..NONCE_LEN]);
    STANDARD.encode(seal(key, nonce, token))
}

fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

/// Encryption cannot fail here. A failure would give a value that matches no column.
fn seal(key: &[u8; 32], nonce: [u8; NONCE_LEN], token: &str) -> Vec<u8> {
    let mut text = token.as_bytes().to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    let sealed = cipher(key).map(|cipher| cipher.seal_in_place_append_tag(nonce, Aad::empty(), &mut text));
    if matches!(sealed, Some(Ok(()))) { text } else { Vec::new() }
}

fn open(key: &[u8; 32], nonce: [u8; NONCE_LEN], sealed: &[u8]) -> Option<Vec<u8>> {
    let mut text = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    let length = cipher(key)?.open_in_place(nonce, Aad::empty(), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::key_base::tests::key_base;

    #[test]
    fn knows_an_encrypted_token_in_both_forms() {
        let token = "glsoat-Hf_79B288hRv_3-TSD1R";
        let dynamic = "|m4xIfsb+64kz94FlWdibDwZteseCrvy+KQMLu7HIxgGr12Xos7i8qtNalg==7f50ec7b885d";
        let fixed = "/sWUVSK+tVOTWhSE8TZEHyrUopAk5T44YL6d7ii52i/DN8E/aA6HvM7uJQ==";
        for stored in [dynamic, fixed] {
            assert!(key_base().encrypts_to(token, stored));
            assert!(!key_base().encrypts_to("glsoat-Hf_79B288hRv_3-TSD1S", stored));
            assert!(!key_base().encrypts_to("", stored));
        }
        assert!(!key_base().encrypts_to(token, ""));
        let agent = format!("glagent-{}", "A1b2C3d4E5".repeat(5));
        assert!(key_base().encrypts_to(
            &agent,
            "|MiC13DQ5vKPjWvJr9blGuMGHgzwkl4lUqU6jPnYF5DwH5IJqUwBu4ZHTiDUOUe6HPBjiePzb1UmeKpFOF7O7AEIyrxa2iQ/c5tw=4fe2fbca5a1d"
        ));
    }

    #[test]
    fn tokens_are_stored_as_gitlab_stores_them() {
        let agent = format!("glagent-{}", "A1b2C3d4E5".repeat(5));
        for (token, dynamic, fixed) in [
            (
                "glagent-TESTTOKEN",
                "|I3bbddkaGK0cuDoUmF5axsRaYXP6ckagCO4FLPVuWlJs3444e1d638f9",
                "/sWGXSak7DahQHDp50s3Ygz8uKUW40ET3/XxTpRxXvt0",
            ),
            (
                &agent,
                "|MiC13DQ5vKPjWvJr9blGuMGHgzwkl4lUqU6jPnYF5DwH5IJqUwBu4ZHTiDUOUe6HPBjiePzb1UmeKpFOF7O7AEIyrxa2iQ/c5tw=4fe2fbca5a1d",
                "/sWGXSak7Da0NEGP8DcYEwezlf51+ilYQLuKLIjJ+5tpTANNt8dk9ALcPFKvvS7r/13+muEiHRA26ry825W1/octMxic4ZymMIs=",
            ),
        ] {
            let forms = key_base().stored_forms(token);
            assert_eq!((forms[0].as_str(), forms[1].as_str()), (dynamic, fixed));
            assert_eq!(key_base().encrypt(token), dynamic);
            assert!(forms[2..].iter().all(|form| form.replace('\n', "") == fixed), "{forms:?}");
            assert!(forms.iter().all(|form| key_base().encrypts_to(token, form)));
        }
        let lines = &key_base().stored_forms(&agent)[2];
        assert_eq!(lines.lines().map(str::len).collect::<Vec<_>>(), [60, 40]);
    }

    #[test]
    fn value_of_any_key_is_decrypted() {
        let (old, new) = ("o".repeat(40), "n".repeat(40));
        let both = KeyBase::from_text(&format!("{old}\n\n {new} \n")).unwrap();
        let sealed = seal(&key_32(&old), [7; NONCE_LEN], "text");
        assert_eq!(both.open(&[7; NONCE_LEN], &sealed).unwrap().expose_secret(), b"text");
        assert!(both.open(&[8; NONCE_LEN], &sealed).is_none());
        assert!(both.open(&[7; 3], &sealed).is_none());
    }
}
