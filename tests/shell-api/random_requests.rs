//! Hundreds of pseudorandom requests, the same in each run, never cause a server error.
use super::{Shell, shell_api};
use serde_json::{Map, Value, json};
use testkit::{Answer, Request};

const SEED: u64 = 20_240_501;
const REQUESTS: usize = 400;

/// `SplitMix64`: the same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())].clone()
    }
}

const NAMES: &[&str] = &[
    "key_id",
    "user_id",
    "identifier",
    "username",
    "krb5principal",
    "key",
    "project",
    "gl_repository",
    "action",
    "protocol",
    "changes",
    "env",
    "check_ip",
    "namespace_path",
    "gitaly_client_context_bin",
    "push_options",
    "relative_path",
    "secret_token",
    "",
    "a[b]",
    "\0",
];

const USUAL: &[&str] = &[
    "11",
    "12",
    "31",
    "2",
    "grp/p",
    "/grp/p.git",
    "grp/p.wiki",
    "grp/p.design.git",
    "snippets/1.git",
    "grp/p/snippets/9",
    "project-3",
    "wiki-3",
    "design-3",
    "snippet-1",
    "group-20-wiki",
    "project-999",
    "git-upload-pack",
    "git-receive-pack",
    "git-upload-archive",
    "ssh",
    "http",
    "web",
    "_any",
    "key-11",
    "user-2",
    "127.0.0.1",
    "grp",
    "mr.create",
    "ci.skip",
    "merge_request.label=a",
    "0000000000000000000000000000000000000000 e83c5163316f89bfbde7d9ab23ca2e25604af290 refs/heads/x\n",
    "e83c5163316f89bfbde7d9ab23ca2e25604af290 0000000000000000000000000000000000000000 refs/heads/main\n",
    r#"{"GIT_OBJECT_DIRECTORY_RELATIVE":"objects/x",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE":["objects"]}"#,
];

const ODD: &[&str] = &[
    "",
    " ",
    "\0",
    "a\0b",
    "-1",
    "0",
    "9223372036854775807",
    "9223372036854775808",
    "1e400",
    "../../etc/passwd",
    "..",
    "/",
    "//",
    ".git",
    "/.git",
    ".wiki",
    "snippets/",
    "--upload-pack=touch /tmp/x",
    "$(id)",
    "'; DROP TABLE users; --",
    "%",
    "\\",
    "\"",
    "\u{1F4A9}",
    "\u{FFFD}",
    "\u{202E}",
    "\r\nX: y",
    "a a a",
    "a b c\nd e f",
    "project-",
    "project--",
    "project-9223372036854775808",
    "key-",
    "user-x",
    "username-\u{0130}",
    "::1/128",
    "999.1.1.1",
    "[]",
    "{}",
    "bnVsbA==",
];

fn text(dice: &mut Dice) -> String {
    match dice.roll(10) {
        0..5 => dice.pick(USUAL).to_owned(),
        5..9 => dice.pick(ODD).to_owned(),
        _ => dice.pick(ODD).repeat(5000 / (1 + dice.roll(50))),
    }
}

fn value(dice: &mut Dice, depth: usize) -> Value {
    match dice.roll(12) {
        0 if depth < 4 => Value::Array((0..dice.roll(4)).map(|_| value(dice, depth + 1)).collect()),
        1 if depth < 4 => json!({ dice.pick(NAMES): value(dice, depth + 1) }),
        2 => dice.pick(&[
            json!(null),
            json!(true),
            json!(1.5),
            json!(-1),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(11),
        ]),
        _ => Value::String(text(dice)),
    }
}

/// Random parameters, usually with those that the endpoints require.
fn parameters(dice: &mut Dice) -> Map<String, Value> {
    let mut parameters = Map::new();
    if dice.roll(4) > 0 {
        let usual = json!({
            "key_id": 11, "project": "grp/p", "action": "git-receive-pack", "protocol": "ssh",
                "gl_repository": "project-3",
            "identifier": "key-11",
        });
        parameters.extend(usual.as_object().unwrap().clone());
    }
    for _ in 0..=dice.roll(4) {
        parameters.insert(dice.pick(NAMES).to_owned(), value(dice, 0));
    }
    parameters
}

fn encoded(parameters: &Map<String, Value>) -> String {
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pair = |(name, value): (&String, &Value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        format!("{}={}", escape(name), escape(&value))
    };
    parameters.iter().map(pair).collect::<Vec<_>>().join("&")
}

fn multipart(parameters: &Map<String, Value>) -> String {
    let part = |(name, value): (&String, &Value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    parameters.iter().map(part).collect::<String>() + "--X--\r\n"
}

fn request(dice: &mut Dice, shell: &Shell) -> (String, Request) {
    let endpoint = dice.pick(&shell_api::ENDPOINTS);
    let name = endpoint.path.strip_prefix("/api/v4/internal").unwrap();
    let parameters = parameters(dice);
    let json = Value::Object(parameters.clone()).to_string();
    let (content_type, mut body) = match dice.roll(6) {
        0..3 => ("application/json", json.clone().into_bytes()),
        3 => ("application/x-www-form-urlencoded", encoded(&parameters).into_bytes()),
        4 => ("multipart/form-data; boundary=X", multipart(&parameters).into_bytes()),
        _ => (
            dice.pick(&["text/plain", "multipart/form-data", "application/json;", "x"]),
            json.clone().into_bytes(),
        ),
    };
    match dice.roll(12) {
        0 => body.truncate(dice.roll(body.len() + 1)),
        1 => body.insert(dice.roll(body.len() + 1), 0xff),
        2 => body.insert(dice.roll(body.len() + 1), 0),
        _ => {}
    }
    let shown = format!("{} {name} {content_type} {:.2000}", endpoint.method, String::from_utf8_lossy(&body));
    // A query is part of the head, whose limit is lower than that of a body.
    let query = encoded(&parameters);
    if dice.roll(4) == 0 && query.len() < 50_000 {
        return (format!("{shown}, as query"), shell.request(endpoint.method, &format!("{name}?{query}")));
    }
    (shown, shell.request(endpoint.method, name).body(content_type, body))
}

/// Whether the response is a success, or a client error with a message.
fn is_fair(answer: &Answer) -> bool {
    let said = || answer.json().1["message"].as_str().is_some_and(|message| !message.is_empty());
    answer.status == 200 || ((400..500).contains(&answer.status) && said())
}

#[testkit::test]
async fn no_request_makes_the_service_fail(database: Database) {
    let shell = shell_api(database).await;
    let (mut dice, mut allowed) = (Dice(SEED), 0);
    for number in 0..REQUESTS {
        let (shown, request) = request(&mut dice, &shell);
        let answer = request.send().await;
        assert!(is_fair(&answer), "{number}: {shown} was answered {} {}", answer.status, answer.text);
        allowed += usize::from(answer.status == 200);
    }
    // Enough of them pass the first checks.
    assert!((REQUESTS / 10..REQUESTS / 2).contains(&allowed), "{allowed} were allowed");
    assert_eq!(shell.clone(11, "grp/p").await.0, 200);
}
