//! An e-mail address that may stand in a header and be handed to a mail server.

use std::fmt;
use std::str::FromStr;

/// The longest address that SMTP carries: 256 with its brackets, RFC 5321 section 4.5.3.1.3.
pub const ADDRESS_MAX: usize = 254;
const LOCAL_BYTES_MAX: usize = 64;
const LABEL_BYTES_MAX: usize = 63;

/// One address of the form `local@domain`, of the characters that RFC 5322 allows without quotes.
///
/// Quoted local parts, comments and address literals are refused: nobody receives mail there, and they are
/// what header injection is made of. Other scripts have to be given as SES takes them: the domain in Punycode.
#[derive(Clone, Debug, PartialEq)]
pub struct Address(String);

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("`{}` is not an e-mail address: {why}", .text.escape_debug())]
pub struct InvalidAddress {
    text: String,
    /// A sentence about the address, without its full stop.
    pub why: &'static str,
}

impl Address {
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Address, InvalidAddress> {
        match check(text) {
            Ok(()) => Ok(Address(text.to_owned())),
            Err(why) => Err(InvalidAddress { text: text.chars().take(ADDRESS_MAX).collect(), why }),
        }
    }
}

fn check(text: &str) -> Result<(), &'static str> {
    if text.len() > ADDRESS_MAX {
        return Err("it is longer than 254 bytes");
    }
    let (local, domain) = text.rsplit_once('@').ok_or("there is no @ in it")?;
    if local.is_empty() {
        return Err("there is nothing before the @");
    }
    if local.len() > LOCAL_BYTES_MAX {
        return Err("more than 64 bytes are before the @");
    }
    if local.split('.').any(str::is_empty) {
        return Err("a dot needs something on both of its sides");
    }
    // atext of RFC 5322, and the dot between.
    let in_local = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&byte);
    if !local.bytes().all(in_local) {
        return Err("a character before the @ is not allowed there");
    }
    if !domain.contains('.') {
        return Err("the domain has no dot");
    }
    let label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !domain.split('.').all(label) {
        return Err("the part after the @ is not a domain name");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ordinary_addresses_are_taken() {
        for text in
            ["a@b.co", "first.last+tag@mail.example.com", "o'hara@example.com", "x@xn--bcher-kva.example"]
        {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("a@mail.example.com".parse::<Address>().unwrap().domain(), "mail.example.com");
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        let long = format!("{}@example.com", "x".repeat(65));
        let longer = format!("a@{}.com", "x.".repeat(130));
        for (text, why) in [
            ("", "there is no @ in it"),
            ("a.example.com", "there is no @ in it"),
            ("@example.com", "there is nothing before the @"),
            (&long, "more than 64 bytes are before the @"),
            (&longer, "it is longer than 254 bytes"),
            ("a..b@example.com", "a dot needs something on both of its sides"),
            (".a@example.com", "a dot needs something on both of its sides"),
            ("a b@example.com", "a character before the @ is not allowed there"),
            ("a@b@example.com", "a character before the @ is not allowed there"),
            ("\"a\"@example.com", "a character before the @ is not allowed there"),
            ("Ann <ann@example.com", "a character before the @ is not allowed there"),
            ("é@example.com", "a character before the @ is not allowed there"),
            ("a@localhost", "the domain has no dot"),
            ("a@example.", "the part after the @ is not a domain name"),
            ("a@-example.com", "the part after the @ is not a domain name"),
            ("a@[127.0.0.1]", "the part after the @ is not a domain name"),
            ("a@example.com>", "the part after the @ is not a domain name"),
            ("a@example.com\n", "the part after the @ is not a domain name"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap_err().why, why, "{text:?}");
        }
    }

    #[test]
    fn an_address_that_would_add_a_header_is_refused() {
        let refused = "a@example.com\r\nBcc: b@example.com".parse::<Address>().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`a@example.com\\r\\nBcc: b@example.com` is not an e-mail address: \
             a character before the @ is not allowed there"
        );
    }
}
