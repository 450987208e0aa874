//! A filter checked against the schema of a resource: every value has the type of its attribute.
//!
//! A condition is true or false; there is no third value. An unassigned attribute equals nothing, so `ne` is
//! the same as `not eq`.
use chrono::{DateTime, Utc};

use crate::attribute::{Attribute, EmailPart, TextAttribute};
use crate::filter::{AttributePath, Filter, Operand, Operator, Test};
use crate::text::{encode_segment, fold, parse_bool};
use crate::user::{Email, User};
use crate::{Error, GROUP, Group, Mutability, Result, USER};

/// A condition on a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A constant.
    Always(bool),
    /// All of these hold.
    All(Vec<Condition>),
    /// At least one of these holds.
    Any(Vec<Condition>),
    /// This does not hold.
    Not(Box<Condition>),
    /// A test of a string attribute.
    Text(TextAttribute, TextTest),
    /// The value of `active`.
    Active(bool),
    /// A comparison with the time of creation.
    Created(Order, DateTime<Utc>),
    /// A comparison with the time of the last change.
    LastModified(Order, DateTime<Utc>),
    /// The exact id, compared case-sensitively.
    ExactId(String),
    /// The value of `meta.version`.
    Version(String),
    /// At least one element of `emails` meets this condition.
    Email(EmailCondition),
}

/// A condition on one element of `emails`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmailCondition {
    /// A constant.
    Always(bool),
    /// All of these hold.
    All(Vec<EmailCondition>),
    /// At least one of these holds.
    Any(Vec<EmailCondition>),
    /// This does not hold.
    Not(Box<EmailCondition>),
    /// A test of a string.
    Text(EmailPart, TextTest),
    /// The value of `primary`.
    Primary(bool),
    /// Whether `primary` has a value.
    PrimaryPresent,
}

/// A test of a string. The operand is case-folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextTest {
    /// Not empty.
    Present,
    /// Equal.
    Equals(String),
    /// Contains the operand.
    Contains(String),
    /// Starts with the operand.
    StartsWith(String),
    /// Ends with the operand.
    EndsWith(String),
    /// Compares with the operand.
    Compares(Order, String),
}

/// A comparison of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `eq`
    Equal,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

impl Order {
    /// Whether the ordering satisfies the comparison.
    pub fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
        }
    }

    fn from_operator(operator: Operator) -> Option<Self> {
        match operator {
            Operator::Eq => Some(Self::Equal),
            Operator::Gt => Some(Self::Greater),
            Operator::Ge => Some(Self::GreaterOrEqual),
            Operator::Lt => Some(Self::Less),
            Operator::Le => Some(Self::LessOrEqual),
            Operator::Ne | Operator::Co | Operator::Sw | Operator::Ew => None,
        }
    }
}

impl TextTest {
    fn new(operator: Operator, operand: &str) -> Option<Self> {
        let operand = fold(operand);
        match operator {
            Operator::Eq => Some(Self::Equals(operand)),
            Operator::Co => Some(Self::Contains(operand)),
            Operator::Sw => Some(Self::StartsWith(operand)),
            Operator::Ew => Some(Self::EndsWith(operand)),
            Operator::Ne => None,
            _ => Order::from_operator(operator).map(|order| Self::Compares(order, operand)),
        }
    }

    /// Whether a value passes the test. A missing value passes no test.
    pub fn holds(&self, value: Option<&str>) -> bool {
        let Some(value) = value else { return false };
        let folded = fold(value);
        match self {
            Self::Present => !value.is_empty(),
            Self::Equals(operand) => folded == *operand,
            Self::Contains(operand) => folded.contains(operand.as_str()),
            Self::StartsWith(operand) => folded.starts_with(operand.as_str()),
            Self::EndsWith(operand) => folded.ends_with(operand.as_str()),
            Self::Compares(order, operand) => order.holds(folded.as_str().cmp(operand)),
        }
    }
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

fn unfit(path: &AttributePath, operator: Operator) -> Error {
    Error::invalid_filter(format!("{path} cannot be compared with {operator}"))
}

/// The properties of a resource type that filters need.
struct ResourceSchema<'a> {
    resource_type: &'static str,
    urn: &'static str,
    /// The prefix of locations.
    url: &'a str,
    resolve: fn(&AttributePath) -> Option<Attribute>,
}

impl<'a> ResourceSchema<'a> {
    fn users(url: &'a str) -> Self {
        Self { resource_type: "User", urn: USER, url, resolve: Attribute::resolve }
    }

    fn groups(url: &'a str) -> Self {
        Self { resource_type: "Group", urn: GROUP, url, resolve: Attribute::resolve_group }
    }
}

impl Condition {
    /// Checks a filter against the schema of users. `users_url` is the prefix of each user's location.
    pub fn from_filter(filter: &Filter, users_url: &str) -> Result<Self> {
        Self::fit(filter, &ResourceSchema::users(users_url))
    }

    /// Checks a filter against the schema of groups. `groups_url` is the prefix of each group's location.
    pub fn for_groups(filter: &Filter, groups_url: &str) -> Result<Self> {
        Self::fit(filter, &ResourceSchema::groups(groups_url))
    }

    fn fit(filter: &Filter, schema: &ResourceSchema<'_>) -> Result<Self> {
        let all = |parts: &[Filter]| parts.iter().map(|part| Self::fit(part, schema)).collect::<Result<_>>();
        Ok(match filter {
            Filter::And(parts) => Self::All(all(parts)?),
            Filter::Or(parts) => Self::Any(all(parts)?),
            Filter::Not(inner) => not(Self::fit(inner, schema)?),
            Filter::Attribute(path, test) => Self::from_test(path, test, schema)?,
            Filter::Element(path, inner, then) => match (schema.resolve)(path) {
                Some(Attribute::Emails) => {
                    let mut parts = vec![EmailCondition::from_filter(inner)?];
                    if let Some((part, test)) = then {
                        parts.push(EmailCondition::from_part(path, part, test)?);
                    }
                    Self::Email(EmailCondition::All(parts))
                }
                Some(Attribute::Unassigned) => Self::Always(false),
                _ => return Err(Error::invalid_filter(format!("{path} has no elements to choose from"))),
            },
        })
    }

    fn from_test(path: &AttributePath, test: &Test, schema: &ResourceSchema<'_>) -> Result<Self> {
        let unknown = || Error::invalid_filter(format!("there is no attribute {path}"));
        let attribute = (schema.resolve)(path).ok_or_else(unknown)?;
        let (operator, operand) = match test {
            Test::Present => return Ok(Self::presence(attribute)),
            Test::Compare(Operator::Eq, operand) if operand.is_null() => {
                return Ok(not(Self::presence(attribute)));
            }
            Test::Compare(Operator::Ne, operand) if operand.is_null() => {
                return Ok(Self::presence(attribute));
            }
            Test::Compare(operator, operand) => (*operator, operand),
        };
        // For an attribute with a single value, `ne` is `not eq`.
        if operator == Operator::Ne && !matches!(attribute, Attribute::Emails | Attribute::Email(_)) {
            let equals = Test::Compare(Operator::Eq, operand.clone());
            return Self::from_test(path, &equals, schema).map(not);
        }
        let wanted = operand.text();
        let constant = |value: &str| {
            let test = match operator {
                Operator::Eq => value == wanted,
                Operator::Co => value.contains(wanted),
                Operator::Sw => value.starts_with(wanted),
                Operator::Ew => value.ends_with(wanted),
                _ => Order::from_operator(operator).is_some_and(|order| order.holds(value.cmp(wanted))),
            };
            Self::Always(test)
        };
        Ok(match attribute {
            Attribute::Unassigned => Self::Always(false),
            Attribute::ResourceType => constant(schema.resource_type),
            Attribute::Schemas => constant(schema.urn),
            Attribute::Text(attribute) => {
                Self::Text(attribute, TextTest::new(operator, wanted).ok_or_else(|| unfit(path, operator))?)
            }
            Attribute::Active if operator == Operator::Eq => Self::Active(flag(path, operand)?),
            Attribute::Created => Self::Created(order(path, operator)?, timestamp(path, wanted)?),
            Attribute::LastModified => Self::LastModified(order(path, operator)?, timestamp(path, wanted)?),
            Attribute::Location if operator == Operator::Eq => {
                let segment = wanted.strip_prefix(schema.url).and_then(|rest| rest.strip_prefix('/'));
                let id = segment.and_then(|segment| {
                    crate::decode_segment(segment)
                        .filter(|id| encode_segment(id) == segment && !id.contains('\0'))
                });
                id.map_or(Self::Always(false), Self::ExactId)
            }
            Attribute::Version if operator == Operator::Eq => Self::Version(wanted.to_owned()),
            Attribute::Emails => Self::emails(path, "value", test)?,
            Attribute::Email(_) => Self::emails(path, path.sub.as_deref().unwrap_or_default(), test)?,
            Attribute::Active
            | Attribute::Location
            | Attribute::Version
            | Attribute::Name
            | Attribute::Meta => {
                return Err(unfit(path, operator));
            }
        })
    }

    /// Tests whether any element matches. An empty list matches `ne` only.
    fn emails(path: &AttributePath, part: &str, test: &Test) -> Result<Self> {
        let some = Self::Email(EmailCondition::from_part(path, part, test)?);
        let differs = matches!(test, Test::Compare(Operator::Ne, _));
        Ok(if differs { Self::Any(vec![some, not(Self::Email(EmailCondition::Always(true)))]) } else { some })
    }

    fn presence(attribute: Attribute) -> Self {
        use TextAttribute as T;
        let text = |attribute| Self::Text(attribute, TextTest::Present);
        match attribute {
            Attribute::Text(attribute) => text(attribute),
            Attribute::Name => Self::Any([T::Formatted, T::FamilyName, T::GivenName].map(text).into()),
            Attribute::Emails => Self::Email(EmailCondition::Always(true)),
            Attribute::Email(part) => Self::Email(EmailCondition::presence(part)),
            Attribute::Unassigned => Self::Always(false),
            _ => Self::Always(true),
        }
    }

    /// Whether a user meets the condition. If the account is immutable, a filter on `userName` also matches
    /// the value that the client sent.
    pub fn holds(&self, user: &User, mutability: Mutability) -> bool {
        match self {
            Self::Always(yes) => *yes,
            Self::All(parts) => parts.iter().all(|part| part.holds(user, mutability)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(user, mutability)),
            Self::Not(inner) => !inner.holds(user, mutability),
            Self::Text(TextAttribute::UserName, test) => {
                let sent = user.sent.user_name.as_deref().filter(|_| mutability == Mutability::Immutable);
                test.holds(Some(user.shown_user_name(mutability))) || test.holds(sent)
            }
            Self::Text(attribute, test) => test.holds(user.text(*attribute).as_deref()),
            Self::Active(yes) => user.active == *yes,
            Self::Created(order, time) => order.holds(user.created.cmp(time)),
            Self::LastModified(order, time) => order.holds(user.last_modified.cmp(time)),
            Self::ExactId(id) => user.id == *id,
            Self::Version(version) => user.etag() == *version,
            Self::Email(condition) => user.emails().iter().any(|email| condition.holds(email)),
        }
    }
}

impl Condition {
    /// Whether a group meets the condition.
    pub fn holds_for_group(&self, group: &Group) -> bool {
        match self {
            Self::Always(yes) => *yes,
            Self::All(parts) => parts.iter().all(|part| part.holds_for_group(group)),
            Self::Any(parts) => parts.iter().any(|part| part.holds_for_group(group)),
            Self::Not(inner) => !inner.holds_for_group(group),
            Self::Text(attribute, test) => test.holds(group.text(*attribute)),
            // Groups do not have this attribute, so no filter on groups names it.
            Self::Active(_) => false,
            Self::Created(order, time) => order.holds(group.created.cmp(time)),
            Self::LastModified(order, time) => order.holds(group.last_modified.cmp(time)),
            Self::ExactId(id) => group.id == *id,
            Self::Version(version) => group.etag() == *version,
            Self::Email(condition) => {
                group.members.iter().any(|member| condition.holds(&member.as_element()))
            }
        }
    }

    /// Whether the condition depends on `emails`, or on the members of a group.
    pub fn tests_elements(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::tests_elements),
            Self::Not(inner) => inner.tests_elements(),
            Self::Email(_) => true,
            _ => false,
        }
    }
}

impl EmailCondition {
    /// Checks a filter in brackets, whose names are sub-attributes.
    pub(crate) fn from_filter(filter: &Filter) -> Result<Self> {
        let all = |parts: &[Filter]| parts.iter().map(Self::from_filter).collect::<Result<_>>();
        Ok(match filter {
            Filter::And(parts) => Self::All(all(parts)?),
            Filter::Or(parts) => Self::Any(all(parts)?),
            Filter::Not(inner) => Self::Not(Box::new(Self::from_filter(inner)?)),
            Filter::Attribute(path, test) if path.urn.is_none() && path.sub.is_none() => {
                Self::from_part(path, &path.name, test)?
            }
            _ => return Err(Error::invalid_filter("in brackets stand sub-attributes")),
        })
    }

    fn from_part(path: &AttributePath, name: &str, test: &Test) -> Result<Self> {
        let unknown = || Error::invalid_filter(format!("emails have no {name}"));
        let part = EmailPart::parse(name).ok_or_else(unknown)?;
        let not = |condition| Self::Not(Box::new(condition));
        let (operator, operand) = match test {
            Test::Present => return Ok(Self::presence(part)),
            Test::Compare(Operator::Eq, operand) if operand.is_null() => {
                return Ok(not(Self::presence(part)));
            }
            Test::Compare(Operator::Ne, operand) if operand.is_null() => return Ok(Self::presence(part)),
            Test::Compare(operator, operand) => (*operator, operand),
        };
        let equals = if operator == Operator::Ne { Operator::Eq } else { operator };
        let condition = match part {
            EmailPart::Primary if equals == Operator::Eq => Self::Primary(flag(path, operand)?),
            EmailPart::Primary => return Err(unfit(path, operator)),
            part => {
                Self::Text(part, TextTest::new(equals, operand.text()).ok_or_else(|| unfit(path, operator))?)
            }
        };
        Ok(if operator == Operator::Ne { not(condition) } else { condition })
    }

    fn presence(part: EmailPart) -> Self {
        if part == EmailPart::Primary { Self::PrimaryPresent } else { Self::Text(part, TextTest::Present) }
    }

    /// Whether an element meets the condition.
    pub fn holds(&self, email: &Email) -> bool {
        match self {
            Self::Always(yes) => *yes,
            Self::All(parts) => parts.iter().all(|part| part.holds(email)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(email)),
            Self::Not(inner) => !inner.holds(email),
            Self::Text(part, test) => test.holds(email.text(*part)),
            Self::Primary(yes) => email.primary == Some(*yes),
            Self::PrimaryPresent => email.primary.is_some(),
        }
    }
}

fn flag(path: &AttributePath, operand: &Operand) -> Result<bool> {
    parse_bool(operand.text()).ok_or_else(|| Error::invalid_filter(format!("{path} is true or false")))
}

fn order(path: &AttributePath, operator: Operator) -> Result<Order> {
    Order::from_operator(operator).ok_or_else(|| unfit(path, operator))
}

fn timestamp(path: &AttributePath, text: &str) -> Result<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|_| Error::invalid_filter(format!("{path} is a timestamp, such as 2020-01-31T12:00:00Z")))
}
