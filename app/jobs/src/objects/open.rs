//! From `OBJECTS_URL` to the folder or bucket that it names.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use tracing::info;

use super::credentials::SdkCredentials;
use super::{Objects, ObjectsError};
use crate::environment::Environment;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long S3 may be silent in the middle of an answer, or over a part that it is sent.
const SILENCE_MAX: Duration = Duration::from_secs(60);
const RETRIES_MAX: usize = 4;
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
/// After this time without a change, nobody is writing a file any more.
const LEFTOVER_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Where objects are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectsSettings {
    /// `file:///absolute/folder` or `s3://bucket/prefix`; none for the folder `objects` where the process runs.
    pub url: Option<String>,
    /// Who answers for S3, where it is not AWS.
    pub s3_endpoint: Option<String>,
}

impl ObjectsSettings {
    pub fn read(environment: &Environment) -> ObjectsSettings {
        ObjectsSettings {
            url: environment.text("OBJECTS_URL"),
            s3_endpoint: environment.text("AWS_ENDPOINT_URL_S3"),
        }
    }
}

impl Objects {
    /// Opens a folder, creating it if it is not there, or a bucket, which is not asked for anything yet.
    ///
    /// Region, credentials and `AWS_ENDPOINT_URL` are those of `aws`, so that an ECS task's role counts for objects
    /// as well. An endpoint that is not AWS's may be plain HTTP, and finds the bucket in the path.
    pub fn open(settings: &ObjectsSettings, aws: &SdkConfig) -> Result<Objects, ObjectsError> {
        let Some(url) = &settings.url else {
            let here = std::env::current_dir()
                .map_err(|error| ObjectsError::Url(format!("there is no current folder: {error}")))?;
            return folder(here.join("objects"));
        };
        if let Some(path) = url.strip_prefix("file://") {
            if !path.starts_with('/') {
                return Err(ObjectsError::Url(format!(
                    "`{url}` is not absolute; a folder is named as file:///var/lib/jobs/objects"
                )));
            }
            return folder(PathBuf::from(path));
        }
        let Some(rest) = url.strip_prefix("s3://") else {
            return Err(ObjectsError::Url(format!(
                "`{url}` is neither file:///absolute/folder nor s3://bucket/prefix"
            )));
        };
        let (bucket_name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_bucket = (3..=63).contains(&bucket_name.len())
            && bucket_name
                .chars()
                .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || "-.".contains(it));
        if !is_bucket {
            return Err(ObjectsError::Url(format!("`{bucket_name}` is no bucket's name")));
        }
        let endpoint = settings.s3_endpoint.as_deref().or(aws.endpoint_url());
        let prefix = Path::parse(prefix)
            .map_err(|error| ObjectsError::Url(format!("`{prefix}` can't begin a name: {error}")))?;
        bucket(bucket_name, prefix, endpoint, aws)
    }
}

fn folder(path: PathBuf) -> Result<Objects, ObjectsError> {
    let shown = format!("the folder {}", path.display());
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| ObjectsError::Open {
        place: shown.clone(),
        source,
    };
    std::fs::create_dir_all(&path).map_err(|error| failed(error.into()))?;
    let store = LocalFileSystem::new_with_prefix(&path).map_err(|error| failed(error.into()))?;
    // Accepted means that it survives a power cut.
    let store: Arc<dyn ObjectStore> = Arc::new(store.with_fsync(true));
    remove_leftovers(&path, SystemTime::now() - LEFTOVER_AGE);
    Ok(Objects::new(store, shown))
}

/// Removes what killed processes left half written: files that end in `#` and a number. Another process may be writing
/// one right now, so the young ones stay; and what can't be removed is in nobody's way.
fn remove_leftovers(folder: &std::path::Path, before: SystemTime) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() {
            remove_leftovers(&path, before);
            continue;
        }
        let number = name.to_str().and_then(|name| Some(name.rsplit_once('#')?.1)).unwrap_or_default();
        let is_leftover = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
        if is_leftover && meta.modified().is_ok_and(|modified| modified < before) {
            info!(file = %path.display(), "removing what a process left half written");
            let _ = std::fs::remove_file(path);
        }
    }
}

fn bucket(
    name: &str,
    prefix: Path,
    endpoint: Option<&str>,
    aws: &SdkConfig,
) -> Result<Objects, ObjectsError> {
    // reqwest finds its TLS here; that somebody else has put one there is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Some(region) = aws.region() else {
        return Err(ObjectsError::Url("a bucket needs a region: set AWS_REGION".to_owned()));
    };
    let Some(credentials) = aws.credentials_provider() else {
        return Err(ObjectsError::Url("a bucket needs AWS credentials".to_owned()));
    };
    let options = ClientOptions::new()
        .with_allow_http(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")))
        .with_connect_timeout(CONNECT_TIMEOUT)
        // A large object takes as long as it takes, as long as it goes on.
        .with_timeout_disabled()
        .with_read_timeout(SILENCE_MAX);
    let retry = RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_TIMEOUT,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(name)
        .with_region(region.as_ref())
        .with_credentials(Arc::new(SdkCredentials::new(credentials)))
        .with_client_options(options)
        .with_retry(retry)
        // AWS's certificates cover one label; a bucket's name with a dot has two.
        .with_virtual_hosted_style_request(endpoint.is_none() && !name.contains('.'));
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let shown = format!("the bucket {name}");
    let store =
        builder.build().map_err(|error| ObjectsError::Open { place: shown.clone(), source: error.into() })?;
    let store: Arc<dyn ObjectStore> =
        if prefix.as_ref().is_empty() { Arc::new(store) } else { Arc::new(PrefixStore::new(store, prefix)) };
    Ok(Objects::new(store, shown))
}
