//! The token of an `Authorization` header.

/// Returns the token of `Authorization: Bearer <token>` (RFC 6750 §2.1), without white space around it. The
/// scheme is case-insensitive. Returns `None` for another scheme or without a token.
pub fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bearer_tokens_are_returned() {
        for header in ["Bearer abc", "bearer  abc ", " BEARER abc"] {
            assert_eq!(bearer_token(header), Some("abc"), "{header}");
        }
        for header in ["Basic abc", "Bearer", "Bearer ", "Bearerabc", ""] {
            assert_eq!(bearer_token(header), None, "{header}");
        }
    }
}
