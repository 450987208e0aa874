//! The filter language of RFC 7644 §3.4.2.2, with the extensions that clients use: unquoted values, single
//! quotes, any case.
mod parse;
mod print;
#[cfg(test)]
mod tests;

use std::str::FromStr;

pub(crate) use parse::Parser;

/// A parsed filter. Its attributes are not checked against a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// At least one of two or more filters matches.
    Or(Vec<Filter>),
    /// All of two or more filters match.
    And(Vec<Filter>),
    /// The filter does not match.
    Not(Box<Filter>),
    /// A test of one attribute.
    Attribute(AttributePath, Test),
    /// `emails[type eq "work"]`, optionally with a test of the same element: `.value eq "x"`.
    Element(AttributePath, Box<Filter>, Option<(String, Test)>),
}

/// `urn:…:User:name.familyName`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributePath {
    /// The URN before the name.
    pub urn: Option<String>,
    /// The name of the attribute.
    pub name: String,
    /// The name of the sub-attribute.
    pub sub: Option<String>,
}

/// A test of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// `pr`
    Present,
    /// A comparison with a value.
    Compare(Operator, Operand),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Ge,
    /// Less than.
    Lt,
    /// Less than or equal.
    Le,
}

/// A value. Its type depends on the attribute that it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// A JSON string.
    Quoted(String),
    /// A value without quotes: a number, `true`, `null`, or a string whose quotes the client omitted.
    Bare(String),
}

impl Operator {
    /// The operators and their names.
    pub const ALL: [(&str, Self); 9] = [
        ("eq", Self::Eq),
        ("ne", Self::Ne),
        ("co", Self::Co),
        ("sw", Self::Sw),
        ("ew", Self::Ew),
        ("gt", Self::Gt),
        ("ge", Self::Ge),
        ("lt", Self::Lt),
        ("le", Self::Le),
    ];
}

impl Operand {
    /// The value as a string.
    pub fn text(&self) -> &str {
        let (Self::Quoted(text) | Self::Bare(text)) = self;
        text
    }

    /// Whether it is the bare word `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Bare(word) if word.eq_ignore_ascii_case("null"))
    }
}

impl FromStr for Filter {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self, crate::Error> {
        let mut parser = Parser::new(text)?;
        let filter = parser.filter()?;
        parser.end()?;
        Ok(filter)
    }
}
