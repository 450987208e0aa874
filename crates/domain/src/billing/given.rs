/// A parameter that may be left out, which is not the same as clearing what is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Patch<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<T> Patch<T> {
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// What is stored from now on.
    pub fn or(self, stored: Option<T>) -> Option<T> {
        match self {
            Self::Absent => stored,
            Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }

    /// The value, where null says no more than absence.
    pub fn value(self) -> Option<T> {
        self.or(None)
    }
}
