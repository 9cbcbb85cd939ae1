//! What tags of images mean now: ECR is asked once for each repository, however many services name it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::parallel::{Read, in_parallel, read};
use crate::aws::{Error, IMAGES_MAX, Reader};
use crate::model::{ImageAnswer, ImageAnswers, ImageId, Json, Repository, ecr_image};

/// Tags that are named to somebody who named one that is not there.
const NEAREST_MAX: usize = 3;
/// Images whose platforms are remembered; a digest never changes its own.
const KNOWN_MAX: usize = 10_000;

/// Looks at images, and remembers what can't change.
#[derive(Debug, Default)]
pub struct Images {
    /// `linux/amd64`, by digest.
    platforms: Mutex<BTreeMap<String, Vec<String>>>,
}

/// Names as they are written, by their tags.
type Asked = BTreeMap<String, Vec<String>>;

impl Images {
    /// Asks ECR for the meaning of each name. Never fails: what could not be read says so.
    pub async fn look(&self, reader: &Reader, names: &BTreeSet<String>) -> ImageAnswers {
        let mut asked: BTreeMap<Repository, Asked> = BTreeMap::new();
        for name in names {
            if let Some((repository, ImageId::Tag(tag))) = ecr_image(name) {
                asked.entry(repository).or_default().entry(tag).or_default().push(name.clone());
            }
        }
        let reads: Vec<Read<'_, ImageAnswers>> =
            asked.iter().map(|(repository, tags)| read(self.of(reader, repository, tags))).collect();
        in_parallel(reads).await.into_iter().flatten().collect()
    }

    async fn of(&self, reader: &Reader, repository: &Repository, asked: &Asked) -> ImageAnswers {
        let by_tag = self.meanings(reader, repository, asked).await;
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
        let found: BTreeSet<&str> = digests.values().filter_map(|digest| digest.as_deref().ok()).collect();
        let platforms = match self.platforms(reader, repository, &found).await {
            Ok(platforms) => platforms,
            Err(error) => return all(failed(&error)),
        };
        let answer = |digest: Result<String, Vec<String>>| match digest {
            Ok(digest) => {
                let platforms = platforms.get(&digest).cloned().unwrap_or_default();
                ImageAnswer::Found { digest, platforms }
            }
            Err(nearest) => ImageAnswer::NoTag { nearest },
        };
        digests.clone().into_iter().map(|(tag, digest)| (tag, answer(digest))).collect()
    }

    /// What each image is for. Asking counts as a pull, so it is asked once.
    async fn platforms(
        &self,
        reader: &Reader,
        repository: &Repository,
        digests: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, Vec<String>>, Error> {
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

/// The digest of each tag, or the nearest ones.
async fn digests(
    reader: &Reader,
    repository: &Repository,
    tags: &[&str],
) -> Result<BTreeMap<String, Result<String, Vec<String>>>, Error> {
    let mut digests = BTreeMap::new();
    for tags in tags.chunks(IMAGES_MAX) {
        let details = match reader.describe_images(repository, tags).await {
            Ok(details) => details,
            // ECR names one that is missing, and tells nothing of the others.
            Err(error) if error.code.as_deref() == Some("ImageNotFoundException") => {
                let there = reader.list_tags(repository).await?.unwrap_or_default();
                digests.extend(tags.iter().map(|tag| {
                    let found = there.get(*tag).cloned();
                    ((*tag).to_owned(), found.ok_or_else(|| nearest(tag, there.keys())))
                }));
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
                digests.insert((*tag).to_owned(), Ok(digest.to_owned()));
            }
        }
    }
    Ok(digests)
}

/// The platforms of a list; none of an image that is no list.
fn platforms_of(manifest: &Json) -> Vec<String> {
    let list = manifest["manifests"].as_array().into_iter().flatten();
    let platform = |entry: &Json| {
        let (os, architecture) =
            (entry["platform"]["os"].as_str()?, entry["platform"]["architecture"].as_str()?);
        // Attestations are in the list as `unknown/unknown`.
        (os != "unknown").then(|| format!("{os}/{architecture}"))
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
