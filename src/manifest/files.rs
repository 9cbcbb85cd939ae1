//! The manifest files of a checkout, each with a number that is cheap to keep beside every value.

use std::sync::Arc;

use crate::model::Checkout;

/// Which file a value was written in: its number among the manifest files, in the order of their paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId(u32);

impl FileId {
    /// For a text that stands alone.
    pub const ONLY: Self = Self(0);
}

/// All manifest files of one checkout.
pub struct Files<'a> {
    list: Vec<(Arc<str>, &'a str)>,
}

impl<'a> Files<'a> {
    pub fn of(checkout: &'a Checkout) -> Self {
        let is_manifest = |path: &str| path.ends_with(".yaml") || path.ends_with(".yml");
        let files = checkout.files.iter().filter(|(path, _)| is_manifest(path));
        Self { list: files.map(|(path, text)| (path.as_str().into(), text.as_str())).collect() }
    }

    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// Every file with its number and its text.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &'a str)> {
        (0..).map(FileId).zip(self.list.iter().map(|(_, text)| *text))
    }

    pub fn path(&self, file: FileId) -> Arc<str> {
        self.get(file).map_or_else(|| "".into(), |(path, _)| Arc::clone(path))
    }

    pub fn text(&self, file: FileId) -> &'a str {
        self.get(file).map_or("", |(_, text)| text)
    }

    fn get(&self, file: FileId) -> Option<&(Arc<str>, &'a str)> {
        self.list.get(usize::try_from(file.0).ok()?)
    }
}
