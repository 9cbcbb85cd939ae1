//! What tags of images mean now: ECR is asked once for each repository, however many services name it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::parallel::{Read, in_parallel, read};
use crate::aws::{Error, IMAGES_MAX, Reader};
use crate::model::{
    Choice, ImageAnswer, ImageAnswers, ImageId, Json, Repository, Scan, Severity, TagRange, ecr_image,
};

/// Tags that are named to somebody who named one that is not there.
const NEAREST_MAX: usize = 3;
/// Images whose platforms are remembered; a digest never changes its own.
const KNOWN_MAX: usize = 10_000;

/// Looks at images, and remembers what can't change.
#[derive(Debug, Default)]
pub struct Images {
    /// `linux/amd64` and the digest of the image for it, by the digest of the list.
    platforms: Mutex<BTreeMap<String, Vec<(String, String)>>>,
    /// Scans that are done and found nothing severe.
    scans: Mutex<BTreeMap<String, Scan>>,
}

/// Names as they are written, by their tags.
type Asked = BTreeMap<String, Vec<String>>;

impl Images {
    /// Asks ECR for the meaning of each name, and what scans of some of them say. Never fails: what could not be read says so.
    pub async fn look(
        &self,
        reader: &Reader,
        names: &BTreeSet<String>,
        scanned: &BTreeSet<String>,
    ) -> ImageAnswers {
        let mut asked: BTreeMap<Repository, Asked> = BTreeMap::new();
        for name in names {
            if let Some((repository, ImageId::Tag(tag))) = ecr_image(name) {
                asked.entry(repository).or_default().entry(tag).or_default().push(name.clone());
            }
        }
        let reads: Vec<Read<'_, ImageAnswers>> =
            asked.iter().map(|(repository, tags)| read(self.of(reader, repository, tags, scanned))).collect();
        in_parallel(reads).await.into_iter().flatten().collect()
    }

    async fn of(
        &self,
        reader: &Reader,
        repository: &Repository,
        asked: &Asked,
        scanned: &BTreeSet<String>,
    ) -> ImageAnswers {
        let mut by_tag = self.meanings(reader, repository, asked).await;
        for (tag, names) in asked {
            if names.iter().any(|name| scanned.contains(name))
                && let Some(ImageAnswer::Found { digest, scan, .. }) = by_tag.get_mut(tag)
            {
                *scan = Some(self.scan(reader, repository, digest).await);
            }
        }
        let named = asked.iter().flat_map(|(tag, names)| names.iter().map(move |name| (tag, name)));
        named.filter_map(|(tag, name)| Some((name.clone(), by_tag.get(tag)?.clone()))).collect()
    }

    async fn meanings(
        &self,
        reader: &Reader,
        repository: &Repository,
        asked: &Asked,
    ) -> BTreeMap<String, ImageAnswer> {
        let tags: Vec<&str> = asked.keys().map(String::as_str).collect();
        let all = |answer: ImageAnswer| tags.iter().map(|tag| ((*tag).to_owned(), answer.clone())).collect();
        let digests = match digests(reader, repository, &tags).await {
            Ok(digests) => digests,
            Err(error) => return all(failed(&error)),
        };
        let found: BTreeSet<&str> = digests.values().filter_map(Meant::digest).collect();
        let platforms = match self.platforms(reader, repository, &found).await {
            Ok(platforms) => platforms,
            Err(error) => return all(failed(&error)),
        };
        let answer = |meant: Meant| match meant {
            Meant::Image { digest, choice } => {
                let platforms = platforms.get(&digest).into_iter().flatten();
                let platforms = platforms.map(|(platform, _)| platform.clone()).collect();
                ImageAnswer::Found { digest, choice, scan: None, platforms }
            }
            Meant::NoTag { nearest } => ImageAnswer::NoTag { nearest },
            Meant::NoneFits { has } => ImageAnswer::NoneFits { has },
            Meant::TooMany => ImageAnswer::Unreadable("its repository has too many tags to list".to_owned()),
        };
        digests.clone().into_iter().map(|(tag, meant)| (tag, answer(meant))).collect()
    }

    /// What each image is for. Asking counts as a pull, so it is asked once.
    async fn platforms(
        &self,
        reader: &Reader,
        repository: &Repository,
        digests: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, Vec<(String, String)>>, Error> {
        let known = || self.platforms.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown: Vec<&str> = {
            let known = known();
            digests.iter().copied().filter(|digest| !known.contains_key(*digest)).collect()
        };
        for digests in unknown.chunks(IMAGES_MAX) {
            let manifests = reader.image_manifests(repository, digests).await?;
            let mut known = known();
            if known.len() + manifests.len() > KNOWN_MAX {
                known.clear();
            }
            known.extend(manifests.iter().map(|(digest, manifest)| (digest.clone(), platforms_of(manifest))));
        }
        let known = known();
        let of = |digest: &&str| Some(((*digest).to_owned(), known.get(*digest)?.clone()));
        Ok(digests.iter().filter_map(of).collect())
    }
}

impl Images {
    /// What the scan of an image says; of a list of platforms, those of its images together.
    async fn scan(&self, reader: &Reader, repository: &Repository, digest: &str) -> Scan {
        let known = || self.scans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scan) = known().get(digest) {
            return scan.clone();
        }
        let members: Vec<String> = {
            let platforms = self.platforms.lock().unwrap_or_else(PoisonError::into_inner);
            platforms.get(digest).into_iter().flatten().map(|(_, digest)| digest.clone()).collect()
        };
        let images = if members.is_empty() { vec![digest.to_owned()] } else { members };
        let mut counts: BTreeMap<Severity, u64> = BTreeMap::new();
        for image in &images {
            match of_scan(reader.scan(repository, image).await) {
                Scan::Done(found) => {
                    for (severity, count) in found {
                        let most = counts.entry(severity).or_default();
                        *most = count.max(*most);
                    }
                }
                not_done @ Scan::NotDone(_) => return not_done,
            }
        }
        let scan = Scan::Done(counts);
        // What was found to be severe may be mended or suppressed: it is asked for again.
        if scan.refusal(Severity::High).is_none() {
            let mut known = known();
            if known.len() >= KNOWN_MAX {
                known.clear();
            }
            known.insert(digest.to_owned(), scan.clone());
        }
        scan
    }
}

/// What an answer says of a scan.
/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanStatus.html>
fn of_scan(answer: Result<Json, Error>) -> Scan {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.code.as_deref() == Some("ScanNotFoundException") => {
            return Scan::NotDone("it was not scanned".to_owned());
        }
        Err(error) => return Scan::NotDone(error.to_string()),
    };
    let status = answer["imageScanStatus"]["status"].as_str().unwrap_or_default();
    // ACTIVE is Inspector's word for an image that it watches.
    if !["COMPLETE", "ACTIVE"].contains(&status) {
        return Scan::NotDone(format!("its scan is {status}"));
    }
    let counts = answer["imageScanFindings"]["findingSeverityCounts"].as_object();
    let count = |(word, count): (&String, &Json)| Some((Severity::read(word)?, count.as_u64()?));
    Scan::Done(counts.into_iter().flatten().filter_map(count).collect())
}

/// What a tag, or a range of tags, is for.
#[derive(Clone, Debug)]
enum Meant {
    Image { digest: String, choice: Option<Choice> },
    NoTag { nearest: Vec<String> },
    NoneFits { has: Vec<String> },
    TooMany,
}

impl Meant {
    fn digest(&self) -> Option<&str> {
        match self {
            Meant::Image { digest, .. } => Some(digest),
            Meant::NoTag { .. } | Meant::NoneFits { .. } | Meant::TooMany => None,
        }
    }
}

/// The digest of each tag, or what else there is.
async fn digests(
    reader: &Reader,
    repository: &Repository,
    tags: &[&str],
) -> Result<BTreeMap<String, Meant>, Error> {
    let (ranges, tags): (Vec<&str>, Vec<&str>) = tags.iter().partition(|tag| range(tag).is_some());
    let mut digests = BTreeMap::new();
    if !ranges.is_empty() {
        let there = reader.list_tags(repository).await?;
        // The list has the digest of every tag: no further question.
        let meant = |tag: &str| match &there {
            None => Meant::TooMany,
            Some(there) => range(tag).map_or_else(|| by_tag(tag, there), |range| chosen(&range, there)),
        };
        digests.extend(ranges.iter().chain(&tags).map(|tag| ((*tag).to_owned(), meant(tag))));
        return Ok(digests);
    }
    for tags in tags.chunks(IMAGES_MAX) {
        let details = match reader.describe_images(repository, tags).await {
            Ok(details) => details,
            // ECR names one that is missing, and tells nothing of the others.
            Err(error) if error.code.as_deref() == Some("ImageNotFoundException") => {
                let there = reader.list_tags(repository).await?;
                let meant = |tag: &str| there.as_ref().map_or(Meant::TooMany, |there| by_tag(tag, there));
                digests.extend(tags.iter().map(|tag| ((*tag).to_owned(), meant(tag))));
                continue;
            }
            Err(error) => return Err(error),
        };
        for tag in tags {
            let has = |detail: &&Json| {
                detail["imageTags"].as_array().is_some_and(|tags| tags.iter().any(|it| it == tag))
            };
            let detail = details.iter().find(has);
            if let Some(digest) = detail.and_then(|detail| detail["imageDigest"].as_str()) {
                let meant = Meant::Image { digest: digest.to_owned(), choice: None };
                digests.insert((*tag).to_owned(), meant);
            }
        }
    }
    Ok(digests)
}

/// The range that stands in a tag's place.
fn range(tag: &str) -> Option<TagRange> {
    let text = tag.strip_prefix("tags(")?.strip_suffix(')')?;
    TagRange::parse(text).ok()
}

fn by_tag(tag: &str, there: &BTreeMap<String, String>) -> Meant {
    match there.get(tag) {
        Some(digest) => Meant::Image { digest: digest.clone(), choice: None },
        None => Meant::NoTag { nearest: nearest(tag, there.keys()) },
    }
}

fn chosen(range: &TagRange, there: &BTreeMap<String, String>) -> Meant {
    let fitting = range.fitting(there.keys());
    let newest = fitting.first().and_then(|tag| Some((*tag, there.get(*tag)?)));
    let Some((tag, digest)) = newest else {
        let mut has: Vec<&String> = there.keys().collect();
        has.sort_by_cached_key(|tag| Reverse(natural(tag)));
        return Meant::NoneFits { has: has.into_iter().take(NEAREST_MAX).cloned().collect() };
    };
    // Another tag of the same image is no other choice.
    let runner_up = fitting.iter().find(|other| there.get(**other) != Some(digest));
    let runner_up = runner_up.map(|tag| (*tag).to_owned());
    Meant::Image { digest: digest.clone(), choice: Some(Choice { tag: tag.to_owned(), runner_up }) }
}

/// The platforms of a list, each with its image; none of an image that is no list.
fn platforms_of(manifest: &Json) -> Vec<(String, String)> {
    let list = manifest["manifests"].as_array().into_iter().flatten();
    let platform = |entry: &Json| {
        let (os, architecture) =
            (entry["platform"]["os"].as_str()?, entry["platform"]["architecture"].as_str()?);
        let digest = entry["digest"].as_str().unwrap_or_default().to_owned();
        // Attestations are in the list as `unknown/unknown`.
        (os != "unknown").then(|| (format!("{os}/{architecture}"), digest))
    };
    list.filter_map(platform).collect()
}

/// Tags that differ least from one; of those that differ alike, the highest first.
fn nearest<'a>(tag: &str, tags: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut tags: Vec<&String> = tags.collect();
    tags.sort_by_cached_key(|other| (strsim::levenshtein(tag, other), Reverse(natural(other))));
    tags.into_iter().take(NEAREST_MAX).cloned().collect()
}

/// So that `1.10` comes after `1.9`: numbers by their size, and before any text.
fn natural(tag: &str) -> Vec<(u64, String)> {
    let parts = tag.split(|letter: char| !letter.is_ascii_alphanumeric());
    parts
        .map(|part| part.parse().map_or((u64::MAX, part.to_owned()), |number| (number, String::new())))
        .collect()
}

fn failed(error: &Error) -> ImageAnswer {
    match error.code.as_deref() {
        Some("RepositoryNotFoundException") => ImageAnswer::NoRepository,
        Some(_) | None => ImageAnswer::Unreadable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_tags_differ_least_and_the_highest_comes_first() {
        let tags = ["1.9.0", "1.4.2", "1.10.0", "latest", "1.4.1", "2026_11"].map(str::to_owned);
        assert_eq!(nearest("1.4.3", tags.iter()), ["1.4.2", "1.4.1", "1.9.0"]);
        assert_eq!(nearest("2026_12", tags.iter())[0], "2026_11");
        assert_eq!(nearest("x", [].iter()), Vec::<String>::new());
    }
}
