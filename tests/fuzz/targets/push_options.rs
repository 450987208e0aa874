//! Push options, one a line.
use domain::git::push_options::PushOptions;
use serde_json::Value;

use crate::Target;

pub const TARGET: Target = Target {
    name: "push options",
    seeds: &[
        b"ci.skip\nmerge_request.create\nmr.label=a\nmr.label=b=c\nmr.label=a",
        b"merge_request.target=main\nmerge_request.title=A \
          title\nmr.title=another\nmr.assign=me\nmr.unassign",
        b"ci.variable=A=1\nci.input=x\nci.no_pipeline\nintegrations.skip_ci\nsecret_detection.skip_all",
        b"secret_push_protection.skip_all\nsecurity_policy.bypass_reason=why\nnonsense\n.=\n",
    ],
    words: &[
        "ci",
        "mr",
        "merge_request",
        "integrations",
        "skip",
        "label",
        "label=true",
        "create",
        "variable",
        "target",
        "=",
        ".",
        "\n",
        "true",
        "assign",
    ],
    run,
};

/// The known keys; a star marks keys that accept several values.
const KNOWN: &[(&str, &str)] = &[
    (
        "merge_request",
        "assign* create description draft label* merge_when_pipeline_succeeds auto_merge milestone \
         remove_source_branch squash target target_project title unassign* unlabel*",
    ),
    ("ci", "skip variable* input* no_pipeline"),
    ("integrations", "skip_ci"),
    ("secret_detection", "skip_all"),
    ("secret_push_protection", "skip_all"),
    ("security_policy", "bypass_reason"),
];

fn run(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let options = PushOptions::parse(text.split('\n'));
    let json = options.to_json();
    let mut printed = Vec::new();
    for (namespace, keys) in json.as_object().unwrap() {
        let (_, known) = KNOWN.iter().find(|(known, _)| known == namespace).unwrap();
        for (key, value) in keys.as_object().unwrap() {
            let name = format!("{namespace}.{key}");
            let counts = known.split_whitespace().any(|known| known == format!("{key}*"));
            assert!(counts || known.split_whitespace().any(|known| known == key), "{name}");
            match value {
                Value::Object(values) if counts => {
                    for (word, count) in values {
                        let count = usize::try_from(count.as_u64().unwrap()).unwrap();
                        assert!(count > 0);
                        printed.extend(std::iter::repeat_n(format!("{name}={word}"), count));
                    }
                }
                Value::String(value) if !counts => printed.push(format!("{name}={value}")),
                Value::Bool(true) if !counts => printed.push(name),
                other => panic!("{name}: {other}"),
            }
        }
    }
    assert!(printed.len() <= text.split('\n').count());
    assert_eq!(PushOptions::parse(printed.iter().map(String::as_str)), options);
    !printed.is_empty()
}
