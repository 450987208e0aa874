//! The rights of our role on whole tables and on sequences. The catalogue has those on columns.
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use crate::registry::Service;
use crate::{Conn, Result};

/// The rights on the tables of a service; none on SQLite, which has no roles.
#[derive(Debug, Default)]
pub(crate) struct FurtherRights {
    rights: Vec<Right>,
}

/// The right to delete rows of a table, or to use the sequence of one of its defaults.
#[derive(Debug, QueryableByName)]
struct Right {
    #[diesel(sql_type = Text)]
    table: String,
    /// Empty for the right to delete.
    #[diesel(sql_type = Text)]
    sequence: String,
    #[diesel(sql_type = Bool)]
    is_granted: bool,
}

const RIGHTS: &str = "WITH tables AS (SELECT c.oid, c.relname FROM pg_class c \
      JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname IN ('public', 'internal_api') AND c.relname = ANY (string_to_array($1, ','))) \
    SELECT t.relname::text AS \"table\", '' AS sequence, has_table_privilege(t.oid, 'DELETE') AS is_granted \
      FROM tables t \
    UNION ALL SELECT t.relname::text, s.relname::text, has_sequence_privilege(s.oid, 'USAGE') \
      FROM tables t JOIN pg_attrdef d ON d.adrelid = t.oid \
      JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid \
       AND p.refclassid = 'pg_class'::regclass \
      JOIN pg_class s ON s.oid = p.refobjid AND s.relkind = 'S' ORDER BY 1, 2";

impl FurtherRights {
    pub(crate) fn read(conn: &mut Conn, service: Service) -> Result<Self> {
        let Conn::Postgresql(pg) = conn else { return Ok(Self::default()) };
        let tables: Vec<&str> = service.tables().map(|table| table.table).collect();
        let rights = diesel::sql_query(RIGHTS).bind::<Text, _>(tables.join(",")).load(pg)?;
        Ok(Self { rights })
    }

    pub(crate) fn may_delete(&self, table: &str) -> bool {
        self.rights.iter().any(|right| right.table == table && right.sequence.is_empty() && right.is_granted)
    }

    /// The sequences of the table's defaults that the role may not use.
    pub(crate) fn refused_sequences(&self, table: &str) -> impl Iterator<Item = &str> {
        let of_table = self.rights.iter().filter(move |right| right.table == table && !right.is_granted);
        of_table.map(|right| right.sequence.as_str()).filter(|sequence| !sequence.is_empty())
    }
}
