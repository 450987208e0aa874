//! Checks a push to a snippet: one branch, a few files. Wikis and designs have no checks of changes.
use super::{Refusal, Rule};
use crate::git::changes::{Change, ChangeList, Kind};
use crate::messages as text;

/// The maximum number of files in a snippet.
pub const MAX_FILES: u64 = 10;

/// Refuses changes to refs other than the default branch, and its deletion. A snippet has no other branch,
/// and without the default branch it would have no file.
pub fn check_refs(changes: &ChangeList, default_branch: &str) -> Result<(), Refusal> {
    let is_default = |change: Change<'_>| change.branch() == Some(default_branch);
    if !changes.iter().all(is_default) {
        return Err(Rule::SnippetFiles.forbid(text::SNIPPET_BRANCHES));
    }
    if changes.iter().any(|change| change.kind() == Kind::Delete) {
        return check_file_count(0);
    }
    Ok(())
}

/// Checks the number of files in a new revision.
pub fn check_file_count(files: u64) -> Result<(), Refusal> {
    match files {
        0 => Err(Rule::SnippetFiles.forbid(text::SNIPPET_NO_FILE)),
        1..=MAX_FILES => Ok(()),
        _ => Err(Rule::SnippetFiles.forbid(text::snippet_files(MAX_FILES))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const Z: &str = "0000000000000000000000000000000000000000";
    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn refused(message: &str) -> Result<(), Refusal> {
        Err(Rule::SnippetFiles.forbid(message))
    }

    fn refs(pushed: &str, default_branch: &str) -> Result<(), Refusal> {
        check_refs(&pushed.into(), default_branch)
    }

    #[test]
    fn a_snippet_has_one_branch() {
        let update = format!("{A} {B} refs/heads/main");
        assert_eq!(refs(&update, "main"), Ok(()));
        assert_eq!(refs(&format!("{Z} {B} refs/heads/main"), "main"), Ok(()));
        assert_eq!(refs(&format!("{A} {Z} refs/heads/main"), "main"), refused(text::SNIPPET_NO_FILE));
        for line in ["heads/other", "heads/main2", "tags/t", "tags/main", "notes/n", "heads/"] {
            for (old, new) in [(Z, B), (A, Z), (A, B)] {
                let pushed = format!("{update}\n{old} {new} refs/{line}");
                assert_eq!(refs(&pushed, "main"), refused(text::SNIPPET_BRANCHES), "{pushed}");
            }
        }
    }

    #[test]
    fn a_snippet_has_a_few_files() {
        let many = "The repository can contain at most 10 file(s).";
        for (files, expected) in [
            (0, refused(text::SNIPPET_NO_FILE)),
            (1, Ok(())),
            (10, Ok(())),
            (11, refused(many)),
            (u64::MAX, refused(many)),
        ] {
            assert_eq!(check_file_count(files), expected, "{files}");
        }
    }
}
