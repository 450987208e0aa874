//! Translates conditions to SQL. Each test is true or false, never NULL. Client strings are bound, never
//! part of the text.
use std::borrow::Cow;

use ::scim::attribute::{EmailPart, TextAttribute};
use ::scim::condition::{Condition, EmailCondition, Order, TextTest};
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Text, Timestamp};

use super::candidates::{Candidates, required_value};
use super::{Mode, Tenant, fold};
use crate::MultiBackend;

/// A part of a statement.
#[derive(Debug, Clone)]
enum Piece {
    Sql(Cow<'static, str>),
    Text(String),
    Number(i64),
    Timestamp(NaiveDateTime),
}

/// A statement, built from left to right.
#[derive(Debug, Clone)]
pub(super) struct Sql {
    pieces: Vec<Piece>,
    pub(super) is_postgresql: bool,
    /// Whether few statements have this form, so that they are cached as prepared statements.
    pub(super) is_common: bool,
    /// Whether the identities are narrowed down before other tables are joined.
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
                Piece::Timestamp(timestamp) => out.push_bind_param::<Timestamp, _>(timestamp)?,
            }
        }
        Ok(())
    }
}

/// The columns of an address.
pub(super) struct Columns {
    value: &'static str,
    kind: &'static str,
    display: &'static str,
    primary: &'static str,
}

pub(super) const STORED: Columns =
    Columns { value: "e.value", kind: "e.type", display: "e.display", primary: "e.is_primary" };
/// The address of the account, for a user without sent addresses.
pub(super) fn account_columns(tenant: &Tenant) -> Columns {
    let value = match tenant.group {
        Some(_) => "CASE WHEN r.is_foreign THEN '' ELSE u.email END",
        None => "u.email",
    };
    Columns { value, kind: "'work'", display: "CAST(NULL AS text)", primary: "true" }
}

impl Columns {
    pub(super) fn column(&self, part: EmailPart) -> &'static str {
        match part {
            EmailPart::Value => self.value,
            EmailPart::Type => self.kind,
            EmailPart::Display => self.display,
            EmailPart::Primary => self.primary,
        }
    }
}

/// The `userName` in [`Mode::Rfc`].
pub(super) const SHOWN_USER_NAME: &str = "COALESCE(NULLIF(r.user_name, ''), u.username)";

/// The name of an account as visible to the tenant.
fn account_name(tenant: &Tenant) -> &'static str {
    match tenant.group {
        Some(_) => "CASE WHEN r.is_foreign THEN r.formatted ELSE u.name END",
        None => "u.name",
    }
}

/// The username of an account as visible to the tenant.
pub(super) fn account_username(tenant: &Tenant) -> &'static str {
    match tenant.group {
        Some(_) => "CASE WHEN r.is_foreign THEN r.user_name ELSE u.username END",
        None => "u.username",
    }
}

/// The id of a resource. In [`Mode::GitLab`] it is the external id.
pub(super) fn id_column(tenant: &Tenant) -> &'static str {
    match tenant.mode {
        Mode::GitLab => "i.extern_uid",
        Mode::Rfc => "COALESCE(r.scim_id, i.extern_uid)",
    }
}

/// The value of a string attribute, or NULL.
pub(super) fn column(attribute: TextAttribute, tenant: &Tenant) -> Cow<'static, str> {
    let account_name = account_name(tenant);
    let formatted = || format!("NULLIF(COALESCE(r.formatted, {account_name}), '')");
    let name = || format!("trim(COALESCE({}, ''))", formatted());
    // The name without its last word: trailing characters other than spaces are removed.
    let before_last_word = || format!("rtrim({0}, replace({0}, ' ', ''))", name());
    match attribute {
        TextAttribute::Id => id_column(tenant).into(),
        TextAttribute::ExternalId => "i.extern_uid".into(),
        TextAttribute::UserName => "r.user_name".into(),
        TextAttribute::Formatted => formatted().into(),
        TextAttribute::DisplayName => format!("NULLIF(COALESCE(r.display_name, {account_name}), '')").into(),
        TextAttribute::FamilyName => {
            let before = before_last_word();
            format!("NULLIF(COALESCE(r.family_name, substr({}, length({before}) + 1)), '')", name()).into()
        }
        TextAttribute::GivenName => {
            let (name, before) = (name(), before_last_word());
            format!(
                "NULLIF(COALESCE(r.given_name, CASE WHEN {before} = '' THEN {name} ELSE rtrim({before}) END), '')"
            )
            .into()
        }
    }
}

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

    pub(super) fn timestamp(&mut self, timestamp: NaiveDateTime) -> &mut Self {
        self.pieces.push(Piece::Timestamp(timestamp));
        self
    }

    /// Appends a UUID, which SQLite stores as text.
    pub(super) fn uuid(&mut self, uuid: &str) -> &mut Self {
        if self.is_postgresql {
            return self.push("CAST(").text(uuid).push(" AS uuid)");
        }
        self.text(uuid)
    }

    /// Joins conditions with `AND` or `OR`.
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

    /// Appends the condition on the identity `i`, its user `u` and its record `r`.
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
            Condition::Created(order, time) => self.compare("i.created_at", *order, *time),
            Condition::LastModified(order, time) => self.compare("i.updated_at", *order, *time),
            Condition::ExactId(id) => self.narrowed(Candidates::Id(id), tenant, |sql| {
                sql.push(id_column(tenant)).push(" = ").text(id);
            }),
            Condition::Version(version) => self.version(version),
            Condition::Email(condition) => self.email(condition, tenant),
        }
    }

    fn compare(&mut self, column: &'static str, order: Order, time: DateTime<Utc>) {
        self.push(column).push(operator(order)).timestamp(time.naive_utc());
    }

    fn version(&mut self, version: &str) {
        let number =
            version.strip_prefix("W/\"").and_then(|rest| rest.strip_suffix('"')?.parse::<i64>().ok());
        let Some(number) = number.filter(|number| format!("W/\"{number}\"") == version) else {
            self.push("false");
            return;
        };
        self.push("(COALESCE(r.version = ").number(number).push(", false)");
        if let Some(time) = DateTime::from_timestamp_micros(number) {
            self.push(" OR (r.version IS NULL AND i.updated_at = ").timestamp(time.naive_utc()).push(")");
        }
        self.push(")");
    }

    fn text_condition(&mut self, attribute: TextAttribute, test: &TextTest, tenant: &Tenant) {
        let key = match test {
            TextTest::Equals(operand) if operand.is_ascii() => Some(operand),
            _ => None,
        };
        match (attribute, key) {
            // These attributes have an index.
            (TextAttribute::ExternalId, _) => self.test("i.extern_uid".into(), test),
            (TextAttribute::Id, Some(key)) => self.narrowed(Candidates::Id(key), tenant, |sql| {
                sql.test(column(attribute, tenant), test);
            }),
            (TextAttribute::UserName, Some(key)) => {
                self.narrowed(Candidates::UserName(key), tenant, |sql| sql.user_name(test, tenant));
            }
            (TextAttribute::UserName, None) => self.user_name(test, tenant),
            _ => self.test(column(attribute, tenant), test),
        }
    }

    /// In [`Mode::GitLab`], a user is found by the username of the account and by the name that the client
    /// sent.
    fn user_name(&mut self, test: &TextTest, tenant: &Tenant) {
        if tenant.mode == Mode::Rfc {
            return self.test(format!("COALESCE({SHOWN_USER_NAME}, '')").into(), test);
        }
        self.push("(");
        self.test(column(TextAttribute::UserName, tenant), test);
        self.push(" OR ");
        self.test(format!("COALESCE({}, '')", account_username(tenant)).into(), test);
        self.push(")");
    }

    /// Appends a column in lower case. An ASCII operand needs no Unicode rules, because it equals only
    /// ASCII.
    fn folded(&mut self, column: Cow<'static, str>, operand: &str) {
        if operand.is_ascii() {
            self.push("lower(").push(column).push(")");
        } else {
            self.push(fold::folded(self.is_postgresql, &column));
        }
    }

    fn test(&mut self, column: Cow<'static, str>, test: &TextTest) {
        // `extern_uid` is never NULL, and without COALESCE the planner can use its index.
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

    /// Appends a condition on any address that the client sent, or on the account's address if none was
    /// sent.
    fn email(&mut self, condition: &EmailCondition, tenant: &Tenant) {
        match required_value(condition) {
            Some(value) => {
                self.narrowed(Candidates::Address(value), tenant, |sql| sql.some_email(condition, tenant));
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
        self.element(condition, &account_columns(tenant));
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
            EmailCondition::Text(part, test) => self.test(columns.column(*part).into(), test),
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

/// Escapes the special characters of LIKE.
fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Whether providers use this condition in every synchronisation.
pub(super) fn is_common(condition: &Condition) -> bool {
    use TextAttribute as T;
    match condition {
        Condition::Text(T::Id | T::ExternalId | T::UserName, TextTest::Equals(value)) => value.is_ascii(),
        Condition::Email(EmailCondition::Text(EmailPart::Value, TextTest::Equals(value))) => value.is_ascii(),
        _ => false,
    }
}

/// Declares a statement of a [`Sql`], with the SQL types of its rows.
macro_rules! scim_statement {
    ($name:ident, $columns:ty) => {
        struct $name($crate::scim::sql::Sql);

        impl diesel::query_builder::QueryFragment<$crate::MultiBackend> for $name {
            fn walk_ast<'b>(
                &'b self,
                out: diesel::query_builder::AstPass<'_, 'b, $crate::MultiBackend>,
            ) -> diesel::QueryResult<()> {
                self.0.walk_ast(out)
            }
        }

        $crate::sql::statement::query!($name, $columns);
    };
}
pub(super) use scim_statement;
