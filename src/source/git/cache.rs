//! A repository elsewhere, and the bare copy of one branch's newest commits that is kept of it.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use git_https::{Client, Credentials, Failure, Limits, Trust};
use git2::{AutotagOption, ErrorCode, FetchOptions, PushOptions, RemoteCallbacks, Repository};
use sha2::{Digest as _, Sha256};

use super::write::Moved;
use super::{Found, Position, branch_missing};
use crate::model::Revision;
use crate::source::SourceError;

/// Packs after which the copy is made anew; libgit2 never merges them, and looks through all.
const PACKS_MAX: usize = 64;
/// Where the fetched branch is kept. libgit2 offers it to the server as what we have already.
const REFERENCE: &str = "refs/reconciler/fetched";

/// What is about to be pushed.
const WRITING: &str = "refs/reconciler/writing";

pub(super) struct Cache {
    url: String,
    client: Arc<Client>,
    directory: PathBuf,
    depth: Depth,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum Depth {
    NewestCommit,
    /// The server can't do less.
    Everything,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Sound,
    /// To be thrown away before the next fetch.
    Suspect,
}

impl Cache {
    pub(super) fn new(
        url: String,
        branch: &str,
        credentials: Option<&Credentials>,
        ca_file: Option<PathBuf>,
        cache_dir: &Path,
    ) -> Result<Self, SourceError> {
        let trust = ca_file.map_or(Trust::System, Trust::File);
        let client = Client::new(&trust, credentials, Limits::default())
            .map_err(|failure| SourceError::Trust { url: url.clone(), why: failure.to_string() })?;
        let name = Sha256::digest(format!("{url}\n{branch}"));
        let name: String = name.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let directory = cache_dir.join(format!("{name}.git"));
        Ok(Self { url, client, directory, depth: Depth::NewestCommit, state: State::Sound })
    }

    /// Something in the copy is missing or broken.
    pub(super) fn distrust(&mut self) {
        self.state = State::Suspect;
    }

    /// Where the branch points; if not to `last`, that commit is fetched.
    pub(super) fn find(&mut self, branch: &str, last: Option<&Revision>) -> Result<Position, SourceError> {
        let branches = self.client.branches(&self.url).map_err(|failure| self.unreached(failure))?;
        let Some(head) = branches.iter().find(|head| head.name == branch) else {
            let others = branches.into_iter().map(|head| head.name).collect();
            return Err(branch_missing(&self.url, branch, others));
        };
        if let Some(last) = last.filter(|last| last.id == head.commit) {
            return Ok(Position::Same(last.clone()));
        }
        let repository = self.open()?;
        let had_objects = repository.find_reference(REFERENCE).is_ok();
        match self.fetch(&repository, branch) {
            Ok(commit) => Ok(Position::Moved(Found { repository, commit })),
            // Not the network's fault: a broken or outdated copy gets one more chance, as a new one.
            Err(SourceError::Fetch { .. }) if had_objects => {
                self.distrust();
                let repository = self.open()?;
                let commit = self.fetch(&repository, branch)?;
                Ok(Position::Moved(Found { repository, commit }))
            }
            Err(error) => Err(error),
        }
    }

    fn fetch(&mut self, repository: &Repository, branch: &str) -> Result<git2::Oid, SourceError> {
        let refspec = format!("+refs/heads/{branch}:{REFERENCE}");
        let mut attempt = self.download(repository, &refspec);
        if attempt.as_ref().is_err_and(|error| {
            // The words of libgit2's transports/smart_protocol.c.
            error.code() == ErrorCode::Invalid && error.message().contains("doesn't support shallow")
        }) {
            self.depth = Depth::Everything;
            attempt = self.download(repository, &refspec);
        }
        let commit = attempt.and_then(|()| repository.find_reference(REFERENCE)?.peel_to_commit());
        match commit {
            Ok(commit) => Ok(commit.id()),
            Err(error) => Err(match self.client.take_failure() {
                Some(failure) => self.unreached(failure),
                None => SourceError::Fetch { url: self.url.clone(), why: error.message().to_owned() },
            }),
        }
    }

    fn download(&self, repository: &Repository, refspec: &str) -> Result<(), git2::Error> {
        let mut options = FetchOptions::new();
        options.download_tags(AutotagOption::None).update_fetchhead(false);
        if self.depth == Depth::NewestCommit {
            options.depth(1);
        }
        self.client.take_failure();
        self.client.scope(|| {
            let mut remote = repository.remote_anonymous(&self.url)?;
            remote.fetch(&[refspec], Some(&mut options), None)
        })?
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Moves the branch to a commit on top of the one that was found, unless it moved meanwhile.
    pub(super) fn push(
        &self,
        repository: &Repository,
        branch: &str,
        commit: git2::Oid,
    ) -> Result<Moved, SourceError> {
        let refused: RefCell<Option<String>> = RefCell::default();
        self.client.take_failure();
        let pushed = self.client.pushing(|| {
            repository.reference(WRITING, commit, true, "to be pushed")?;
            let mut callbacks = RemoteCallbacks::new();
            callbacks.push_update_reference(|_, status| {
                *refused.borrow_mut() = status.map(str::to_owned);
                Ok(())
            });
            let mut options = PushOptions::new();
            options.remote_callbacks(callbacks);
            let mut remote = repository.remote_anonymous(&self.url)?;
            // Without a plus: it is never forced.
            remote.push(&[format!("{WRITING}:refs/heads/{branch}")], Some(&mut options))
        });
        let pushed = pushed.and_then(|pushed| pushed);
        let fail = |why: &str| SourceError::Write { url: self.url.clone(), why: why.to_owned() };
        match (pushed, refused.into_inner()) {
            (Ok(()), None) => Ok(Moved::No),
            // git's words where another push came first.
            (Ok(()), Some(status))
                if ["fetch first", "non-fast-forward", "failed to update ref", "stale info"]
                    .iter()
                    .any(|words| status.contains(words)) =>
            {
                Ok(Moved::Yes)
            }
            (Ok(()), Some(status)) => Err(fail(&format!("the server refuses the push: {status}"))),
            (Err(error), _) if error.code() == ErrorCode::NotFastForward => Ok(Moved::Yes),
            (Err(error), _) => Err(match self.client.take_failure() {
                Some(Failure::Denied { status, credentials_sent: true }) => SourceError::Denied {
                    url: self.url.clone(),
                    status,
                    hint: "the token may not push; `images.writeBack` needs one that may",
                },
                Some(failure) => self.unreached(failure),
                None => fail(error.message()),
            }),
        }
    }

    /// The copy, if there is one.
    pub(super) fn opened(&self) -> Option<Repository> {
        Repository::open_bare(&self.directory).ok()
    }

    /// Opens the copy, or makes a new one where there is none that can be used.
    fn open(&mut self) -> Result<Repository, SourceError> {
        let fail = |why: String| SourceError::Cache { path: self.directory.display().to_string(), why };
        let usable = self.state == State::Sound && packs(&self.directory) < PACKS_MAX;
        if usable && let Ok(repository) = Repository::open_bare(&self.directory) {
            return Ok(repository);
        }
        if self.directory.exists() {
            std::fs::remove_dir_all(&self.directory)
                .map_err(|error| fail(error.to_string().to_lowercase()))?;
        }
        std::fs::create_dir_all(&self.directory).map_err(|error| fail(error.to_string().to_lowercase()))?;
        let repository =
            Repository::init_bare(&self.directory).map_err(|error| fail(error.message().to_owned()))?;
        self.state = State::Sound;
        Ok(repository)
    }

    fn unreached(&self, failure: Failure) -> SourceError {
        let url = self.url.clone();
        match failure {
            Failure::HostUnknown { .. } | Failure::Unreachable { .. } | Failure::TimedOut { .. } => {
                SourceError::Unreachable { url, why: failure.to_string() }
            }
            Failure::Certificate { why } => SourceError::Certificate { url, why },
            Failure::Denied { status, credentials_sent } => {
                let hint = if credentials_sent {
                    "the user name or token is wrong, expired, or may not read this repository"
                } else {
                    "it wants credentials and none were given"
                };
                SourceError::Denied { url, status, hint }
            }
            Failure::NotFound => SourceError::NotThere { url },
            Failure::Redirected { to } => SourceError::Redirected { url, to },
            Failure::NotGit { .. } | Failure::Status { .. } => {
                SourceError::NotGit { url, why: failure.to_string() }
            }
            Failure::TooLarge { .. } | Failure::Refused { .. } => {
                SourceError::NotGit { url, why: failure.to_string() }
            }
        }
    }
}

fn packs(directory: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(directory.join("objects/pack")) else { return 0 };
    entries.flatten().filter(|entry| entry.path().extension().is_some_and(|end| end == "pack")).count()
}
