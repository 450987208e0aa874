//! Optional parameters.
/// An optional attribute: absent keeps the stored value, null clears it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The request does not name the value: it stays as it is.
    #[default]
    Absent,
    /// The value is cleared.
    Null,
    /// The new value.
    Value(T),
}

impl<T> Patch<T> {
    /// Whether the stored value stays.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value after the change.
    pub fn or(self, stored: Option<T>) -> Option<T> {
        match self {
            Self::Absent => stored,
            Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }

    /// The value of an attribute for which null means absent.
    pub fn value(self) -> Option<T> {
        self.or(None)
    }
}
