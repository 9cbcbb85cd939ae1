//! Which repository URLs are taken, and how each kind is read.

use std::path::PathBuf;

use super::SourceError;

/// A repository URL that was looked at once and is safe to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// Opened where it is.
    Local(PathBuf),
    /// Fetched by the smart HTTP protocol.
    Remote(String),
}

impl Location {
    pub(super) fn parse(url: &str) -> Result<Self, SourceError> {
        locate(url).map_err(|why| SourceError::Url { url: without_userinfo(url), why: why.to_owned() })
    }
}

fn locate(url: &str) -> Result<Location, &'static str> {
    if url.is_empty() {
        return Err("it is empty");
    }
    // `-oProxyCommand=...` in the place of a host or path has run programs in other Git clients.
    if url.starts_with('-') && !planted!("url-may-be-an-option") {
        return Err("it starts with `-`");
    }
    if url.chars().any(|character| character.is_control() || character == ' ') && url.contains("://") {
        return Err("it contains a space or control character");
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        if url.split('/').next().is_some_and(|start| start.contains('@') && start.contains(':')) {
            return Err(SSH);
        }
        if url.split('/').next().is_some_and(|start| start.contains("::")) {
            return Err("remote helpers are programs, and none is run");
        }
        return Ok(Location::Local(PathBuf::from(url)));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "file" => {
            let path = rest.strip_prefix("localhost").unwrap_or(rest);
            if !path.starts_with('/') {
                return Err("a file URL has three slashes and an absolute path: file:///srv/git/jobs.git");
            }
            percent_decoded(path).map(|path| Location::Local(PathBuf::from(path)))
        }
        "https" => {
            authority(rest)?;
            Ok(Location::Remote(url.to_owned()))
        }
        "http" => {
            let host = authority(rest)?;
            if ["localhost", "127.0.0.1", "[::1]"].contains(&host) {
                Ok(Location::Remote(url.to_owned()))
            } else {
                Err("http is taken for loopback only, because anyone on the way could change it: use https")
            }
        }
        "ssh" | "git+ssh" => Err(SSH),
        "git" => Err("the git protocol neither encrypts nor authenticates: use https"),
        _ => Err("only https, file and local paths are taken"),
    }
}

const SSH: &str = "ssh is not built in: use https with a read-only access token";

/// The host, of an authority without user info.
fn authority(rest: &str) -> Result<&str, &'static str> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(
            "credentials don't belong in a URL, which is logged: give them as user name and password",
        );
    }
    if rest.contains(['?', '#']) {
        return Err("a repository URL has no query and no fragment");
    }
    let host = match authority.strip_prefix('[').and_then(|rest| rest.find(']')) {
        Some(end) => &authority[..end + 2],
        None => authority.split(':').next().unwrap_or_default(),
    };
    if host.is_empty() || host.starts_with('-') {
        return Err("it names no host");
    }
    Ok(host)
}

fn percent_decoded(path: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err("`%` needs two hex digits") };
        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8")
}

/// The URL as it may be shown: a password that someone wrote into it stays out of the log.
fn without_userinfo(url: &str) -> String {
    planted!("password-of-a-url-in-an-error" => return url.to_owned());
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://…{}", &rest[at..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn refusal(url: &str) -> String {
        Location::parse(url).unwrap_err().to_string()
    }

    #[test]
    fn https_loopback_http_file_and_paths_are_taken() {
        let remote = |url: &str| assert_eq!(Location::parse(url).unwrap(), Location::Remote(url.to_owned()));
        remote("https://git.example.com/jobs.git");
        remote("https://git.example.com:8443/team/jobs");
        remote("http://127.0.0.1:3000/jobs.git");
        remote("http://[::1]:3000/jobs.git");
        let local = |url: &str, path: &str| {
            assert_eq!(Location::parse(url).unwrap(), Location::Local(PathBuf::from(path)));
        };
        local("/srv/git/jobs.git", "/srv/git/jobs.git");
        local("../jobs", "../jobs");
        local("file:///srv/my%20git/jobs.git", "/srv/my git/jobs.git");
    }

    #[test]
    fn every_other_url_is_refused_with_the_reason() {
        for (url, reason) in [
            ("ssh://git@example.com/jobs.git", "ssh is not built in"),
            ("git@example.com:team/jobs.git", "ssh is not built in"),
            ("ssh://-oProxyCommand=id/x", "ssh is not built in"),
            ("-oProxyCommand=id", "it starts with `-`"),
            ("https://-oProxyCommand=id/x", "names no host"),
            ("http://git.example.com/jobs.git", "loopback only"),
            ("http://127.0.0.1.example.com/jobs.git", "loopback only"),
            ("git://example.com/jobs.git", "neither encrypts nor authenticates"),
            ("ext::sh -c id", "none is run"),
            ("ftp://example.com/jobs.git", "only https"),
            ("file://server/jobs.git", "three slashes"),
            ("https://example.com/jobs.git?ref=main", "no query"),
            ("", "empty"),
        ] {
            assert!(refusal(url).contains(reason), "{url}: {}", refusal(url));
        }
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        let refusal = refusal("https://reader:sesame@example.com/jobs.git");
        assert!(
            refusal.starts_with("can't use the repository URL `https://…@example.com/jobs.git`"),
            "{refusal}"
        );
        assert!(!refusal.contains("sesame"));
    }
}
