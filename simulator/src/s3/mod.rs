//! Amazon S3, as far as an object store needs it: buckets, objects, conditional writes, copies, lists and
//! multipart uploads. Everything is kept in memory, and there is a most of it.
//!
//! Versions, access control, encryption and everything else of S3 are not there.

mod list;
mod multipart;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use md5::{Digest, Md5};

pub(crate) use list::Wanted;

use crate::clock::Time;
use crate::error::ApiError;

/// What all objects and unfinished parts together may hold.
pub const BYTES_MAX: usize = 512 * 1024 * 1024;
const BUCKETS_MAX: usize = 100;
const KEY_BYTES_MAX: usize = 1_024;

#[derive(Default)]
pub struct S3 {
    buckets: BTreeMap<String, Bucket>,
    uploads: BTreeMap<String, multipart::Upload>,
    /// Counts uploads, so that their ids differ.
    started: u64,
    bytes: usize,
}

pub(crate) struct Bucket {
    pub(crate) created: Time,
    objects: BTreeMap<String, Object>,
}

/// An object as it is kept.
#[derive(Clone, Debug)]
pub struct Object {
    pub bytes: Bytes,
    /// In quotes, as everywhere on the wire.
    pub etag: String,
    pub modified: Time,
    /// Headers that come back as they were sent: the content's type and the like, and `x-amz-meta-*`.
    pub headers: BTreeMap<String, String>,
}

/// What a write demands of the object that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    /// `If-None-Match: *`
    pub(crate) absent: bool,
    /// `If-Match`
    pub(crate) etag: Option<String>,
}

/// The seam to ECS, and to whoever sets an account up.
impl S3 {
    /// Makes a bucket; one that is there stays as it is.
    ///
    /// # Errors
    /// If the name is none for a bucket, or there are too many.
    pub fn create_bucket(&mut self, name: &str, now: Time) -> Result<(), ApiError> {
        if !is_bucket_name(name) {
            return Err(ApiError::new("InvalidBucketName", "The specified bucket is not valid."));
        }
        if !self.buckets.contains_key(name) && self.buckets.len() >= BUCKETS_MAX {
            return Err(ApiError::new(
                "TooManyBuckets",
                "You have attempted to create more buckets than allowed.",
            ));
        }
        let bucket = Bucket { created: now, objects: BTreeMap::new() };
        self.buckets.entry(name.to_owned()).or_insert(bucket);
        Ok(())
    }

    /// Puts an object without further headers.
    ///
    /// # Errors
    /// If there is no such bucket, or no room.
    pub fn put(&mut self, bucket: &str, key: &str, bytes: Bytes, now: Time) -> Result<(), ApiError> {
        self.write(bucket, key, bytes, BTreeMap::new(), &Condition::default(), now).map(drop)
    }

    /// # Errors
    /// If there is no such bucket or object.
    pub fn get(&self, bucket: &str, key: &str) -> Result<&Object, ApiError> {
        self.bucket(bucket)?.objects.get(key).ok_or_else(no_such_key)
    }

    /// Reads the object that an ARN names, such as `arn:aws:s3:::bucket/key`.
    pub(crate) fn resolve(&self, arn: &str) -> Result<&Object, ApiError> {
        let path = arn.strip_prefix("arn:").and_then(|rest| rest.split_once(":::")).map(|(_, path)| path);
        let (bucket, key) = path.and_then(|path| path.split_once('/')).ok_or_else(no_such_key)?;
        self.get(bucket, key)
    }
}

impl S3 {
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (&String, &Bucket)> {
        self.buckets.iter()
    }

    pub(crate) fn delete_bucket(&mut self, name: &str) -> Result<(), ApiError> {
        if !self.bucket(name)?.objects.is_empty() {
            let message = "The bucket you tried to delete is not empty";
            return Err(with_status(409, ApiError::new("BucketNotEmpty", message)));
        }
        self.buckets.remove(name);
        Ok(())
    }

    pub(crate) fn bucket(&self, name: &str) -> Result<&Bucket, ApiError> {
        self.buckets.get(name).ok_or_else(|| {
            with_status(404, ApiError::new("NoSuchBucket", "The specified bucket does not exist"))
        })
    }

    /// Writes an object if the condition holds; gives its etag.
    pub(crate) fn write(
        &mut self,
        bucket: &str,
        key: &str,
        bytes: Bytes,
        headers: BTreeMap<String, String>,
        condition: &Condition,
        now: Time,
    ) -> Result<String, ApiError> {
        let etag = etag(&bytes);
        self.place(bucket, key, Object { bytes, etag, modified: now, headers }, condition)
    }

    fn place(
        &mut self,
        bucket: &str,
        key: &str,
        object: Object,
        condition: &Condition,
    ) -> Result<String, ApiError> {
        check_key(key)?;
        let former = self.bucket(bucket)?.objects.get(key);
        condition.check(former)?;
        let freed = former.map_or(0, |former| former.bytes.len());
        self.make_room(object.bytes.len(), freed)?;
        let etag = object.etag.clone();
        if let Some(bucket) = self.buckets.get_mut(bucket) {
            bucket.objects.insert(key.to_owned(), object);
        }
        Ok(etag)
    }

    /// Counts bytes that come and others that go.
    fn make_room(&mut self, more: usize, less: usize) -> Result<(), ApiError> {
        let bytes = (self.bytes + more).saturating_sub(less);
        if bytes > BYTES_MAX {
            let message = format!("The simulated account holds at most {BYTES_MAX} bytes of objects.");
            return Err(ApiError::new("EntityTooLarge", message));
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Deleting what is not there succeeds.
    pub(crate) fn delete(&mut self, bucket: &str, key: &str) -> Result<(), ApiError> {
        self.bucket(bucket)?;
        let removed = self.buckets.get_mut(bucket).and_then(|bucket| bucket.objects.remove(key));
        self.bytes = self.bytes.saturating_sub(removed.map_or(0, |object| object.bytes.len()));
        Ok(())
    }
}

impl Condition {
    fn check(&self, former: Option<&Object>) -> Result<(), ApiError> {
        let failed = match (&self.etag, former) {
            (Some(_), None) => return Err(no_such_key()),
            (Some(etag), Some(former)) => *etag != former.etag,
            (None, former) => self.absent && former.is_some(),
        };
        if failed { Err(precondition_failed()) } else { Ok(()) }
    }
}

pub(crate) fn precondition_failed() -> ApiError {
    let message = "At least one of the pre-conditions you specified did not hold";
    with_status(412, ApiError::new("PreconditionFailed", message))
}

fn no_such_key() -> ApiError {
    with_status(404, ApiError::new("NoSuchKey", "The specified key does not exist."))
}

pub(crate) fn with_status(status: u16, error: ApiError) -> ApiError {
    ApiError { status, ..error }
}

fn check_key(key: &str) -> Result<(), ApiError> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(ApiError::new("KeyTooLongError", "Your key is too long"));
    }
    Ok(())
}

fn is_bucket_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    (3..=63).contains(&name.len())
        && name.bytes().all(fits)
        && !name.starts_with(['-', '.'])
        && !name.ends_with(['-', '.'])
}

fn etag(bytes: &[u8]) -> String {
    let digits: String = Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}
