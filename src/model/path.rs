//! Where in a manifest, or in an answer of AWS, a value stands.

use std::fmt;

use serde::{Serialize, Serializer};

/// One step down a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A member of an object, or a key of a map: `.memory`
    Field(String),
    /// A list element by its identity: `[worker]`
    Key(String),
    /// A list element by its place, from 0: `[0]`
    Index(usize),
}

/// A path from the root of `spec`, such as `taskDefinition.containerDefinitions[worker].image`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(pub Vec<Segment>);

impl FieldPath {
    pub fn root() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn field(&self, name: impl Into<String>) -> Self {
        self.with(Segment::Field(name.into()))
    }

    #[must_use]
    pub fn key(&self, name: impl Into<String>) -> Self {
        self.with(Segment::Key(name.into()))
    }

    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    /// Whether `self` is `other` or lies below it.
    pub fn starts_with(&self, other: &FieldPath) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The JSON pointer form that `sync.ignore` uses: `/service/desiredCount`.
    pub fn pointer(&self) -> String {
        self.0
            .iter()
            .map(|segment| match segment {
                Segment::Field(name) | Segment::Key(name) => {
                    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
                }
                Segment::Index(index) => format!("/{index}"),
            })
            .collect()
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Field(name) if place == 0 => f.write_str(name)?,
                Segment::Field(name) => write!(f, ".{name}")?,
                Segment::Key(name) => write!(f, "[{name}]")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl Serialize for FieldPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_like_the_manifest() {
        let path = FieldPath::root()
            .field("taskDefinition")
            .field("containerDefinitions")
            .key("worker")
            .field("image");
        assert_eq!(path.to_string(), "taskDefinition.containerDefinitions[worker].image");
        assert_eq!(path.pointer(), "/taskDefinition/containerDefinitions/worker/image");
        assert!(path.starts_with(&FieldPath::root().field("taskDefinition")));
    }
}
