//! The documentation equals the code.
use std::collections::BTreeSet;

#[test]
fn the_page_lists_every_endpoint() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api/billing-api.md");
    let page = std::fs::read_to_string(page).unwrap();
    let listed: BTreeSet<String> = page
        .lines()
        .filter_map(|line| Some(line.strip_prefix("- `")?.strip_suffix('`')?.to_owned()))
        .collect();
    let served: BTreeSet<String> = billing_api::ENDPOINTS
        .iter()
        .map(|endpoint| format!("{} {}", endpoint.method, endpoint.path))
        .collect();
    assert_eq!(listed, served);
    assert_eq!(served.len(), billing_api::ENDPOINTS.len());
}

/// `docs/configuration.md` has each option with the text of `--help`.
#[test]
fn options_are_documented() {
    testkit::documentation::assert_options_are_documented::<billing_api::Options>("billing-api");
}
