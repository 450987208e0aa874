//! Requests for new personal access tokens, and the format of a token.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{Days, NaiveDate};

/// The message for a request with a deploy key.
pub const NOT_FOR_DEPLOY_KEYS: &str = "Deploy keys cannot be used to create personal access tokens";
const NO_NAME: &str = "No token name specified";
const NO_SCOPES: &str = "No token scopes specified";

/// The scopes that a user can request. Scopes for administrators are not issued over SSH.
const SCOPES: [&str; 13] = [
    "api",
    "create_runner",
    "granular",
    "k8s_proxy",
    "manage_runner",
    "mcp",
    "read_api",
    "read_registry",
    "read_repository",
    "read_user",
    "self_rotate",
    "write_registry",
    "write_repository",
];

/// The scopes of administrators.
const ADMINISTRATOR_SCOPES: [&str; 2] = ["admin_mode", "sudo"];

const MAX_NAME_CHARACTERS: usize = 255;
/// The default lifetime in days.
const LIFETIME: u64 = 365;

/// The settings of the instance for tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Whether tokens are disabled for the instance or for this user's group.
    pub disabled: bool,
    /// The prefix of each token; may be empty.
    pub prefix: String,
    /// In days.
    pub max_lifetime: Option<u64>,
    /// Whether a token must have an expiry date.
    pub expiry_required: bool,
}

/// The parameters of a token request, not yet validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// The name of the token.
    pub name: String,
    /// The requested scopes.
    pub scopes: Vec<String>,
    /// Blank if none was given.
    pub expires_at: String,
}

/// A token that can be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The name of the token.
    pub name: String,
    /// The granted scopes.
    pub scopes: Vec<String>,
    /// The day on which the token expires. `None` means never.
    pub expires_at: Option<NaiveDate>,
}

impl TokenRequest {
    /// Validates the request of a user. Returns the token to create, or GitLab's first error message.
    pub fn grant(self, policy: &Policy, permitted: bool, today: NaiveDate) -> Result<Grant, String> {
        self.validate(policy, permitted, &SCOPES, today)
    }

    /// Validates the request of an operator for a user. An administrator's token may also have the scopes of
    /// administrators, and a token must not have expired already.
    pub fn grant_by_operator(
        self,
        policy: &Policy,
        is_administrator: bool,
        today: NaiveDate,
    ) -> Result<Grant, String> {
        let administrators = ADMINISTRATOR_SCOPES.iter().filter(|_| is_administrator);
        let scopes: Vec<&str> = SCOPES.iter().chain(administrators).copied().collect();
        let grant = self.validate(policy, true, &scopes, today)?;
        match grant.expires_at {
            Some(day) if day <= today => {
                Err("Failed to create token: Expiration date must be in the future".to_owned())
            }
            _ => Ok(grant),
        }
    }

    fn validate(
        self,
        policy: &Policy,
        permitted: bool,
        known_scopes: &[&str],
        today: NaiveDate,
    ) -> Result<Grant, String> {
        let Self { name, scopes, expires_at } = self;
        if name.trim().is_empty() {
            return Err(NO_NAME.to_owned());
        }
        if scopes.is_empty() {
            return Err(NO_SCOPES.to_owned());
        }
        if let Some(unknown) = scopes.iter().find(|scope| !known_scopes.contains(&scope.as_str())) {
            return Err(format!("Invalid scope: '{unknown}'. Valid scopes are: {known_scopes:?}"));
        }
        let given = match expires_at.trim() {
            "" => None,
            text => Some(date(text).ok_or_else(|| format!("Invalid token expiry date: '{expires_at}'"))?),
        };
        let failed = |reason: &str| Err(format!("Failed to create token: {reason}"));
        if !permitted || policy.disabled {
            return failed("Not permitted to create");
        }
        if name.chars().count() > MAX_NAME_CHARACTERS {
            return failed("Name is too long (maximum is 255 characters)");
        }
        let limit = today.checked_add_days(Days::new(policy.max_lifetime.unwrap_or(LIFETIME)));
        let limit = limit.unwrap_or(NaiveDate::MAX);
        if given.is_some_and(|date| date > limit) {
            return failed(&format!("Expiration date must be before {limit}"));
        }
        let default = || policy.expiry_required.then(|| (today + Days::new(LIFETIME)).min(limit));
        Ok(Grant { name, scopes, expires_at: given.or_else(default) })
    }
}

/// Parses `2020-07-24`, or a time on that day.
fn date(text: &str) -> Option<NaiveDate> {
    let (day, rest) = text.split_at_checked(10)?;
    let plain = day.bytes().enumerate().all(|(i, byte)| match i {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if !plain || !(rest.is_empty() || rest.starts_with(['T', ' '])) {
        return None;
    }
    NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()
}

impl Grant {
    /// The value of the column `scopes`: YAML, as Ruby on Rails writes it.
    pub fn scopes_yaml(&self) -> String {
        std::iter::once("---\n".to_owned())
            .chain(self.scopes.iter().map(|scope| format!("- {scope}\n")))
            .collect()
    }
}

/// Formats a random token of 20 characters, without characters that look alike.
pub fn token(prefix: &str, random: &[u8; 15]) -> String {
    let random = URL_SAFE_NO_PAD.encode(random);
    let clear = random.chars().map(|letter| match letter {
        'l' => 's',
        'I' => 'x',
        'O' => 'y',
        '0' => 'z',
        other => other,
    });
    prefix.chars().chain(clear).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn ask(name: &str, scopes: &[&str], expires_at: &str) -> Result<Grant, String> {
        ask_under(&policy(), name, scopes, expires_at)
    }

    fn ask_under(policy: &Policy, name: &str, scopes: &[&str], expires_at: &str) -> Result<Grant, String> {
        let scopes = scopes.iter().map(ToString::to_string).collect();
        let wish = TokenRequest { name: name.to_owned(), scopes, expires_at: expires_at.to_owned() };
        wish.grant(policy, true, day("2026-01-31"))
    }

    fn policy() -> Policy {
        Policy { disabled: false, prefix: "glpat-".to_owned(), max_lifetime: None, expiry_required: true }
    }

    #[test]
    fn errors_are_reported_in_order() {
        assert_eq!(ask(" ", &[], "x").unwrap_err(), "No token name specified");
        assert_eq!(ask("n", &[], "x").unwrap_err(), "No token scopes specified");
        let valid = r#"["api", "create_runner", "granular", "k8s_proxy", "manage_runner", "mcp", "read_api", "read_registry", "read_repository", "read_user", "self_rotate", "write_registry", "write_repository"]"#;
        for unknown in ["bad", "sudo", "admin_mode", "", "API"] {
            assert_eq!(
                ask("n", &["api", unknown], "x").unwrap_err(),
                format!("Invalid scope: '{unknown}'. Valid scopes are: {valid}")
            );
        }
        for bad in ["x", "2026-02-30", "2026-2-3", "+026-02-03", "2026-02-03x", "20260203", "2026-02-0ü"] {
            assert_eq!(ask("n", &["api"], bad).unwrap_err(), format!("Invalid token expiry date: '{bad}'"));
        }
        let disabled = Policy { disabled: true, ..policy() };
        let refused = "Failed to create token: Not permitted to create";
        assert_eq!(ask_under(&disabled, "n", &["api"], "9999-01-01").unwrap_err(), refused);
        let long = "Failed to create token: Name is too long (maximum is 255 characters)";
        assert_eq!(ask(&"ü".repeat(256), &["api"], "").unwrap_err(), long);
        assert!(ask(&"ü".repeat(255), &["api"], "").is_ok());
    }

    #[test]
    fn operators_can_grant_the_scopes_of_administrators_to_administrators() {
        let grant = |is_administrator, expires_at: &str| {
            let request = TokenRequest {
                name: "n".to_owned(),
                scopes: vec!["api".to_owned(), "sudo".to_owned()],
                expires_at: expires_at.to_owned(),
            };
            request
                .grant_by_operator(&policy(), is_administrator, day("2026-01-31"))
                .map(|grant| grant.expires_at)
        };
        assert_eq!(grant(true, "2026-02-01"), Ok(Some(day("2026-02-01"))));
        assert!(grant(false, "2026-02-01").unwrap_err().starts_with("Invalid scope: 'sudo'."));
        let expired = "Failed to create token: Expiration date must be in the future";
        assert_eq!(grant(true, "2026-01-31").unwrap_err(), expired);
    }

    #[test]
    fn token_expires_within_the_maximum_lifetime() {
        let ends = |policy: &Policy, text: &str| {
            ask_under(policy, "n", &["api"], text).map(|grant| grant.expires_at)
        };
        for (text, expected) in [
            ("", "2027-01-31"),
            ("2020-07-24", "2020-07-24"),
            ("2027-01-31", "2027-01-31"),
            ("2026-03-01T10:00:00Z", "2026-03-01"),
        ] {
            assert_eq!(ends(&policy(), text), Ok(Some(day(expected))));
        }
        let late =
            |limit: &str| Err(format!("Failed to create token: Expiration date must be before {limit}"));
        assert_eq!(ends(&policy(), "2027-02-01"), late("2027-01-31"));
        let short = Policy { max_lifetime: Some(30), ..policy() };
        assert_eq!(ends(&short, "2026-03-03"), late("2026-03-02"));
        assert_eq!(ends(&short, ""), Ok(Some(day("2026-03-02"))));
        let free = Policy { expiry_required: false, max_lifetime: Some(u64::MAX), ..policy() };
        assert_eq!(ends(&free, ""), Ok(None));
        assert_eq!(ends(&free, "9999-12-31"), Ok(Some(day("9999-12-31"))));
    }

    #[test]
    fn scopes_are_written_as_yaml() {
        let grant = ask("n", &["read_user", "read_repository"], "").unwrap();
        assert_eq!(grant.scopes_yaml(), "---\n- read_user\n- read_repository\n");
    }

    #[test]
    fn a_token_has_no_letters_that_look_alike() {
        let token = super::token(
            "glpat-",
            &[0x25, 0x88, 0x8e, 0xd3, 0x49, 0x75, 0x96, 0x5d, 0x97, 0x65, 0xd9, 0x76, 0x5d, 0x97, 0x65],
        );
        assert!(token.starts_with("glpat-") && token.len() == 26, "{token}");
        assert!(!token[6..].contains(['l', 'I', 'O', '0']), "{token}");
        assert_eq!(super::token("", &[0; 15]), "A".repeat(20));
    }

    proptest::proptest! {
        #[test]
        fn any_date_is_read_or_refused(text in "\\PC*") {
            let _ = ask("n", &["api"], &text);
        }

        #[test]
        fn no_grant_is_beyond_the_limit(year in 0..10_000_u32, month in 1..13_u32, day_of in 1..32_u32, days in 0..2000_u64) {
            let policy = Policy { max_lifetime: Some(days), ..policy() };
            if let Ok(grant) = ask_under(&policy, "n", &["api"], &format!("{year:04}-{month:02}-{day_of:02}")) {
                proptest::prop_assert!(grant.expires_at.unwrap() <= day("2026-01-31") + Days::new(days));
            }
        }
    }
}
