//! What administrators keep: which namespaces have no limit of storage, who changed that, and what they look up.
pub mod audit;
pub mod exclusions;
pub mod identities;
pub mod namespaces;
pub mod people;
mod window;

pub use window::{Page, Total, Window};

use crate::Conn;

/// The function that makes texts alike whatever their case is: SQLite's own knows ASCII alone.
fn fold(conn: &Conn) -> &'static str {
    match conn {
        Conn::Postgresql(_) => "lower",
        Conn::Sqlite(_) => "scim_fold",
    }
}

/// A pattern of LIKE, with `ESCAPE '\'`, for texts that have `text` in them. Both sides are in lower case.
fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
