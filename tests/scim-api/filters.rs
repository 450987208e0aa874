//! Filters of lists of users.
use super::scim_api;
use super::support::{GROUP, INSTANCE, UID, bad, filtered, identity, page, person, refusal, u1};

/// Each operator and attribute selects the right users, in every provider's dialect.
#[testkit::test]
async fn filters_match_the_expected_users(database: Database) {
    let mut conn = database.open();
    let scim = scim_api(database).await;
    person(&mut conn, 60, "zed", "Zed Ä. Other", "zed@example.org");
    identity(&mut conn, Some(10), 60, "zz-uid");
    for filter in [
        "USERNAME EQ \"USERNAME\"",
        "emails[type eq \"work\"].value eq \"NAME@example.com\"",
        "userName eq \"zz\" and active eq true or userName eq \"username\"",
        "userName co \"ERN\"",
        "userName sw \"us\"",
        "userName ew \"me\"",
        "active eq \"True\" and userName eq username",
        "meta.created gt \"2000-01-01T00:00:00Z\" and not (id eq zz-uid)",
        "urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"username\"",
        "name.formatted eq \"zed ä. other\"",
        "not (userName eq \"username\")",
        "userName ne username",
        "userName gt username",
        "name.familyName eq OTHER",
        "name.givenName eq \"Zed Ä.\"",
        "name.givenName co ä",
        "emails.value ew .org",
        "meta.lastModified eq \"2026-01-02T05:04:05.678+02:00\" and id sw zz",
        "emails[type eq work and primary eq true and not (value co .com)]",
        "displayName sw zed",
    ] {
        assert_eq!(scim.total(GROUP, filter).await, 1, "{filter}");
    }
    for filter in [
        "externalId pr",
        "active eq true",
        "emails pr",
        "title eq null",
        "title ne x",
        "name pr",
        "userName co \"\"",
        "meta.resourceType eq User",
    ] {
        assert_eq!(scim.total(GROUP, filter).await, 2, "{filter}");
    }
    for filter in [
        "title pr",
        "active eq false",
        "emails[type eq home]",
        "displayName eq null",
        "name.familyName eq \"Ä. Other\"",
    ] {
        assert_eq!(scim.total(GROUP, filter).await, 0, "{filter}");
    }
    for filter in [
        "userName sw u",
        "name.FamilyName eq User and (emails.Value co example.com or emails.Value co example.org)",
        "meta.Created gt 2015-10-10T14:38:21.8617979-07:00",
    ] {
        assert_eq!(scim.total(INSTANCE, filter).await, 1, "{filter}");
    }
    let flagged = scim
        .group("GET", &format!("/Users?aadOptscim062020&filter=externalId+eq+%22{UID}%22"))
        .answer()
        .await;
    assert_eq!(flagged, (200, page(1, 20, 1, &[u1()])));
}

/// Quotes, backslashes and SQL wildcards in a filter match literally.
#[testkit::test]
async fn special_characters_in_an_operand_are_literal(database: Database) {
    let mut conn = database.open();
    let scim = scim_api(database).await;
    person(&mut conn, 60, "odd", "a\"b\\", "odd@example.com");
    identity(&mut conn, Some(10), 60, "odd%_x");
    assert_eq!(scim.total(GROUP, r#"name.formatted eq "a\"b\\""#).await, 1);
    assert_eq!(scim.total(GROUP, r#"name.formatted ew "\\""#).await, 1);
    for filter in [
        "externalId co \"%\"",
        "externalId co \"_\"",
        "externalId sw \"odd%\"",
        "externalId ew \"%_x\"",
        "externalId eq \"ODD%_x\"",
    ] {
        assert_eq!(scim.total(GROUP, filter).await, 1, "{filter}");
    }
    let injections = [
        "' OR 1=1 --",
        "%",
        "_",
        "\\\\",
        "%%",
        "x' UNION SELECT 1--",
        "$1",
        ";DROP TABLE users",
        "o_d",
        "od%",
    ];
    for attribute in [
        "id",
        "userName",
        "externalId",
        "name.formatted",
        "displayName",
        "name.familyName",
        "name.givenName",
        "emails.value",
        "emails.type",
        "emails.display",
        "meta.version",
        "meta.location",
    ] {
        for text in injections {
            let operators: &[&str] =
                if attribute.starts_with("meta") { &["eq"] } else { &["eq", "sw", "ew"] };
            for operator in operators {
                let filter = format!("{attribute} {operator} \"{text}\"");
                let expected = i64::from(
                    filter == "name.formatted ew \"\\\\\""
                        || filter == "displayName ew \"\\\\\""
                        || filter == "name.familyName ew \"\\\\\""
                        || filter == "name.givenName ew \"\\\\\"",
                );
                assert_eq!(scim.total(GROUP, &filter).await, expected, "{filter}");
            }
        }
    }
}

/// An invalid filter is answered with 400 `invalidFilter`; an empty one selects everybody.
#[testkit::test]
async fn invalid_filter_is_refused(database: Database) {
    let scim = scim_api(database).await;
    let deep = format!("{}id pr{}", "(".repeat(1000), ")".repeat(1000));
    for filter in [
        "active gt true",
        "fooBar eq \"x\"",
        "userName eq",
        "userName xx \"a\"",
        "(userName pr",
        "userName eq \"a",
        "and",
        &deep,
        "id eq \"\\u0000\"",
    ] {
        assert_eq!(
            refusal(&scim.group("GET", &filtered(filter)).send().await),
            bad("invalidFilter"),
            "{filter:.40}"
        );
    }
    assert_eq!(scim.total(GROUP, "id pr").await, 1);
    assert_eq!(scim.group("GET", "/Users?filter=").answer().await.0, 200);
}
