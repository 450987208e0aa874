//! The documentation lists the endpoints that the code serves.
use std::collections::BTreeSet;

#[test]
fn the_page_lists_every_endpoint() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api/admin-api.md");
    let page = std::fs::read_to_string(page).unwrap();
    let listed: BTreeSet<String> = page
        .lines()
        .filter_map(|line| Some(line.strip_prefix("- `")?.strip_suffix('`')?.to_owned()))
        .collect();
    let served: BTreeSet<String> = admin_api::ENDPOINTS
        .iter()
        .map(|endpoint| format!("{} {}", endpoint.method, endpoint.path))
        .collect();
    assert_eq!(listed, served);
    assert_eq!(served.len(), admin_api::ENDPOINTS.len());
}

/// The page of the configuration has each option, with the sentence of `--help`.
#[test]
fn options_are_documented() {
    testkit::documentation::assert_options_are_documented::<admin_api::Options>("admin-api");
}
