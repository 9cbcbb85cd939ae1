//! ListObjectsV2: the keys of a bucket in order, page by page, those beyond a delimiter folded together.

use std::ops::Bound;

use super::{Bucket, Object};

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) prefix: String,
    pub(crate) delimiter: String,
    /// The key, or the common prefix, that the page follows.
    pub(crate) after: String,
    pub(crate) most: usize,
}

/// One page.
#[derive(Default)]
pub(crate) struct Listed<'a> {
    pub(crate) objects: Vec<(&'a str, &'a Object)>,
    pub(crate) prefixes: Vec<String>,
    /// What the next page follows; `None` on the last one.
    pub(crate) next: Option<String>,
}

impl Bucket {
    pub(crate) fn list(&self, wanted: &Wanted) -> Listed<'_> {
        let mut listed = Listed::default();
        let mut last = wanted.after.clone();
        let from = std::cmp::max(&wanted.after, &wanted.prefix);
        let bound = if *from == wanted.after && !from.is_empty() {
            Bound::Excluded(from.clone())
        } else {
            Bound::Included(from.clone())
        };
        for (key, object) in self.objects.range((bound, Bound::Unbounded)) {
            if !key.starts_with(&wanted.prefix) {
                break;
            }
            let folded = folded(key, wanted);
            // All keys under a common prefix are one entry, which may have been on the page before.
            if folded.is_some_and(|folded| last == folded) {
                continue;
            }
            if listed.objects.len() + listed.prefixes.len() == wanted.most {
                listed.next = (wanted.most > 0).then_some(last);
                return listed;
            }
            match folded {
                Some(folded) => {
                    folded.clone_into(&mut last);
                    listed.prefixes.push(folded.to_owned());
                }
                None => {
                    last.clone_from(key);
                    listed.objects.push((key, object));
                }
            }
        }
        listed
    }
}

/// The part of a key up to the first delimiter after the prefix.
fn folded<'a>(key: &'a str, wanted: &Wanted) -> Option<&'a str> {
    if wanted.delimiter.is_empty() {
        return None;
    }
    let rest = &key[wanted.prefix.len()..];
    let end = rest.find(&wanted.delimiter)? + wanted.delimiter.len();
    Some(&key[..wanted.prefix.len() + end])
}
