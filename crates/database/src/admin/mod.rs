//! Data for administrators: exclusions from the storage limit, audit events, and searches for users and
//! namespaces.
pub mod audit;
pub mod exclusions;
pub mod identities;
pub mod namespaces;
pub mod users;
mod window;

pub use window::{Page, Total, Window};

use crate::Conn;

/// A condition: one of the columns matches the pattern `%2`, case-insensitively. PostgreSQL's trigram
/// indexes support only ILIKE. SQLite's LIKE ignores case only for ASCII.
fn alike(conn: &Conn, columns: &[&str]) -> String {
    let each = columns.iter().map(|column| match conn {
        Conn::Postgresql(_) => format!("{column} ILIKE %2 ESCAPE '\\'"),
        Conn::Sqlite(_) => format!("scim_fold({column}) LIKE %2 ESCAPE '\\'"),
    });
    each.collect::<Vec<_>>().join(" OR ")
}

/// The pattern for strings that contain `text`, with `ESCAPE '\'`, for [`alike`]. ILIKE ignores case itself;
/// otherwise the pattern is case-folded like the columns.
fn pattern(conn: &Conn, text: &str) -> String {
    let text = match conn {
        Conn::Postgresql(_) => text.to_owned(),
        Conn::Sqlite(_) => ::scim::fold(text),
    };
    let mut pattern = String::from("%");
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
