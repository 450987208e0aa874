//! The picker of the exclude form: every namespace can be reached, and excluded ones are marked.
use super::admin_api;
use super::visitor::Visitor;
use testkit::fixture;

const PICKER: &str = "/admin/namespace_limits/namespaces?namespace_search=";

/// The ids of the choices, in their order.
fn choices(html: &str) -> Vec<i64> {
    let ids = html.split("name=\"namespace_id\" value=\"").skip(1);
    ids.map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect()
}

/// The picker finds a group whose name is a part of twelve older names.
#[testkit::test]
async fn best_match_comes_first(database: Database) {
    let admin = admin_api(database).await;
    for n in 0..12 {
        fixture::group(&mut admin.service.database.open(), 501 + n, &format!("demo-{n:02}"), None);
    }
    fixture::group(&mut admin.service.database.open(), 600, "demo", None);
    fixture::group(&mut admin.service.database.open(), 490, "a-demo", None);
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    for search in ["demo", "DEMO"] {
        let page = visitor.get(&format!("{PICKER}{search}")).await.text;
        let expected: Vec<i64> = std::iter::once(600).chain(501..510).collect();
        assert_eq!(choices(&page), expected, "{search}");
        assert!(page.contains("14 namespaces found, the first 10 are shown"), "{page}");
    }
    // The namespace with this id comes before one whose name contains the digits.
    fixture::group(&mut admin.service.database.open(), 700, "the-600", None);
    let page = visitor.get(&format!("{PICKER}600")).await.text;
    assert_eq!(choices(&page), [600, 700]);
    assert_eq!(choices(&visitor.get(&format!("{PICKER}99999999999999999999")).await.text), [0_i64; 0]);
}

/// Only top-level groups and personal namespaces have a storage limit. Namespace 124 is a subgroup, and 126
/// belongs to a project.
#[testkit::test]
async fn subgroups_and_project_namespaces_are_not_offered(database: Database) {
    let admin = admin_api(database).await;
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    assert_eq!(choices(&visitor.get(&format!("{PICKER}acme")).await.text), [123]);
    assert_eq!(choices(&visitor.get(&format!("{PICKER}alice-too")).await.text), [125]);
    for id in ["124", "126"] {
        assert_eq!(choices(&visitor.get(&format!("{PICKER}{id}")).await.text), [0_i64; 0], "{id}");
    }
}

#[testkit::test]
async fn excluded_namespace_cannot_be_chosen(database: Database) {
    let admin = admin_api(database).await;
    admin.excluded(1, 123, "x");
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let page = visitor.get(&format!("{PICKER}acme")).await.text;
    assert!(page.contains("value=\"123\" disabled>") && page.contains("Already excluded"), "{page}");
    let page = visitor.get(&format!("{PICKER}other")).await.text;
    assert!(page.contains("value=\"130\" checked>") && !page.contains("Already excluded"), "{page}");
}
