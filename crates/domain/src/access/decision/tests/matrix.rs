//! Permissions by role, visibility and level of the feature.
use super::super::*;
use super::case::Case;
use crate::access::Denial;
use crate::{FeatureLevel, Visibility};

/// `+` is allowed, `F` forbidden, `N` not found. Columns: the feature is enabled, for members only, disabled.
const DOWNLOAD: &str = "
                  private   internal  public
    nobody        N N N     N N N     + F F
    external      N N N     N N N     + F F
    signed-in     N N N     + F F     + F F
    5             N N N     + F F     + F F
    10            F F F     + + F     + + F
    15            F F F     + + F     + + F
    20            + + F     + + F     + + F
    30            + + F     + + F     + + F
    40            + + F     + + F     + + F
    50            + + F     + + F     + + F
    external-10   F F F     F F F     + + F
    external-20   + + F     + + F     + + F
    admin         + + F     + + F     + + F
    reading-key   + + F     + + F     + + F
    writing-key   + + F     + + F     + + F
    foreign-key   N N N     N N N     + F F
";

const PUSH: &str = "
                  private   internal  public
    nobody        N N N     N N N     F F F
    external      N N N     N N N     F F F
    signed-in     N N N     F F F     F F F
    5             N N N     F F F     F F F
    10            F F F     F F F     F F F
    15            F F F     F F F     F F F
    20            F F F     F F F     F F F
    30            + + F     + + F     + + F
    40            + + F     + + F     + + F
    50            + + F     + + F     + + F
    external-20   F F F     F F F     F F F
    external-30   + + F     + + F     + + F
    admin         + + F     + + F     + + F
    reading-key   F F F     F F F     F F F
    writing-key   + + +     + + +     + + +
    foreign-key   N N N     N N N     F F F
";

/// A deploy key writes to a wiki with the authority of its owner.
const WIKI_PUSH: &str = "
                  private   internal  public
    nobody        N N N     N N N     F F F
    signed-in     N N N     F F F     F F F
    20            F F F     F F F     F F F
    30            + + F     + + F     + + F
    admin         + + F     + + F     + + F
    reading-key   F F F     F F F     F F F
    writing-key   F F F     F F F     F F F
    writing-key-20 F F F    F F F     F F F
    writing-key-30 + + F    + + F     + + F
";

fn set_actor(case: &mut Case, name: &str) {
    let (who, level) = name.split_once('-').unwrap_or((name, ""));
    let role = name.rsplit('-').next().and_then(|level| level.parse().ok()).map_or(Role::NONE, Role);
    case.with_project(|facts| facts.actor_access.role = role);
    match (who, level) {
        ("nobody", _) => case.facts.actor = Actor::Anonymous,
        ("reading", _) => case.use_deploy_key(false),
        ("writing", _) => case.use_deploy_key(true),
        ("foreign", _) => {
            case.use_deploy_key(true);
            case.with_project(|facts| facts.actor_access.deploy_key = None);
        }
        _ => {
            let user = case.user().unwrap();
            (user.external, user.admin) = (who == "external", who == "admin");
        }
    }
}

fn check(matrix: &str, action: Action, target: fn(&mut Case)) {
    for line in matrix.lines().skip(2).filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let actor = words.next().unwrap();
        for visibility in [Visibility::Private, Visibility::Internal, Visibility::Public] {
            for feature in [FeatureLevel::Enabled, FeatureLevel::Private, FeatureLevel::Disabled] {
                let mut case = Case::new();
                target(&mut case);
                case.request.action = action;
                case.with_project(|facts| {
                    facts.project.visibility = visibility;
                    (facts.project.repository, facts.project.wiki) = (feature, feature);
                });
                set_actor(&mut case, actor);
                let decided = match case.decide() {
                    Ok(()) => "+",
                    Err(Denial::Forbidden(_)) => "F",
                    Err(Denial::NotFound(_)) => "N",
                };
                assert_eq!(Some(decided), words.next(), "{action:?} by {actor}: {visibility:?} {feature:?}");
            }
        }
        assert_eq!(words.next(), None, "{line}");
    }
}

#[test]
fn downloads() {
    check(DOWNLOAD, Action::Download, Case::reach_project);
}

#[test]
fn pushes() {
    check(PUSH, Action::Push, Case::reach_project);
}

#[test]
fn wikis() {
    check(DOWNLOAD, Action::Download, Case::reach_wiki);
    check(WIKI_PUSH, Action::Push, Case::reach_wiki);
}
