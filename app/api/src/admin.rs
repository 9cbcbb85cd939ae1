//! The administrator's token: who may change what Git says, and nothing that could show it.

use std::fmt;

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Shorter tokens could be guessed.
const LENGTH_MIN: usize = 16;
const LENGTH_MAX: usize = 512;

/// What is kept of the token: enough to recognise it, too little to show it.
#[derive(Clone)]
pub struct AdminToken([u8; 32]);

/// Whether a request may act as the administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Granted,
    /// There is no bearer token.
    Missing,
    Wrong,
}

impl AdminToken {
    /// Refuses with a sentence that does not contain the token.
    pub fn new(token: &str) -> Result<AdminToken, String> {
        if !(LENGTH_MIN..=LENGTH_MAX).contains(&token.len()) {
            return Err(format!("ADMIN_TOKEN must have from {LENGTH_MIN} to {LENGTH_MAX} characters"));
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("ADMIN_TOKEN must be of visible ASCII characters, for it travels in a header; \
                        look for a space or a line break at its end"
                .to_owned());
        }
        Ok(AdminToken(digest(token)))
    }

    /// Reads `Authorization: Bearer <token>` (RFC 6750).
    pub fn admission(&self, headers: &HeaderMap) -> Admission {
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        match given {
            None => Admission::Missing,
            // Digests have one length, and are compared in a time that says nothing about where they differ.
            Some((_, token)) if digest(token.trim()).ct_eq(&self.0).into() => Admission::Granted,
            Some(_) => Admission::Wrong,
        }
    }
}

impl PartialEq for AdminToken {
    fn eq(&self, other: &AdminToken) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AdminToken(redacted)")
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TOKEN: &str = "a-token-of-many-characters";

    fn admission(authorization: &str) -> Admission {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, authorization.parse().unwrap());
        AdminToken::new(TOKEN).unwrap().admission(&headers)
    }

    #[test]
    fn only_the_very_token_is_granted() {
        assert_eq!(admission(&format!("Bearer {TOKEN}")), Admission::Granted);
        assert_eq!(admission(&format!("bearer  {TOKEN}")), Admission::Granted);
        assert_eq!(admission(&format!("Bearer {TOKEN}x")), Admission::Wrong);
        assert_eq!(admission(&format!("Bearer {}", &TOKEN[1..])), Admission::Wrong);
        assert_eq!(admission("Bearer "), Admission::Wrong);
    }

    #[test]
    fn what_is_no_bearer_token_counts_as_missing() {
        assert_eq!(admission(&format!("Basic {TOKEN}")), Admission::Missing);
        assert_eq!(admission(TOKEN), Admission::Missing);
        let token = AdminToken::new(TOKEN).unwrap();
        assert_eq!(token.admission(&HeaderMap::new()), Admission::Missing);
    }

    #[test]
    fn a_token_that_is_short_or_can_not_travel_is_refused_without_being_shown() {
        for bad in ["fifteen-letters", "with a space in the middle", "with-a-line-break-at-its-end\n"] {
            let refused = AdminToken::new(bad).unwrap_err();
            assert!(!refused.contains(bad.trim()), "{refused}");
        }
    }

    #[test]
    fn the_token_can_not_be_shown() {
        let token = AdminToken::new(TOKEN).unwrap();
        assert_eq!(format!("{token:?}"), "AdminToken(redacted)");
    }
}
