//! The default protection of branches in an empty repository (`default_branch_protection_defaults`).
use serde::Deserialize;

use crate::Role;

/// Who may create the first branch of an empty repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BranchProtection {
    /// If false, everyone with push access may create the first branch.
    pub on: bool,
    /// If true, developers may create the first branch, too.
    pub developers_may_start: bool,
}

#[derive(Deserialize)]
struct Defaults {
    #[serde(default)]
    allowed_to_push: Vec<Level>,
    #[serde(default)]
    allowed_to_merge: Vec<Level>,
    #[serde(default)]
    allow_force_push: bool,
    #[serde(default)]
    developer_can_initial_push: bool,
}

#[derive(Deserialize)]
struct Level {
    access_level: i32,
}

impl BranchProtection {
    /// Only maintainers may create the first branch.
    pub const FULL: Self = Self { on: true, developers_may_start: false };

    /// Converts the columns of a settings row: the JSON, or the number that older releases use if the JSON
    /// is empty. Returns `None` if the row has no setting.
    pub fn from_columns(json: Option<&str>, number: Option<i32>) -> Option<Self> {
        Self::from_json(json?).or_else(|| number.map(Self::from_number))
    }

    fn from_json(json: &str) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(json).ok()?;
        if value.as_object()?.is_empty() {
            return None;
        }
        let Ok(defaults) = Defaults::deserialize(value) else {
            return Some(Self::FULL);
        };
        let is_developer = |level: &Level| level.access_level == Role::DEVELOPER.0;
        let mut levels = defaults.allowed_to_push.iter().chain(&defaults.allowed_to_merge);
        Some(Self {
            on: !defaults.allow_force_push || levels.any(|level| !is_developer(level)),
            developers_may_start: defaults.developer_can_initial_push
                || defaults.allowed_to_push.iter().any(is_developer),
        })
    }

    /// 0 none, 1 developers push, 2 full, 3 developers merge, 4 full after the first push.
    fn from_number(number: i32) -> Self {
        match number {
            0 => Self { on: false, developers_may_start: true },
            1 | 4 => Self { on: true, developers_may_start: true },
            _ => Self::FULL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BranchProtection as P;

    #[test]
    fn reads_json_before_the_number() {
        let push30 = r#"{"allowed_to_push":[{"access_level":30}],"allowed_to_merge":[{"access_level":30}],"allow_force_push":true}"#;
        let initial = r#"{"allowed_to_push":[{"access_level":40}],"developer_can_initial_push":true}"#;
        let off = P { on: false, developers_may_start: true };
        let started = P { on: true, developers_may_start: true };
        for (json, number, expected) in [
            (Some("{}"), None, None),
            (None, None, None),
            (Some("{}"), Some(0), Some(off)),
            (Some("{}"), Some(1), Some(started)),
            (Some("{}"), Some(2), Some(P::FULL)),
            (Some("{}"), Some(3), Some(P::FULL)),
            (Some("{}"), Some(4), Some(started)),
            (Some(push30), Some(2), Some(off)),
            (Some(initial), Some(0), Some(started)),
            (Some(r#"{"allowed_to_push":"?"}"#), Some(0), Some(P::FULL)),
        ] {
            assert_eq!(P::from_columns(json, number), expected, "{json:?} {number:?}");
        }
    }
}
