//! One server's way in: whom to trust, who we are, how long to wait, how much to take.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider};

use crate::Failure;

/// Some servers speak Git's protocol only to a client that says it is git.
const USER_AGENT: &str = concat!("git/2.0 (reconciler ", env!("CARGO_PKG_VERSION"), ")");

/// User name and password (or access token) for Basic authentication.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

/// Never prints the password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Whose certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The machine's own list.
    System,
    /// Only the authorities in this PEM file.
    File(PathBuf),
}

/// Bounds on one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub connect: Duration,
    /// Without a byte from the server. It may be packing before the first one.
    pub stall: Duration,
    /// The whole request with its answer.
    pub request: Duration,
    /// Of one answer, after decompression.
    pub response_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(60),
            request: Duration::from_secs(300),
            response_bytes_max: 256 * 1024 * 1024,
        }
    }
}

impl Limits {
    pub(crate) fn of(&self, phase: &ureq::Timeout) -> Duration {
        match phase {
            ureq::Timeout::Resolve | ureq::Timeout::Connect => self.connect,
            ureq::Timeout::PerRead => self.stall,
            _ => self.request,
        }
    }
}

/// An HTTP client for one Git server.
pub struct Client {
    pub(crate) agent: ureq::Agent,
    pub(crate) limits: Limits,
    /// The ready `Authorization` header.
    pub(crate) authorization: Option<String>,
    failure: Mutex<Option<Failure>>,
}

impl Client {
    /// A client; fails when the trusted certificates can't be read.
    pub fn new(
        trust: &Trust,
        credentials: Option<&Credentials>,
        limits: Limits,
    ) -> Result<Arc<Self>, Failure> {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(trust.roots()?)
            .build();
        let agent = ureq::Agent::config_builder()
            .tls_config(tls)
            // ureq would read HTTPS_PROXY and its kin from the environment by itself.
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(USER_AGENT)
            .timeout_resolve(Some(limits.connect))
            .timeout_connect(Some(limits.connect))
            .timeout_per_read(Some(limits.stall))
            .timeout_global(Some(limits.request))
            .build()
            .new_agent();
        let authorization = credentials.map(|credentials| {
            let pair = format!("{}:{}", credentials.username, credentials.password);
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        });
        Ok(Arc::new(Self { agent, limits, authorization, failure: Mutex::default() }))
    }

    /// Why the last request failed, if one did since this was asked last.
    pub fn take_failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Remembers the first failure of a fetch; what follows from it says less.
    pub(crate) fn remember(&self, failure: &Failure) {
        let mut slot = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert_with(|| failure.clone());
    }
}

impl Trust {
    fn roots(&self) -> Result<RootCerts, Failure> {
        let certificates: Vec<Certificate<'static>> = match self {
            Trust::System => rustls_native_certs::load_native_certs()
                .certs
                .iter()
                .map(|certificate| Certificate::from_der(certificate).to_owned())
                .collect(),
            Trust::File(path) => {
                let refuse = |why: String| Failure::Refused {
                    what: format!("the CA file {} can't be read: {why}", path.display()),
                };
                let pem = std::fs::read(path).map_err(|error| refuse(error.to_string().to_lowercase()))?;
                let items = ureq::tls::parse_pem(&pem).collect::<Result<Vec<_>, _>>();
                let items = items.map_err(|error| refuse(error.to_string()))?;
                let certificates: Vec<_> = items
                    .into_iter()
                    .filter_map(|item| match item {
                        PemItem::Certificate(certificate) => Some(certificate),
                        _ => None,
                    })
                    .collect();
                if certificates.is_empty() {
                    return Err(refuse("it holds no certificate".to_owned()));
                }
                certificates
            }
        };
        Ok(RootCerts::new_with_certs(&certificates))
    }
}
