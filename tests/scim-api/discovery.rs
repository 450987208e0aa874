//! Discovery documents, unknown paths and methods, and the documented list of endpoints.
use super::scim_api;
use super::support::{GROUP, INSTANCE, URN, refusal};
use serde_json::{Value, json};

const DOCUMENTS: [&str; 5] = [
    "/ServiceProviderConfig",
    "/ResourceTypes",
    "/ResourceTypes/User",
    "/Schemas",
    "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User",
];

/// A malformed host would become part of a URL in the response.
#[testkit::test]
async fn malformed_host_is_refused(database: Database) {
    let scim = scim_api(database).await;
    for host in ["a\"b:1", "a\"b<script>:1/?x", "a/b", "user@host", "host:port"] {
        for path in ["/ResourceTypes/User", "/Users?count=1"] {
            let answer = scim.instance("GET", path).header("Host", host).send().await;
            assert_eq!(refusal(&answer), (400, "invalidSyntax".to_owned()), "{host} {path}");
        }
    }
    let forwarded = scim.instance("GET", "/ResourceTypes/User").header("X-Forwarded-Host", "a\"b");
    assert_eq!(refusal(&forwarded.send().await).0, 400);
}

/// The discovery documents describe the service, its resource type and its schema.
#[testkit::test]
async fn the_documents_are_those_of_the_contract(database: Database) {
    let scim = scim_api(database).await;
    let base = format!("https://idp.example.com{INSTANCE}");
    let get = |path: &str| {
        scim.instance("GET", path)
            .header("X-Forwarded-Proto", "https")
            .header("Host", "idp.example.com")
            .answer()
    };
    let (_, config) = get("/ServiceProviderConfig").await;
    assert_eq!(
        config,
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": { "supported": true },
            "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
            "filter": { "supported": true, "maxResults": 100 }, "changePassword": { "supported": false },
            "sort": { "supported": true }, "etag": { "supported": true },
            "authenticationSchemes": [{ "type": "oauthbearertoken", "name": "SCIM token",
                "description": "Bearer SCIM token of the group or instance",
                "specUri": "https://www.rfc-editor.org/rfc/rfc6750", "primary": true }],
            "meta": { "resourceType": "ServiceProviderConfig",
                "location": format!("{base}/ServiceProviderConfig") },
        })
    );
    let (_, user_type) = get("/ResourceTypes/User").await;
    assert_eq!(user_type["meta"]["location"], format!("{base}/ResourceTypes/User"));
    assert_eq!((&user_type["schema"], &user_type["endpoint"]), (&json!(URN), &json!("/Users")));
    let list = |resource: &Value| {
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 1, "itemsPerPage": 1, "startIndex": 1, "Resources": [resource] })
    };
    assert_eq!(get("/ResourceTypes").await, (200, list(&user_type)));
    let (_, schema) = get(DOCUMENTS[4]).await;
    assert_eq!(get("/Schemas/").await, (200, list(&schema)));
    let of = |schema: &Value, key: &str| -> Vec<Value> {
        schema["attributes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|attribute| json!([attribute["name"], attribute[key]]))
            .collect()
    };
    let names = ["externalId", "userName", "name", "displayName", "active", "emails"];
    let pairs = |values: [Value; 6]| -> Vec<Value> {
        names.iter().zip(values).map(|(name, value)| json!([name, value])).collect()
    };
    assert_eq!(of(&schema, "required"), pairs([true, true, false, false, true, true].map(Value::from)));
    assert_eq!(
        of(&schema, "uniqueness"),
        pairs([json!("server"), json!("server"), json!("none"), json!("none"), Value::Null, json!("none")])
    );
    assert_eq!(of(&schema, "mutability"), pairs(std::array::from_fn(|_| json!("readWrite"))));
    assert!(!schema.to_string().contains("null"), "{schema}");
    // scim2-tester sends only required attributes, so an email's `value` must be required.
    let parts: Vec<Value> = schema["attributes"][5]["subAttributes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| json!([part["name"], part["required"]]))
        .collect();
    assert_eq!(
        json!(parts),
        json!([["value", true], ["display", false], ["type", false], ["primary", false]])
    );
    let (_, of_group) = scim.group("GET", DOCUMENTS[4]).answer().await;
    assert_eq!(
        of(&of_group, "mutability"),
        pairs([
            json!("readWrite"),
            json!("immutable"),
            json!("immutable"),
            json!("immutable"),
            json!("readWrite"),
            json!("immutable")
        ])
    );
    for path in DOCUMENTS {
        assert_eq!(
            refusal(&scim.instance("GET", &format!("{path}?filter=x%20eq%20%22y%22")).send().await),
            (403, String::new()),
            "{path}"
        );
        assert_eq!(scim.group("GET", &format!("{path}/")).send().await.status, 200, "{path}");
    }
    for path in ["/Schemas/urn:x", "/ResourceTypes/Group"] {
        assert_eq!(refusal(&scim.instance("GET", path).send().await), (404, String::new()));
    }
}

/// Unknown paths are answered with 404, unsupported methods with 405, `/Me` and `/Bulk` with 501.
#[testkit::test]
async fn unknown_paths_and_methods_are_refused(database: Database) {
    let scim = scim_api(database).await;
    for path in DOCUMENTS {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let answer = scim.instance(method, path).body("text/plain", "x").send().await;
            assert_eq!(
                (refusal(&answer), answer.header("allow")),
                ((405, String::new()), Some("GET, HEAD")),
                "{method} {path}"
            );
        }
        let head = scim.group("HEAD", path).send().await;
        assert_eq!((head.status, &*head.text), (200, ""), "{path}");
    }
    for (method, path, allow) in [
        ("DELETE", "/Users", "GET, HEAD, POST"),
        ("POST", "/Users/x", "GET, HEAD, PUT, PATCH, DELETE"),
        ("GET", "/.search", "POST"),
        ("GET", "/Users/.search", "POST"),
    ] {
        let answer = scim.group(method, path).send().await;
        assert_eq!(
            (refusal(&answer), answer.header("allow")),
            ((405, String::new()), Some(allow)),
            "{method} {path}"
        );
    }
    for path in ["/nonsense", "/Users/a/b", "/Groups/1/x", "", "/"] {
        for method in ["GET", "POST"] {
            assert_eq!(refusal(&scim.instance(method, path).send().await), (404, String::new()), "{path}");
            assert_eq!(refusal(&scim.group(method, path).send().await), (404, String::new()), "{path}");
        }
    }
    for path in ["/Me", "/Bulk", "/Bulk/"] {
        for method in ["GET", "POST", "PATCH"] {
            assert_eq!(refusal(&scim.instance(method, path).send().await), (501, String::new()), "{path}");
        }
    }
    assert_eq!(scim.service.get("/api/scim/v2/nonsense").await.status, 404);
    assert_eq!(scim.service.get(&GROUP.replace("v2", "v1")).await.text, r#"{"error":"404 Not Found"}"#);
}

#[test]
fn the_contract_lists_every_endpoint() {
    let page = include_str!("../../docs/api/scim-api.md");
    let listed: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`'))
        .filter(|line| line.contains(" /api/"))
        .collect();
    let served: Vec<String> =
        scim_api::ENDPOINTS.iter().map(|endpoint| format!("{} {}", endpoint.method, endpoint.path)).collect();
    assert_eq!(listed, served);
}
