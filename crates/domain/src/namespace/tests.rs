use super::*;
use crate::access::test_facts;

fn facts(kind: Kind, role: Role) -> NamespaceFacts {
    NamespaceFacts { role, ..test_facts::namespace_facts(kind) }
}

fn group(level: Option<i32>) -> Kind {
    Kind::Group { project_creation_level: level }
}

#[test]
fn project_creation_level_decides_the_required_role() {
    let (user, admin) = (test_facts::user(), User { admin: true, ..test_facts::user() });
    for (level, least) in [(None, 30), (Some(2), 30), (Some(1), 40), (Some(4), 50)] {
        for role in [0, 5, 10, 20, 30, 40, 50] {
            assert_eq!(
                facts(group(level), Role(role)).may_create_projects(&user),
                role >= least,
                "{level:?} {role}"
            );
        }
        assert!(facts(group(level), Role::NONE).may_create_projects(&admin));
    }
    assert!(!facts(group(Some(3)), Role::OWNER).may_create_projects(&user));
    assert!(facts(group(Some(3)), Role::NONE).may_create_projects(&admin));
    for level in [Some(0), Some(5), Some(-1)] {
        assert!(!facts(group(level), Role::OWNER).may_create_projects(&admin), "{level:?}");
    }
}

#[test]
fn people_make_projects_of_their_own_up_to_a_limit() {
    let (user, admin) = (test_facts::user(), User { id: 1, admin: true, ..test_facts::user() });
    let of = |owner_id, projects_left| NamespaceFacts {
        projects_left,
        ..facts(Kind::Personal { owner_id }, Role::OWNER)
    };
    assert!(of(Some(user.id), 1).may_create_projects(&user));
    assert!(of(Some(user.id), 1).may_create_projects(&admin));
    for refused in [of(Some(user.id), 0), of(Some(user.id), -3), of(Some(99), 1), of(None, 1)] {
        assert!(!refused.may_create_projects(&user), "{refused:?}");
    }
}

#[test]
fn closed_namespace_accepts_no_projects() {
    let admin = User { admin: true, ..test_facts::user() };
    let spoil: [fn(&mut Namespace); 3] = [
        |namespace| namespace.archived = true,
        |namespace| namespace.deleted = true,
        |namespace| namespace.repository_read_only = true,
    ];
    for change in spoil {
        let mut facts = facts(group(None), Role::OWNER);
        assert!(facts.may_create_projects(&admin));
        change(&mut facts.namespace);
        assert!(!facts.may_create_projects(&admin));
    }
}

#[test]
fn namespace_is_inside_itself_and_its_ancestors() {
    let mut namespace = test_facts::namespace_facts(group(None)).namespace;
    "grp/sub".clone_into(&mut namespace.full_path);
    for (path, expected) in [
        ("grp", true),
        ("GRP/Sub", true),
        ("grp/", false),
        ("gr", false),
        ("grp/s", false),
        ("grp/sub/x", false),
    ] {
        assert_eq!(namespace.lies_in(path), expected, "{path}");
    }
}

#[test]
fn project_paths_obey_the_rules_of_gitlab() {
    for good in ["new", "a", "A-b_c.d", "9", "git", "x.gitt", "admin"] {
        assert_eq!(good.parse(), Ok(ProjectPath(good.to_owned())), "{good}");
    }
    let long = "a".repeat(256);
    for bad in [
        "", "bad.", ".x", "-x", "x-", "_x", "a..b", "a b", "a/b", "ü", "x.git", "x.GIT", "x.atom", "blob",
        "Tree", "-", "..", &long,
    ] {
        let refused = bad.parse::<ProjectPath>();
        assert!(
            matches!(&refused, Err(Error::Invalid(text)) if text.starts_with("Path ")),
            "{bad}: {refused:?}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_path_or_refused(text in "\\PC*") {
        if let Ok(path) = text.parse::<ProjectPath>() {
            proptest::prop_assert_eq!(path.as_str(), text);
        }
    }
}
