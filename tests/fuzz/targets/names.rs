//! Names and paths of repositories.
use domain::{GitPath, GlRepository, hashed_path};

use crate::Target;

pub const GL_REPOSITORY: Target = Target {
    name: "gl_repository",
    seeds: &[
        b"project-7",
        b"wiki-7",
        b"project-7-wiki",
        b"design-9223372036854775807",
        b"project-1-design",
        b"snippet-3",
        b"group-3-wiki",
    ],
    words: &["project", "wiki", "design", "snippet", "group", "-", "+1", "0", "9223372036854775808"],
    run: gl_repository,
};

fn gl_repository(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let Ok(repository) = text.parse::<GlRepository>() else { return false };
    let printed = repository.to_string();
    assert_eq!(printed.parse(), Ok(repository));
    let (GlRepository::Project(id)
    | GlRepository::Wiki(id)
    | GlRepository::Design(id)
    | GlRepository::Snippet(id)
    | GlRepository::GroupWiki(id)) = repository;
    assert!(
        id > 0 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    );
    let hashed = hashed_path("@hashed", id);
    assert!(hashed.len() == 78 && hashed[14..].starts_with(&hashed[8..10]), "{hashed}");
    true
}

pub const GIT_PATH: Target = Target {
    name: "git path",
    seeds: &[
        b"grp/p",
        b"/grp/sub/p.git",
        b"grp/p.wiki.git",
        b"grp/p.design.git",
        b"snippets/9.git",
        b"/grp/p/snippets/8.git",
        b"foo",
    ],
    words: &[
        ".git",
        ".wiki",
        ".design",
        "snippets",
        "snippets/",
        "/",
        "//",
        "..",
        "9223372036854775808",
        "+1",
    ],
    run: git_path,
};

fn git_path(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let path = GitPath::parse(&text);
    let bare = text.strip_prefix('/').unwrap_or(&text);
    let bare = bare.strip_suffix(".git").unwrap_or(bare);
    // The parser has read the whole input.
    match &path {
        GitPath::Project(project) => {
            assert!(project == bare && [".wiki", ".design"].iter().all(|end| !bare.ends_with(end)));
        }
        GitPath::Wiki(project) => assert_eq!(format!("{project}.wiki"), bare),
        GitPath::Design(project) => assert_eq!(format!("{project}.design"), bare),
        GitPath::Snippet { id, project } => {
            let before = project.as_ref().map_or(String::new(), |project| format!("{project}/"));
            let digits = bare.strip_prefix(&format!("{before}snippets/")).unwrap();
            assert!(
                *id >= 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse() == Ok(*id)
            );
        }
    }
    assert_eq!(GitPath::parse(&format!("/{bare}.git")), path);
    path.has_namespace()
}
