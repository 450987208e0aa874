//! Finds users by the identifiers in requests.
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use crate::git_access::ActorId;
use crate::schema::{keys, users};
use crate::sql::equals_lower;
use crate::{Conn, Result};

/// The identity of a user, for greetings.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Person {
    pub id: i64,
    pub username: Option<String>,
    pub name: Option<String>,
}

/// Finds a user in any state. For a deploy key, this is its owner. One statement.
pub fn find(conn: &mut Conn, actor: &ActorId) -> Result<Option<Person>> {
    let people = users::table.select((users::id, users::username, users::name));
    let person = match actor {
        ActorId::Anonymous | ActorId::DeployToken(_) => return Ok(None),
        ActorId::User(id) => people.filter(users::id.eq(*id)).first(conn),
        ActorId::Key(id) => people
            .inner_join(keys::table.on(keys::user_id.eq(users::id.nullable())))
            .filter(keys::id.eq(*id))
            .filter(keys::usage_type.eq(0).or(keys::usage_type.eq(1)))
            .first(conn),
        ActorId::Username(name) => {
            people.filter(equals_lower!("username", name)).first(conn)
        }
        ActorId::Email(address) => people
            .filter(users::confirmed_at.is_not_null())
            .filter(equals_lower!("email", address))
            .first(conn),
        ActorId::Kerberos(principal) => people
            .filter(
                sql::<Bool>(
                    "id = (SELECT user_id FROM identities WHERE provider = 'kerberos' AND lower(extern_uid) = lower(",
                )
                .bind::<Text, _>(principal)
                .sql(") LIMIT 1)"),
            )
            .first(conn),
    };
    Ok(person.optional()?)
}
