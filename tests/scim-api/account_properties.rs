//! After any sequence of create, PATCH, PUT and delete, the account equals what was last sent.
use super::scim_api;
use super::support::{b1_with, op};
use serde_json::{Value, json};

/// Pseudorandom numbers, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    fn name(&mut self) -> String {
        format!("N{} F{}", self.below(50), self.below(50))
    }
}

/// The attributes sent so far and the expected account: an oracle written from the rules, not from the code.
#[derive(Default)]
struct SentAttributes {
    formatted: Option<String>,
    display: Option<String>,
    given: Option<String>,
    family: Option<String>,
    name: String,
    email: String,
}

impl SentAttributes {
    fn follow(&mut self) {
        let joined = [&self.given, &self.family].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
        let joined = Some(joined).filter(|joined| !joined.is_empty());
        if let Some(name) = self.formatted.clone().or(self.display.clone()).or(joined) {
            self.name = name;
        }
    }
}

/// A body with a random choice of names, which are also stored in `sent`.
fn body(random: &mut Random, sent: &mut SentAttributes, step: u64, active: bool) -> Value {
    let mut pick = |odds: u64| (random.below(odds) == 0).then(|| random.name());
    sent.formatted = pick(2);
    sent.display = pick(2);
    sent.given = pick(2);
    sent.family = pick(2);
    sent.email = format!("step{step}@example.com");
    sent.follow();
    b1_with(json!({
        "userName": "walker", "displayName": sent.display, "active": active,
        "name": { "formatted": sent.formatted, "givenName": sent.given, "familyName": sent.family },
        "emails": [{ "type": "work", "primary": true, "value": format!("Step{step}@Example.com") }],
    }))
}

#[testkit::test]
async fn account_equals_the_last_sent_attributes(database: Database) {
    let scim = scim_api(database).await;
    let (mut random, mut sent) = (Random(0x5eed_0acc), SentAttributes::default());
    let mut id = 0;
    let (mut exists, mut active) = (false, false);
    for step in 0..150 {
        if !exists || !active {
            if !exists || random.below(2) == 0 {
                if sent.name.is_empty() {
                    "walker".clone_into(&mut sent.name);
                }
                let body = body(&mut random, &mut sent, step, true);
                assert_eq!(scim.instance("POST", "/Users").json(&body).send().await.status, 201, "{body}");
                (exists, active) = (true, true);
                if id == 0 {
                    id = scim.user_id("walker");
                }
            } else {
                let on = op("replace", "active", json!(true));
                assert_eq!(scim.instance("PATCH", "/Users/test_uid").json(&on).send().await.status, 204);
                active = true;
            }
        } else {
            match random.below(6) {
                0 => {
                    assert_eq!(scim.instance("DELETE", "/Users/test_uid").send().await.status, 204);
                    (exists, active) = (false, false);
                }
                1 => {
                    let off = op("replace", "active", json!(false));
                    assert_eq!(scim.instance("PATCH", "/Users/test_uid").json(&off).send().await.status, 204);
                    active = false;
                }
                2 | 3 => {
                    let body = body(&mut random, &mut sent, step, true);
                    let put = scim.instance("PUT", "/Users/test_uid").json(&body).send().await;
                    assert_eq!(put.status, 200, "{body}");
                }
                _ => patch(&scim, &mut random, &mut sent, step).await,
            }
        }
        let account = |column: &str| scim.text(&format!("SELECT {column} FROM users WHERE id = {id}"));
        assert_eq!(account("name").as_deref(), Some(sent.name.as_str()), "step {step}");
        assert_eq!(account("email").as_deref(), Some(sent.email.as_str()), "step {step}");
        if exists {
            let email = format!("emails.value eq \"{}\"", sent.email.to_uppercase());
            assert_eq!(scim.total(crate::support::INSTANCE, &email).await, 1, "step {step}");
        }
    }
}

async fn patch(scim: &super::Scim, random: &mut Random, sent: &mut SentAttributes, step: u64) {
    let name = random.name();
    let removes = random.below(3) == 0;
    let (path, slot) = match random.below(5) {
        0 => ("name.formatted", Some(&mut sent.formatted)),
        1 => ("displayName", Some(&mut sent.display)),
        2 => ("name.givenName", Some(&mut sent.given)),
        3 => ("name.familyName", Some(&mut sent.family)),
        _ => ("emails[type eq \"work\"].value", None),
    };
    let body = match slot {
        Some(slot) if removes => {
            *slot = None;
            json!({ "Operations": [{ "op": "remove", "path": path }] })
        }
        Some(slot) => {
            *slot = Some(name.clone());
            op("replace", path, json!(name))
        }
        None => {
            sent.email = format!("patch{step}@example.com");
            op("replace", path, json!(format!("Patch{step}@example.com")))
        }
    };
    sent.follow();
    let answer = scim.instance("PATCH", "/Users/test_uid").json(&body).send().await;
    assert_eq!(answer.status, 204, "{body}: {}", answer.text);
}
