//! The lines of a push, and the names of refs in them.
use domain::git::changes::{Change, Changes, Kind};
use domain::git::ref_name::{self, RefName};

use crate::Target;

pub const TARGET: Target = Target {
    name: "changes",
    seeds: &[
        b"_any\n",
        b"0000000000000000000000000000000000000000 e83c5163316f89bfbde7d9ab23ca2e25604af290 refs/heads/x\n",
        b"e83c5163316f89bfbde7d9ab23ca2e25604af290 0000000000000000000000000000000000000000 \
          refs/tags/v1\n\ne83c5163316f89bfbde7d9ab23ca2e25604af290 \
          e83c5163316f89bfbde7d9ab23ca2e25604af291 refs/heads/a b/\xc3\xbc\n",
        b"1111111111111111111111111111111111111111111111111111111111111111 \
          2222222222222222222222222222222222222222222222222222222222222222 refs/notes/commits",
        b"1 2 refs/heads/e83c5163316f89bfbde7d9ab23ca2e25604af290x\n3 4 refs/heads/a.lock/b\n",
    ],
    words: &[
        "refs/heads/",
        "refs/tags/",
        "refs/remotes/",
        "_any",
        "HEAD",
        "..",
        "@{",
        ".lock",
        "//",
        " ",
        "\n",
        "0000000000000000000000000000000000000000",
        "e83c5163316f89bfbde7d9ab23ca2e25604af290",
        "\u{fffd}",
        "\u{a0}",
    ],
    run,
};

fn run(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let Changes::List(list) = Changes::parse(&*text) else {
        assert!(matches!(text.trim(), "" | "_any"));
        return false;
    };
    assert_eq!(list.iter().count(), text.split('\n').filter(|line| !line.trim().is_empty()).count());
    let printed: String =
        list.iter().map(|Change { old, new, name }| format!("{old} {new} {name}\n")).collect();
    assert_eq!(Changes::parse(printed), Changes::List(list.clone()));
    list.iter().for_each(change);
    list.iter().all(|change| change.is_well_formed())
}

fn change(change: Change<'_>) {
    let Change { old, new, name } = change;
    let is_hex = |id: &str| (1..=64).contains(&id.len()) && id.chars().all(|digit| digit.is_ascii_hexdigit());
    assert_eq!(change.is_well_formed(), is_hex(old) && is_hex(new) && !name.is_empty());
    if change.is_well_formed() {
        let is_zero = |id: &str| id.trim_start_matches('0').is_empty();
        let kind = if is_zero(new) {
            Kind::Delete
        } else if is_zero(old) {
            Kind::Create
        } else {
            Kind::Update
        };
        assert_eq!(change.kind(), kind);
    }
    let short = match change.ref_name() {
        RefName::Branch(short) => {
            assert_eq!(change.branch().map(str::as_bytes), Some(short));
            short
        }
        RefName::Tag(short) => short,
        RefName::Other => {
            assert!(!name.starts_with("refs/heads/") && !name.starts_with("refs/tags/"));
            name.as_bytes()
        }
    };
    let short = std::str::from_utf8(short).unwrap();
    assert_eq!(ref_name::is_valid(short.as_bytes()), is_valid(short), "{short:?}");
    let digits = short.chars().take_while(char::is_ascii_hexdigit).count();
    assert_eq!(ref_name::starts_like_object_id(short.as_bytes()), digits >= 40, "{short:?}");
}

/// The rules for names of branches and tags, written independently of the parser.
fn is_valid(name: &str) -> bool {
    !(name.is_empty()
        || ["refs/heads/", "refs/remotes/", "-"].iter().any(|start| name.starts_with(start))
        || name == "HEAD"
        || name.contains(|letter| matches!(letter, '\0'..' ' | '\x7f') || " ~^:?*[\\".contains(letter))
        || ["..", "//", "@{"].iter().any(|part| name.contains(part))
        || name.starts_with('/')
        || name.ends_with(['/', '.'])
        || name.split('/').any(|part| part.starts_with('.') || part.as_bytes().ends_with(b".lock")))
}
