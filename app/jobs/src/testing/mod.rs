//! For tests, of other crates as well: databases, and an S3 that somebody else wrote.

#![allow(clippy::unwrap_used, clippy::panic)]

mod databases;
mod s3;

pub use databases::{Database, on_each_database};
pub use s3::S3Server;
