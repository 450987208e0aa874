//! The databases that GitLab splits its tables into.

/// One of the databases that a large GitLab is split into. Each has all tables, and locks those of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseName {
    Main,
    Ci,
    Sec,
}

impl DatabaseName {
    pub const ALL: [Self; 3] = [Self::Main, Self::Ci, Self::Sec];

    /// The database of a table.
    pub fn from_table(table: &str) -> Self {
        match table {
            "ci_minutes_additional_packs" => Self::Ci,
            "vulnerabilities" => Self::Sec,
            _ if table.starts_with("vulnerability_") => Self::Sec,
            _ => Self::Main,
        }
    }

    /// The option with the URL of this database.
    pub fn url_option(self) -> &'static str {
        match self {
            Self::Main => "--database-url",
            Self::Ci => "--database-ci-url",
            Self::Sec => "--database-sec-url",
        }
    }
}
