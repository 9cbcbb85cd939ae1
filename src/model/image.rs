//! Images in ECR: how a manifest names one, what ECR says of the name, and what a service makes of that.

use std::collections::BTreeMap;
use std::fmt;

use super::{Json, Moved, Origin, Repository, WhenMoved, shortened};

/// Which image of a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageId {
    Tag(String),
    Digest(String),
}

/// What is asked of the images of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImagePolicy {
    /// `None`: as the environment says.
    pub when_moved: Option<WhenMoved>,
    /// Whether a newer tag is committed to Git, where a manifest names both its tag and a range; likewise.
    pub write_back: Option<bool>,
    /// An image with a finding as severe as this, or worse, is not deployed; nor one that was not scanned.
    pub block_severity: Option<Severity>,
}

/// How bad a finding is, in ECR's words.
/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanFinding.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub const ALL: [Severity; 5] =
        [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Informational];

    pub fn word(self) -> &'static str {
        match self {
            Severity::Informational => "INFORMATIONAL",
            Severity::Low => "LOW",
            Severity::Medium => "MEDIUM",
            Severity::High => "HIGH",
            Severity::Critical => "CRITICAL",
        }
    }

    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.word() == word)
    }
}

/// What ECR's scan of an image says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scan {
    /// How many findings of each severity there are.
    Done(BTreeMap<Severity, u64>),
    /// Why there is none.
    NotDone(String),
}

impl Scan {
    /// Why an image is not to be deployed, if it is not.
    pub fn refusal(&self, block: Severity) -> Option<String> {
        match self {
            Scan::Done(counts) => {
                let severe =
                    counts.iter().rev().filter(|(severity, count)| **severity >= block && **count > 0);
                let told: Vec<String> =
                    severe.map(|(severity, count)| format!("{count} {}", severity.word())).collect();
                (!told.is_empty()).then(|| format!("its scan found {}", told.join(", ")))
            }
            Scan::NotDone(why) => Some(format!("it is not known what a scan would find: {why}")),
        }
    }
}

impl ImagePolicy {
    pub fn when_moved(&self) -> WhenMoved {
        self.when_moved.unwrap_or_default()
    }

    /// With what the environment says, where this says nothing.
    #[must_use]
    pub fn or(self, environment: Self) -> Self {
        Self {
            when_moved: self.when_moved.or(environment.when_moved),
            write_back: self.write_back.or(environment.write_back),
            block_severity: self.block_severity.or(environment.block_severity),
        }
    }
}

/// What ECR says of an image's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageAnswer {
    Found {
        /// `sha256:…`
        digest: String,
        /// Which tag was chosen, where a range is asked for.
        choice: Option<Choice>,
        /// `None`: nobody asked for it.
        scan: Option<Scan>,
        /// `linux/amd64`, of an image that is a list of platforms; of others only their configuration tells.
        platforms: Vec<String>,
    },
    /// The repository is there, and has these tags, the nearest first.
    NoTag {
        nearest: Vec<String>,
    },
    /// No tag is in the range; the repository has these, the highest first.
    NoneFits {
        has: Vec<String>,
    },
    NoRepository,
    /// Why it is not known.
    Unreadable(String),
}

/// The newest tag of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub tag: String,
    /// The one before it.
    pub runner_up: Option<String>,
}

/// A tag in Git beside the range that newer ones are looked for in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// `registry/repository`
    pub repository: String,
    pub range: String,
    /// As Git has it.
    pub tag: String,
    /// Where it is written.
    pub origin: Origin,
    /// Another one that is the newest by now.
    pub newest: Option<Choice>,
}

impl Proposal {
    /// What ECR is asked about.
    pub fn name(&self) -> String {
        by_range(&self.repository, &self.range)
    }
}

/// Answers by the image's name as it is written.
pub type ImageAnswers = BTreeMap<String, ImageAnswer>;

/// A tag that a service names, and which image it gets by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedImage {
    /// As it is written: `registry/repository:tag`, or as [`by_range`] has it.
    pub name: String,
    /// The tag that a range is for.
    pub choice: Option<Choice>,
    /// The digest that is asked for; `None`: there is none to ask for.
    pub digest: Option<String>,
    /// It means something else than when the tasks were started.
    pub moved: Option<Moved>,
    pub trouble: Option<ImageTrouble>,
}

/// What is wrong with an image that a service names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageTrouble {
    NoTag {
        name: String,
        nearest: Vec<String>,
    },
    NoneFits {
        name: String,
        has: Vec<String>,
    },
    NoRepository {
        name: String,
    },
    Unreadable {
        name: String,
        why: String,
    },
    OtherPlatform {
        name: String,
        has: Vec<String>,
        wanted: String,
    },
    /// What was found, or that nobody knows.
    Findings {
        name: String,
        tag: Option<String>,
        why: String,
    },
}

impl NamedImage {
    /// What is registered: both the tag, for people, and the digest, which outranks it.
    pub fn registered(&self) -> Option<String> {
        self.digest.as_ref().map(|digest| format!("{}@{digest}", self.tagged()))
    }

    /// `registry/repository:tag`
    pub fn tagged(&self) -> String {
        match (range_of(&self.name), &self.choice) {
            (Some((repository, _)), Some(choice)) => format!("{repository}:{}", choice.tag),
            (Some(_), None) | (None, _) => self.name.clone(),
        }
    }

    /// What the name means: the digest, and before it the tag that a range is for.
    pub fn meaning(&self) -> Option<String> {
        self.meaning_of(self.digest.as_ref()?)
    }

    /// The same with another digest.
    pub fn meaning_of(&self, digest: &str) -> Option<String> {
        Some(match &self.choice {
            Some(choice) => format!("{}@{digest}", choice.tag),
            None => digest.to_owned(),
        })
    }

    /// What was registered by the name when it meant `meaning`.
    pub fn registered_as(&self, meaning: &str) -> String {
        match range_of(&self.name) {
            Some((repository, _)) => format!("{repository}:{meaning}"),
            None => format!("{}@{meaning}", self.name),
        }
    }

    /// Nothing is known that could run instead.
    pub fn blocks(&self) -> bool {
        self.digest.is_none() && self.trouble.is_some()
    }

    /// What is told of it although nothing is done: that it moved and stays, or can't be looked at.
    pub fn remark(&self) -> Option<String> {
        let digest = self.digest.as_deref()?;
        match (&self.trouble, &self.moved) {
            (Some(trouble), _) => Some(format!("{trouble}; it stays at {}", shortened(digest))),
            (None, Some(moved)) if Some(&moved.now) != self.meaning().as_ref() => Some(format!(
                "{}; it stays where it was until Git names another, as `images.whenMoved` is pin",
                Moved { name: without_registry(&moved.name).to_owned(), ..moved.clone() }
            )),
            (None, _) => None,
        }
    }
}

impl ImageTrouble {
    /// `job-api:1.4.2`, without the registry.
    pub fn image(&self) -> &str {
        match self {
            ImageTrouble::NoTag { name, .. }
            | ImageTrouble::NoneFits { name, .. }
            | ImageTrouble::NoRepository { name }
            | ImageTrouble::Unreadable { name, .. }
            | ImageTrouble::OtherPlatform { name, .. }
            | ImageTrouble::Findings { name, .. } => without_registry(name),
        }
    }
}

impl fmt::Display for ImageTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let image = self.image();
        match self {
            ImageTrouble::NoTag { nearest, .. } if nearest.is_empty() => {
                write!(f, "there is no image `{image}`: its repository has no tags at all")
            }
            ImageTrouble::NoTag { nearest, .. } => {
                write!(f, "there is no image `{image}`; the nearest tags are {}", nearest.join(", "))
            }
            ImageTrouble::NoneFits { name, has } => {
                let (repository, range) = range_of(name).unwrap_or((name, ""));
                let has = match has.is_empty() {
                    true => "it has no tags at all".to_owned(),
                    false => format!("it has {}", has.join(", ")),
                };
                write!(f, "no tag of `{}` fits `{range}`; {has}", without_registry(repository))
            }
            ImageTrouble::NoRepository { name } => {
                let repository = image.split(':').next().unwrap_or(image);
                let registry = name.split('/').next().unwrap_or_default();
                write!(f, "there is no repository `{repository}` in {registry}")
            }
            ImageTrouble::Unreadable { why, .. } => write!(f, "can't look at image `{image}`: {why}"),
            ImageTrouble::Findings { name, tag: Some(tag), why } => {
                let (repository, _) = range_of(name).unwrap_or((name, ""));
                write!(f, "image `{}:{tag}` is not deployed: {why}", without_registry(repository))
            }
            ImageTrouble::Findings { tag: None, why, .. } => {
                write!(f, "image `{image}` is not deployed: {why}")
            }
            ImageTrouble::OtherPlatform { has, wanted, .. } => {
                write!(f, "image `{image}` is for {}, and the task runs on {wanted}", has.join(" and "))
            }
        }
    }
}

/// The name of the newest tag in a range.
pub fn by_range(repository: &str, range: &str) -> String {
    format!("{repository}:tags({range})")
}

/// The repository and the range of such a name.
pub fn range_of(name: &str) -> Option<(&str, &str)> {
    name.strip_suffix(')')?.split_once(":tags(")
}

/// `123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/api:1` -> `team/api:1`
pub fn without_registry(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, rest)| rest)
}

/// An image in ECR; `None` for any other registry.
///
/// `ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG@DIGEST`, or `ACCOUNT.dkr-ecr.REGION.on.aws/…` for both
/// versions of IP.
pub fn ecr_image(image: &str) -> Option<(Repository, ImageId)> {
    let (host, rest) = image.split_once('/')?;
    let (account, place) = host.split_once(".dkr.ecr.").or_else(|| host.split_once(".dkr-ecr."))?;
    let (region, domain) = place.split_once('.')?;
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if !is_account
        || !["amazonaws.com", "amazonaws.com.cn", "on.aws", "on.amazonwebservices.com.cn"].contains(&domain)
    {
        return None;
    }
    let (named, digest) = match rest.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (rest, None),
    };
    let (name, tag) = named.split_once(':').unwrap_or((named, "latest"));
    let repository =
        Repository { account: account.to_owned(), region: region.to_owned(), name: name.to_owned() };
    // A digest outranks the tag beside it.
    let id = digest.map_or_else(|| ImageId::Tag(tag.to_owned()), |digest| ImageId::Digest(digest.to_owned()));
    Some((repository, id))
}

/// The names of images in a task definition, container by container.
pub fn images_in(task_definition: &Json) -> impl Iterator<Item = &str> {
    let containers = task_definition["containerDefinitions"].as_array().into_iter().flatten();
    containers.filter_map(|container| container["image"].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_in_ecr_by_its_host() {
        let repository = |name: &str| Repository {
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            name: name.into(),
        };
        let host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        let table = [
            (format!("{host}/team/api:1.2"), Some((repository("team/api"), ImageId::Tag("1.2".into())))),
            (format!("{host}/api"), Some((repository("api"), ImageId::Tag("latest".into())))),
            (
                format!("{host}/api:1@sha256:ab"),
                Some((repository("api"), ImageId::Digest("sha256:ab".into()))),
            ),
            (
                "123456789012.dkr-ecr.eu-west-1.on.aws/api:1".to_owned(),
                Some((repository("api"), ImageId::Tag("1".into()))),
            ),
            ("public.ecr.aws/datadog/agent:7".to_owned(), None),
            ("nginx".to_owned(), None),
            ("evil.dkr.ecr.eu-west-1.amazonaws.com/api:1".to_owned(), None),
            ("123456789012.dkr.ecr.eu-west-1.example.com/api:1".to_owned(), None),
        ];
        for (image, expected) in table {
            assert_eq!(ecr_image(&image), expected, "{image}");
        }
    }
}
