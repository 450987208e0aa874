//! Where an operation leads: `name.familyName`, `emails[type eq "work"].value`, `urn:…:User:active`.
use crate::attribute::{Attribute, EmailPart, TextAttribute};
use crate::condition::EmailCondition;
use crate::filter::{AttributePath, Filter, Operand, Operator, Parser, Test};
use crate::user::Email;
use crate::{Error, Result};

/// A path as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    pub attribute: AttributePath,
    /// In brackets, and the sub-attribute behind them.
    pub elements: Option<(Filter, Option<String>)>,
}

/// What a path means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Text(TextAttribute),
    Active,
    Name,
    Emails,
    /// Of the address that counts.
    EmailPart(EmailPart),
    Elements(Elements),
    /// It is known and not kept.
    Ignored,
    /// The server's own.
    ReadOnly,
}

/// Some of the addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elements {
    pub condition: EmailCondition,
    pub part: Option<EmailPart>,
    /// What an address must be that fits, if the filter says nothing but that.
    pub template: Option<Email>,
}

impl Path {
    fn parse(text: &str) -> Result<Self> {
        let mut parser = Parser::new(text.trim())?;
        let attribute = parser.path()?;
        let elements = match parser.selection()? {
            None => None,
            Some(filter) => {
                let part = if parser.eat('.') { Some(parser.name()?) } else { None };
                Some((filter, part))
            }
        };
        parser.end()?;
        Ok(Self { attribute, elements })
    }
}

impl Target {
    /// Reads a path.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |error: Error| Error::invalid_path(format!("the path is not valid: {error}"));
        let unknown = || Error::invalid_path(format!("there is no attribute {text}"));
        let path = Path::parse(text).map_err(invalid)?;
        let attribute = Attribute::resolve(&path.attribute).ok_or_else(unknown)?;
        let Some((filter, part)) = path.elements else {
            return Ok(match attribute {
                Attribute::Text(attribute) => Self::Text(attribute),
                Attribute::Active => Self::Active,
                Attribute::Name => Self::Name,
                Attribute::Emails => Self::Emails,
                Attribute::Email(part) => Self::EmailPart(part),
                Attribute::Unassigned => Self::Ignored,
                _ => Self::ReadOnly,
            });
        };
        match attribute {
            Attribute::Unassigned => Ok(Self::Ignored),
            Attribute::Emails => {
                let part = match part {
                    Some(part) => Some(EmailPart::parse(&part).ok_or_else(unknown)?),
                    None => None,
                };
                let condition = EmailCondition::of(&filter).map_err(invalid)?;
                let mut template = Email::default();
                let template = fill(&filter, &mut template).then_some(template);
                Ok(Self::Elements(Elements { condition, part, template }))
            }
            _ => Err(Error::invalid_path(format!("{text} has no elements to choose from"))),
        }
    }
}

/// Makes an address fit; only a conjunction of equalities says how.
fn fill(filter: &Filter, email: &mut Email) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().all(|part| fill(part, email)),
        Filter::Attribute(path, Test::Compare(Operator::Eq, operand)) if !operand.is_null() => {
            fill_part(&path.name, operand, email)
        }
        _ => false,
    }
}

fn fill_part(name: &str, operand: &Operand, email: &mut Email) -> bool {
    let text = operand.text().to_owned();
    match EmailPart::parse(name) {
        Some(EmailPart::Value) => email.value = text,
        Some(EmailPart::Type) => email.kind = Some(text),
        Some(EmailPart::Display) => email.display = Some(text),
        Some(EmailPart::Primary) => email.primary = crate::text::parse_bool(&text),
        None => return false,
    }
    true
}
