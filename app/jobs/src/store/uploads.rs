//! Files that were uploaded: what is known of each; their content is an object.

use serde::Serialize;

use super::columns::{number, parsed, plain, stored, text, time};
use super::{Store, StoreError};
use crate::timestamp::Timestamp;

crate::id::id! {
    /// An upload's id.
    UploadId
}

/// A file that was uploaded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Upload {
    pub id: UploadId,
    /// Where the content is, among the objects.
    pub object: String,
    /// What its sender calls it.
    pub name: String,
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
    pub created_at: Timestamp,
}

impl Store {
    /// Remembers an upload whose object is complete.
    pub async fn record_upload(&self, upload: &Upload) -> Result<(), StoreError> {
        self.in_time("recording an upload", async {
            sqlx::query(
                "INSERT INTO uploads (id, object, name, bytes, sha256, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(upload.id.to_string())
            .bind(&upload.object)
            .bind(plain(&upload.name))
            .bind(stored(upload.bytes))
            .bind(&upload.sha256)
            .bind(upload.created_at.milliseconds())
            .execute(&self.writers)
            .await?;
            Ok(())
        })
        .await
    }

    pub async fn upload(&self, id: &UploadId) -> Result<Option<Upload>, StoreError> {
        self.in_time("reading an upload", async {
            let row =
                sqlx::query("SELECT id, object, name, bytes, sha256, created_at FROM uploads WHERE id = $1")
                    .bind(id.to_string())
                    .fetch_optional(&self.readers)
                    .await?;
            let upload = |row| {
                Ok(Upload {
                    id: parsed(row, "id")?,
                    object: text(row, "object")?,
                    name: text(row, "name")?,
                    bytes: number(row, "bytes")?,
                    sha256: text(row, "sha256")?,
                    created_at: time(row, "created_at")?,
                })
            };
            row.as_ref().map(upload).transpose()
        })
        .await
    }
}
