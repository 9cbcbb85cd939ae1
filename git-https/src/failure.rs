//! Why a request failed, kept beside libgit2's error, which carries only a string.

use std::time::Duration;

/// What went wrong between us and the server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("no address is known for {host}")]
    HostUnknown { host: String },
    #[error("{why}")]
    Unreachable { why: String },
    #[error("no answer within {} s ({phase})", after.as_secs())]
    TimedOut { phase: String, after: Duration },
    #[error("its certificate is not trusted: {why}")]
    Certificate { why: String },
    #[error("the server answered {status}")]
    Denied { status: u16, credentials_sent: bool },
    #[error("the server answered 404")]
    NotFound,
    #[error("the server redirects to {to}")]
    Redirected { to: String },
    #[error("the server answered {status}")]
    Status { status: u16 },
    #[error("the answer is {content_type}, not Git's protocol")]
    NotGit { content_type: String },
    #[error("the answer is larger than {bytes_max} bytes")]
    TooLarge { bytes_max: u64 },
    #[error("{what}")]
    Refused { what: String },
}

impl Failure {
    pub(crate) fn of(error: ureq::Error, host: &str, limits: &crate::Limits) -> Self {
        match error {
            ureq::Error::HostNotFound => Self::HostUnknown { host: host.to_owned() },
            ureq::Error::Timeout(phase) => {
                Self::TimedOut { phase: phase.to_string(), after: limits.of(&phase) }
            }
            ureq::Error::Rustls(error) => Self::Certificate { why: tls_reason(&error) },
            ureq::Error::Tls(why) => Self::Certificate { why: why.to_owned() },
            // The standard library has no error kind for a name that does not resolve.
            ureq::Error::Io(error) if error.to_string().starts_with("failed to lookup address") => {
                Self::HostUnknown { host: host.to_owned() }
            }
            ureq::Error::Io(error) => Self::of_io(&error),
            other => Self::Unreachable { why: other.to_string() },
        }
    }

    /// rustls reports a refused certificate from inside `io::Error` when it comes up during the
    /// handshake.
    pub(crate) fn of_io(error: &std::io::Error) -> Self {
        let inner = error.get_ref();
        if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::Certificate { why: tls_reason(error) };
        }
        if let Some(Self::TooLarge { bytes_max }) = inner.and_then(|inner| inner.downcast_ref::<Self>()) {
            return Self::TooLarge { bytes_max: *bytes_max };
        }
        let why = error.to_string().to_lowercase();
        let why = why.split(" (os error").next().unwrap_or(&why).to_owned();
        Self::Unreachable { why }
    }
}

fn tls_reason(error: &rustls::Error) -> String {
    use rustls::CertificateError;
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "signed by an authority that is not in the list of trusted ones".to_owned()
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "made out for another host".to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "expired".to_owned(),
        other => other.to_string(),
    }
}
