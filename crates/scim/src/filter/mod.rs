//! The filter language of RFC 7644 §3.4.2.2, and what clients make of it: bare values, single quotes, any case.
mod parse;
mod print;
#[cfg(test)]
mod tests;

use std::str::FromStr;

pub(crate) use parse::Parser;

/// A filter as it is written; whether its attributes exist is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Two or more.
    Or(Vec<Filter>),
    /// Two or more.
    And(Vec<Filter>),
    /// The opposite.
    Not(Box<Filter>),
    /// A test of one attribute.
    Attribute(AttributePath, Test),
    /// `emails[type eq "work"]`, and what must hold of the same element: `.value eq "x"`.
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

/// What is asked of an attribute.
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

/// A value, typed by the attribute that it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// A JSON string.
    Quoted(String),
    /// Without quotes: a number, `true`, `null`, or a text of people who leave quotes out.
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
