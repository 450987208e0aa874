//! The `env` of a push: directories that must be inside the storage.
use repository::Quarantine;
use serde_json::{Value, json};

use crate::Target;

pub const TARGET: Target = Target {
    name: "quarantine",
    seeds: &[
        br#"{"GIT_OBJECT_DIRECTORY_RELATIVE":"objects/incoming-x",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE":["objects"]}"#,
        br#"{"GIT_OBJECT_DIRECTORY_RELATIVE":"","GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE":null}"#,
        br#"{"GIT_OBJECT_DIRECTORY_RELATIVE":"../../x",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE":["/etc","./a/../b"]}"#,
        br#"{"GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE":["objects/a","objects/b","a\u0000b"]}"#,
    ],
    words: &[
        "GIT_OBJECT_DIRECTORY_RELATIVE",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE",
        "..",
        "../",
        "/",
        "./",
        "objects",
        "null",
        "\\u0000",
        "\\u002e",
        "\\n",
        "\\\"",
        ":",
        "[]",
        "\",\"",
    ],
    run,
};

fn run(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let Ok(quarantine) = Quarantine::parse(&text, None) else {
        assert!(serde_json::from_str::<Value>(&text).is_ok(), "text that is not JSON is ignored");
        return false;
    };
    for path in quarantine.object_directory.iter().chain(&quarantine.alternates) {
        assert!(
            !path.is_empty() && !path.starts_with('/') && !path.contains(['\0', '\n', ':', '"']),
            "{path:?}"
        );
    }
    check_inside_storage(&quarantine);
    let printed = json!({
        "GIT_OBJECT_DIRECTORY_RELATIVE": quarantine.object_directory,
        "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE": quarantine.alternates,
    });
    assert_eq!(Quarantine::parse(&printed.to_string(), None).as_ref(), Ok(&quarantine));
    quarantine != Quarantine::default()
}

/// A directory is accepted for the repository `a/b` if and only if it stays inside the storage.
fn check_inside_storage(quarantine: &Quarantine) {
    let is_inside = |path: &String| {
        let mut depth = 2_i32;
        path.split('/').all(|part| {
            depth += match part {
                "" | "." => 0,
                ".." => -1,
                _ => 1,
            };
            depth >= 0
        }) && depth > 0
    };
    let expected = quarantine.object_directory.iter().chain(&quarantine.alternates).all(is_inside);
    assert_eq!(quarantine.check_inside_storage("a/b").is_ok(), expected, "{quarantine:?}");
}
