//! A Git repository that a test commits to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Signature};

pub const API: &str = "manifests/job-api.yaml";
pub const WORKER: &str = "manifests/job-worker.yaml";
const ENVIRONMENT: &str = "manifests/environments/local.yaml";

/// A bare repository with a branch `main`, as on a Git server.
pub struct Repository {
    path: PathBuf,
    folder: tempfile::TempDir,
    git: git2::Repository,
    files: BTreeMap<String, String>,
}

impl Repository {
    /// A repository without any commit.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.git");
        let git = git2::Repository::init_bare(&path).unwrap();
        git.set_head("refs/heads/main").unwrap();
        Self { path, folder, git, files: BTreeMap::new() }
    }

    /// The manifests of the job system as they are in this project, without any commit yet.
    pub fn of_the_job_system() -> Self {
        let mut repository = Self::empty();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for file in [ENVIRONMENT, API, WORKER] {
            repository.write(file, &std::fs::read_to_string(root.join(file)).unwrap());
        }
        repository
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the repository away, as an unmounted disk would.
    pub fn hide(&self) {
        std::fs::rename(&self.path, self.folder.path().join("hidden")).unwrap();
    }

    pub fn show(&self) {
        std::fs::rename(self.folder.path().join("hidden"), &self.path).unwrap();
    }

    pub fn write(&mut self, file: &str, text: &str) -> &mut Self {
        self.files.insert(file.to_owned(), text.to_owned());
        self
    }

    pub fn text(&self, file: &str) -> &str {
        &self.files[file]
    }

    /// Replaces a text that stands in a file.
    pub fn edit(&mut self, file: &str, from: &str, to: &str) -> &mut Self {
        let text = &self.files[file];
        assert!(text.contains(from), "`{from}` is not in {file}");
        let text = text.replace(from, to);
        self.write(file, &text)
    }

    /// Asks for another version of a service of the job system than the first one.
    pub fn release(&mut self, service: &str, version: &str) -> &mut Self {
        let variable = format!("{}_version: ", service.replace('-', "_"));
        self.edit(ENVIRONMENT, &format!("{variable}1.0.0"), &format!("{variable}{version}"))
    }

    /// Commits everything written so far to `main`, and gives the commit's id.
    pub fn commit(&self, message: &str) -> String {
        let parent = self.git.head().ok().map(|head| head.peel_to_commit().unwrap());
        let mut update = TreeUpdateBuilder::new();
        for (file, text) in &self.files {
            update.upsert(file.as_str(), self.git.blob(text.as_bytes()).unwrap(), FileMode::Blob);
        }
        let before = match &parent {
            Some(parent) => parent.tree().unwrap(),
            None => {
                let nothing = self.git.treebuilder(None).unwrap().write().unwrap();
                self.git.find_tree(nothing).unwrap()
            }
        };
        let tree = update.create_updated(&self.git, &before).unwrap();
        let tree = self.git.find_tree(tree).unwrap();
        let author = Signature::now("release-bot", "bot@example.invalid").unwrap();
        let parents: Vec<_> = parent.iter().collect();
        self.git.commit(Some("HEAD"), &author, &author, message, &tree, &parents).unwrap().to_string()
    }
}
