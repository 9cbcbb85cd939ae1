//! Everything that can keep a commit from being read, each as one sentence with the way out.

/// Why there is no checkout. Whatever it is, what was in force stays in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    // About the settings.
    #[error("can't use the repository URL `{url}`: {why}")]
    Url { url: String, why: String },
    #[error("can't use the branch name `{branch}`: {why}")]
    BranchName { branch: String, why: String },
    #[error("can't use the manifest folder `{path}`: {why}")]
    Path { path: String, why: String },
    #[error("can't use the CA settings for `{url}`: {why}")]
    Trust { url: String, why: String },

    // About reaching the repository.
    #[error("can't reach `{url}`: {why}")]
    Unreachable { url: String, why: String },
    #[error("can't trust `{url}`: {why}; for a private authority, give its certificate as the CA file")]
    Certificate { url: String, why: String },
    #[error("`{url}` refuses us ({status}): {hint}")]
    Denied { url: String, status: u16, hint: &'static str },
    #[error("there is no repository at `{url}`, or it is hidden from these credentials")]
    NotThere { url: String },
    #[error("`{url}` redirects to {to}; redirects are not followed: put the new URL in the settings")]
    Redirected { url: String, to: String },
    #[error("`{url}` does not answer as a Git repository: {why}")]
    NotGit { url: String, why: String },
    #[error("can't open the repository `{path}`: {why}")]
    Local { path: String, why: String },
    #[error("can't read the folder `{path}`: {why}")]
    Folder { path: String, why: String },
    #[error("can't keep the repository cache `{path}`: {why}")]
    Cache { path: String, why: String },
    #[error("fetching from `{url}` failed: {why}")]
    Fetch { url: String, why: String },

    #[error("can't write to `{url}`: {why}")]
    Write { url: String, why: String },

    // About what is in it.
    #[error("the repository `{url}` has no commit yet: push one to `{branch}`")]
    Empty { url: String, branch: String },
    #[error("the repository `{url}` has no branch `{branch}`; {others}")]
    BranchMissing { url: String, branch: String, others: String },
    #[error("{revision} has no folder `{path}`{help}")]
    FolderMissing { revision: String, path: String, help: String },
    #[error("{revision} has no manifest: no *.yaml or *.yml file lies in {folder}")]
    NoManifest { revision: String, folder: String },
    #[error("{revision} can't be used: `{file}` {why}")]
    Refused { revision: String, file: String, why: String },
    #[error("{revision} can't be used: `{file}` {what}, the limit is {limit}")]
    Limit { revision: String, file: String, what: String, limit: String },
    #[error("{revision} could not be read whole: {why}")]
    Incomplete { revision: String, why: String },
}

impl SourceError {
    /// Whether the commit itself is at fault: trying again reads the same, a new commit helps.
    pub fn is_about_the_commit(&self) -> bool {
        matches!(
            self,
            Self::FolderMissing { .. } | Self::NoManifest { .. } | Self::Refused { .. } | Self::Limit { .. }
        )
    }
}
