//! Maps image references to commands of this machine, for containers that are child processes.
//!
//! As a file, in JSON or YAML:
//!
//! ```json
//! {"images": {
//!   "123456789012.dkr.ecr.eu-west-1.amazonaws.com/job-api": {
//!     "command": "target/release/api",
//!     "args": ["--quiet"],
//!     "workingDirectory": "app/api",
//!     "environment": {"RUST_LOG": "info"}
//!   }
//! }}
//! ```
//!
//! A key is a whole reference (`registry/job-api:1.4.2`), a repository with any tag or digest
//! (`registry/job-api`), or a leading part of a repository (`registry`). The longest match counts.
//! `command` is a name to be found on `PATH`, or a path; paths in a file are relative to that file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;

/// What stands in for one image.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Image {
    /// The program; it always stays, because the programs inside an image do not exist here.
    pub command: PathBuf,
    /// What the program gets unless the container definition has a `command` of its own.
    #[serde(default)]
    pub args: Vec<String>,
    #[serde(default)]
    pub working_directory: Option<PathBuf>,
    /// The image's `ENV`; the container definition overrides it.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

impl Image {
    /// The arguments a container is started with.
    ///
    /// As with Docker, `command` replaces the image's arguments, and an `entryPoint` drops them too;
    /// but the first word of an `entryPoint` names a program inside the image, for which
    /// [`Image::command`] stands.
    pub fn arguments(&self, entry_point: &[String], command: &[String]) -> Vec<String> {
        match (entry_point, command) {
            ([], []) => self.args.clone(),
            ([], command) => command.to_vec(),
            ([_, rest @ ..], command) => [rest, command].concat(),
        }
    }
}

/// All images this machine can run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Images {
    images: BTreeMap<String, Image>,
}

impl Images {
    /// Reads an image map; JSON is YAML too.
    pub fn from_file(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("can't read the image map {}", path.display()))?;
        let mut images: Self = serde_saphyr::from_str(&text)
            .with_context(|| format!("can't understand the image map {}", path.display()))?;
        let path = std::path::absolute(path)
            .with_context(|| format!("can't find the directory of {}", path.display()))?;
        let directory = path.parent().unwrap_or(Path::new("/"));
        for image in images.images.values_mut() {
            if image.command.components().count() > 1 {
                image.command = directory.join(&image.command);
            }
            if let Some(working_directory) = &mut image.working_directory {
                *working_directory = directory.join(&*working_directory);
            }
        }
        Ok(images)
    }

    /// Lets `image` stand for a reference, a repository or a registry.
    pub fn insert(&mut self, reference: &str, image: Image) {
        self.images.insert(reference.to_owned(), image);
    }

    /// What stands for an image reference, if anything does.
    pub fn find(&self, reference: &str) -> Option<&Image> {
        let without_digest = reference.split('@').next().unwrap_or(reference);
        // A colon after the last slash separates the tag; one before it, the registry's port.
        let name_at = without_digest.rfind('/').map_or(0, |slash| slash + 1);
        let repository = match without_digest[name_at..].find(':') {
            Some(colon) => &without_digest[..name_at + colon],
            None => without_digest,
        };
        if let Some(image) =
            [reference, without_digest, repository].iter().find_map(|key| self.images.get(*key))
        {
            return Some(image);
        }
        let mut parent = repository;
        while let Some((shorter, _)) = parent.rsplit_once('/') {
            if let Some(image) = self.images.get(shorter) {
                return Some(image);
            }
            parent = shorter;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn image(command: &str) -> Image {
        Image { command: command.into(), args: vec!["--default".into()], ..Image::default() }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn the_longest_match_counts() {
        let mut images = Images::default();
        for key in ["localhost:5000", "localhost:5000/team/api", "localhost:5000/team/api:2"] {
            images.insert(key, image(key));
        }
        let found =
            |reference: &str| images.find(reference).map(|image| image.command.to_str().unwrap().to_owned());
        let check = |reference: &str, key: &str| {
            assert_eq!(found(reference).as_deref(), Some(key), "{reference}");
        };
        check("localhost:5000/team/api:2", "localhost:5000/team/api:2");
        check("localhost:5000/team/api:2@sha256:ab", "localhost:5000/team/api:2");
        check("localhost:5000/team/api:3", "localhost:5000/team/api");
        check("localhost:5000/team/api", "localhost:5000/team/api");
        check("localhost:5000/team/api@sha256:ab", "localhost:5000/team/api");
        check("localhost:5000/team/worker:1", "localhost:5000");
        assert_eq!(found("localhost:5001/team/api:2"), None);
        assert_eq!(found("localhost:5000x/api"), None);
    }

    #[test]
    fn a_container_definition_replaces_the_arguments_but_not_the_program() {
        let image = image("api");
        assert_eq!(image.arguments(&[], &[]), ["--default"]);
        assert_eq!(image.arguments(&[], &words(&["--port", "1"])), ["--port", "1"]);
        let entry_point = words(&["/app/api", "serve"]);
        assert_eq!(image.arguments(&entry_point, &[]), ["serve"]);
        assert_eq!(image.arguments(&entry_point, &words(&["-v"])), ["serve", "-v"]);
    }

    #[test]
    fn paths_in_a_file_are_relative_to_it_and_names_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("images.json");
        let text = r#"{"images": {"api": {"command": "bin/api", "workingDirectory": "app"},
                                  "py": {"command": "python3"}}}"#;
        std::fs::write(&path, text).unwrap();
        let images = Images::from_file(&path).unwrap();
        let api = images.find("api:1").unwrap();
        assert_eq!(api.command, directory.path().join("bin/api"));
        assert_eq!(api.working_directory, Some(directory.path().join("app")));
        assert_eq!(images.find("py:3").unwrap().command, Path::new("python3"));
    }

    #[test]
    fn a_misspelt_member_of_a_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("images.yaml");
        std::fs::write(&path, "images: {api: {comand: x}}").unwrap();
        let error = format!("{:#}", Images::from_file(&path).unwrap_err());
        assert!(error.contains("comand"), "{error}");
    }
}
