//! What a push wants to change: the lines that git hands to a `pre-receive` hook.
use crate::git::ref_name::RefName;

/// What the caller says of a push before, or while, it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// Not yet known: the general question whether anything may be pushed.
    Any,
    List(Vec<Change>),
}

/// One ref that moves from `old` to `new`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub old: String,
    pub new: String,
    /// The whole name, `refs/heads/main`. Git's refs are bytes; JSON brings them as text.
    pub name: String,
}

/// What a change does to its ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Create,
    Update,
    Delete,
}

impl Changes {
    /// Reads `<old> <new> <ref>` lines; blank lines are skipped, and nothing or `_any` means not yet known.
    pub fn parse(text: &str) -> Self {
        if text.trim().is_empty() || text.trim() == "_any" {
            return Self::Any;
        }
        Self::List(lines(text).collect())
    }
}

/// The changes of a text, line by line.
pub fn lines(text: &str) -> impl Iterator<Item = Change> + '_ {
    text.split('\n').filter(|line| !line.trim().is_empty()).map(|line| {
        let mut words = line.splitn(3, ' ').map(ToOwned::to_owned);
        let mut word = || words.next().unwrap_or_default();
        Change { old: word(), new: word(), name: word() }
    })
}

impl Change {
    pub fn kind(&self) -> Kind {
        if is_blank(&self.new) {
            Kind::Delete
        } else if is_blank(&self.old) {
            Kind::Create
        } else {
            Kind::Update
        }
    }

    pub fn ref_name(&self) -> RefName<'_> {
        RefName::parse(self.name.as_bytes())
    }

    /// The branch that this change concerns, if it concerns one.
    pub fn branch(&self) -> Option<&str> {
        self.name.strip_prefix("refs/heads/")
    }

    /// Whether both revisions look like object ids, whole or abbreviated. What does not is refused before it can
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
        Change { old: old.to_owned(), new: new.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn nothing_said_is_any() {
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
