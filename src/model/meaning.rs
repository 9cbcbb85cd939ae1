//! What a name meant when the tasks were started: a tag its image, a secret or a parameter its version.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Timestamp, range_of};

/// What the names in a task definition meant when the deployment began that the service runs.
///
/// AWS keeps none of it for long: a tag moves, and a secret has another version, while the tasks that are there
/// go on with what they were started with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meanings {
    /// Digests of images, by `repository:tag` as the manifest has it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, Meaning>,
    /// Versions of secrets and parameters, by their names or ARNs. Never a value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Meaning>,
}

/// What one name meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meaning {
    /// `sha256:…`, or the id of a version.
    pub is: String,
    /// When it was first seen to mean this.
    pub since: Timestamp,
}

/// A name that means something else now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    pub name: String,
    /// What the tasks were started with.
    pub was: String,
    pub now: String,
}

/// What is done when a name means something else than it did when the tasks were started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WhenMoved {
    /// The first meaning stays until Git changes the name; that it moved is told.
    #[default]
    Pin,
    /// It is rolled out.
    Follow,
    /// Nobody looks.
    Ignore,
}

impl Meanings {
    pub fn is_empty(&self) -> bool {
        let Self { images, values } = self;
        images.is_empty() && values.is_empty()
    }

    /// Those that mean something else by now, of the names that were asked about.
    pub fn moved(before: &BTreeMap<String, Meaning>, now: &BTreeMap<String, String>) -> Vec<Moved> {
        let moved = before.iter().filter_map(|(name, was)| {
            let now = now.get(name).filter(|now| **now != was.is)?;
            Some(Moved { name: name.clone(), was: was.is.clone(), now: now.clone() })
        });
        moved.collect()
    }

    /// Notes what names mean from now on. One that still means the same has done so since it did; one that is
    /// not named any more is forgotten.
    pub fn note(known: &mut BTreeMap<String, Meaning>, now: &BTreeMap<String, String>, at: Timestamp) {
        known.retain(|name, _| now.contains_key(name));
        for (name, is) in now {
            if known.get(name).is_none_or(|known| known.is != *is) {
                known.insert(name.clone(), Meaning { is: is.clone(), since: at });
            }
        }
    }
}

/// Enough of a digest to tell two apart.
const DIGITS: usize = 12;

/// `sha256:4c1f9e2a77d0…`; a version that is no digest stays as it is.
pub fn shortened(meaning: &str) -> String {
    let digest = meaning.split_once('@').map_or(meaning, |(_, digest)| digest);
    match digest.strip_prefix("sha256:").and_then(|digits| digits.get(..DIGITS)) {
        Some(digits) => format!("sha256:{digits}…"),
        None => meaning.to_owned(),
    }
}

/// `tag job-api:1.4.2 moved from sha256:4c1f9e2a77d0… to sha256:91aa0c31b5fe…`
impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (was, now) = (shortened(&self.was), shortened(&self.now));
        let tag = |meaning: &str| meaning.split_once('@').map(|(tag, _)| tag.to_owned());
        match (range_of(&self.name), tag(&self.was), tag(&self.now)) {
            (Some((repository, _)), Some(before), Some(tag)) if before == tag => {
                write!(f, "tag {repository}:{tag} moved from {was} to {now}")
            }
            (Some((repository, range)), Some(before), Some(tag)) => {
                write!(f, "the newest of `{range}` in {repository} is {tag} now, after {before}")
            }
            _ if self.now.starts_with("sha256:") => write!(f, "tag {} moved from {was} to {now}", self.name),
            _ => write!(f, "{} moved from {was} to {now}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[(&str, &str)]) -> BTreeMap<String, String> {
        names.iter().map(|(name, is)| ((*name).to_owned(), (*is).to_owned())).collect()
    }

    #[test]
    fn a_name_that_means_the_same_has_done_so_since_it_did() {
        let mut known = BTreeMap::new();
        Meanings::note(&mut known, &names(&[("a:1", "x"), ("b:1", "y"), ("c:1", "z")]), Timestamp(1));
        Meanings::note(&mut known, &names(&[("a:1", "x"), ("b:1", "yy")]), Timestamp(2));
        let since: Vec<_> =
            known.iter().map(|(name, it)| (name.as_str(), it.is.as_str(), it.since)).collect();
        assert_eq!(since, [("a:1", "x", Timestamp(1)), ("b:1", "yy", Timestamp(2))]);
    }

    #[test]
    fn a_name_that_moved_is_told_with_both_meanings() {
        let mut known = BTreeMap::new();
        let (one, other) = (format!("sha256:{}", "1".repeat(64)), format!("sha256:{}", "2".repeat(64)));
        Meanings::note(&mut known, &names(&[("api:1", &one), ("api:2", &one)]), Timestamp(1));
        let moved = Meanings::moved(&known, &names(&[("api:1", &other), ("api:2", &one), ("api:3", &one)]));
        let told: Vec<String> = moved.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["tag api:1 moved from sha256:111111111111… to sha256:222222222222…"]);
    }
}
