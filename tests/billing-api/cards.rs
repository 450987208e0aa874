//! Validations of credit cards.
use super::support::{error, write_files};
use super::{billing_api, support};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Process;

const PATH: &str = "/users/2/credit_card_validation";

fn example() -> Value {
    json!({
        "credit_card_validated_at": "2020-01-01 00:00:00 UTC", "credit_card_expiration_year": "2010",
        "credit_card_expiration_month": "12", "credit_card_holder_name": "John Smith",
        "credit_card_type": "AmericanExpress", "credit_card_mask_number": "98765-43210",
        "zuora_payment_method_xid": "abc123", "stripe_setup_intent_xid": "seti_abc123",
    })
}

#[testkit::test]
async fn only_digests_are_stored(database: Database) {
    let billing = billing_api(database).await;
    let success = (200, json!({ "success": {} }));
    assert_eq!(billing.current("PUT", PATH, example()).await, success);
    let lengths = "SELECT length(last_digits_hash) || ' ' || length(holder_name_hash) || ' ' || \
        length(expiration_date_hash) || ' ' || length(network_hash) || ' ' || zuora_payment_method_xid \
        FROM user_credit_card_validations WHERE user_id = 2";
    assert_eq!(billing.text(lengths).as_deref(), Some("44 44 44 44 abc123"));
    let one = "SELECT count(*) FROM user_credit_card_validations WHERE last_digits_hash IS NULL";
    assert_eq!(
        billing.current("PUT", PATH, json!({ "credit_card_validated_at": "2020-01-01T00:00:00Z" })).await,
        success
    );
    assert_eq!(billing.number(one), 1);
    assert_eq!(billing.current("PUT", PATH, json!({})).await, error("credit_card_validated_at is missing"));
    let mut late = example();
    late["credit_card_expiration_month"] = json!(13);
    assert_eq!(billing.current("PUT", PATH, late).await, error("credit_card_expiration_month is invalid"));
    let nobody = billing.current("PUT", "/users/999/credit_card_validation", example()).await;
    assert_eq!(nobody, (404, json!({ "message": "404 User Not Found" })));
}

#[testkit::test]
async fn card_data_is_never_logged(database: Database) {
    support::plant(&database);
    let data = TempDir::new().unwrap();
    let directory = write_files(&data);
    let arguments =
        ["--database-url", database.url_for("billing-api"), "--data-dir", &directory, "--log-level", "trace"];
    let process = Process::start("billing-api", &arguments, &[]).until_ready();
    let path = format!("/api/v4/internal/gitlab_subscriptions{PATH}");
    let request = process.request("PUT", &path).header("PRIVATE-TOKEN", support::A).json(&example());
    assert_eq!(request.answer().await.0, 200);
    let refused = process.request("PUT", &path).header("PRIVATE-TOKEN", support::A);
    assert_eq!(refused.json(&json!({ "credit_card_mask_number": "98765-43210" })).answer().await.0, 400);
    let query = "credit_card_validated_at=2020-01-01T00:00:00Z&stripe_card_fingerprint=fp_example\
                 &zuora_payment_method_xid=zx_example&stripe_payment_method_xid=pm_example\
                 &stripe_setup_intent_xid=si_example&credit_card_holder_name=Jane";
    let in_query = process.request("PUT", &format!("{path}?{query}")).header("PRIVATE-TOKEN", support::A);
    assert_eq!(in_query.answer().await.0, 200);
    process.signal("INT");
    let log = process.rest_of_log(std::time::Duration::from_secs(5)).join("\n");
    assert!(log.contains("credit_card_validated") && log.contains("\"status\":400"), "{log}");
    assert!(log.contains(&format!("\"url\":\"{path}\"")), "{log}");
    for secret in [
        "John",
        "Smith",
        "98765-43210",
        "AmericanExpress",
        support::A,
        "fp_example",
        "zx_example",
        "pm_example",
        "si_example",
        "Jane",
        "abc123",
        "seti_",
    ] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

/// GitLab compares the digests to find cards that are used twice.
#[testkit::test]
async fn digests_are_salted_as_in_gitlab(database: Database) {
    let billing = billing_api(database).await;
    let digests = async |mask: Value| {
        let mut body = example();
        body["credit_card_type"] = json!("Visa");
        body["credit_card_mask_number"] = mask;
        assert_eq!(billing.current("PUT", PATH, body).await.0, 200);
        let stored = "SELECT network_hash || ' ' || last_digits_hash FROM user_credit_card_validations";
        billing.text(stored).unwrap()
    };
    // SHA-256 of `visa` and `42`, each followed by the first 32 characters of the tests' db_key_base.
    let expected =
        "VoEn+X4Hnso3mHXciI2sZVN94Rw5DzDDo4Y4mUv7wS0= QWxut4IF/js/u0FkVR4vxhw80pme6KZAOjRL8HNvlb4=";
    for mask in [json!("0042"), json!("42"), json!(42)] {
        assert_eq!(digests(mask.clone()).await, expected, "{mask}");
    }
}
