//! Finds out which of many strings the database contains.
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Text};

use crate::sql::statement::query;
use crate::{Conn, MultiBackend};

/// Strings as rows `asked (value)`, in any number. They are one JSON array, which each database expands with
/// its own function.
pub(super) struct List {
    json: String,
    unfold: (&'static str, &'static str),
}

impl List {
    pub fn new(conn: &Conn, texts: &[String]) -> Self {
        // No column contains NUL, and PostgreSQL does not accept it.
        let texts: Vec<&str> = texts.iter().map(String::as_str).filter(|text| !text.contains('\0')).collect();
        let unfold = match conn {
            Conn::Postgresql(_) => ("json_array_elements_text(CAST(", " AS json)) AS asked (value)"),
            Conn::Sqlite(_) => ("json_each(", ") AS asked"),
        };
        Self { json: serde_json::Value::from(texts).to_string(), unfold }
    }

    fn walk<'b>(&'b self, out: &mut AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql(self.unfold.0);
        out.push_bind_param::<Text, _>(&self.json)?;
        out.push_sql(self.unfold.1);
        Ok(())
    }
}

pub(super) struct LinkedObjects {
    pub list: List,
    pub project_id: i64,
}

impl QueryFragment<MultiBackend> for LinkedObjects {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("SELECT o.oid FROM ");
        self.list.walk(&mut out)?;
        out.push_sql(
            " JOIN lfs_objects o ON o.oid = asked.value \
             JOIN lfs_objects_projects l ON l.lfs_object_id = o.id WHERE l.project_id = ",
        );
        out.push_bind_param::<BigInt, _>(&self.project_id)
    }
}

pub(super) struct Members {
    pub list: List,
}

/// GitLab stores secondary addresses in lower case. Primary addresses have an index on their lower-case
/// form.
impl QueryFragment<MultiBackend> for Members {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("SELECT asked.value FROM ");
        self.list.walk(&mut out)?;
        out.push_sql(
            " WHERE EXISTS (SELECT 1 FROM users u WHERE lower(u.email) = asked.value AND u.confirmed_at IS NOT NULL) \
             OR EXISTS (SELECT 1 FROM emails e WHERE e.email = asked.value AND e.confirmed_at IS NOT NULL)",
        );
        Ok(())
    }
}

query!(LinkedObjects, Text);
query!(Members, Text);
