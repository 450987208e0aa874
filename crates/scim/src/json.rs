//! JSON objects of request bodies. The names of members are case-insensitive.
use serde_json::{Map, Value};

use crate::text::parse_bool;
use crate::{Error, Result};

/// The maximum nesting depth of arrays and objects.
const MAX_DEPTH: usize = 64;

/// A JSON object. A member that is `null` counts as absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Object(Map<String, Value>);

impl Object {
    /// Parses a request body.
    pub fn parse(body: &[u8]) -> Result<Self> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => Self::new(map),
            Ok(_) => Err(Error::invalid_syntax("the body is not a JSON object")),
            Err(error) => Err(Error::invalid_syntax(format!("the body is not JSON: {error}"))),
        }
    }

    fn new(map: Map<String, Value>) -> Result<Self> {
        let value = Value::Object(map);
        check(&value, 0)?;
        let Value::Object(map) = value else { return Ok(Self::default()) };
        Ok(Self(map))
    }

    /// Returns the value of a member. The name is case-insensitive.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let exact = self.0.get(name);
        let found = exact.or_else(|| {
            self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        });
        found.filter(|value| !value.is_null())
    }

    /// All members.
    pub fn members(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Converts a member that is an object.
    pub(crate) fn from_value(value: &Value) -> Option<Self> {
        value.as_object().cloned().map(Self)
    }
}

/// Rejects values that are nested too deeply.
fn check(value: &Value, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::invalid_syntax(format!("the body is nested deeper than {MAX_DEPTH}")));
    }
    match value {
        Value::Array(values) => values.iter().try_for_each(|value| check(value, depth + 1)),
        Value::Object(map) => map.values().try_for_each(|value| check(value, depth + 1)),
        _ => Ok(()),
    }
}

/// Unwraps an array with one element, and `{"value": "x"}` in it to `"x"`. Some providers send single values
/// this way.
pub(crate) fn unwrap_single(value: &Value) -> &Value {
    let Value::Array(values) = value else { return value };
    match values.as_slice() {
        [Value::Object(only)] => only.get("value").unwrap_or(&values[0]),
        [only] => only,
        _ => value,
    }
}

/// Parses a string that contains a JSON array or object. Other values are returned unchanged.
pub(crate) fn unquoted(value: &Value) -> Value {
    match value {
        Value::String(text) => match serde_json::from_str(text) {
            Ok(inner @ (Value::Array(_) | Value::Object(_))) if check(&inner, 0).is_ok() => inner,
            _ => value.clone(),
        },
        _ => value.clone(),
    }
}

/// Converts a value to a string without NUL. A number becomes its decimal form.
pub(crate) fn text(name: &str, value: &Value) -> Result<String> {
    match unwrap_single(value) {
        Value::String(text) => storable(name, text),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(Error::invalid_value(format!("{name} is not a string"))),
    }
}

/// Rejects a string with NUL, which the databases cannot store. Only strings that are used are checked: an
/// ignored attribute must not refuse a request.
pub(crate) fn storable(name: &str, text: &str) -> Result<String> {
    if text.contains('\0') {
        return Err(Error::invalid_value(format!("{name} holds a NUL character")));
    }
    Ok(text.to_owned())
}

/// Converts a boolean, or a string that contains one in any case.
pub(crate) fn bool(name: &str, value: &Value) -> Result<bool> {
    let parsed = match unwrap_single(value) {
        Value::Bool(yes) => Some(*yes),
        Value::String(text) => parse_bool(text),
        _ => None,
    };
    parsed.ok_or_else(|| Error::invalid_value(format!("{name} is neither true nor false")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_have_any_case_and_null_is_absent() {
        let object = Object::parse(br#"{"UserName":"a","active":null,"a":1,"a":2}"#).unwrap();
        assert_eq!(object.get("userName"), Some(&json!("a")));
        assert_eq!(object.get("active"), None);
        assert_eq!(object.get("a"), Some(&json!(2)));
    }

    #[test]
    fn nul_is_refused_where_a_string_is_used() {
        let object =
            Object::parse(br#"{"a":"\u0000","b\u0000":1,"c":["x\u0000"],"d":"true\u0000"}"#).unwrap();
        for name in ["a", "c"] {
            assert_eq!(text(name, &object.0[name]).unwrap_err().scim_type, Some("invalidValue"), "{name}");
        }
        assert_eq!(bool("d", &object.0["d"]).unwrap_err().scim_type, Some("invalidValue"));
        assert_eq!(object.get("b"), None);
    }

    #[test]
    fn invalid_object_is_refused() {
        for body in ["{", "[]", ""] {
            assert_eq!(
                Object::parse(body.as_bytes()).unwrap_err().scim_type,
                Some("invalidSyntax"),
                "{body}"
            );
        }
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(Object::parse(nested(64).as_bytes()).is_ok());
        assert!(Object::parse(nested(65).as_bytes()).is_err());
        assert!(Object::parse(nested(500).as_bytes()).is_err());
    }
}
