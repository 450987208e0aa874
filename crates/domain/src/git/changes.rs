//! The changes of a push: the lines that git passes to a `pre-receive` hook.
//!
//! A mirror push can have hundreds of thousands of lines, and a body of 20 MiB can hold millions of short
//! ones. Only the text is stored: a line is split when it is read, which takes no memory.
use std::fmt;
use std::sync::Arc;

use crate::git::ref_name::RefName;

/// The changes of a push, as sent before or during the push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// Not known yet: the caller asks whether the actor may push at all.
    Any,
    /// The changes of a push.
    List(ChangeList),
}

/// The lines of a push. Cloning does not copy the text.
#[derive(Clone, Default)]
pub struct ChangeList(Arc<String>);

/// The update of one ref from `old` to `new`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    /// The object id before the change; zeros if the ref is created.
    pub old: &'a str,
    /// The object id after the change; zeros if the ref is deleted.
    pub new: &'a str,
    /// The full name, such as `refs/heads/main`. Git's ref names are bytes; JSON transports them as text.
    pub name: &'a str,
}

impl ChangeList {
    /// The changes, in the order of the lines.
    pub fn iter(&self) -> impl Iterator<Item = Change<'_>> + Clone {
        lines(&self.0)
    }

    /// The change of the first line.
    pub fn first(&self) -> Option<Change<'_>> {
        self.iter().next()
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.first().is_none()
    }
}

impl From<String> for ChangeList {
    fn from(text: String) -> Self {
        Self(Arc::new(text))
    }
}

impl From<&str> for ChangeList {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl PartialEq for ChangeList {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for ChangeList {}

impl fmt::Debug for ChangeList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
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
        if matches!(text.trim(), "" | "_any") { Self::Any } else { Self::List(text.into()) }
    }
}

/// Parses the changes, one for each line.
pub fn lines(text: &str) -> impl Iterator<Item = Change<'_>> + Clone {
    text.split('\n').filter(|line| !line.trim().is_empty()).map(|line| {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        Change { old: word(), new: word(), name: word() }
    })
}

impl<'a> Change<'a> {
    /// Whether the change creates, updates or deletes the ref.
    pub fn kind(&self) -> Kind {
        if is_blank(self.new) {
            Kind::Delete
        } else if is_blank(self.old) {
            Kind::Create
        } else {
            Kind::Update
        }
    }

    /// The parsed name of the ref.
    pub fn ref_name(&self) -> RefName<'a> {
        RefName::parse(self.name.as_bytes())
    }

    /// The branch that this change updates, or `None` for other refs.
    pub fn branch(&self) -> Option<&'a str> {
        self.name.strip_prefix("refs/heads/")
    }

    /// Whether both revisions look like full or abbreviated object ids. Other values are refused before they
    /// reach a repository.
    pub fn is_well_formed(&self) -> bool {
        is_object_id(self.old) && is_object_id(self.new) && !self.name.is_empty()
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

    fn change<'a>(old: &'a str, new: &'a str, name: &'a str) -> Change<'a> {
        Change { old, new, name }
    }

    fn parsed(text: &str) -> ChangeList {
        match Changes::parse(text) {
            Changes::List(list) => list,
            Changes::Any => panic!("no changes in {text:?}"),
        }
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
        assert_eq!(parsed(&text).iter().collect::<Vec<_>>(), expected);
        assert_eq!(parsed(&text).first(), Some(expected[0]));
    }

    #[test]
    fn cloning_shares_the_text() {
        let list = parsed("a b refs/heads/x");
        assert!(Arc::ptr_eq(&list.0, &list.clone().0));
        assert!(ChangeList::default().is_empty() && !list.is_empty());
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
            let changes: Vec<Change<'_>> = list.iter().map(|(old, new, name)| change(old, new, name)).collect();
            let text: String = list.iter().map(|(old, new, name)| format!("{old} {new} {name}\n")).collect();
            let read = parsed(&text);
            proptest::prop_assert_eq!(read.iter().collect::<Vec<_>>(), changes);
        }

        #[test]
        fn any_text_is_read(text in "\\PC*") {
            let _ = Changes::parse(text.as_str()) == Changes::parse(format!("{text}\n"));
        }
    }
}
