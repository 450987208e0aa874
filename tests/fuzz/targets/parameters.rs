//! Query string and body. The first byte selects the content type; the rest of the first line is the query.
use actix_web::web::Bytes;
use endpoint::Params;
use futures_util::FutureExt;
use serde_json::{Map, Value};

use crate::Target;

pub const TARGET: Target = Target {
    name: "parameters",
    seeds: &[
        b"0\n{\"key_id\":11,\"project\":\"grp/\
          p\",\"action\":\"git-upload-pack\",\"protocol\":\"ssh\",\"changes\":\"_any\"}",
        b"0key_id=11\n{\"push_options\":[\"ci.skip\",null,\
          1],\"env\":\"{\\\"a\\\":[]}\",\"changes\":null,\"x\":{\"y\":[[]]}}",
        b"1action=a\nkey_id=11&project=grp/p&action=git-upload-pack&push_options[]=a&push_options%5B%5D=b+c&\
          env=%7B%7D",
        b"2\n--X\r\nContent-Disposition: form-data; \
          name=\"action\"\r\n\r\nssh\r\n--X\r\nContent-Disposition: form-data; \
          name=\"push_options[]\"\r\n\r\na\r\n--X--\r\n",
        b"3action=git-upload-pack&push_options[]=x\n {\"key_id\":\"11\"}",
        b"4\n{}",
    ],
    words: &[
        "key_id",
        "action",
        "project",
        "push_options",
        "push_options[]",
        "changes",
        "null",
        "true",
        "1e400",
        "-1",
        "9223372036854775808",
        "\\u0000",
        "\\ud800",
        "%00",
        "%",
        "[]=",
        "&",
        "{\"",
        "\":[",
        "]}",
        "--X\r\n",
        "--X--",
        "Content-Disposition: form-data; name=\"",
        "\r\n\r\n",
    ],
    run,
};

const FORMS: [&str; 5] = [
    "application/json; charset=utf-8",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=X",
    "",
    "text/plain",
];
const NAMES: [&str; 6] = ["key_id", "action", "project", "push_options", "changes", "env"];

fn decode(query: &str, form: &str, body: Vec<u8>) -> Option<Params> {
    // The whole body is available, so the future is ready at once.
    Params::decode(query, form, Bytes::from(body)).now_or_never().unwrap().ok()
}

fn run(input: &[u8]) -> bool {
    let Some((form, rest)) = input.split_first() else { return false };
    let form = FORMS[usize::from(form.wrapping_sub(b'0')) % FORMS.len()];
    let (query, body) = rest.split_at(rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()));
    let Some(params) = decode(&String::from_utf8_lossy(query), form, body.to_vec()) else { return false };
    let mut printed = Map::new();
    for name in NAMES {
        let (text, list) = (params.text(name), params.list(name));
        assert!(text.iter().flatten().chain(list.iter().flatten()).all(|text| !text.contains('\0')));
        let required = params.required_text(name);
        assert!(required.is_err() || text.as_ref().is_ok_and(|text| *text == required.ok()));
        let id = params.id(name);
        if let (Ok(Some(id)), Ok(Some(text))) = (&id, &text) {
            assert_eq!(text.trim().trim_start_matches('+').parse(), Ok(*id));
        }
        match (text, list) {
            (Ok(Some(text)), _) => drop(printed.insert(name.to_owned(), Value::from(text))),
            (Err(_), Ok(list)) => drop(printed.insert(name.to_owned(), Value::from(list))),
            _ => {}
        }
    }
    let json = Value::Object(printed.clone()).to_string().into_bytes();
    for (form, body) in [(FORMS[0], json), (FORMS[1], encoded(&printed).into_bytes())] {
        let again = decode("", form, body).unwrap();
        for (name, value) in &printed {
            let texts = |params: &Params| params.list(name).unwrap();
            assert!(value.is_array() || again.text(name).unwrap() == params.text(name).unwrap());
            // A form cannot encode an empty list.
            assert_eq!(texts(&again), texts(&params), "{name} as {form}");
        }
    }
    true
}

/// Encodes the parameters as a form, with every byte escaped.
fn encoded(parameters: &Map<String, Value>) -> String {
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pair = |name: &str, value: &Value| format!("{name}={}&", escape(value.as_str().unwrap()));
    parameters
        .iter()
        .map(|(name, value)| match value.as_array() {
            Some(list) => list.iter().map(|value| pair(&format!("{name}[]"), value)).collect(),
            None => pair(name, value),
        })
        .collect()
}
