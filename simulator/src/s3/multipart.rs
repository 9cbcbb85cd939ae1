//! Multipart uploads: begun, filled part by part, and completed or aborted.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};

use super::{Condition, Object, S3, check_key, etag, with_status};
use crate::clock::Time;
use crate::error::ApiError;
use crate::naming;

const UPLOADS_MAX: usize = 1_000;
const PARTS_MAX: u32 = 10_000;
/// All parts but the last are at least this large.
const PART_BYTES_MIN: usize = 5 * 1024 * 1024;

pub(super) struct Upload {
    bucket: String,
    key: String,
    headers: BTreeMap<String, String>,
    parts: BTreeMap<u32, (String, Bytes)>,
}

impl S3 {
    /// Begins an upload; gives its id.
    pub(crate) fn begin_upload(
        &mut self,
        bucket: &str,
        key: &str,
        headers: BTreeMap<String, String>,
        now: Time,
    ) -> Result<String, ApiError> {
        self.bucket(bucket)?;
        check_key(key)?;
        if self.uploads.len() >= UPLOADS_MAX {
            return Err(with_status(503, ApiError::new("SlowDown", "Too many uploads are unfinished.")));
        }
        self.started += 1;
        let id = naming::hexadecimal(&format!("upload {} {bucket}/{key}", self.started), now, 32);
        let upload =
            Upload { bucket: bucket.to_owned(), key: key.to_owned(), headers, parts: BTreeMap::new() };
        self.uploads.insert(id.clone(), upload);
        Ok(id)
    }

    /// Takes a part, which may replace one of the same number; gives its etag.
    pub(crate) fn upload_part(
        &mut self,
        bucket: &str,
        key: &str,
        id: &str,
        number: u32,
        bytes: Bytes,
    ) -> Result<String, ApiError> {
        let former = self.upload(bucket, key, id)?.parts.get(&number).map_or(0, |(_, bytes)| bytes.len());
        if !(1..=PARTS_MAX).contains(&number) {
            let message = "Part number must be an integer between 1 and 10000, inclusive";
            return Err(ApiError::new("InvalidArgument", message));
        }
        self.make_room(bytes.len(), former)?;
        let etag = etag(&bytes);
        if let Some(upload) = self.uploads.get_mut(id) {
            upload.parts.insert(number, (etag.clone(), bytes));
        }
        Ok(etag)
    }

    /// Makes the object of the parts that are named, in their order; gives its etag.
    pub(crate) fn complete_upload(
        &mut self,
        bucket: &str,
        key: &str,
        id: &str,
        named: &[(u32, String)],
        condition: &Condition,
        now: Time,
    ) -> Result<String, ApiError> {
        let upload = self.upload(bucket, key, id)?;
        let (mut whole, mut digests) = (BytesMut::new(), Md5::new());
        let mut last = 0;
        for (index, (number, wanted)) in named.iter().enumerate() {
            let (etag, bytes) = upload.parts.get(number).filter(|(etag, _)| etag == wanted).ok_or_else(|| {
                let message = "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.";
                ApiError::new("InvalidPart", message)
            })?;
            if *number <= last {
                let message =
                    "The list of parts was not in ascending order. Parts must be ordered by part number.";
                return Err(ApiError::new("InvalidPartOrder", message));
            }
            last = *number;
            if index + 1 < named.len() && bytes.len() < PART_BYTES_MIN {
                let message = "Your proposed upload is smaller than the minimum allowed size";
                return Err(ApiError::new("EntityTooSmall", message));
            }
            digests.update(digest(etag));
            whole.extend_from_slice(bytes);
        }
        if named.is_empty() {
            let message = "You must specify at least one part";
            return Err(ApiError::new("MalformedXML", message));
        }
        let digits: String = digests.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let object = Object {
            bytes: whole.freeze(),
            etag: format!("\"{digits}-{}\"", named.len()),
            modified: now,
            headers: upload.headers.clone(),
        };
        let etag = self.place(bucket, key, object, condition)?;
        self.abort_upload(bucket, key, id)?;
        Ok(etag)
    }

    pub(crate) fn abort_upload(&mut self, bucket: &str, key: &str, id: &str) -> Result<(), ApiError> {
        self.upload(bucket, key, id)?;
        if let Some(upload) = self.uploads.remove(id) {
            let bytes: usize = upload.parts.values().map(|(_, bytes)| bytes.len()).sum();
            self.bytes = self.bytes.saturating_sub(bytes);
        }
        Ok(())
    }

    fn upload(&self, bucket: &str, key: &str, id: &str) -> Result<&Upload, ApiError> {
        self.bucket(bucket)?;
        let upload = self.uploads.get(id).filter(|upload| upload.bucket == bucket && upload.key == key);
        upload.ok_or_else(|| {
            let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
            with_status(404, ApiError::new("NoSuchUpload", message))
        })
    }
}

/// The bytes of an etag's digits.
fn digest(etag: &str) -> Vec<u8> {
    let digits = etag.trim_matches('"').as_bytes();
    let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
    digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | value(*digit))).collect()
}
