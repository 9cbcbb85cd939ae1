//! Which branches a server has, read from its ref advertisement without libgit2.
//!
//! git2's own list of remote heads panics on a ref name that is not UTF-8, and anyone who may push
//! can make one.

use std::io::Read;

use crate::Failure;

/// Refs of a server, at some 70 bytes each.
const ADVERTISEMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;
const BRANCHES: &[u8] = b"refs/heads/";

/// One branch of a remote repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Without `refs/heads/`; what is not UTF-8 is replaced.
    pub name: String,
    /// 40 hex digits.
    pub commit: String,
}

/// Reads protocol version 0, which servers speak to a client that asks for no other.
pub(crate) fn read(answer: impl Read) -> Result<Vec<Branch>, Failure> {
    let mut bytes = Vec::new();
    let mut bounded = answer.take(ADVERTISEMENT_BYTES_MAX + 1);
    bounded.read_to_end(&mut bytes).map_err(|error| Failure::of_io(&error))?;
    if bytes.len() as u64 > ADVERTISEMENT_BYTES_MAX {
        return Err(Failure::TooLarge { bytes_max: ADVERTISEMENT_BYTES_MAX });
    }
    branches(&bytes)
}

fn branches(mut rest: &[u8]) -> Result<Vec<Branch>, Failure> {
    let mut branches = Vec::new();
    let mut flushes = 0;
    // One flush ends the service line, the other ends the refs; an answer cut short has fewer.
    while flushes < 2 {
        let (line, after) = packet(rest).ok_or_else(|| broken("its list of refs breaks off"))?;
        rest = after;
        let Some(line) = line else {
            flushes += 1;
            continue;
        };
        if let Some(message) = line.strip_prefix(b"ERR ") {
            let message = String::from_utf8_lossy(message).trim().escape_debug().to_string();
            return Err(Failure::Refused { what: format!("the server says: {message}") });
        }
        if line.starts_with(b"# service=") {
            continue;
        }
        let line = line.split(|byte| *byte == 0 || *byte == b'\n').next().unwrap_or_default();
        let mut words = line.splitn(2, |byte| *byte == b' ');
        let (commit, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if commit.len() != 40 || !commit.iter().all(u8::is_ascii_hexdigit) {
            return Err(broken("its object names are not SHA-1"));
        }
        if let Some(name) = name.strip_prefix(BRANCHES) {
            branches.push(Branch {
                name: String::from_utf8_lossy(name).into_owned(),
                commit: String::from_utf8_lossy(commit).into_owned(),
            });
        }
    }
    Ok(branches)
}

/// One packet and what follows it; the inner `None` is a flush.
fn packet(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let length = std::str::from_utf8(bytes.get(..4)?).ok()?;
    match usize::from_str_radix(length, 16).ok()? {
        0 => Some((None, &bytes[4..])),
        length => Some((Some(bytes.get(4..length)?), &bytes[length..])),
    }
}

fn broken(why: &str) -> Failure {
    Failure::Refused { what: why.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn packets(lines: &[&[u8]]) -> Vec<u8> {
        let mut bytes = b"001e# service=git-upload-pack\n0000".to_vec();
        for line in lines {
            bytes.extend(format!("{:04x}", line.len() + 4).into_bytes());
            bytes.extend(*line);
        }
        bytes.extend(b"0000");
        bytes
    }

    const ID: &str = "4c1f9e2000000000000000000000000000000000";

    #[test]
    fn a_branch_name_that_is_not_utf_8_hides_no_other_branch() {
        let first = [ID.as_bytes(), b" refs/heads/caf\xe9\0multi_ack shallow\n"].concat();
        let second = [ID.as_bytes(), b" refs/heads/main\n"].concat();
        let tag = [ID.as_bytes(), b" refs/tags/v1\n"].concat();
        let names: Vec<_> = branches(&packets(&[&first, &second, &tag]))
            .unwrap()
            .into_iter()
            .map(|branch| branch.name)
            .collect();
        assert_eq!(names, ["caf\u{fffd}", "main"]);
    }

    #[test]
    fn an_empty_repository_has_no_branch() {
        let none = [[b'0'; 40].as_slice(), b" capabilities^{}\0shallow\n"].concat();
        assert_eq!(branches(&packets(&[&none])).unwrap(), []);
    }

    #[test]
    fn a_list_that_breaks_off_is_not_a_shorter_list() {
        let whole = packets(&[&[ID.as_bytes(), b" refs/heads/main\n"].concat()]);
        for length in 0..whole.len() {
            assert!(branches(&whole[..length]).is_err(), "cut at {length}");
        }
        assert_eq!(branches(&whole).unwrap().len(), 1);
    }

    #[test]
    fn a_packet_shorter_than_its_own_length_is_refused() {
        assert!(branches(b"0003").is_err());
        assert!(branches(b"00zz").is_err());
    }
}
