//! Personal access tokens: scopes, expiry and revocation.
use chrono::NaiveDate;

/// The facts about a token that decisions need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// Whether the token was revoked.
    pub revoked: bool,
    /// The day on which the token expires. `None` means never.
    pub expires_at: Option<NaiveDate>,
    /// A YAML list, as Rails writes it.
    pub scopes: String,
}

impl AccessToken {
    /// Whether the token has expired. It expires at the start of its expiry date.
    pub fn has_expired(&self, today: NaiveDate) -> bool {
        self.expires_at.is_some_and(|end| end <= today)
    }

    /// Whether the token has the scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        scopes(&self.scopes).any(|word| word == scope)
    }
}

/// The scopes in the column `scopes`. A scope is stored as a string or as a Ruby symbol, one per line.
pub fn scopes(yaml: &str) -> impl Iterator<Item = &str> {
    let words = yaml.lines().filter_map(|line| line.trim().strip_prefix("- "));
    words.map(|word| word.trim().trim_matches(['"', '\'']).trim_start_matches(':'))
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
