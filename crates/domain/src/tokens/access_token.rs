//! Personal access tokens: scopes, expiry and revocation.
use chrono::NaiveDate;

/// The facts about a token that decisions need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// Whether the token was revoked.
    pub revoked: bool,
    /// The day on which the token expires. `None` means never.
    pub expires_at: Option<NaiveDate>,
    /// What the token may be used for.
    pub scopes: Scopes,
}

/// The scopes of a token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

impl Scopes {
    /// The scope that GitLab gives to a token whose list is empty.
    const DEFAULT: &str = "api";

    /// Parses a YAML list: one scope per line as Rails writes it, or all in brackets. A scope is a string or
    /// a Ruby symbol. Text that is no list has no scopes.
    pub fn from_yaml(text: &str) -> Self {
        let text = text.trim();
        let body = text.strip_prefix("---").unwrap_or(text).trim();
        let in_brackets = body.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let words: Vec<&str> = match in_brackets {
            Some(list) if list.trim().is_empty() => vec![Self::DEFAULT],
            Some(list) => list.split(',').collect(),
            None => body.lines().filter_map(|line| line.trim().strip_prefix("- ")).collect(),
        };
        let plain = |word: &str| {
            word.trim().trim_matches(['"', '\'']).trim_start_matches(':').trim_matches('"').to_owned()
        };
        Self(words.into_iter().map(plain).collect())
    }

    /// The names of the scopes.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl AccessToken {
    /// Whether the token has expired. It expires at the start of its expiry date.
    pub fn has_expired(&self, today: NaiveDate) -> bool {
        self.expires_at.is_some_and(|end| end <= today)
    }

    /// Whether the token has the scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.0.iter().any(|word| word == scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(scopes: &str) -> AccessToken {
        let expires_at = "2024-02-29".parse().ok();
        AccessToken { revoked: false, expires_at, scopes: Scopes::from_yaml(scopes) }
    }

    #[test]
    fn scopes_are_a_list_in_yaml() {
        for scopes in [
            "---\n- read_api\n- k8s_proxy\n",
            "---\n- :k8s_proxy\n",
            "---\n- 'k8s_proxy'\n",
            "--- [k8s_proxy]\n",
            "---\n[read_api, :k8s_proxy]\n",
            "[\"read_api\",\"k8s_proxy\"]",
            "---\n- :\"k8s_proxy\"\n",
        ] {
            assert!(token(scopes).has_scope("k8s_proxy"), "{scopes}");
            assert!(!token(scopes).has_scope("api"), "{scopes}");
        }
        for scopes in
            ["--- []\n", "", "---\n- k8s_proxy_not\n", "k8s_proxy", "--- k8s_proxy\n", "--- [k8s_proxy"]
        {
            assert!(!token(scopes).has_scope("k8s_proxy"), "{scopes}");
        }
    }

    /// GitLab's model sets the default when it loads a token without scopes.
    #[test]
    fn empty_list_is_the_default_scope() {
        for scopes in ["--- []\n", "--- [ ]\n", "---\n[]\n"] {
            assert!(token(scopes).has_scope("api"), "{scopes}");
            assert!(!token(scopes).has_scope("read_api"), "{scopes}");
        }
        for scopes in ["", "---\n", "--- {}\n", "--- ''\n"] {
            assert!(!token(scopes).has_scope("api"), "{scopes}");
        }
    }

    #[test]
    fn token_expires_at_the_start_of_its_date() {
        let on = |day: &str| token("").has_expired(day.parse().unwrap());
        assert_eq!([on("2024-02-28"), on("2024-02-29"), on("2024-03-01")], [false, true, true]);
    }
}
