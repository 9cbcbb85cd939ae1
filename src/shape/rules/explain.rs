//! The sentence for which a field stays quiet: what `plan --explain` prints.

use super::{Absent, Equality, Fill, Owner, Rule, Tree};

/// Which part of a rule kept two different spellings from being a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// One side leaves it out, and the other says the default.
    Default,
    /// Both sides say the same in different words.
    Equality,
    /// Somebody else writes it.
    Owner,
    /// Git does not mention it.
    NotMentioned,
    /// It counts only under another setting.
    NotSelected,
}

/// For a field that only AWS mentions and the table does not know.
pub const UNKNOWN: &str = "added by AWS: Git does not mention it and no rule knows it, so it is never drift";

/// For a field named by `sync.ignore`.
pub const IGNORED: &str = "sync.ignore names it";

/// For two spellings of one value in a field that no rule knows.
pub const SAME: &str = "the same value in another form";

/// For the target groups of a service that ECS shifts traffic for.
pub const SWAPPED: &str = "ECS swaps the two target groups at every deployment, so which of them is called the alternate says nothing";

/// For the target group of a service that CodeDeploy deploys.
pub const CODE_DEPLOY: &str = "CodeDeploy moves the service between its target groups";

/// Where AWS says so: a page of its API reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    tree: Tree,
    /// The operation or data type that the page is about.
    pub page: &'static str,
}

impl Source {
    pub fn url(self) -> String {
        let reference = match self.tree {
            Tree::TaskDefinition | Tree::Service => "AmazonECS/latest/APIReference",
            Tree::ScalableTarget | Tree::ScalingPolicy | Tree::ScheduledAction => {
                "autoscaling/application/APIReference"
            }
            Tree::Schedule => "scheduler/latest/APIReference",
        };
        format!("https://docs.aws.amazon.com/{reference}/API_{}.html", self.page)
    }
}

impl Rule {
    pub fn source(&self) -> Source {
        Source { tree: self.tree, page: self.source }
    }

    /// Why the field is no difference, without a full stop.
    pub fn sentence(&self, kept: Kept) -> String {
        match kept {
            Kept::Default => self.default_sentence(),
            Kept::Equality => self.equality_sentence().to_owned(),
            Kept::Owner => self.owner_sentence().to_owned(),
            Kept::NotMentioned => "Git does not mention it, so it is not ours".to_owned(),
            Kept::NotSelected => match self.only_with {
                Some((sibling, value)) => format!("it counts only while {sibling} is {value}"),
                None => "it does not count here".to_owned(),
            },
        }
    }

    fn default_sentence(&self) -> String {
        match self.absent {
            Absent::Nothing => "AWS keeps nothing where nothing is sent".to_owned(),
            Absent::Empty => "empty equals absent".to_owned(),
            Absent::Text(text) => format!("AWS fills in {text}"),
            Absent::Number(number) => format!("AWS fills in {number}"),
            Absent::Flag(flag) => format!("AWS fills in {flag}"),
            Absent::SameAs(sibling) => format!("AWS fills it in from {sibling}"),
            Absent::Filled(Fill::HostPort) => {
                "AWS fills it in: containerPort under awsvpc and host, 0 under bridge".to_owned()
            }
            Absent::Filled(Fill::MaximumPercent) => "AWS fills in 200, for DAEMON 100".to_owned(),
            Absent::Filled(Fill::MinimumHealthyPercent) => "AWS fills in 100, for DAEMON 0".to_owned(),
            Absent::Filled(Fill::CapacityProviderStrategy) => {
                "a launch type means no capacity provider strategy".to_owned()
            }
            Absent::NotOurs => "AWS fills it in where Git does not mention it".to_owned(),
            Absent::NotOursElse(text) => format!("where it was never set, it is {text}"),
        }
    }

    fn equality_sentence(&self) -> &'static str {
        match self.equality {
            Equality::Exact => SAME,
            Equality::Members => "the same, member by member",
            Equality::Map => "the same keys and values",
            Equality::Ordered => "the same elements in the same order, written in another form",
            Equality::Set => "its order means nothing, nor does saying an element twice",
            Equality::KeyedBy(_) => "elements are told apart by name, and their order means nothing",
            Equality::MapByName(_) => {
                "really a map: its order means nothing, and of a name said twice the last counts"
            }
            Equality::Number => "a number as text is the same number",
            Equality::Percent => "percentages come back rounded to one digit",
            Equality::UnitCpu => "1 vCPU is 1024 CPU units",
            Equality::UnitMemory => "1 GB is 1024 MiB",
            Equality::ArnTail => "a name and the ARN that ends in it mean the same",
            Equality::CapacityProvider => "the same capacity provider, by name or ARN",
            Equality::SecretReference => "the parts left out at its end mean the whole secret, as it is now",
            Equality::TimeZone => "names of one time zone",
            Equality::NameUnlessArn => "AWS turned the name into an ARN that does not contain it",
            Equality::PlacementField => "ECS answers host as instanceId, and cpu and memory in upper case",
            Equality::Instant => "the same moment",
            Equality::Document => "the same JSON",
        }
    }

    fn owner_sentence(&self) -> &'static str {
        match self.owner {
            Owner::Git => "Git owns it",
            Owner::AwsOnly => "compared on its own, not as a part of this",
            Owner::Autoscaling => {
                "Application Auto Scaling owns it while a scalable target exists, and ECS itself for DAEMON"
            }
        }
    }
}

/// For fields that only AWS writes.
pub fn outputs(names: &[&str]) -> String {
    format!("only AWS writes {}", names.join(", "))
}
