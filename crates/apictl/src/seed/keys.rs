//! Generates SSH key pairs for the demo.
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::files;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// Returns the public key of the RSA key in `path` as a line. Generates the key if it does not exist. Also
/// writes the line to `path` with the suffix `.pub`.
pub fn rsa(path: &Path) -> Result<String> {
    let pair = read(path)?.map_or_else(|| generate(path), Ok)?;
    let public = pair.public_key();
    let parts = [
        b"ssh-rsa".to_vec(),
        unsigned(public.exponent().big_endian_without_leading_zero()),
        unsigned(public.modulus().big_endian_without_leading_zero()),
    ];
    let line = line("ssh-rsa", &parts, "admin@example.com")?;
    let public_path = path.with_added_extension("pub");
    if fs::read_to_string(&public_path).ok().as_deref() != Some(&format!("{line}\n")) {
        files::replace(&public_path, format!("{line}\n").as_bytes(), 0o600)?;
    }
    Ok(line)
}

/// Returns the public key of a new key pair. The private key is discarded, because the demo pushes without
/// SSH.
pub fn ed25519(comment: &str) -> Result<String> {
    let pair = Ed25519KeyPair::generate().map_err(|_| anyhow!("no Ed25519 key could be made"))?;
    line("ssh-ed25519", &[b"ssh-ed25519".to_vec(), pair.public_key().as_ref().to_vec()], comment)
}

fn read(path: &Path) -> Result<Option<rsa::KeyPair>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let base64: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = STANDARD.decode(base64).ok();
    let pair = der.and_then(|der| rsa::KeyPair::from_pkcs8(&der).ok());
    let invalid = || format!("{} is not an RSA key that was made here: move it away", path.display());
    pair.map(Some).with_context(invalid)
}

fn generate(path: &Path) -> Result<rsa::KeyPair> {
    let failed = |_| anyhow!("no RSA key could be made");
    let pair = rsa::KeyPair::generate(KeySize::Rsa3072).map_err(failed)?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
    let base64 = STANDARD.encode(der.as_ref());
    let mut pem = format!("{BEGIN}\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem.push_str(END);
    pem.push('\n');
    files::create(path, pem.as_bytes())?;
    Ok(pair)
}

/// Formats a line of an `authorized_keys` file. Each part is an SSH string: a four-byte length and the bytes
/// (RFC 4251 §5).
fn line(kind: &str, parts: &[Vec<u8>], comment: &str) -> Result<String> {
    let mut blob = Vec::new();
    for part in parts {
        blob.extend(u32::try_from(part.len())?.to_be_bytes());
        blob.extend(part);
    }
    Ok(format!("{kind} {} {comment}", STANDARD.encode(blob)))
}

/// Encodes an unsigned number as SSH does: if the highest bit is set, a zero byte marks the number as
/// non-negative.
fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
    [sign, bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ssh_key::{Restrictions, Rule, fingerprint};
    use std::os::unix::fs::PermissionsExt;

    /// Every kind but these two is forbidden.
    const STRICT: Restrictions = Restrictions {
        rsa: Rule::MinBits(3072),
        dsa: Rule::Forbidden,
        ecdsa: Rule::Forbidden,
        ed25519: Rule::MinBits(256),
        ecdsa_sk: Rule::Forbidden,
        ed25519_sk: Rule::Forbidden,
    };

    #[test]
    fn the_rsa_key_is_made_once_and_long_enough() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("demo_ssh_key");
        let public_path = directory.path().join("demo_ssh_key.pub");
        let line = rsa(&path).unwrap();
        assert_eq!(STRICT.check(&line), Ok(()));
        assert!(fingerprint(&line).is_some() && line.starts_with("ssh-rsa AAAAB3NzaC1yc2E"), "{line}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(&public_path).unwrap();
        assert_eq!(rsa(&path).unwrap(), line);
        assert_eq!(fs::read_to_string(&public_path).unwrap(), format!("{line}\n"));
        fs::write(&path, "rubbish").unwrap();
        assert!(rsa(&path).is_err());
    }

    #[test]
    fn each_ed25519_key_is_another() {
        let (one, other) = (ed25519("me").unwrap(), ed25519("me").unwrap());
        assert_eq!(STRICT.check(&one), Ok(()));
        assert!(one.starts_with("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI") && one.ends_with(" me"), "{one}");
        assert_ne!(fingerprint(&one).unwrap(), fingerprint(&other).unwrap());
    }
}
