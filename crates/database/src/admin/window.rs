//! The part of a list that is read, and the size of the list.

/// Larger lists are not counted exactly.
const MAX_COUNTED_ROWS: i64 = 10_000;

/// Which rows of a list to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// `limit` rows, skipping the first `offset`.
    Offset { offset: i64, limit: i64 },
    /// `limit` rows with greater ids, in ascending order.
    After { id: i64, limit: i64 },
    /// `limit` rows with smaller ids, in descending order.
    Before { id: i64, limit: i64 },
}

/// The number of rows of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    Rows(i64),
    /// More than 10,000.
    Many,
}

impl Total {
    /// Where counting stops.
    pub(super) const LIMIT: i64 = MAX_COUNTED_ROWS + 1;

    /// Reads a count that stopped at [`Self::LIMIT`].
    pub(super) fn from_count(count: i64) -> Self {
        if count > MAX_COUNTED_ROWS { Self::Many } else { Self::Rows(count) }
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// `None` unless the window is [`Window::Offset`].
    pub total: Option<Total>,
}
