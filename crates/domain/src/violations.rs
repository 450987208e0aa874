/// Validation errors of a record's fields, in the words of Rails: `seats` `must be greater than 0`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations(Vec<(String, String)>);

impl Violations {
    /// Creates an error for one field.
    pub fn new(field: &str, text: &str) -> Self {
        Self(vec![(field.to_owned(), text.to_owned())])
    }

    /// Adds an error for a field.
    pub fn add(&mut self, field: &str, text: &str) {
        self.0.push((field.to_owned(), text.to_owned()));
    }

    /// Returns an error if any field is invalid.
    pub fn check(self) -> crate::Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(crate::Error::Fields(self)) }
    }

    /// Prefixes the field names with the name of the outer record.
    #[must_use]
    pub fn within(self, record: &str) -> Self {
        Self(self.0.into_iter().map(|(field, text)| (format!("{record}.{field}"), text)).collect())
    }

    /// The fields and their errors, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(field, text)| (field.as_str(), text.as_str()))
    }
}

impl std::fmt::Display for Violations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sentences: Vec<String> = self.iter().map(|(field, text)| format!("{field} {text}")).collect();
        f.write_str(&sentences.join(", "))
    }
}
