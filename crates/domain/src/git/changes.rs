//! The changes of a push: the lines that git passes to a `pre-receive` hook.
//!
//! A mirror push can have hundreds of thousands of lines. They all share the one string that was sent.
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::git::ref_name::RefName;

/// The changes of a push, as sent before or during the push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// Not known yet: the caller asks whether the actor may push at all.
    Any,
    /// The changes of a push.
    List(Vec<Change>),
}

/// The update of one ref from `old` to `new`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The object id before the change; zeros if the ref is created.
    pub old: SharedStr,
    /// The object id after the change; zeros if the ref is deleted.
    pub new: SharedStr,
    /// The full name, such as `refs/heads/main`. Git's ref names are bytes; JSON transports them as text.
    pub name: SharedStr,
}

/// A slice of a shared string. Cloning does not copy the string.
#[derive(Clone)]
pub struct SharedStr {
    text: Arc<String>,
    start: u32,
    end: u32,
}

impl SharedStr {
    /// Creates a slice of `text`; `part` must be a slice of it.
    fn slice(text: &Arc<String>, part: &str) -> Self {
        let start = part.as_ptr().addr() - text.as_ptr().addr();
        // Request bodies are far smaller than 4 GiB. A longer one would give empty slices, which are
        // refused.
        let [start, end] = [start, start + part.len()].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
        Self { text: Arc::clone(text), start, end }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

impl From<String> for SharedStr {
    fn from(text: String) -> Self {
        let text = Arc::new(text);
        Self::slice(&text, &text)
    }
}

impl From<&str> for SharedStr {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Deref for SharedStr {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for SharedStr {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for SharedStr {}

impl fmt::Debug for SharedStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for SharedStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The ref does not exist before.
    Create,
    /// The ref exists before and after.
    Update,
    /// The ref does not exist after.
    Delete,
}

impl Changes {
    /// Parses `<old> <new> <ref>` lines. Blank lines are skipped; an empty string or `_any` means "not known
    /// yet".
    pub fn parse(text: impl Into<String>) -> Self {
        let text: String = text.into();
        if matches!(text.trim(), "" | "_any") { Self::Any } else { Self::List(lines(text).collect()) }
    }
}

/// Parses the changes, one for each line.
pub fn lines(text: impl Into<String>) -> impl Iterator<Item = Change> {
    let text: Arc<String> = Arc::new(text.into());
    let lines = || text.split('\n').filter(|line| !line.trim().is_empty());
    let mut changes = Vec::with_capacity(lines().count());
    changes.extend(lines().map(|line| {
        let mut words = line.splitn(3, ' ');
        let mut word = || SharedStr::slice(&text, words.next().unwrap_or(&line[line.len()..]));
        Change { old: word(), new: word(), name: word() }
    }));
    changes.into_iter()
}

impl Change {
    /// Whether the change creates, updates or deletes the ref.
    pub fn kind(&self) -> Kind {
        if is_blank(&self.new) {
            Kind::Delete
        } else if is_blank(&self.old) {
            Kind::Create
        } else {
            Kind::Update
        }
    }

    /// The parsed name of the ref.
    pub fn ref_name(&self) -> RefName<'_> {
        RefName::parse(self.name.as_bytes())
    }

    /// The branch that this change updates, or `None` for other refs.
    pub fn branch(&self) -> Option<&str> {
        self.name.strip_prefix("refs/heads/")
    }

    /// Whether both revisions look like full or abbreviated object ids. Other values are refused before they
    /// reach a repository.
    pub fn is_well_formed(&self) -> bool {
        is_object_id(&self.old) && is_object_id(&self.new) && !self.name.is_empty()
    }
}

fn is_blank(revision: &str) -> bool {
    !revision.is_empty() && revision.bytes().all(|byte| byte == b'0')
}

fn is_object_id(revision: &str) -> bool {
    matches!(revision.len(), 1..=64) && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(old: &str, new: &str, name: &str) -> Change {
        Change { old: old.into(), new: new.into(), name: name.into() }
    }

    #[test]
    fn empty_changes_mean_any() {
        for text in ["", " \n", "_any", "_any\n"] {
            assert_eq!(Changes::parse(text), Changes::Any);
        }
    }

    #[test]
    fn reads_lines_and_their_kind() {
        let (zeros, a, b) = ("0".repeat(40), "a".repeat(40), "b".repeat(40));
        let text =
            format!("{zeros} {a} refs/heads/x\n\n{a} {b} refs/heads/with blank\n{b} {zeros} refs/tags/t\n");
        let expected = vec![
            change(&zeros, &a, "refs/heads/x"),
            change(&a, &b, "refs/heads/with blank"),
            change(&b, &zeros, "refs/tags/t"),
        ];
        let kinds: Vec<Kind> = expected.iter().map(Change::kind).collect();
        assert_eq!(kinds, [Kind::Create, Kind::Update, Kind::Delete]);
        assert_eq!(Changes::parse(&text), Changes::List(expected));
    }

    #[test]
    fn only_object_ids_are_well_formed() {
        let (zeros, a, long) = ("0".repeat(40), "a".repeat(40), "a".repeat(64));
        assert!(change(&zeros, &a, "refs/heads/x").is_well_formed());
        assert!(change(&long, &"0".repeat(64), "refs/heads/x").is_well_formed());
        for bad in [
            change("--all", &a, "refs/heads/x"),
            change(&zeros, "HEAD", "x"),
            change(&zeros, "", ""),
            change("", "", "x"),
        ] {
            assert!(!bad.is_well_formed(), "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn printing_and_reading_agree(list in proptest::collection::vec(("[0-9a-f]{40}", "[0-9a-f]{40}", "refs/[!-~]{1,20}"), 1..8)) {
            let changes: Vec<Change> = list.iter().map(|(old, new, name)| change(old, new, name)).collect();
            let text: String = list.iter().map(|(old, new, name)| format!("{old} {new} {name}\n")).collect();
            proptest::prop_assert_eq!(Changes::parse(&text), Changes::List(changes));
        }

        #[test]
        fn any_text_is_read(text in "\\PC*") {
            let _ = Changes::parse(&text);
        }
    }
}
