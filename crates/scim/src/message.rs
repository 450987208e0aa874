//! Message envelopes.
use crate::{Node, Representation};

/// Builds a list response with one page of resources and the total number of results.
pub fn list(
    resources: Vec<Node>,
    total: i64,
    start_index: i64,
    count: i64,
    representation: Representation,
) -> Node {
    let here = i64::try_from(resources.len()).unwrap_or(i64::MAX);
    let items_per_page = match representation {
        Representation::GitLab => count,
        Representation::Rfc => here,
    };
    Node::Object(vec![
        ("schemas", Node::texts(["urn:ietf:params:scim:api:messages:2.0:ListResponse"])),
        ("totalResults", total.into()),
        ("itemsPerPage", items_per_page.into()),
        ("startIndex", start_index.into()),
        ("Resources", Node::List(resources)),
    ])
}

/// Builds a list response that contains all resources.
pub fn whole_list(resources: Vec<Node>) -> Node {
    let total = i64::try_from(resources.len()).unwrap_or(i64::MAX);
    list(resources, total, 1, total, Representation::Rfc)
}
