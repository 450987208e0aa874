use super::strings::has_nul;
use super::*;
use serde_json::{Map, Number, Value, json};

fn parse(text: &str) -> Json<'_> {
    Json::parse(text.as_bytes()).unwrap()
}

/// The value as a tree, read through this module.
fn tree(json: Json<'_>) -> Value {
    match json.kind() {
        Kind::Null => Value::Null,
        Kind::Bool(value) => Value::Bool(value),
        Kind::Number(digits) => Value::Number(digits.parse::<Number>().unwrap()),
        Kind::Text(text) => Value::String(text.into_owned()),
        Kind::Array => json.items().unwrap().map(tree).collect(),
        Kind::Object => {
            let fields = json.entries().map(|(key, value)| (key.decoded().into_owned(), tree(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}

#[test]
fn fields_and_items_are_found_in_the_text() {
    let json = parse(r#" { "a" : [1, "x,]}\"",[ ],{"b":{}} ], "\u0061b": null,"a2":-1.5e3 ,"t":true} "#);
    let names: Vec<_> = json.entries().map(|(key, _)| key.decoded()).collect();
    assert_eq!(names, ["a", "ab", "a2", "t"]);
    let items: Vec<&str> = json.get("a").unwrap().items().unwrap().map(Json::as_json).collect();
    assert_eq!(items, ["1", r#""x,]}\"""#, "[ ]", r#"{"b":{}}"#]);
    assert!(json.get("ab").unwrap().is_null());
    assert_eq!(json.get("a2").unwrap().kind(), Kind::Number("-1.5e3"));
    assert_eq!(json.get("t").unwrap().kind(), Kind::Bool(true));
    assert_eq!((json.get("b"), json.get("t").unwrap().get("e")), (None, None));
    assert_eq!(parse("[ ]").items().unwrap().count(), 0);
    assert!(json.items().is_none());
    assert_eq!(parse(r#"{"a":1,"a":2}"#).get("a").and_then(Json::as_i64), Some(2));
}

#[test]
fn fields_are_replaced_and_removed() {
    let json = parse(r#"{"a": 1, "b": [2], "\u0061": 3}"#);
    assert_eq!(json.with_field("a", "\"5\""), r#"{"b":[2],"a":"5"}"#);
    assert_eq!(json.without_field("a"), r#"{"b":[2]}"#);
    assert_eq!(parse("{}").without_field("a"), "{}");
}

#[test]
fn strings_are_decoded() {
    for (text, expected) in [
        (r#""plain""#, "plain"),
        (r#""a\n\t\"\\\/\b\f\r""#, "a\n\t\"\\/\u{8}\u{c}\r"),
        (r#""\u00e9\uD83D\uDE00!""#, "é😀!"),
        (r#""\u0000""#, "\0"),
    ] {
        assert_eq!(parse(text).as_str().as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn nul_is_removed_from_strings_and_keys() {
    let text = r#"{"a\u0000":"\u0000b\\u0000\\\u0000c\n","d":"\\"}"#;
    assert_eq!(without_nul(text), r#"{"a":"b\\u0000\\c\n","d":"\\"}"#);
    assert!(has_nul(text) && !has_nul(r#""\\u0000""#));
}

#[test]
fn invalid_documents_are_rejected() {
    for text in ["", "{", "[1,]", "{\"a\":1}}", "nul", "\"\0\"", r#"{"\ud800":1}"#, r#"["\udc00"]"#] {
        assert!(matches!(Json::parse(text.as_bytes()), Err(JsonError::Unexpected(_))), "{text}");
    }
    assert_eq!(Json::parse(b"\"\xff\""), Err(JsonError::NotUtf8));
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Json::parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert_eq!(Json::parse(nested(MAX_DEPTH + 1).as_bytes()), Err(JsonError::TooDeep));
    assert_eq!(Json::parse("[".repeat(1_000_000).as_bytes()), Err(JsonError::TooDeep));
    assert!(Json::parse(format!("\"{}\"", "[".repeat(1000)).as_bytes()).is_ok());
}

#[test]
fn numbers_that_no_double_holds_are_rejected() {
    assert_eq!(Json::parse(b"[1e400]"), Err(JsonError::OutOfRange(1)));
    assert_eq!(parse("9223372036854775808").as_i64(), None);
    assert_eq!(parse("9223372036854775807").as_i64(), Some(i64::MAX));
    assert_eq!(parse("1.0").as_i64(), None);
}

/// Sequences of JSON's special characters, some of which are valid JSON.
fn json_like() -> impl proptest::strategy::Strategy<Value = String> {
    "([{}\\[\\],: \"]|\\\\u[0-9d-f]{4}|\\\\.|-?[0-9.eE+]{1,4}|true|false|null|\"[a-é]{0,3}\"){0,12}"
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(2000))]
    /// Accepts the same documents as `serde_json`, with the same values.
    #[test]
    fn agrees_with_serde_json(text in json_like()) {
        match (Json::parse(text.as_bytes()), serde_json::from_str::<Value>(&text)) {
            (Ok(json), Ok(value)) => proptest::prop_assert_eq!(tree(json), value),
            (Err(_), Err(_)) => {}
            (ours, theirs) => proptest::prop_assert!(false, "{ours:?} {theirs:?}"),
        }
    }

    #[test]
    fn values_survive(
        keys in proptest::collection::vec("\\PC{0,5}", 0..5),
        text in "\\PC*",
        number in proptest::num::i64::ANY,
    ) {
        let mut value = json!([text, number, null, { "": [[], {}] }]);
        for key in keys {
            value = json!({ key: value, "x": [1.5] });
        }
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            proptest::prop_assert_eq!(tree(parse(&text)), value.clone());
        }
    }

    #[test]
    fn removing_nul_keeps_json_valid(text in "([a\\\\\"u0]|\\x00){0,20}") {
        let json = serde_json::to_string(&text).unwrap();
        let read: String = serde_json::from_str(&without_nul(&json)).unwrap();
        proptest::prop_assert_eq!(read, text.replace('\0', ""));
    }
}

#[test]
fn equal_values_have_the_same_fingerprint() {
    let fingerprint = |text: &str| Json::parse(text.as_bytes()).unwrap().fingerprint();
    let value = r#"{"a":[1,{"b":"x"}],"c":null,"d":{}}"#;
    for same in [value, r#" { "d" : {}, "c":null, "\u0061": [ 1, {"b":"\u0078"} ] } "#] {
        assert_eq!(fingerprint(same), fingerprint(value), "{same}");
    }
    for other in [
        r#"{"a":[{"b":"x"},1],"c":null,"d":{}}"#,
        r#"{"a":[1,{"b":"x"}],"c":null,"d":[]}"#,
        r#"{"a":[1,{"b":"x"}],"c":"null","d":{}}"#,
        r#"{"a":[1,{"x":"b"}],"c":null,"d":{}}"#,
        r#"{"a":["1",{"b":"x"}],"c":null,"d":{}}"#,
        r#"{"a":[1,{"b":"x"}],"c":null}"#,
    ] {
        assert_ne!(fingerprint(other), fingerprint(value), "{other}");
    }
}
