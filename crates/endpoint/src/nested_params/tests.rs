use super::form::MAX_PAIRS;
use super::*;
use domain::json::MAX_DEPTH;
use serde_json::{Value, json};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

async fn decode(query: &str, content_type: &str, body: &str) -> Result<Value, NestedParamsError> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let params = NestedParams::decode(query, content_type, body).await?;
    Ok(serde_json::from_str(&params.to_json()).unwrap())
}

fn multipart(pairs: &str) -> String {
    let part = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    format!("{}--X--\r\n", pairs.split('&').map(part).collect::<String>())
}

#[actix_web::test]
async fn every_encoding_means_the_same() {
    let body = "counters[a]=1&counters[b]=2&uuids[]=x&uuids[]=y&e[n][][u]=1&e[n][][p]=2&e[n][][u]=3&plain=4&odd]=5&l[0]=6";
    let expected = json!({
        "counters": { "a": "1", "b": "2" }, "uuids": ["x", "y"],
        "e": { "n": [{ "u": "1", "p": "2" }, { "u": "3" }] }, "plain": "4", "odd]": "5", "l": { "0": "6" },
    });
    for (query, content_type, body) in [
        ("", FORM, body.to_owned()),
        (body, "", String::new()),
        ("", "", body.to_owned()),
        ("", "multipart/form-data; boundary=X", multipart(body)),
        ("plain=q", "application/json; charset=utf-8", expected.to_string()),
        ("", "", format!(" {expected} ")),
    ] {
        assert_eq!(decode(query, content_type, &body).await, Ok(expected.clone()), "{content_type}");
    }
    let encoded = decode("", FORM, "a%5Bb%5D=%C3%BC+%22\\%0a&%62[]=%26&c=x%2By=z%").await;
    assert_eq!(encoded, Ok(json!({ "a": { "b": "ü \"\\\n" }, "b": ["&"], "c": "x+y=z%" })));
}

#[actix_web::test]
async fn the_body_replaces_a_parameter_of_the_query() {
    let query = "a[x]=1&b[]=1&c=1&d=1";
    let expected = json!({ "a": { "y": "2" }, "b": ["2"], "c": null, "d": "1" });
    assert_eq!(decode(query, JSON, r#"{"a":{"y":"2"},"b":["2"],"c":null}"#).await, Ok(expected));
    let params = NestedParams::decode(query, JSON, Bytes::from_static(br#"{"c":null}"#)).await.unwrap();
    assert!(params.get("c").is_none() && params.sent("c").is_some() && params.get("d").is_some());
}

#[actix_web::test]
async fn repeated_name_starts_the_next_object() {
    for (body, expected) in [
        ("e[][d][v]=1&e[][d][v]=2", json!({ "e": [{ "d": { "v": "1" } }, { "d": { "v": "2" } }] })),
        ("e[][d][v]=1&e[][d][w]=2", json!({ "e": [{ "d": { "v": "1", "w": "2" } }] })),
        ("e[][d][]=1&e[][d][]=2", json!({ "e": [{ "d": ["1", "2"] }] })),
        ("e[]=1&e[][d]=2", json!({ "e": ["1", { "d": "2" }] })),
        ("e[][]=1&e[][]=2", json!({ "e": [["1"], ["2"]] })),
        ("a=1&a=2", json!({ "a": "2" })),
    ] {
        assert_eq!(decode("", FORM, body).await, Ok(expected), "{body}");
    }
}

#[actix_web::test]
async fn two_shapes_of_one_name_are_invalid() {
    let deep = format!("a{}=1", "[b]".repeat(MAX_DEPTH));
    for body in [
        "a=1&a[b]=2",
        "a[b]=1&a=2",
        "a=1&a[]=2",
        "a[]=1&a=2",
        "a[]=1&a[b]=2",
        "a[b]=1&a[]=2",
        "a[b]=1&a[b][c]=2",
        "a[][b]=1&a[][b][c]=2",
        "a[b=1",
        "a[=1",
        "a[b]c=1",
        "a[b]]=1",
        "a[b[c]]=1",
        "a[][=1",
        &deep,
    ] {
        for (query, content_type, body) in [
            ("", FORM, body.to_owned()),
            (body, "", String::new()),
            ("", "multipart/form-data; boundary=X", multipart(body)),
        ] {
            let invalid = Err(NestedParamsError::Invalid("a".to_owned()));
            assert_eq!(decode(query, content_type, &body).await, invalid, "{body} {content_type}");
        }
    }
    let invalid = Err(NestedParamsError::Invalid("[a]".to_owned()));
    assert_eq!(decode("", FORM, "[a]=1").await, invalid);
    let deepest = format!("a{}=1", "[b]".repeat(MAX_DEPTH - 1));
    assert!(decode("", FORM, &deepest).await.is_ok());
}

#[actix_web::test]
async fn a_string_that_holds_json_is_read_as_json() {
    let object = json!({ "alert": { "title": "minimal" } });
    let twice = Value::String(object.to_string()).to_string();
    for content_type in [JSON, ""] {
        assert_eq!(decode("", content_type, &twice).await, Ok(object.clone()));
    }
    let thrice = Value::String(twice).to_string();
    assert_eq!(decode("", JSON, &thrice).await, Err(not_an_object()));
}

#[actix_web::test]
async fn a_body_that_is_no_object_is_refused() {
    for body in
        ["{", "[1]", "7", "true", "\"x\"", "\"null\"", "{\"a\":1}}", "{\"a\":\"\\ud800\"}", "{\"a\":1e400}"]
    {
        let refused = decode("", JSON, body).await;
        assert!(matches!(refused, Err(NestedParamsError::Unreadable(_))), "{body}: {refused:?}");
    }
    for body in ["a=%FF", "%FF=a", "a[]=%ED%A0%80"] {
        assert_eq!(decode("", FORM, body).await, Err(NestedParamsError::not_utf8()), "{body}");
        assert_eq!(decode(body, "", "").await, Err(NestedParamsError::not_utf8()), "{body}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    let too_deep = NestedParamsError::unreadable("the JSON is nested too deeply");
    assert_eq!(decode("", JSON, &deep).await, Err(too_deep));
    let unsupported = NestedParamsError::UnsupportedMediaType("text/plain".to_owned());
    assert_eq!(decode("", "text/plain", "x").await, Err(unsupported));
    assert_eq!(decode("", "text/plain", " ").await, Ok(json!({})));
    assert_eq!(decode("a=1", JSON, "null").await, Ok(json!({ "a": "1" })));
    assert_eq!(decode("", FORM, "&&&").await, Ok(json!({})));
    assert_eq!(decode("", FORM, "=&a").await, Ok(json!({ "": "", "a": "" })));
}

#[actix_web::test]
async fn a_form_has_at_most_250_000_pairs_and_json_any_number_of_values() {
    for (pairs, is_accepted) in [(MAX_PAIRS, true), (MAX_PAIRS + 1, false)] {
        for pair in ["a=1&", "a[]=1&", "a[][b]=1&"] {
            let body = Bytes::from(pair.repeat(pairs));
            let decoded = NestedParams::decode("", FORM, body).await;
            assert_eq!(decoded.is_ok(), is_accepted, "{pair} {pairs}");
        }
        let body = Bytes::from(format!("{{\"a\":[{}0]}}", "{\"\":0},".repeat(pairs)));
        let params = NestedParams::decode("", JSON, body).await.unwrap();
        assert_eq!(params.get("a").unwrap().items().unwrap().count(), pairs + 1);
    }
    let names: String = (0..MAX_PAIRS).map(|name| format!("a[{name}]=1&")).collect();
    let params = NestedParams::decode("", FORM, Bytes::from(names)).await.unwrap();
    assert_eq!(params.get("a").unwrap().entries().count(), MAX_PAIRS);
    let deep = format!("a{}=1&", "[]".repeat(60)).repeat(10_000);
    assert!(matches!(
        NestedParams::decode("", FORM, Bytes::from(deep)).await,
        Err(NestedParamsError::TooMany)
    ));
}

#[actix_web::test]
async fn name_of_a_part_is_read_or_the_body_is_refused() {
    let body = |disposition: &str| format!("--X\r\n{disposition}\r\n\r\n10.1.1.1\r\n--X--\r\n");
    let decoded =
        async |disposition: &str| decode("", "multipart/form-data; boundary=X", &body(disposition)).await;
    for disposition in [
        r#"Content-Disposition: form-data; name="check_ip""#,
        r#"content-disposition: form-data; NAME="check_ip""#,
        r#"Content-Disposition: Form-Data; Name="check_ip"; filename="x""#,
        "Content-Disposition: form-data; name=check_ip",
    ] {
        assert_eq!(decoded(disposition).await, Ok(json!({ "check_ip": "10.1.1.1" })), "{disposition}");
    }
    for disposition in [
        "Content-Disposition: form-data; name*=UTF-8''check_ip",
        r#"Content-Disposition: form-data; name="check_ip"#,
        r#"Content-Disposition: form-data; name="a"; name="check_ip""#,
        r#"Content-Disposition: attachment; name="check_ip""#,
        r#"Content-Disposition: form-data; filename="x""#,
        "Content-Disposition: form-data",
        "Content-Type: text/plain",
    ] {
        let refused = decoded(disposition).await;
        assert!(matches!(refused, Err(NestedParamsError::Unreadable(_))), "{disposition}: {refused:?}");
    }
}

/// Each name of the query is looked up in the body once, not compared with each field.
#[actix_web::test]
async fn many_names_in_query_and_body_take_no_time() {
    let started = std::time::Instant::now();
    let query: Vec<String> = (0..20_000).map(|name| name.to_string()).collect();
    let body = format!("{{{}\"0\":1}}", "\"\":0,".repeat(1_000_000));
    let params = NestedParams::decode(&query.join("&"), JSON, Bytes::from(body)).await.unwrap();
    assert_eq!(params.to_json().matches("\"0\":").count(), 1);
    assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        query in "[ab\\[\\]=&%]*",
        body in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        kind in 0..4_usize,
    ) {
        let kinds = [JSON, FORM, "multipart/form-data; boundary=X", ""];
        let decoded = NestedParams::decode(&query, kinds[kind], Bytes::from(body));
        if let Some(Ok(params)) = futures_util::FutureExt::now_or_never(decoded) {
            proptest::prop_assert!(serde_json::from_str::<Value>(&params.to_json()).is_ok());
        }
    }
}
