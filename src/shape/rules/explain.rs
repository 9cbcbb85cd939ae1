//! The sentence for which a field stays quiet: what `plan --explain` prints.

use super::{Absent, Equality, Fill, Owner, Rule};

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
pub const UNKNOWN: &str = "AWS answers with it and no rule knows it: never drift";

/// For a field named by `sync.ignore`.
pub const IGNORED: &str = "sync.ignore names it";

impl Rule {
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
        }
    }

    fn equality_sentence(&self) -> &'static str {
        match self.equality {
            Equality::Exact => "the same value in another form",
            Equality::Members => "the same, member by member",
            Equality::Map => "the same keys and values",
            Equality::Ordered => "the same elements, each in another form",
            Equality::Set => "order means nothing here",
            Equality::KeyedBy(_) => "elements are told apart by name, and their order means nothing",
            Equality::MapByName(_) => "really a map: order means nothing",
            Equality::Number => "a number as text is the same number",
            Equality::Percent => "percentages come back rounded to one digit",
            Equality::UnitCpu => "1 vCPU is 1024 CPU units",
            Equality::UnitMemory => "1 GB is 1024 MiB",
            Equality::ArnTail => "a name and the ARN that ends in it mean the same",
            Equality::NameUnlessArn => "AWS turned the name into an ARN that does not contain it",
            Equality::PlacementField => "ECS answers host as instanceId, and attributes in upper case",
            Equality::Instant => "the same moment",
            Equality::Document => "the same JSON",
        }
    }

    fn owner_sentence(&self) -> &'static str {
        match self.owner {
            Owner::Git => "Git owns it",
            Owner::AwsOnly => "only AWS writes it",
            Owner::Autoscaling => {
                "Application Auto Scaling owns it while a scalable target exists, and ECS itself for DAEMON"
            }
        }
    }
}
