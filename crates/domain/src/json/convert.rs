//! How values of parameters are converted. Query strings and forms have only strings, so a string converts like
//! the value that it spells. White space is not removed here.
use std::borrow::Cow;

use super::Json;

/// Parses a decimal integer. A plus sign is not accepted.
pub fn parse_integer(text: &str) -> Option<i64> {
    if text.starts_with('+') { None } else { text.parse().ok() }
}

/// Parses `true`, `false`, `1` or `0`.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

impl<'a> Json<'a> {
    /// Returns an integer that is sent as a number or as a decimal string.
    pub fn to_integer(self) -> Option<i64> {
        match self.as_str() {
            Some(text) => parse_integer(&text),
            None => self.as_i64(),
        }
    }

    /// Returns a boolean that is sent as `true`, `false`, `1` or `0`, or as such a string.
    pub fn to_bool(self) -> Option<bool> {
        parse_bool(&self.to_text()?)
    }

    /// Returns a string like [`Json::to_text`], or `None` if it contains U+0000, which PostgreSQL cannot store.
    pub fn to_storable_text(self) -> Option<Cow<'a, str>> {
        self.to_text().filter(|text| !text.contains('\0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_the_strings_that_spell_them_convert_alike() {
        let json = Json::from_valid;
        for (text, expected) in [
            ("5", Some(5)),
            ("\"5\"", Some(5)),
            ("\"-7\"", Some(-7)),
            ("\"+5\"", None),
            ("\" 5\"", None),
            ("\"-\"", None),
            ("\"\"", None),
            ("1.5", None),
            ("9223372036854775808", None),
            ("true", None),
            ("[1]", None),
        ] {
            assert_eq!(json(text).to_integer(), expected, "{text}");
        }
        for (text, expected) in [
            ("true", Some(true)),
            ("\"true\"", Some(true)),
            ("1", Some(true)),
            ("\"1\"", Some(true)),
            ("false", Some(false)),
            ("\"0\"", Some(false)),
            ("\"TRUE\"", None),
            ("\"t\"", None),
            ("\" true\"", None),
            ("2", None),
            ("null", None),
        ] {
            assert_eq!(json(text).to_bool(), expected, "{text}");
        }
        assert_eq!(json("\"a\"").to_storable_text().as_deref(), Some("a"));
        assert_eq!(json("7").to_storable_text().as_deref(), Some("7"));
        assert_eq!(json("\"a\\u0000\"").to_storable_text(), None);
    }
}
