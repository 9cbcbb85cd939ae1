//! HTTPS for git2 over ureq and rustls, so that no OpenSSL is linked.
//!
//! libgit2 keeps one process-wide list of transports. [`Client::scope`] enters ours there once and
//! lends a client to everything that git2 does inside the closure on this thread; outside a scope
//! the transport refuses to connect. The client only reads, except for work that [`Client::pushing`] lets push;
//! no redirects, no proxies, and a bound on every wait and every answer.

#![deny(unsafe_code)]

mod advertisement;
mod client;
mod failure;
mod subtransport;

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Once, OnceLock};

pub use advertisement::Branch;
pub use client::{Client, Credentials, Limits, Trust};
pub use failure::Failure;

use subtransport::Subtransport;

thread_local! {
    static CURRENT: RefCell<Option<Arc<Client>>> = const { RefCell::new(None) };
    /// Whether it may push.
    static PUSHES: Cell<bool> = const { Cell::new(false) };
}

impl Client {
    /// Runs `work` with this client behind every `https://` and `http://` remote that git2 opens
    /// on this thread meanwhile.
    ///
    /// When `work` fails, [`Client::take_failure`] tells why in more than libgit2's words.
    pub fn scope<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> Result<T, git2::Error> {
        register_once()?;
        let before = CURRENT.replace(Some(Arc::clone(self)));
        let _restore = Restore(before);
        Ok(work())
    }

    /// The same for work that may also push.
    pub fn pushing<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> Result<T, git2::Error> {
        self.scope(|| {
            let _forbid = Forbid(PUSHES.replace(true));
            work()
        })
    }
}

/// Takes the right to push away again, even when the work panics.
struct Forbid(bool);

impl Drop for Forbid {
    fn drop(&mut self) {
        PUSHES.set(self.0);
    }
}

/// Puts the client of the scope around this one back, even when the work panics.
struct Restore(Option<Arc<Client>>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

fn register_once() -> Result<(), git2::Error> {
    static ONCE: Once = Once::new();
    static REFUSED: OnceLock<String> = OnceLock::new();
    ONCE.call_once(|| {
        for scheme in ["https", "http"] {
            if let Err(error) = register(scheme) {
                let _ = REFUSED.set(error.message().to_owned());
            }
        }
    });
    match REFUSED.get() {
        None => Ok(()),
        Some(why) => Err(git2::Error::from_str(why)),
    }
}

#[allow(unsafe_code)]
fn register(scheme: &str) -> Result<(), git2::Error> {
    // SAFETY: `git2::transport::register` wants no other thread to look a transport up meanwhile.
    // Only a network remote looks one up, this workspace opens network remotes only inside
    // `Client::scope`, and every scope first waits on the `Once` that this call runs under.
    unsafe {
        git2::transport::register(scheme, |remote| {
            let client = CURRENT.with_borrow(Clone::clone).ok_or_else(|| {
                git2::Error::from_str("a network remote was opened outside git_https::Client::scope")
            })?;
            git2::transport::Transport::smart(remote, true, Subtransport::new(client, PUSHES.get()))
        })
    }
}
