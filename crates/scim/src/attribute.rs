//! The attributes of a user (RFC 7643 §4.1): those that are stored and those that are only recognised.
use crate::filter::AttributePath;
use crate::{GROUP, USER};

/// The attribute that a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// A single string.
    Text(TextAttribute),
    /// `active`.
    Active,
    /// `name` as a whole.
    Name,
    /// `emails` as a whole.
    Emails,
    /// A sub-attribute of `emails`.
    Email(EmailPart),
    /// `meta` as a whole.
    Meta,
    /// `meta.created`.
    Created,
    /// `meta.lastModified`.
    LastModified,
    /// `meta.resourceType`.
    ResourceType,
    /// `meta.location`.
    Location,
    /// `meta.version`.
    Version,
    /// `schemas`.
    Schemas,
    /// An attribute of the RFC or of an extension that is not stored: it has no value for any user.
    Unassigned,
}

/// String attributes with a single value, compared case-insensitively.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextAttribute {
    /// `id`.
    Id,
    /// `externalId`.
    ExternalId,
    /// `userName`.
    UserName,
    /// `name.formatted`.
    Formatted,
    /// `name.familyName`.
    FamilyName,
    /// `name.givenName`.
    GivenName,
    /// `displayName`.
    DisplayName,
}

/// A sub-attribute of a multi-valued attribute (RFC 7643 §2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailPart {
    /// `value`.
    Value,
    /// `type`.
    Type,
    /// `primary`.
    Primary,
    /// `display`.
    Display,
}

/// Attributes of the RFC's user schema and of its enterprise extension that are not stored.
const UNASSIGNED: &[&str] = &[
    "title",
    "nickname",
    "usertype",
    "locale",
    "timezone",
    "preferredlanguage",
    "profileurl",
    "phonenumbers",
    "ims",
    "photos",
    "addresses",
    "groups",
    "entitlements",
    "roles",
    "x509certificates",
    "password",
    "employeenumber",
    "costcenter",
    "organization",
    "division",
    "department",
    "manager",
];

impl EmailPart {
    /// Parses the name of a sub-attribute, case-insensitively.
    pub fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "value" => Some(Self::Value),
            "type" => Some(Self::Type),
            "primary" => Some(Self::Primary),
            "display" => Some(Self::Display),
            _ => None,
        }
    }
}

impl Attribute {
    /// Whether the value is in the elements of a multi-valued attribute.
    pub fn is_element(self) -> bool {
        matches!(self, Self::Emails | Self::Email(_))
    }

    /// Resolves a path to an attribute of a group; `None` for an unknown one. [`Self::Emails`] represents
    /// the members, which have the same sub-attributes (RFC 7643 §2.4).
    pub fn resolve_group(path: &AttributePath) -> Option<Self> {
        if path.urn.as_ref().is_some_and(|urn| !urn.eq_ignore_ascii_case(GROUP)) {
            return None;
        }
        let name = path.name.to_ascii_lowercase();
        match (name.as_str(), path.sub.as_deref()) {
            ("members", None) => Some(Self::Emails),
            ("members", Some(part)) => {
                EmailPart::parse(part).filter(|part| *part != EmailPart::Primary).map(Self::Email)
            }
            ("id" | "externalid" | "displayname" | "meta" | "schemas", _) => {
                Self::resolve(&AttributePath { urn: None, ..path.clone() })
            }
            _ => None,
        }
    }

    /// Resolves a path to an attribute of a user; `None` for an unknown one.
    pub fn resolve(path: &AttributePath) -> Option<Self> {
        use TextAttribute as T;
        if path.urn.as_ref().is_some_and(|urn| !urn.eq_ignore_ascii_case(USER)) {
            return Some(Self::Unassigned);
        }
        let name = path.name.to_ascii_lowercase();
        let sub = path.sub.as_ref().map(|sub| sub.to_ascii_lowercase());
        Some(match (name.as_str(), sub.as_deref()) {
            ("id", None) => Self::Text(T::Id),
            ("externalid", None) => Self::Text(T::ExternalId),
            ("username", None) => Self::Text(T::UserName),
            ("displayname", None) => Self::Text(T::DisplayName),
            ("active", None) => Self::Active,
            ("name", None) => Self::Name,
            ("name", Some("formatted")) => Self::Text(T::Formatted),
            ("name", Some("familyname")) => Self::Text(T::FamilyName),
            ("name", Some("givenname")) => Self::Text(T::GivenName),
            ("name", Some("middlename" | "honorificprefix" | "honorificsuffix")) => Self::Unassigned,
            ("emails", None) => Self::Emails,
            ("emails", Some(part)) => Self::Email(EmailPart::parse(part)?),
            ("meta", None) => Self::Meta,
            ("meta", Some("created")) => Self::Created,
            ("meta", Some("lastmodified")) => Self::LastModified,
            ("meta", Some("resourcetype")) => Self::ResourceType,
            ("meta", Some("location")) => Self::Location,
            ("meta", Some("version")) => Self::Version,
            ("schemas", None) => Self::Schemas,
            (name, _) if UNASSIGNED.contains(&name) => Self::Unassigned,
            _ => return None,
        })
    }
}
