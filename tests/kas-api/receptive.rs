//! Receptive agents, to which kas connects.
use super::{Kas, kas_api};
use serde_json::json;
use testkit::fixture;

/// An address of an agent. The private key of the first is the text `private`, encrypted with the tests' key.
fn url(kas: &Kas, id: i64, agent_id: i64, columns: &str, values: &str) {
    let then = fixture::THEN;
    kas.sql(&format!(
        "INSERT INTO cluster_agent_url_configurations (id, created_at, updated_at, agent_id, project_id, \
         url, {columns}) VALUES ({id}, '{then}', '{then}', {agent_id}, 7, 'grpcs://agent{id}:8182', {values})"
    ));
}

#[testkit::test]
async fn there_may_be_none(database: Database) {
    let kas = kas_api(database).await;
    url(&kas, 1, 5, "client_cert, client_key", "'c', 'k'");
    assert_eq!(kas.request("GET", "/receptive_agents").answer().await, (200, json!({ "agents": [] })));
    kas.sql(
        "UPDATE cluster_agents SET is_receptive = true; UPDATE cluster_agent_url_configurations SET \
             status = 1",
    );
    assert_eq!(kas.request("GET", "/receptive_agents").answer().await, (200, json!({ "agents": [] })));
}

#[testkit::test]
async fn each_has_one_credential(database: Database) {
    let kas = kas_api(database).await;
    kas.sql("UPDATE cluster_agents SET is_receptive = true");
    let conn = kas.service.database.open();
    // AES-256-GCM by another implementation: key 0123456789abcdef0123456789abcdef, nonce
    // 000102030405060708090a0b.
    let (sealed, iv) = ("5d97d20ab86cb7a7620e5f2dba65413021a6848fc2aa88", "000102030405060708090a0b");
    let blob = |hex: &str| {
        fixture::blob(
            &conn,
            &(0..hex.len() / 2)
                .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
                .collect::<Vec<_>>(),
        )
    };
    url(&kas, 2, 6, "client_cert, client_key", "'-----BEGIN CERTIFICATE', '-----BEGIN KEY'");
    url(
        &kas,
        1,
        5,
        "ca_cert, tls_host, encrypted_private_key, encrypted_private_key_iv",
        &format!("'-----BEGIN', 'agent.internal', {}, {}", blob(sealed), blob(iv)),
    );
    let expected = json!({ "agents": [
            { "id": 5, "url": "grpcs://agent1:8182", "ca_cert": "-----BEGIN", "tls_host": "agent.internal",
                "jwt": { "private_key": "cHJpdmF0ZQ==" } },
            { "id": 6, "url": "grpcs://agent2:8182", "mtls": { "client_cert": "-----BEGIN CERTIFICATE",
                "client_key": "-----BEGIN KEY" } },
        ] });
    assert_eq!(kas.request("GET", "/receptive_agents").answer().await, (200, expected.clone()));
    // A credential that cannot be decrypted hides only its own agent.
    kas.sql(&format!(
        "UPDATE cluster_agent_url_configurations SET encrypted_private_key = {} WHERE id = 1",
        blob("00ff")
    ));
    assert_eq!(
        kas.request("GET", "/receptive_agents").answer().await,
        (200, json!({ "agents": [expected["agents"][1]] }))
    );
}
