//! SSH keys. Where the first byte is `b`, the rest is a key in its wire format; else it is a key's line or
//! word.
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use domain::ssh_key::{Restrictions, Rule, fingerprint};
use sha2::{Digest, Sha256};

use crate::Target;

pub const TARGET: Target = Target {
    name: "ssh keys",
    seeds: &[
        b"tssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4 me@here",
        b"tAAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4==",
        b"b\0\0\0\x07ssh-rsa\0\0\0\x03\x01\0\x01\0\0\0\x11\0\x80aaaaaaaaaaaaaaa",
        b"b\0\0\0\x07ssh-dss\0\0\0\x09\0\x80aaaaaaa\0\0\0\x01\x01",
        b"b\0\0\0\x13ecdsa-sha2-nistp256\0\0\0\x08nistp256\0\0\0\x02\x04a",
        b"b\0\0\0\x1ask-ssh-ed25519@openssh.com\0\0\0\x01a\0\0\0\x04ssh:",
    ],
    words: &[
        "ssh-rsa",
        "ssh-rsa ",
        "ssh-dss",
        "ssh-ed25519",
        "ecdsa-sha2-nistp",
        "384",
        "521",
        "99999999999",
        "sk-",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "=",
        "==",
        "\0\0\0\x01",
        "\u{7f}\u{7f}\u{7f}\u{7f}",
        "AAAA",
        " ",
        "\n",
    ],
    run,
};

fn run(input: &[u8]) -> bool {
    match input.split_first() {
        Some((b'b', blob)) => wire(blob),
        Some((_, text)) => word(&String::from_utf8_lossy(text)),
        None => false,
    }
}

fn wire(blob: &[u8]) -> bool {
    let expected = (!blob.is_empty()).then(|| <[u8; 32]>::from(Sha256::digest(blob)));
    let (padded, bare) = (STANDARD.encode(blob), STANDARD_NO_PAD.encode(blob));
    for text in [&padded, &bare, &format!("{padded}\n"), &padded.replace('+', " ")] {
        // Trailing spaces are trimmed, so they cannot stand for a `+`.
        if text.trim().len() >= bare.len() {
            assert_eq!(fingerprint(text), expected, "{text:?}");
        }
    }
    for kind in ["ssh-rsa", "ssh-dss", "ssh-ed25519", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com"] {
        let line = format!("{kind} {padded} me");
        assert!(blob.is_empty() || fingerprint(&line) == expected, "{line:?}");
        restrictions(&line);
    }
    restrictions(&format!("ecdsa-sha2-nistp256 {padded}")) > 0
}

fn word(text: &str) -> bool {
    restrictions(text);
    let found = fingerprint(text);
    assert_eq!(fingerprint(&format!(" {text}\n")), found);
    found.is_some()
}

/// The highest minimum length in bits that this key satisfies. Checks that it satisfies every lower one, too.
fn restrictions(line: &str) -> u32 {
    let allows = |rule| {
        let all = Restrictions {
            rsa: rule,
            dsa: rule,
            ecdsa: rule,
            ed25519: rule,
            ecdsa_sk: rule,
            ed25519_sk: rule,
        };
        all.check(line).is_ok()
    };
    assert!(!allows(Rule::Forbidden));
    let rules = [1, 256, 384, 521, 2048, 16_384];
    let passed: Vec<u32> = rules.into_iter().take_while(|bits| allows(Rule::MinBits(*bits))).collect();
    assert!(rules[passed.len()..].iter().all(|bits| !allows(Rule::MinBits(*bits))), "{line:?}");
    assert!(passed.is_empty() || allows(Rule::Any), "{line:?}");
    passed.last().copied().unwrap_or(0)
}
