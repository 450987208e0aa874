//! Masks secrets in values that are printed or logged, by the form of the value and not by its name.
use yaml_serde::Value;

const MASK: &str = "[FILTERED]";

/// Masks the password and the query values of a URL, and the password of `user:password@host`. The user name
/// stays.
pub fn text(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    // A password may contain any character, encoded or not, so it ends at the last `@`.
    let (user, rest) = match rest.rsplit_once('@').map(|(user, rest)| (user.split_once(':'), rest)) {
        Some((Some((user, _)), rest)) if !user.starts_with('/') => (format!("{user}:{MASK}@"), rest),
        _ => (String::new(), rest),
    };
    if scheme.is_empty() && !text.starts_with("unix:") {
        return format!("{user}{rest}");
    }
    let Some((path, query)) = rest.split_once(['?', '#']) else { return format!("{scheme}{user}{rest}") };
    let values: Vec<String> = query.split(['&', ';', '#', '?']).map(masked_value).collect();
    format!("{scheme}{user}{path}?{}", values.join("&"))
}

/// Masks the value of `name=value`. Text without a name is masked as a whole.
fn masked_value(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) => format!("{name}={MASK}"),
        None => MASK.to_owned(),
    }
}

/// Masks every string of a structure, and replaces values whose key names a secret.
pub fn structure(value: &mut Value) {
    match value {
        Value::String(string) => *string = text(string),
        Value::Sequence(values) => values.iter_mut().for_each(structure),
        Value::Mapping(map) => {
            for (key, value) in map.iter_mut() {
                let is_secret =
                    |name: &str| ["token", "secret", "password"].iter().any(|end| name.ends_with(end));
                match key.as_str() {
                    Some(name) if is_secret(&name.to_lowercase()) && !value.is_null() => *value = MASK.into(),
                    _ => structure(value),
                }
            }
        }
        Value::Tagged(tagged) => structure(&mut tagged.value),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_query_values_of_urls_are_masked() {
        for (url, expected) in [
            (
                "postgres://gitlab:CANARY@db.example.com/gitlab",
                "postgres://gitlab:[FILTERED]@db.example.com/gitlab",
            ),
            ("postgres://me:CAN@A/R?Y@db/x", "postgres://me:[FILTERED]@db/x"),
            (
                "postgres://db/x?user=me&password=CANARY",
                "postgres://db/x?user=[FILTERED]&password=[FILTERED]",
            ),
            ("redis+unix:///x.sock?pass=CANARY", "redis+unix:///x.sock?pass=[FILTERED]"),
            ("rediss://:CANARY@redis:6379/1", "rediss://:[FILTERED]@redis:6379/1"),
            ("https://geo.example.com?CANARY#CANARY", "https://geo.example.com?[FILTERED]&[FILTERED]"),
            ("https://geo.example.com/a#CANARY", "https://geo.example.com/a?[FILTERED]"),
            (
                "unix:/run/redis.sock?db=1&pa%73s=CANARY",
                "unix:/run/redis.sock?db=[FILTERED]&pa%73s=[FILTERED]",
            ),
            ("https://me@git.example.com/x", "https://me@git.example.com/x"),
            ("https://[::1]:8080/x", "https://[::1]:8080/x"),
            ("127.0.0.1:8081", "127.0.0.1:8081"),
            ("plain?text=stays", "plain?text=stays"),
            ("me:CANARY@h", "me:[FILTERED]@h"),
            ("git@h:x", "git@h:x"),
            ("unix:/run/x.socket", "unix:/run/x.socket"),
        ] {
            assert_eq!(text(url), expected, "{url}");
        }
    }

    #[test]
    fn structures_are_masked_by_value_and_secrets_by_key() {
        let mut value: Value = yaml_serde::from_str(
            "default: {address: 'tcp://x:CANARY@h:1', token: CANARY, list: ['https://h?a=CANARY'], ttl: 5}\n\
             client_secret: {a: CANARY}\nDB_PASSWORD: CANARY\npath: /srv\ntoken: null\n",
        )
        .unwrap();
        structure(&mut value);
        let text = yaml_serde::to_string(&value).unwrap();
        assert!(!text.contains("CANARY") && text.contains("/srv") && text.contains("ttl: 5"), "{text}");
        assert!(text.contains("token: null") && text.contains("tcp://x:[FILTERED]@h:1"), "{text}");
    }

    proptest::proptest! {
        /// A password is masked, whatever surrounds it.
        #[test]
        fn no_password_survives(user in "[a-z]{0,5}", before in "[!-~]{0,5}", after in "[!-~]{0,5}", host in "[a-z.]{1,9}") {
            let url = format!("redis://{user}:{before}CANARY{after}@{host}");
            proptest::prop_assert!(!text(&url).contains("CANARY"));
        }
    }
}
