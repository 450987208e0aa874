//! The rules for the names that users, groups and projects have in URLs.
//!
//! Sources: <https://docs.gitlab.com/user/reserved_names/> and GitLab's `Gitlab::PathRegex` and
//! `Gitlab::Regex.oci_repository_path_regex`. All comparisons ignore case.

/// The maximum length of a name, in characters.
pub(crate) const MAX_LENGTH: usize = 255;

/// Suffixes that GitLab's routes reserve for repositories and feeds.
pub(crate) const RESERVED_ENDINGS: [&str; 2] = [".git", ".atom"];

/// First segments of GitLab's own URLs. No user and no top-level group can have one of these names.
const TOP_LEVEL: &[&str] = &[
    "-",
    ".well-known",
    "404.html",
    "422.html",
    "500.html",
    "502.html",
    "503.html",
    "admin",
    "api",
    "apple-touch-icon.png",
    "assets",
    "dashboard",
    "deploy.html",
    "explore",
    "favicon.ico",
    "favicon.png",
    "files",
    "groups",
    "health_check",
    "help",
    "import",
    "jwt",
    "login",
    "oauth",
    "profile",
    "projects",
    "public",
    "robots.txt",
    "s",
    "search",
    "sitemap",
    "sitemap.xml",
    "sitemap.xml.gz",
    "slash-command-logo.png",
    "snippets",
    "unsubscribes",
    "uploads",
    "users",
    "v2",
];

/// Names that a subgroup cannot have.
const SUBGROUP: &[&str] = &["-"];

/// First segments of the URLs below a project. GitLab's list also has `new`. The contract of push to create
/// uses it as a project name, so it is accepted here.
const PROJECT: &[&str] = &[
    "-",
    "badges",
    "blame",
    "blob",
    "builds",
    "commits",
    "create",
    "create_dir",
    "edit",
    "files",
    "find_file",
    "preview",
    "raw",
    "refs",
    "tree",
    "update",
    "wikis",
];

/// File extensions that Rails knows: a user name that ends in one would change the format of the response.
const FILE_EXTENSIONS: &[&str] = &[
    "html",
    "xhtml",
    "text",
    "txt",
    "js",
    "css",
    "ics",
    "csv",
    "vcf",
    "vtt",
    "png",
    "jpg",
    "jpeg",
    "jpe",
    "pjpeg",
    "gif",
    "bmp",
    "tif",
    "tiff",
    "svg",
    "webp",
    "mpg",
    "mpeg",
    "mpe",
    "mp1",
    "mp2",
    "mp3",
    "oga",
    "ogg",
    "spx",
    "opus",
    "m4a",
    "mpg4",
    "aac",
    "webm",
    "mp4",
    "m4v",
    "mov",
    "ogv",
    "otf",
    "ttf",
    "woff",
    "woff2",
    "xml",
    "rss",
    "atom",
    "yaml",
    "yml",
    "multipart_form",
    "url_encoded_form",
    "json",
    "pdf",
    "zip",
    "gz",
    "gzip",
    "diff",
    "patch",
    "markdown",
    "md",
];

/// The kind of object that a name in a URL belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A username.
    User,
    /// The path of a top-level group.
    TopLevelGroup,
    /// The path of a group in a group.
    Subgroup,
    /// The path of a project.
    Project,
}

/// Why a name is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathNameError {
    /// The characters or their order are not allowed.
    #[error(
        "can contain only letters, digits, '_', '-' and '.'. It must start and end with a letter or digit, \
         must not contain consecutive special characters, and must not end in '.git' or '.atom'."
    )]
    Format,
    /// Longer than GitLab allows.
    #[error("is too long (maximum is {MAX_LENGTH} characters)")]
    TooLong,
    /// GitLab's own routes use the name.
    #[error("is a reserved name")]
    Reserved,
    /// The name ends like a file that GitLab serves.
    #[error("must not end with a reserved file extension")]
    FileExtension,
}

/// Checks that `name` has the format that GitLab requires, and that GitLab does not use it itself.
pub fn check(name: &str, owner: Owner) -> Result<(), PathNameError> {
    // Reserved names are checked first: some of them also have an invalid format, and this is the clearer
    // reason.
    let lower = name.to_ascii_lowercase();
    let reserved = match owner {
        Owner::User | Owner::TopLevelGroup => TOP_LEVEL,
        Owner::Subgroup => SUBGROUP,
        Owner::Project => PROJECT,
    };
    if reserved.contains(&lower.as_str()) {
        return Err(PathNameError::Reserved);
    }
    if !has_format(&lower) {
        return Err(PathNameError::Format);
    }
    if name.len() > MAX_LENGTH {
        return Err(PathNameError::TooLong);
    }
    let extension = lower.rsplit_once('.').map(|(_, extension)| extension);
    if owner == Owner::User && extension.is_some_and(|extension| FILE_EXTENSIONS.contains(&extension)) {
        return Err(PathNameError::FileExtension);
    }
    Ok(())
}

/// Whether the name consists of letters and digits, with single `_`, `.` or `-` between them.
fn has_format(lower: &str) -> bool {
    let has_bad_word = |word: &str| word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    !lower.split(is_separator).any(has_bad_word)
        && !RESERVED_ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

/// Whether the character is a separator in a name.
pub(crate) fn is_separator(c: char) -> bool {
    matches!(c, '_' | '.' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_valid() {
        for name in ["a", "9", "A-b_c.d", "git", "x.gitt", "atom", "new", "admin1", "api-2", "x.y.z"] {
            for owner in [Owner::User, Owner::TopLevelGroup, Owner::Subgroup, Owner::Project] {
                assert_eq!(check(name, owner), Ok(()), "{name} {owner:?}");
            }
        }
        assert_eq!(check(&"a".repeat(255), Owner::User), Ok(()));
    }

    #[test]
    fn malformed_names_are_invalid() {
        for name in [
            "", ".", "..", "_", ".x", "x.", "-x", "x-", "_x", "x_", "a..b", "a._b", "a--b", "a b", "a/b",
            "a@b", "ü", "a\n", "x.git", "x.GIT", "x.atom", "X.Atom",
        ] {
            for owner in [Owner::User, Owner::TopLevelGroup, Owner::Subgroup, Owner::Project] {
                assert_eq!(check(name, owner), Err(PathNameError::Format), "{name:?} {owner:?}");
            }
        }
        assert_eq!(check(&"a".repeat(256), Owner::Project), Err(PathNameError::TooLong));
    }

    #[test]
    fn reserved_names_depend_on_the_kind_of_namespace() {
        let reserved = |name: &str, owner| check(name, owner) == Err(PathNameError::Reserved);
        for name in TOP_LEVEL {
            let upper = name.to_ascii_uppercase();
            assert!(reserved(name, Owner::User) && reserved(&upper, Owner::User), "{name}");
            assert!(reserved(name, Owner::TopLevelGroup) && reserved(&upper, Owner::TopLevelGroup), "{name}");
        }
        for name in PROJECT {
            assert!(reserved(name, Owner::Project) && reserved(&name.to_ascii_uppercase(), Owner::Project));
        }
        for name in ["admin", "api", "users"] {
            assert_eq!(check(name, Owner::Project), Ok(()), "{name}");
            assert_eq!(check(name, Owner::Subgroup), Ok(()), "{name}");
        }
        for name in ["blob", "tree", "wikis"] {
            assert_eq!(check(name, Owner::User), Ok(()), "{name}");
        }
        assert!(reserved("-", Owner::Subgroup));
    }

    #[test]
    fn only_user_names_must_not_end_in_a_file_extension() {
        for extension in FILE_EXTENSIONS.iter().filter(|extension| **extension != "atom") {
            for name in [format!("x.{extension}"), format!("X.{}", extension.to_ascii_uppercase())] {
                assert_eq!(check(&name, Owner::User), Err(PathNameError::FileExtension), "{name}");
                assert_eq!(check(&name, Owner::Project), Ok(()), "{name}");
            }
        }
        for name in ["png", "x.mp", "x.png.y", "x-png", "xpng"] {
            assert_eq!(check(name, Owner::User), Ok(()), "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_checked(name in "\\PC*|[a-z_.-]{0,12}") {
            if check(&name, Owner::User).is_ok() {
                proptest::prop_assert_eq!(check(&name, Owner::TopLevelGroup), Ok(()));
            }
        }
    }
}
