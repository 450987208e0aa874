//! What administrators keep: which namespaces have no limit of storage, who changed that, and what they look up.
pub mod audit;
pub mod exclusions;
pub mod identities;
pub mod namespaces;
pub mod people;
mod window;

pub use window::{Page, Total, Window};

use crate::Conn;

/// Whether one of the columns is like the pattern at the place `%2`, in whatever case. PostgreSQL's indexes of trigrams
/// serve ILIKE alone; SQLite's own LIKE knows no case but that of ASCII.
fn alike(conn: &Conn, columns: &[&str]) -> String {
    let each = columns.iter().map(|column| match conn {
        Conn::Postgresql(_) => format!("{column} ILIKE %2 ESCAPE '\\'"),
        Conn::Sqlite(_) => format!("scim_fold({column}) LIKE %2 ESCAPE '\\'"),
    });
    each.collect::<Vec<_>>().join(" OR ")
}

/// The pattern of texts that have `text` in them, with `ESCAPE '\'`, for [`alike`]: ILIKE folds it by itself, else it is
/// folded as the columns are.
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
