//! Which part of a list is wanted, and how much there is of it.

/// Beyond this many rows nobody counts.
const COUNTED: i64 = 10_000;

/// Some rows of a list that is in the order of its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// So many rows behind the first so many.
    Offset { offset: i64, limit: i64 },
    /// So many rows whose ids are greater.
    After { id: i64, limit: i64 },
    /// So many rows whose ids are less, from the greatest down.
    Before { id: i64, limit: i64 },
}

impl Window {
    /// The condition `id` must meet by `$1`; then the order, and so many rows as `$4` says behind `$5`. SQLite numbers
    /// what it is to bind by where it stands in the text: `$2` and `$3` must stand between the two.
    pub(super) fn clauses(self, id: &str) -> (String, String) {
        let (condition, order) = match self {
            Self::Offset { .. } => (format!("{id} > $1"), "ASC"),
            Self::After { .. } => (format!("{id} > $1"), "ASC"),
            Self::Before { .. } => (format!("{id} < $1"), "DESC"),
        };
        (condition, format!("ORDER BY {id} {order} LIMIT $4 OFFSET $5"))
    }

    /// `$1`, `$4` and `$5`.
    pub(super) fn binds(self) -> (i64, i64, i64) {
        match self {
            Self::Offset { offset, limit } => (0, limit, offset),
            Self::After { id, limit } | Self::Before { id, limit } => (id, limit, 0),
        }
    }
}

/// How many rows there are in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    Rows(i64),
    /// More than anybody counts.
    Many,
}

impl Total {
    /// Of a count that stops at one more than is counted.
    pub(super) fn of(count: i64) -> Self {
        if count > COUNTED { Self::Many } else { Self::Rows(count) }
    }

    pub(super) const LIMIT: i64 = COUNTED + 1;
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// `None` where the window is not one of offsets.
    pub total: Option<Total>,
}
