//! The requests for the endpoints that are not called by every push.
use serde_json::{Value, json};
use testkit::Database;
use testkit::fixture::{self, THEN};

use super::clients::{
    Certificate, ErrorTracking, LfsAccess, PoolMembers, RecoveryCodes, SecondFactor, Token, decode,
};
use super::{Proof, Shell, ask};

/// Adds two rows that successful requests need: alice's second factor, and the certificate authority of
/// `grp`.
pub fn prepare(database: &Database) {
    let conn = &mut database.open();
    let blob = fixture::blob(conn, &[7; 32]);
    fixture::run(
        conn,
        &format!(
            "UPDATE users SET otp_required_for_login = true WHERE id = 2;
            INSERT INTO group_ssh_certificates (namespace_id, created_at, fingerprint, title, key)
            VALUES (20, '{THEN}', {blob}, 'CA', 'ssh-ed25519 AAAA ca')"
        ),
    );
}

/// The fingerprint of [`prepare`]'s authority as GitLab Shell sends it: base64 without padding.
const AUTHORITY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

pub const PROOFS: &[Proof] = &[
    Proof {
        method: "POST",
        name: "lfs_authenticate",
        decoders: &[decode::<LfsAccess>],
        successes: |_| {
            ["11", "30"].map(|id| json!({ "operation": "download", "project": "grp/p", "key_id": id })).into()
        },
        failures: |_| {
            vec![(404, json!({})), (404, json!({ "project": "grp/p" })), (404, json!({ "project": "x/y" }))]
        },
    },
    Proof {
        method: "GET",
        name: "lfs",
        decoders: &[],
        successes: |_| vec![],
        failures: |_| vec![(400, json!({})), (404, lfs("0")), (400, json!({ "oid": "x" }))],
    },
    Proof {
        method: "GET",
        name: "authorized_certs",
        decoders: &[decode::<Certificate>],
        successes: |_| vec![json!({ "key": AUTHORITY, "user_identifier": "Alice" })],
        failures: |_| {
            vec![
                (400, json!({ "key": AUTHORITY })),
                (404, json!({ "key": "AAAA", "user_identifier": "alice" })),
                (404, json!({ "key": AUTHORITY, "user_identifier": "nobody" })),
            ]
        },
    },
    Proof {
        method: "POST",
        name: "two_factor_recovery_codes",
        decoders: &[decode::<RecoveryCodes>],
        successes: people,
        failures: unreadable,
    },
    Proof {
        method: "GET",
        name: "two_factor_recovery_codes",
        decoders: &[decode::<RecoveryCodes>],
        successes: people,
        failures: unreadable,
    },
    Proof {
        method: "POST",
        name: "two_factor_config",
        decoders: &[decode::<SecondFactor>],
        successes: people,
        failures: |_| vec![],
    },
    Proof {
        method: "POST",
        name: "two_factor_manual_otp_check",
        decoders: &[decode::<SecondFactor>],
        successes: |_| vec![json!({ "key_id": "11", "otp_attempt": "123456" }), json!({ "user_id": 2 })],
        failures: |_| vec![],
    },
    Proof {
        method: "POST",
        name: "two_factor_push_otp_check",
        decoders: &[decode::<SecondFactor>],
        successes: |_| vec![json!({ "key_id": "11" }), json!({ "user_id": 2 })],
        failures: |_| vec![],
    },
    Proof {
        method: "POST",
        name: "personal_access_token",
        decoders: &[decode::<Token>],
        successes: |_| {
            let mut asked = vec![json!({ "key_id": "11" }), json!({ "key_id": "30", "name": "x" })];
            let scopes = ["read_user", "api"];
            asked.extend([
                json!({ "key_id": "11", "name": "x", "scopes": scopes, "expires_at": "2020-07-24" }),
                json!({ "user_id": 2, "name": "x", "scopes": scopes }),
                json!({ "user_id": 2, "name": "x", "scopes": null, "expires_at": "2020-07-24" }),
            ]);
            asked
        },
        failures: unreadable,
    },
    Proof {
        method: "POST",
        name: "error_tracking/allowed",
        decoders: &[decode::<ErrorTracking>],
        successes: |_| vec![json!({ "project_id": 3, "public_key": "x" })],
        failures: |_| vec![(422, json!({})), (404, json!({ "project_id": 999, "public_key": "x" }))],
    },
    Proof {
        method: "POST",
        name: "shellhorse/git_audit_event",
        decoders: &[],
        successes: |_| vec![ask(&json!({ "key_id": 11, "gl_repository": "project-3", "username": "alice" }))],
        failures: |_| {
            let event = |further: Value| {
                let mut event = ask(&json!({ "key_id": 11, "gl_repository": "project-3" }));
                event.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
                event
            };
            vec![
                (400, json!({})),
                (400, event(json!({ "action": "git-frob" }))),
                (401, event(json!({ "key_id": 12 }))),
                (404, event(json!({ "key_id": 15 }))),
            ]
        },
    },
    Proof {
        method: "GET",
        name: "gitaly/object_pool_members",
        decoders: &[decode::<PoolMembers>],
        successes: |_| vec![json!({ "disk_paths": ["@pools/x"], "storage": "default" })],
        failures: |_| vec![(400, json!({})), (400, json!({ "disk_paths": ["@pools/x"] }))],
    },
];

fn lfs(digit: &str) -> Value {
    json!({ "oid": digit.repeat(64), "gl_repository": "project-3" })
}

/// Users with and without a second factor, a deploy key, and unknown users.
fn people(_: &Shell) -> Vec<Value> {
    vec![
        json!({ "key_id": "11" }),
        json!({ "user_id": 2 }),
        json!({ "key_id": 12 }),
        json!({ "key_id": "30" }),
        json!({ "user_id": 999 }),
        json!({}),
    ]
}

fn unreadable(_: &Shell) -> Vec<(u16, Value)> {
    vec![(400, json!({ "key_id": "x" })), (400, json!({ "user_id": [1, 2] }))]
}
