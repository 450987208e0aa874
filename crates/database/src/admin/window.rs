//! The requested part of a list, and its total length.

/// The maximum number of rows to count.
const COUNTED: i64 = 10_000;

/// A part of a list that is ordered by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// `limit` rows, skipping the first `offset`.
    Offset { offset: i64, limit: i64 },
    /// `limit` rows with a greater id, in ascending order.
    After { id: i64, limit: i64 },
    /// `limit` rows with a smaller id, in descending order.
    Before { id: i64, limit: i64 },
}

impl Window {
    /// Returns the condition on `id` with the parameter `$1`, and the ORDER BY, LIMIT `$4` and OFFSET `$5`
    /// clauses. SQLite numbers parameters by their position in the text, so `$2` and `$3` must be between
    /// the two.
    pub(super) fn clauses(self, id: &str) -> (String, String) {
        let (condition, order) = match self {
            Self::Offset { .. } => (format!("{id} > $1"), "ASC"),
            Self::After { .. } => (format!("{id} > $1"), "ASC"),
            Self::Before { .. } => (format!("{id} < $1"), "DESC"),
        };
        (condition, format!("ORDER BY {id} {order} LIMIT $4 OFFSET $5"))
    }

    /// The values of `$1`, `$4` and `$5`.
    pub(super) fn binds(self) -> (i64, i64, i64) {
        match self {
            Self::Offset { offset, limit } => (0, limit, offset),
            Self::After { id, limit } | Self::Before { id, limit } => (id, limit, 0),
        }
    }
}

/// The total number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    Rows(i64),
    /// More rows than are counted.
    Many,
}

impl Total {
    /// Converts a count that stops at one row more than the maximum.
    pub(super) fn from_count(count: i64) -> Self {
        if count > COUNTED { Self::Many } else { Self::Rows(count) }
    }

    pub(super) const LIMIT: i64 = COUNTED + 1;
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// `None` unless the window is an offset.
    pub total: Option<Total>,
}
