//! Conditions as SQL. Every leaf is true or false, never unknown, and no text of a client is part of a statement.
use std::borrow::Cow;

use ::scim::Mode;
use ::scim::attribute::{EmailPart, TextAttribute};
use ::scim::condition::{Condition, EmailCondition, Order, TextTest};
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};

use super::Tenant;
use super::candidates::{Candidates, required_value};
use crate::MultiBackend;

diesel::define_sql_function! {
    /// [`::scim::fold`], for SQLite, whose own `lower` knows ASCII alone.
    fn scim_fold(text: Nullable<Text>) -> Nullable<Text>;
}

/// Makes a connection to SQLite know [`fold`].
pub(crate) fn register(sqlite: &mut SqliteConnection) -> QueryResult<()> {
    scim_fold_utils::register_impl(sqlite, |text: Option<String>| text.map(|text| ::scim::fold(&text)))
}

/// A piece of a statement.
#[derive(Debug, Clone)]
enum Piece {
    Sql(Cow<'static, str>),
    Text(String),
    Number(i64),
    Moment(NaiveDateTime),
}

/// A statement that is put together from left to right.
#[derive(Debug, Clone)]
pub(super) struct Sql {
    pieces: Vec<Piece>,
    pub(super) is_postgresql: bool,
    /// Whether there are few statements of its form, so that they stay prepared.
    pub(super) is_common: bool,
    /// Whether the identities are narrowed before anything is joined to them.
    pub(super) is_narrowed: bool,
}

impl QueryFragment<MultiBackend> for Sql {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        if !self.is_common {
            out.unsafe_to_cache_prepared();
        }
        for piece in &self.pieces {
            match piece {
                Piece::Sql(text) => out.push_sql(text),
                Piece::Text(text) => out.push_bind_param::<Text, _>(text)?,
                Piece::Number(number) => out.push_bind_param::<BigInt, _>(number)?,
                Piece::Moment(moment) => out.push_bind_param::<Timestamp, _>(moment)?,
            }
        }
        Ok(())
    }
}

/// Where the parts of an address stand.
pub(super) struct Columns {
    value: &'static str,
    kind: &'static str,
    display: &'static str,
    primary: &'static str,
}

pub(super) const STORED: Columns =
    Columns { value: "e.value", kind: "e.type", display: "e.display", primary: "e.is_primary" };
/// Of whom no address was sent.
pub(super) const ACCOUNT: Columns =
    Columns { value: "u.email", kind: "'work'", display: "CAST(NULL AS text)", primary: "true" };

impl Columns {
    pub(super) fn of(&self, part: EmailPart) -> &'static str {
        match part {
            EmailPart::Value => self.value,
            EmailPart::Type => self.kind,
            EmailPart::Display => self.display,
            EmailPart::Primary => self.primary,
        }
    }
}

const NAME: &str = "trim(COALESCE(u.name, ''))";
/// What stands before the last word of a name: all of it but the last characters that are no blanks.
const BEFORE_LAST_WORD: &str =
    "rtrim(trim(COALESCE(u.name, '')), replace(trim(COALESCE(u.name, '')), ' ', ''))";

/// The id of a resource: in GitLab's way always the external id.
pub(super) fn id_column(tenant: &Tenant) -> &'static str {
    match tenant.mode {
        Mode::GitLab => "i.extern_uid",
        Mode::Rfc => "COALESCE(r.scim_id, i.extern_uid)",
    }
}

/// The value of a text, or NULL.
pub(super) fn column(attribute: TextAttribute, tenant: &Tenant) -> Cow<'static, str> {
    match attribute {
        TextAttribute::Id => id_column(tenant).into(),
        TextAttribute::ExternalId => "i.extern_uid".into(),
        TextAttribute::UserName => "r.user_name".into(),
        TextAttribute::Formatted => "NULLIF(COALESCE(r.formatted, u.name), '')".into(),
        TextAttribute::DisplayName => "NULLIF(COALESCE(r.display_name, u.name), '')".into(),
        TextAttribute::FamilyName => {
            format!("NULLIF(COALESCE(r.family_name, substr({NAME}, length({BEFORE_LAST_WORD}) + 1)), '')")
                .into()
        }
        TextAttribute::GivenName => format!(
            "NULLIF(COALESCE(r.given_name, CASE WHEN {BEFORE_LAST_WORD} = '' THEN {NAME} \
             ELSE rtrim({BEFORE_LAST_WORD}) END), '')"
        )
        .into(),
    }
}

const USERNAME: &str = "COALESCE(u.username, '')";

impl Sql {
    pub(super) fn new(is_postgresql: bool) -> Self {
        Self { pieces: Vec::new(), is_postgresql, is_common: true, is_narrowed: false }
    }

    pub(super) fn push(&mut self, text: impl Into<Cow<'static, str>>) -> &mut Self {
        self.pieces.push(Piece::Sql(text.into()));
        self
    }

    pub(super) fn text(&mut self, text: impl Into<String>) -> &mut Self {
        self.pieces.push(Piece::Text(text.into()));
        self
    }

    pub(super) fn number(&mut self, number: i64) -> &mut Self {
        self.pieces.push(Piece::Number(number));
        self
    }

    fn moment(&mut self, moment: NaiveDateTime) -> &mut Self {
        self.pieces.push(Piece::Moment(moment));
        self
    }

    /// `AND` or `OR` between conditions.
    fn join<T>(&mut self, parts: &[T], word: &'static str, mut push: impl FnMut(&mut Self, &T)) {
        self.push("(");
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                self.push(word);
            }
            push(self, part);
        }
        self.push(")");
    }

    /// What must hold of the identity `i`, its user `u` and its record `r`.
    pub(super) fn condition(&mut self, condition: &Condition, tenant: &Tenant) {
        match condition {
            Condition::Always(yes) => _ = self.push(if *yes { "true" } else { "false" }),
            Condition::All(parts) => self.join(parts, " AND ", |sql, part| sql.condition(part, tenant)),
            Condition::Any(parts) => self.join(parts, " OR ", |sql, part| sql.condition(part, tenant)),
            Condition::Not(inner) => {
                self.push("NOT (").condition(inner, tenant);
                self.push(")");
            }
            Condition::Text(attribute, test) => self.text_condition(*attribute, test, tenant),
            Condition::Active(true) => _ = self.push("COALESCE(i.active, false)"),
            Condition::Active(false) => _ = self.push("NOT COALESCE(i.active, false)"),
            Condition::Created(order, moment) => self.compare("i.created_at", *order, *moment),
            Condition::LastModified(order, moment) => self.compare("i.updated_at", *order, *moment),
            Condition::ExactId(id) => self.leaf(Candidates::Id(id), tenant, |sql| {
                sql.push(id_column(tenant)).push(" = ").text(id);
            }),
            Condition::Version(version) => self.version(version),
            Condition::Email(condition) => self.email(condition, tenant),
        }
    }

    fn compare(&mut self, column: &'static str, order: Order, moment: DateTime<Utc>) {
        self.push(column).push(operator(order)).moment(moment.naive_utc());
    }

    fn version(&mut self, version: &str) {
        let number =
            version.strip_prefix("W/\"").and_then(|rest| rest.strip_suffix('"')?.parse::<i64>().ok());
        let Some(number) = number.filter(|number| format!("W/\"{number}\"") == version) else {
            self.push("false");
            return;
        };
        self.push("(COALESCE(r.version = ").number(number).push(", false)");
        if let Some(moment) = DateTime::from_timestamp_micros(number) {
            self.push(" OR (r.version IS NULL AND i.updated_at = ").moment(moment.naive_utc()).push(")");
        }
        self.push(")");
    }

    fn text_condition(&mut self, attribute: TextAttribute, test: &TextTest, tenant: &Tenant) {
        let key = match test {
            TextTest::Equals(operand) if operand.is_ascii() => Some(operand),
            _ => None,
        };
        match (attribute, key) {
            // Indexes know these.
            (TextAttribute::ExternalId, _) => self.test("i.extern_uid".into(), test),
            (TextAttribute::Id, Some(key)) => self.leaf(Candidates::Id(key), tenant, |sql| {
                sql.test(column(attribute, tenant), test);
            }),
            (TextAttribute::UserName, Some(key)) => {
                self.leaf(Candidates::UserName(key), tenant, |sql| sql.user_name(test, tenant));
            }
            (TextAttribute::UserName, None) => self.user_name(test, tenant),
            _ => self.test(column(attribute, tenant), test),
        }
    }

    fn user_name(&mut self, test: &TextTest, tenant: &Tenant) {
        self.push("(");
        self.test(column(TextAttribute::UserName, tenant), test);
        self.push(" OR ");
        self.test(USERNAME.into(), test);
        self.push(")");
    }

    /// A text without regard to case, as the operand needs it: what is ASCII equals nothing that is not.
    fn folded(&mut self, column: Cow<'static, str>, operand: &str) {
        if operand.is_ascii() {
            self.push("lower(").push(column).push(")");
        } else if self.is_postgresql {
            self.push("replace(lower(").push(column).push(" COLLATE \"und-x-icu\"), 'ς', 'σ')");
        } else {
            self.push("scim_fold(").push(column).push(")");
        }
    }

    fn test(&mut self, column: Cow<'static, str>, test: &TextTest) {
        // An identity always has its external id, so that the index is not hidden from the planner.
        let is_plain = column == "i.extern_uid" && matches!(test, TextTest::Equals(_));
        if !is_plain {
            self.push("COALESCE(");
        }
        match test {
            TextTest::Present => _ = self.push(column).push(" <> ''"),
            TextTest::Equals(operand) => {
                self.folded(column, operand);
                self.push(" = ").text(operand);
            }
            TextTest::Contains(operand) => self.like(column, operand, &format!("%{}%", literal(operand))),
            TextTest::StartsWith(operand) => self.like(column, operand, &format!("{}%", literal(operand))),
            TextTest::EndsWith(operand) => self.like(column, operand, &format!("%{}", literal(operand))),
            TextTest::Compares(order, operand) => {
                self.folded(column, operand);
                if self.is_postgresql {
                    self.push(" COLLATE \"C\"");
                }
                self.push(operator(*order)).text(operand);
            }
        }
        if !is_plain {
            self.push(", false)");
        }
    }

    fn like(&mut self, column: Cow<'static, str>, operand: &str, pattern: &str) {
        self.folded(column, operand);
        self.push(" LIKE ").text(pattern).push(" ESCAPE '\\'");
    }

    /// Of some address that was sent, or of the account's where none was.
    fn email(&mut self, condition: &EmailCondition, tenant: &Tenant) {
        match required_value(condition) {
            Some(value) => {
                self.leaf(Candidates::Address(value), tenant, |sql| sql.some_email(condition, tenant));
            }
            None => self.some_email(condition, tenant),
        }
    }

    fn some_email(&mut self, condition: &EmailCondition, tenant: &Tenant) {
        let scope = tenant.scope();
        let rows = format!(
            "EXISTS (SELECT 1 FROM scim_api_emails e WHERE e.scope = {scope} AND e.identity_id = i.id"
        );
        self.push("((").push(rows.clone()).push(" AND ");
        self.element(condition, &STORED);
        self.push(") OR (NOT ").push(rows).push(") AND ");
        self.element(condition, &ACCOUNT);
        self.push(")))");
    }

    fn element(&mut self, condition: &EmailCondition, columns: &Columns) {
        match condition {
            EmailCondition::Always(yes) => _ = self.push(if *yes { "true" } else { "false" }),
            EmailCondition::All(parts) => self.join(parts, " AND ", |sql, part| sql.element(part, columns)),
            EmailCondition::Any(parts) => self.join(parts, " OR ", |sql, part| sql.element(part, columns)),
            EmailCondition::Not(inner) => {
                self.push("NOT (").element(inner, columns);
                self.push(")");
            }
            EmailCondition::Text(part, test) => self.test(columns.of(*part).into(), test),
            EmailCondition::Primary(yes) => {
                let word = if *yes { " = true, false)" } else { " = false, false)" };
                self.push("COALESCE(").push(columns.primary).push(word);
            }
            EmailCondition::PrimaryPresent => _ = self.push("(").push(columns.primary).push(" IS NOT NULL)"),
        }
    }
}

fn operator(order: Order) -> &'static str {
    match order {
        Order::Equal => " = ",
        Order::Greater => " > ",
        Order::GreaterOrEqual => " >= ",
        Order::Less => " < ",
        Order::LessOrEqual => " <= ",
    }
}

/// A text that means itself in a pattern.
fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Whether a condition is one that providers ask again and again: a form of which there are few.
pub(super) fn is_common(condition: &Condition) -> bool {
    use TextAttribute as T;
    match condition {
        Condition::Text(T::Id | T::ExternalId | T::UserName, TextTest::Equals(value)) => value.is_ascii(),
        Condition::Email(EmailCondition::Text(EmailPart::Value, TextTest::Equals(value))) => value.is_ascii(),
        _ => false,
    }
}
