//! Git objects that a push adds to a repository.

/// A commit that was not reachable from any ref before the push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// 40 or 64 hexadecimal digits.
    pub id: String,
    /// The number of parents. A merge commit has several.
    pub parents: usize,
    /// Subject and body. Invalid UTF-8 is replaced, also in names and e-mail addresses.
    pub message: String,
    /// The name of the author.
    pub author_name: String,
    /// The e-mail address of the author.
    pub author_email: String,
    /// The name of the committer.
    pub committer_name: String,
    /// The e-mail address of the committer.
    pub committer_email: String,
    /// Whether the commit has a signature of any kind. The signature is not verified.
    pub signed: bool,
}

/// A path that a commit changes relative to its parents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedPath {
    /// Relative to the root of the tree, without a leading slash.
    pub path: String,
    /// What the commit does to the path.
    pub status: PathStatus,
}

/// How a commit changes a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathStatus {
    /// The path is in none of the parents: it is new, renamed or copied.
    Added,
    /// The content, mode or type has changed.
    Modified,
    /// The commit removes the path.
    Deleted,
}

/// A file's content that was not reachable from any ref before the push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// 40 or 64 hexadecimal digits.
    pub id: String,
    /// One of the paths of the blob, if known.
    pub path: Option<String>,
    /// In bytes.
    pub size: u64,
}

/// A pointer file of Git LFS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LfsPointer {
    /// SHA-256 of the object: 64 lower-case hexadecimal digits.
    pub oid: String,
    /// The size of the object in bytes.
    pub size: u64,
}

impl Commit {
    /// Parses a commit object as git stores it: headers, an empty line, and the message.
    pub fn parse(id: &str, object: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(object);
        let (headers, message) = text.split_once("\n\n").unwrap_or((text.trim_end_matches('\n'), ""));
        let header = |name: &str| headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let (author_name, author_email) = person(header("author")?)?;
        let (committer_name, committer_email) = person(header("committer")?)?;
        Some(Self {
            id: id.to_owned(),
            parents: headers.lines().filter(|line| line.starts_with("parent ")).count(),
            message: message.to_owned(),
            author_name,
            author_email,
            committer_name,
            committer_email,
            signed: header("gpgsig").or_else(|| header("gpgsig-sha256")).is_some(),
        })
    }
}

/// Parses name and e-mail address of `A U Thor <author@example.com> 1700000000 +0000`.
fn person(text: &str) -> Option<(String, String)> {
    let (name, rest) = text.split_once('<')?;
    let (email, _) = rest.rsplit_once('>')?;
    Some((name.trim().to_owned(), email.trim().to_owned()))
}

impl LfsPointer {
    /// Pointer files are shorter than this.
    pub const MAX_BYTES: usize = 1024;

    /// Parses the content of a file. Returns `None` if it is not a pointer.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() < Self::MAX_BYTES)?;
        let mut lines = text.lines().map(|line| line.split_once(' '));
        let (_, version) = lines.next()?.filter(|(key, _)| *key == "version")?;
        if !VERSIONS.contains(&version.trim_end()) {
            return None;
        }
        let value = |wanted: &str| {
            text.lines()
                .find_map(|line| line.split_once(' ').filter(|(key, _)| *key == wanted))
                .map(|(_, value)| value.trim_end())
        };
        let oid = value("oid")?.strip_prefix("sha256:")?;
        let is_hex = oid.len() == 64 && oid.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let size = value("size")?.parse().ok()?;
        is_hex.then(|| Self { oid: oid.to_owned(), size })
    }
}

/// The URL of the specification, and the URLs of earlier clients.
const VERSIONS: [&str; 3] =
    ["https://git-lfs.github.com/spec/v1", "https://hawser.github.com/spec/v1", "http://git-media.io/v/2"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_commits() {
        let object = b"tree 1\nparent 2\nparent 3\nauthor A U Thor <a@example.com> 0 +0000\ncommitter \xff <> 0 +0000\n\
            gpgsig -----BEGIN PGP SIGNATURE-----\n \n author X <x@example.com> 0 +0000\n -----END PGP SIGNATURE-----\n\nsubject\n\nbody\n";
        let expected = Commit {
            id: "c0".to_owned(),
            parents: 2,
            message: "subject\n\nbody\n".to_owned(),
            author_name: "A U Thor".to_owned(),
            author_email: "a@example.com".to_owned(),
            committer_name: "\u{fffd}".to_owned(),
            committer_email: String::new(),
            signed: true,
        };
        assert_eq!(Commit::parse("c0", object), Some(expected));
        let bare = b"tree 1\nauthor A <a> 0 +0000\ncommitter C <c> 0 +0000\n";
        let parsed = Commit::parse("c1", bare).unwrap();
        assert_eq!((parsed.parents, parsed.message.as_str(), parsed.signed), (0, "", false));
        for bad in [&b""[..], b"tree 1\n\nx", b"tree 1\nauthor A\ncommitter C <c> 0\n\nx"] {
            assert_eq!(Commit::parse("c", bad), None);
        }
        // A signature in the message does not count.
        let message = [&bare[..], b"\ngpgsig x\nauthor E <e> 0\n"].concat();
        assert!(!Commit::parse("c", &message).unwrap().signed);
    }

    #[test]
    fn reads_pointers() {
        let oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
        let pointer = |text: &str| LfsPointer::parse(text.as_bytes());
        let expected = Some(LfsPointer { oid: oid.to_owned(), size: 12345 });
        let version = "version https://git-lfs.github.com/spec/v1\n";
        assert_eq!(pointer(&format!("{version}oid sha256:{oid}\nsize 12345\n")), expected);
        assert_eq!(
            pointer(&format!("{version}ext-0-x sha256:{oid}\noid sha256:{oid}\r\nsize 12345\r\n")),
            expected
        );
        for bad in [
            String::new(),
            version.to_owned(),
            format!("oid sha256:{oid}\nsize 12345\n"),
            format!("version https://example.com\noid sha256:{oid}\nsize 1\n"),
            format!("{version}oid sha256:{}\nsize 1\n", oid.to_uppercase()),
            format!("{version}oid sha1:{oid}\nsize 1\n"),
            format!("{version}oid sha256:{oid}\nsize -1\n"),
            format!("{version}oid sha256:{oid}\nsize 1\n{}", "x".repeat(1024)),
        ] {
            assert_eq!(pointer(&bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = (LfsPointer::parse(&bytes), Commit::parse("c", &bytes));
            let pointer = [b"version https://git-lfs.github.com/spec/v1\n", &bytes[..]].concat();
            let commit = [b"author ", &bytes[..], b"\ncommitter "].concat();
            let _ = (LfsPointer::parse(&pointer), Commit::parse("c", &commit));
        }

        #[test]
        fn printed_lfs_pointer_is_parsed(oid in "[0-9a-f]{64}", size in proptest::num::u64::ANY) {
            let text = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n");
            proptest::prop_assert_eq!(LfsPointer::parse(text.as_bytes()), Some(LfsPointer { oid, size }));
        }
    }
}
