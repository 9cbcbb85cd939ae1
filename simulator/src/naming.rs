//! Makes the random-looking parts of ARNs and ids out of what they name, so that a replay of the
//! same calls at the same times gives the same names.

use sha2::{Digest, Sha256};

use crate::clock::Time;

fn bytes(what: &str, now: Time) -> [u8; 32] {
    Sha256::digest(format!("{what}\n{}", now.0)).into()
}

/// The SHA-256 of a text in hexadecimal.
pub(crate) fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first `length` (at most 64) hexadecimal digits of a name's hash.
pub(crate) fn hexadecimal(what: &str, now: Time, length: usize) -> String {
    let mut digits: String = bytes(what, now).iter().map(|byte| format!("{byte:02x}")).collect();
    digits.truncate(length);
    digits
}

/// `length` (at most 32) letters and digits, as at the end of a secret's ARN.
pub(crate) fn alphanumeric(what: &str, now: Time, length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    bytes(what, now)
        .iter()
        .take(length)
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}

/// Something with the shape of a version 4 UUID.
pub(crate) fn uuid(what: &str, now: Time) -> String {
    let digits = hexadecimal(what, now, 32);
    format!(
        "{}-{}-4{}-a{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
        &digits[20..32]
    )
}
