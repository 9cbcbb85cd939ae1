//! The AWS SDK's credentials for S3: one chain for all of a process, ECS task roles and profiles included.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::sync::Mutex;

/// How long before they end credentials are replaced; ECS has new ones well before that.
const RENEWED_BEFORE: Duration = Duration::from_secs(5 * 60);

/// Asks the SDK's chain, and keeps what it answers until shortly before it ends.
#[derive(Debug)]
pub(super) struct SdkCredentials {
    chain: SharedCredentialsProvider,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    credential: Arc<AwsCredential>,
    renewed_at: Option<SystemTime>,
}

impl SdkCredentials {
    pub(super) fn new(chain: SharedCredentialsProvider) -> SdkCredentials {
        SdkCredentials { chain, kept: Mutex::new(None) }
    }
}

impl CredentialProvider for SdkCredentials {
    type Credential = AwsCredential;

    // What the trait's `async fn` is written out.
    fn get_credential<'this, 'future>(
        &'this self,
    ) -> Pin<Box<dyn Future<Output = object_store::Result<Arc<AwsCredential>>> + Send + 'future>>
    where
        'this: 'future,
        Self: 'future,
    {
        Box::pin(self.current())
    }
}

impl SdkCredentials {
    async fn current(&self) -> object_store::Result<Arc<AwsCredential>> {
        // Held while asking, so that a crowd asks once.
        let mut kept = self.kept.lock().await;
        if let Some(kept) = &*kept
            && kept.renewed_at.is_none_or(|renewed_at| SystemTime::now() < renewed_at)
        {
            return Ok(kept.credential.clone());
        }
        let found = self
            .chain
            .provide_credentials()
            .await
            .map_err(|error| object_store::Error::Generic { store: "S3", source: error.into() })?;
        let credential = Arc::new(translated(&found));
        let renewed_at = found.expiry().and_then(|end| end.checked_sub(RENEWED_BEFORE));
        *kept = Some(Kept { credential: credential.clone(), renewed_at });
        Ok(credential)
    }
}

fn translated(found: &Credentials) -> AwsCredential {
    AwsCredential {
        key_id: found.access_key_id().to_owned(),
        secret_key: found.secret_access_key().to_owned(),
        token: found.session_token().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicU32, Ordering};

    use aws_credential_types::provider::future;

    use super::*;

    /// Answers with numbered credentials that last this long.
    #[derive(Debug)]
    struct Chain {
        asked: Arc<AtomicU32>,
        last: Option<Duration>,
    }

    impl ProvideCredentials for Chain {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let key = self.asked.fetch_add(1, Ordering::Relaxed).to_string();
            let end = self.last.map(|last| SystemTime::now() + last);
            let token = Some("token".to_owned());
            future::ProvideCredentials::ready(Ok(Credentials::new(key, "open-sesame", token, end, "test")))
        }
    }

    async fn keys(last: Option<Duration>) -> [String; 3] {
        let chain = Chain { asked: Arc::default(), last };
        let credentials = SdkCredentials::new(SharedCredentialsProvider::new(chain));
        let mut keys = [(); 3].map(|()| String::new());
        for key in &mut keys {
            let credential = credentials.get_credential().await.unwrap();
            assert_eq!(credential.token.as_deref(), Some("token"));
            *key = credential.key_id.clone();
        }
        assert!(!format!("{credentials:?}").contains("open-sesame"));
        keys
    }

    #[tokio::test]
    async fn credentials_are_kept_until_shortly_before_they_end() {
        assert_eq!(keys(None).await, ["0", "0", "0"]);
        assert_eq!(keys(Some(Duration::from_secs(60 * 60))).await, ["0", "0", "0"]);
        assert_eq!(keys(Some(Duration::from_secs(60))).await, ["0", "1", "2"]);
    }
}
