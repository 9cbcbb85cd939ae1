//! Values that stand elsewhere than in Git: where, what they were, and in which version.

use std::collections::BTreeMap;
use std::fmt;

use super::Origin;

/// Where the value of a variable is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LookupSource {
    /// A parameter of SSM Parameter Store, by name or ARN, perhaps with `:version` or `:label`.
    Parameter(String),
    /// An export of a CloudFormation stack.
    Export(String),
}

impl fmt::Display for LookupSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LookupSource::Parameter(name) => f.write_str(name),
            LookupSource::Export(name) => write!(f, "export {name}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupValue {
    Text(String),
    List(Vec<String>),
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub value: LookupValue,
    /// `version 7`, or `of stack network`.
    pub version: String,
}

/// Everything that was looked up for a commit.
pub type Answers = BTreeMap<LookupSource, Found>;

/// A variable of an environment whose value was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedUp {
    pub variable: String,
    pub source: LookupSource,
    pub version: String,
    /// Where Git says to look.
    pub origin: Origin,
}

/// `image from /jobs/image version 7`
impl fmt::Display for LookedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {} {}", self.variable, self.source, self.version)
    }
}
