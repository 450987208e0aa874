//! Personal access tokens: what one may do, and whether it still may.
use chrono::NaiveDate;

/// What a decision needs to know of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    pub revoked: bool,
    pub expires_at: Option<NaiveDate>,
    /// YAML, as Rails writes a list of words.
    pub scopes: String,
}

impl AccessToken {
    /// A token dies at the beginning of its last day.
    pub fn has_expired(&self, today: NaiveDate) -> bool {
        self.expires_at.is_some_and(|end| end <= today)
    }

    /// Words stand as texts or as Ruby's symbols, one a line.
    pub fn has_scope(&self, scope: &str) -> bool {
        let words = self.scopes.lines().filter_map(|line| line.trim().strip_prefix("- "));
        words
            .map(|word| word.trim().trim_matches(['"', '\'']).trim_start_matches(':'))
            .any(|word| word == scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(scopes: &str) -> AccessToken {
        AccessToken { revoked: false, expires_at: "2024-02-29".parse().ok(), scopes: scopes.to_owned() }
    }

    #[test]
    fn scopes_are_a_list_in_yaml() {
        for scopes in ["---\n- read_api\n- k8s_proxy\n", "---\n- :k8s_proxy\n", "---\n- 'k8s_proxy'\n"] {
            assert!(token(scopes).has_scope("k8s_proxy"), "{scopes}");
        }
        for scopes in ["--- []\n", "", "---\n- k8s_proxy_not\n", "k8s_proxy"] {
            assert!(!token(scopes).has_scope("k8s_proxy"), "{scopes}");
        }
    }

    #[test]
    fn a_token_dies_with_the_beginning_of_its_day() {
        let on = |day: &str| token("").has_expired(day.parse().unwrap());
        assert_eq!([on("2024-02-28"), on("2024-02-29"), on("2024-03-01")], [false, true, true]);
    }
}
