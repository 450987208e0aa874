//! Namespaces, and the row lock that every change of their billing data holds.
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::schema::routes;
use crate::sql::equals_lower;
use crate::sql::statement::{StatementRow, query, statement};
use crate::{Conn, Error, MultiBackend, Result};
use domain::Error as Refusal;

const NOT_ROOT: &str = "Namespace must be a root namespace";
const UNKNOWN: Refusal = Refusal::NotFound("Namespace");

/// How often a transaction is retried after a deadlock or a serialisation failure.
const MAX_RETRIES: usize = 3;

/// A namespace in a URL path: its id, or its full path in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    Id(i64),
    Path(String),
}

impl Key {
    /// Digits alone are an id. An id that is too large for any row matches nothing.
    pub fn parse(text: &str) -> Self {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Self::Id(text.parse().unwrap_or(i64::MAX))
        } else {
            Self::Path(text.to_owned())
        }
    }
}

/// The route of a namespace; one without a route is named by its own path.
const FULL_PATH: &str = "COALESCE((SELECT r.path FROM routes r \
    WHERE r.source_type = 'Namespace' AND r.source_id = namespaces.id), namespaces.path)";

statement! {
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Namespace {
        pub id: BigInt = "namespaces.id",
        pub name: Text = "namespaces.name",
        pub path: Text = "namespaces.path",
        pub kind: Text = "namespaces.type",
        pub parent_id: Nullable<BigInt> = "namespaces.parent_id",
        pub owner_id: Nullable<BigInt> = "namespaces.owner_id",
        pub organization_id: BigInt = "namespaces.organization_id",
        pub full_path: Text = FULL_PATH,
    }
}

impl Namespace {
    /// Whether it is a top-level group or a personal namespace. Only these have billing data.
    pub fn is_root(&self) -> bool {
        self.parent_id.is_none() && !self.is_project()
    }

    pub fn is_project(&self) -> bool {
        self.kind == "Project"
    }

    pub fn is_personal(&self) -> bool {
        self.kind == "User"
    }

    pub(crate) fn must_be_root(&self) -> Result<()> {
        if self.is_root() { Ok(()) } else { Err(Refusal::Invalid(NOT_ROOT.to_owned()).into()) }
    }
}

/// Finds a namespace of any kind.
pub fn find(conn: &mut Conn, key: &Key) -> Result<Namespace> {
    let id = resolve(conn, key)?;
    let found = Select { ids: &[id], is_locking: false }.get_result(conn).optional()?;
    found.ok_or_else(|| UNKNOWN.into())
}

/// Finds a top-level group or a personal namespace.
pub fn find_root(conn: &mut Conn, key: &Key) -> Result<Namespace> {
    let namespace = find(conn, key)?;
    namespace.must_be_root()?;
    Ok(namespace)
}

/// Finds the id that a key may stand for, with as many statements for a path that does not exist.
pub(super) fn find_id(conn: &mut Conn, key: &Key) -> Result<Option<i64>> {
    match key {
        Key::Id(id) => Ok(Some(*id)),
        Key::Path(path) if path.contains('\0') => Ok(None),
        Key::Path(path) => {
            let alike = routes::table
                .filter(equals_lower!("path", path))
                .order(routes::path.eq(path).desc())
                .select(routes::namespace_id);
            Ok(alike.first(conn).optional()?)
        }
    }
}

fn resolve(conn: &mut Conn, key: &Key) -> Result<i64> {
    let path = match key {
        Key::Id(id) => return Ok(*id),
        Key::Path(path) if path.contains('\0') => return Err(UNKNOWN.into()),
        Key::Path(path) => path,
    };
    let exact = routes::table.filter(routes::path.eq(path)).select(routes::namespace_id);
    if let Some(id) = exact.first(conn).optional()? {
        return Ok(id);
    }
    let alike = routes::table.filter(equals_lower!("path", path)).select(routes::namespace_id);
    alike.first(conn).optional()?.ok_or_else(|| UNKNOWN.into())
}

/// Runs `f` in a transaction that locks the rows of these root namespaces, in the order of their ids, so that two
/// transactions never wait for each other. `f` runs again after a deadlock or a serialisation failure.
pub fn change<T>(
    conn: &mut Conn,
    keys: &[&Key],
    mut f: impl FnMut(&mut Conn, &[Namespace]) -> Result<T>,
) -> Result<T> {
    transaction(conn, |conn| {
        let found = lock(conn, keys)?;
        found.iter().try_for_each(Namespace::must_be_root)?;
        f(conn, &found)
    })
}

/// Runs `f` in a transaction that waits for a lock for 5 s at most.
pub(crate) fn transaction<T>(conn: &mut Conn, mut f: impl FnMut(&mut Conn) -> Result<T>) -> Result<T> {
    let mut retries = MAX_RETRIES;
    loop {
        let done = conn.write(|conn| {
            if let Conn::Postgresql(pg) = conn {
                // SQLite waits as long at BEGIN.
                pg.batch_execute("SET LOCAL lock_timeout = '5s'")?;
            }
            f(conn)
        });
        match done {
            // A lock timeout is not retried: the caller has waited long enough.
            Err(Error::Collision(source)) if retries > 0 && !source.to_string().contains("lock timeout") => {
                retries -= 1;
            }
            Err(Error::Unavailable(source)) if source.to_string().contains("database is locked") => {
                return Err(Error::Collision(source));
            }
            done => return done,
        }
    }
}

/// Locks the namespaces of these keys and returns them in the same order.
pub(crate) fn lock(conn: &mut Conn, keys: &[&Key]) -> Result<Vec<Namespace>> {
    let ids = keys.iter().map(|key| resolve(conn, key)).collect::<Result<Vec<_>>>()?;
    let locked = lock_ids(conn, &ids)?;
    let find = |id: &i64| locked.iter().find(|namespace| namespace.id == *id).cloned();
    ids.iter().map(|id| find(id).ok_or_else(|| UNKNOWN.into())).collect()
}

/// Locks the namespaces with these ids. Ids without a row are skipped.
pub(super) fn lock_ids(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Namespace>> {
    // SQLite has only one writer anyway.
    let is_locking = matches!(conn, Conn::Postgresql(_));
    Ok(Select { ids, is_locking }.load(conn)?)
}

/// Selects namespaces by id. The text depends on the number of ids, which is small.
struct Select<'a> {
    ids: &'a [i64],
    is_locking: bool,
}

impl QueryFragment<MultiBackend> for Select<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        Namespace::select(&mut out);
        out.push_sql(" FROM namespaces WHERE id IN (");
        for (at, id) in self.ids.iter().enumerate() {
            out.push_sql(if at == 0 { "" } else { ", " });
            out.push_bind_param::<BigInt, _>(id)?;
        }
        out.push_sql(") ORDER BY id");
        if self.is_locking {
            out.push_sql(" FOR UPDATE OF namespaces");
        }
        Ok(())
    }
}

query!(Select<'_>, row Namespace);
