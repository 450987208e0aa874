//! Message envelopes.
use crate::Node;

/// Builds a list response with one page of resources and the total number of results (RFC 7644 §3.4.2).
pub fn list(resources: Vec<Node>, total: i64, start_index: i64) -> Node {
    let items_per_page = i64::try_from(resources.len()).unwrap_or(i64::MAX);
    Node::Object(vec![
        ("schemas", Node::strings(["urn:ietf:params:scim:api:messages:2.0:ListResponse"])),
        ("totalResults", total.into()),
        ("itemsPerPage", items_per_page.into()),
        ("startIndex", start_index.into()),
        ("Resources", Node::List(resources)),
    ])
}

/// Builds a list response that contains all resources.
pub fn whole_list(resources: Vec<Node>) -> Node {
    let total = i64::try_from(resources.len()).unwrap_or(i64::MAX);
    list(resources, total, 1)
}
