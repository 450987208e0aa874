//! The target of an operation: `name.familyName`, `emails[type eq "work"].value`, `urn:…:User:active`.
use crate::attribute::{Attribute, EmailPart, TextAttribute};
use crate::condition::EmailCondition;
use crate::filter::{AttributePath, Filter, Operand, Operator, Parser, Test};
use crate::user::Email;
use crate::{Error, Result, USER};

/// A parsed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The attribute before the brackets.
    pub attribute: AttributePath,
    /// The filter in brackets and the sub-attribute after them.
    pub elements: Option<(Filter, Option<String>)>,
}

/// The resolved target of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A single string.
    Text(TextAttribute),
    /// `active`.
    Active,
    /// `name` as a whole.
    Name,
    /// `emails` as a whole.
    Emails,
    /// A sub-attribute of the preferred address.
    EmailPart(EmailPart),
    /// The addresses that a filter matches.
    Elements(Elements),
    /// A known attribute that is not stored.
    Unassigned,
    /// An attribute or sub-attribute that no schema defines. The operation is ignored.
    Unknown,
    /// An attribute that only the server sets.
    ReadOnly,
}

/// A selection of the addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elements {
    /// The filter.
    pub condition: EmailCondition,
    /// The sub-attribute after the brackets.
    pub part: Option<EmailPart>,
    /// The address to create if none matches. `None` unless the filter consists of equality tests only.
    pub template: Option<Email>,
}

impl Path {
    /// Parses a path.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        Self::read(text).map_err(|error| Error::invalid_path(format!("the path is not valid: {error}")))
    }

    fn read(text: &str) -> Result<Self> {
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

/// The RFC's enterprise extension. Its attributes are recognised but not stored.
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

impl Target {
    /// Parses a path. Fails if the path is invalid, or if it filters an attribute with a single value.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |error: Error| Error::invalid_path(format!("the path is not valid: {error}"));
        let path = Path::parse(text)?;
        if is_foreign_extension(&path.attribute) {
            return Ok(Self::Unknown);
        }
        let Some(attribute) = Attribute::resolve(&path.attribute) else { return Ok(Self::Unknown) };
        let Some((filter, part)) = path.elements else { return Ok(Self::from_attribute(attribute)) };
        match attribute {
            Attribute::Unassigned => Ok(Self::Unassigned),
            Attribute::Emails => {
                let part = part.as_deref().map(EmailPart::parse);
                if part == Some(None) || names_unknown_part(&filter) {
                    return Ok(Self::Unknown);
                }
                let condition = EmailCondition::from_filter(&filter).map_err(invalid)?;
                let mut template = Email::default();
                let template = fill(&filter, &mut template).then_some(template);
                Ok(Self::Elements(Elements { condition, part: part.flatten(), template }))
            }
            _ => Err(Error::invalid_path(format!("{text} has a single value and takes no filter"))),
        }
    }

    fn from_attribute(attribute: Attribute) -> Self {
        match attribute {
            Attribute::Text(attribute) => Self::Text(attribute),
            Attribute::Active => Self::Active,
            Attribute::Name => Self::Name,
            Attribute::Emails => Self::Emails,
            Attribute::Email(part) => Self::EmailPart(part),
            Attribute::Unassigned => Self::Unassigned,
            _ => Self::ReadOnly,
        }
    }
}

fn is_foreign_extension(path: &AttributePath) -> bool {
    let is_known = |urn: &String| [USER, ENTERPRISE].iter().any(|known| urn.eq_ignore_ascii_case(known));
    path.urn.as_ref().is_some_and(|urn| !is_known(urn))
}

/// Whether a filter on addresses names an unknown sub-attribute.
pub(crate) fn names_unknown_part(filter: &Filter) -> bool {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().any(names_unknown_part),
        Filter::Not(inner) => names_unknown_part(inner),
        Filter::Attribute(path, _) => {
            path.urn.is_some() || path.sub.is_some() || EmailPart::parse(&path.name).is_none()
        }
        Filter::Element(..) => true,
    }
}

/// Changes an address so that it matches the filter. Returns `false` unless the filter consists of equality
/// tests only.
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
