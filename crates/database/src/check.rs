//! The check at start: whether the database has everything that a service uses.
use std::fmt;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::catalogue::{Catalogue, Column};
use crate::registry::{self, DatabaseName, DeclaredColumn, Right, Service, TableUse};
use crate::rights::FurtherRights;
use crate::unique_indexes::UniqueIndexes;
use crate::{Conn, Result, is_owned_by_rails, migrations};

/// The result of the check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckOutcome {
    /// The service can start. Features with a finding are disabled.
    Fits { warnings: Vec<Finding> },
    /// The migrations have not run yet, so the service waits for them.
    Waiting(String),
    /// The database does not fit, and a restart would not help. Warnings come last in the list.
    Misfit(Vec<Finding>),
}

/// A mismatch between the database and the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub table: &'static str,
    pub column: Option<String>,
    pub kind: FindingKind,
    /// The feature that needs it. `None` means that the service itself does.
    pub capability: Option<&'static str>,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    Missing,
    Type,
    Right,
    /// A column that our INSERT statements would have to fill but do not know.
    Trap,
    Locked,
    /// A unique index without which an upsert fails.
    Index,
}

impl FindingKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Type => "type",
            Self::Right => "right",
            Self::Trap => "trap",
            Self::Locked => "locked",
            Self::Index => "index",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Compares the database with what a service uses. Rereads the catalogue and changes nothing.
pub fn check(conn: &mut Conn, service: Service) -> Result<CheckOutcome> {
    check_part(conn, service, &DatabaseName::ALL)
}

/// Like [`check`], for the tables of these databases of a GitLab whose tables are split.
pub fn check_part(conn: &mut Conn, service: Service, databases: &[DatabaseName]) -> Result<CheckOutcome> {
    // Before the catalogue is read: a migration that ends in between must not leave an old catalogue.
    let has_own_tables = databases.contains(&DatabaseName::Main);
    if has_own_tables && !is_owned_by_rails(conn)? && !migrations::is_current(conn)? {
        let reason = "the tables are missing or older than this service; run: internal-apictl migrate";
        return Ok(CheckOutcome::Waiting(reason.to_owned()));
    }
    conn.set_catalogue(None);
    let catalogue = conn.catalogue()?;
    let tables: Vec<TableUse> =
        service.tables().filter(|table| databases.contains(&DatabaseName::from_table(table.table))).collect();
    let is_lacking = |table: &TableUse| registry::is_own(table.table) && !catalogue.has_table(table.table);
    if tables.iter().any(is_lacking) {
        let reason =
            "schema internal_api is missing or older than this service; run: internal-apictl migrate";
        return Ok(CheckOutcome::Waiting(reason.to_owned()));
    }
    let role = match conn {
        Conn::Postgresql(pg) => Some(sql::<Text>("SELECT current_user::text").get_result(pg)?),
        Conn::Sqlite(_) => None,
    };
    let further_rights = FurtherRights::read(conn, service)?;
    let unique_indexes = UniqueIndexes::read(conn, service)?;
    let mut check =
        Check { catalogue: &catalogue, service, role, further_rights, unique_indexes, findings: Vec::new() };
    for table in tables {
        check.table(table);
    }
    let (mut findings, warnings): (Vec<_>, Vec<_>) = check
        .findings
        .into_iter()
        .partition(|finding| finding.capability.is_none() && finding.kind != FindingKind::Trap);
    if findings.is_empty() {
        return Ok(CheckOutcome::Fits { warnings });
    }
    findings.extend(warnings);
    Ok(CheckOutcome::Misfit(findings))
}

struct Check<'a> {
    catalogue: &'a Catalogue,
    service: Service,
    /// The database role; `None` on SQLite, where all tables are our own.
    role: Option<String>,
    further_rights: FurtherRights,
    unique_indexes: UniqueIndexes,
    findings: Vec<Finding>,
}

impl Check<'_> {
    fn table(&mut self, table: TableUse) {
        let needs = table.capability.unwrap_or(self.service.name);
        if !self.catalogue.has_table(table.table) {
            if table.is_optional {
                return;
            }
            self.find(
                table,
                None,
                FindingKind::Missing,
                format!("table {} is missing; {needs} needs it", table.table),
            );
            return;
        }
        if table.is_written() && self.catalogue.is_locked(table.table) {
            let option = DatabaseName::from_table(table.table).url_option();
            let message =
                format!("table {} is locked for writes in this database; set {option}", table.table);
            self.find(table, None, FindingKind::Locked, message);
            // The rows are elsewhere, so nothing else about this table matters.
            return;
        }
        for column in registry::columns(table.table) {
            self.column(table, column);
        }
        if self.role.is_some() {
            self.rights(table);
        }
        if table.is_inserted {
            self.traps(table);
            if let Some(columns) = registry::upsert_key(table.table).map(|columns| columns.join(", "))
                && self.unique_indexes.is_missing(table.table, &columns)
            {
                let message = format!("no unique index on {} ({columns})", table.table);
                self.find(table, None, FindingKind::Index, message);
            }
        }
    }

    /// Finds the rights that the role lacks: one finding per column, or one for the table if it has none.
    fn rights(&mut self, table: TableUse) {
        let name = table.table;
        let mut lacking: Vec<(Option<&str>, String)> = Vec::new();
        for (right, keyword, has_right) in [
            (Right::Select, "SELECT", (|column: &Column| column.may_select) as fn(&Column) -> bool),
            (Right::Insert, "INSERT INTO", |column| column.may_insert),
            (Right::Update, "UPDATE", |column| column.may_update),
        ] {
            let mut used: Vec<(&str, &Column)> = self
                .service
                .columns_with(table, right)
                .into_iter()
                .filter_map(|column| Some((column, self.catalogue.column(name, column)?)))
                .collect();
            used.sort_unstable_by_key(|(column, _)| *column);
            if used.is_empty() {
                continue;
            }
            if used.iter().any(|(_, column)| has_right(column)) {
                let refused = used.iter().filter(|(_, column)| !has_right(column));
                lacking
                    .extend(refused.map(|(column, _)| (Some(*column), format!("{keyword} {name}.{column}"))));
            } else {
                lacking.push((None, format!("{keyword} {name}")));
            }
        }
        if table.is_deleted && !self.further_rights.may_delete(name) {
            lacking.push((None, format!("DELETE FROM {name}")));
        }
        if table.is_inserted {
            let sequences = self.further_rights.refused_sequences(name);
            lacking.extend(sequences.map(|sequence| (None, format!("use sequence {sequence}"))));
        }
        let role = self.role.clone().unwrap_or_default();
        for (column, what) in lacking {
            let service = self.service.name;
            let message = format!("role {role} may not {what}; run: internal-apictl grants {service}");
            self.find(table, column, FindingKind::Right, message);
        }
    }

    fn column(&mut self, table: TableUse, declared: &DeclaredColumn) {
        let name = declared.name;
        let needs = table.capability.unwrap_or(self.service.name);
        let found = self.catalogue.column(table.table, name).map(|column| column.data_type.clone());
        match found {
            None if registry::is_optional(table.table, name) => {}
            None => {
                let message = format!("column {}.{name} is missing; {needs} needs it", table.table);
                self.find(table, Some(name), FindingKind::Missing, message);
            }
            Some(found) if self.role.is_some() => {
                let types = postgresql_types(declared.sql_type);
                if !types.is_empty() && !types.contains(&found.as_str()) {
                    let message = format!(
                        "column {}.{name} is {found}, expected {} (GitLab 18.0 or newer is supported)",
                        table.table, types[0]
                    );
                    self.find(table, Some(name), FindingKind::Type, message);
                }
            }
            Some(_) => {}
        }
    }

    /// Finds columns that our INSERT statements must fill but do not know.
    fn traps(&mut self, table: TableUse) {
        let is_known = |name: &str| {
            registry::columns(table.table).iter().any(|column| column.name == name)
                || registry::undeclared_columns(table.table).any(|column| column == name)
        };
        let mut traps: Vec<String> = self
            .catalogue
            .columns(table.table)
            .filter(|(name, column)| column.is_required && !column.has_default && !is_known(name))
            .map(|(name, _)| name.to_owned())
            .collect();
        traps.sort_unstable();
        for name in traps {
            let message = format!(
                "column {}.{name} is NOT NULL without a default, and {} does not fill it",
                table.table, self.service.name
            );
            self.find(table, Some(&name), FindingKind::Trap, message);
        }
    }

    fn find(&mut self, table: TableUse, column: Option<&str>, kind: FindingKind, message: String) {
        let column = column.map(str::to_owned);
        self.findings.push(Finding {
            table: table.table,
            column,
            kind,
            capability: table.capability,
            message,
        });
    }
}

/// The PostgreSQL types that a column may have, the expected one first. Rails replaces `varchar` with
/// `text`, `timestamp` with `timestamptz`, and the smaller integer types with one another. The difference
/// does not matter to us.
fn postgresql_types(sql_type: &str) -> &'static [&'static str] {
    match sql_type {
        "BigInt" => &["bigint"],
        "Integer" => &["integer", "smallint"],
        "SmallInt" => &["smallint", "integer"],
        "Text" => &["text", "character varying"],
        "Bool" => &["boolean"],
        "Timestamp" => &["timestamp without time zone", "timestamp with time zone"],
        "Date" => &["date"],
        "Binary" => &["bytea"],
        "Jsonb" => &["jsonb"],
        "Uuid" => &["uuid"],
        _ => &[],
    }
}
