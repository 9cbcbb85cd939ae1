//! The one table of field rules: how each field of AWS compares, defaults, acts and is cleared.
//!
//! The rows are data ([`all`]); [`Node`] is the same table folded into a tree, so that a walk over a
//! pair of JSON trees carries its rule along. A field without a row is compared as it is if Git
//! mentions it, and is never drift if only AWS does.

mod container;
mod explain;
mod scaling;
mod schedule;
mod service;
mod service_connect;
mod task_definition;
#[cfg(test)]
mod tests;
mod tree;

pub use explain::{CODE_DEPLOY, IGNORED, Kept, SAME, SWAPPED, Source, UNKNOWN, outputs};
pub use tree::{Node, tree};

/// Which JSON tree a row speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tree {
    /// RegisterTaskDefinition input, read back by DescribeTaskDefinition.
    TaskDefinition,
    /// CreateService and UpdateService input, read back by DescribeServices.
    Service,
    /// RegisterScalableTarget input, in the manifest's spelling.
    ScalableTarget,
    /// PutScalingPolicy input, read back by DescribeScalingPolicies.
    ScalingPolicy,
    /// PutScheduledAction input, read back by DescribeScheduledActions.
    ScheduledAction,
    /// CreateSchedule and UpdateSchedule input, read back by GetSchedule.
    Schedule,
}

/// One row: everything this program believes about one field.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub tree: Tree,
    /// From the tree's root; `[]` steps into the elements of a list.
    pub path: &'static str,
    pub equality: Equality,
    pub absent: Absent,
    pub owner: Owner,
    /// For members of a service: what changing it does. Inherited by everything below.
    pub effect: Option<Effect>,
    pub clear: Clear,
    /// The field counts only while its sibling has this value.
    pub only_with: Option<(&'static str, &'static str)>,
    /// The AWS operation or data type whose reference page says so.
    pub source: &'static str,
}

/// When two values mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Equality {
    /// The same value; `75` and `75.0` are one number.
    Exact,
    /// An object, member by member.
    Members,
    /// A map whose keys all belong to whoever writes it.
    Map,
    /// A list whose order means something.
    Ordered,
    /// A list whose order means nothing.
    Set,
    /// A list whose elements are told apart by these members, whatever their order.
    KeyedBy(&'static [&'static str]),
    /// A list of `{name, <member>}` that is really a map.
    MapByName(&'static str),
    /// `80` and `"80"`.
    Number,
    /// Percentages that come back as doubles: within 0.05.
    Percent,
    /// `"1 vCPU"` is `1024`.
    UnitCpu,
    /// `"2 GB"` is `2048`.
    UnitMemory,
    /// A name, or the ARN that ends in it; two ARNs are compared as they are.
    ArnTail,
    /// The same, and AWS's own providers `FARGATE` and `FARGATE_SPOT` in any case.
    CapacityProvider,
    /// A reference to a secret, with or without the empty or default parts at its end.
    SecretReference,
    /// A name of a time zone; UTC has several.
    TimeZone,
    /// A name that AWS may have turned into an ARN which does not contain it.
    NameUnlessArn,
    /// `host` comes back as `instanceId`, `cpu` and `memory` in upper case.
    PlacementField,
    /// Seconds since the epoch, or RFC 3339.
    Instant,
    /// Free JSON, perhaps as text.
    Document,
}

/// What it means that a side does not mention the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// AWS stores nothing either: a value on one side alone is a difference.
    Nothing,
    /// Absent equals `[]`, `{}` and `""`.
    Empty,
    Text(&'static str),
    Number(i64),
    Flag(bool),
    /// Equals this sibling's value.
    SameAs(&'static str),
    /// Depends on the surroundings.
    Filled(Fill),
    /// A field that Git does not mention is somebody else's: never compared.
    NotOurs,
    /// Likewise; and where AWS does not mention it, it means this.
    NotOursElse(&'static str),
}

/// Defaults that depend on more than the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// The container port under awsvpc and host networking, 0 (any) under bridge; none for a range.
    HostPort,
    /// 200, and 100 for DAEMON.
    MaximumPercent,
    /// 100, and 0 for DAEMON.
    MinimumHealthyPercent,
    /// `[]` where Git names a launch type, which excludes a strategy; otherwise not ours.
    CapacityProviderStrategy,
}

/// Who writes the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Git,
    /// AWS only answers with it.
    AwsOnly,
    /// Application Auto Scaling, while a scalable target exists; and ECS itself for DAEMON.
    Autoscaling,
}

/// What changing a member of a service does, by UpdateService.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    InPlace,
    StartsDeployment,
    /// Reaches running tasks only together with `forceNewDeployment`.
    ForcesDeployment,
    NeedsReplacement,
}

/// How a field is brought back to its default once Git stops mentioning it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clear {
    /// The whole is written each time, so it is simply left out.
    LeaveOut,
    /// This JSON text is sent.
    Send(&'static str),
    /// The default of [`Absent`] is sent.
    SendDefault,
    /// No call does that.
    Cannot,
}

impl Rule {
    const fn new(tree: Tree, path: &'static str, equality: Equality, source: &'static str) -> Self {
        Self {
            tree,
            path,
            equality,
            absent: Absent::Nothing,
            owner: Owner::Git,
            effect: None,
            clear: Clear::LeaveOut,
            only_with: None,
            source,
        }
    }

    const fn absent(mut self, absent: Absent) -> Self {
        self.absent = absent;
        self
    }

    const fn text(self, default: &'static str) -> Self {
        self.absent(Absent::Text(default))
    }

    const fn number(self, default: i64) -> Self {
        self.absent(Absent::Number(default))
    }

    const fn flag(self, default: bool) -> Self {
        self.absent(Absent::Flag(default))
    }

    const fn or_empty(self) -> Self {
        self.absent(Absent::Empty)
    }

    const fn not_ours(self) -> Self {
        self.absent(Absent::NotOurs)
    }

    const fn owner(mut self, owner: Owner) -> Self {
        self.owner = owner;
        self
    }

    const fn effect(mut self, effect: Effect) -> Self {
        self.effect = Some(effect);
        self
    }

    const fn clear(mut self, clear: Clear) -> Self {
        self.clear = clear;
        self
    }

    const fn only_with(mut self, sibling: &'static str, value: &'static str) -> Self {
        self.only_with = Some((sibling, value));
        self
    }
}

/// The whole table.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    static METRICS: [&[Rule]; 3] =
        [&scaling::TRACKED, scaling::PREDICTED.as_flattened(), scaling::CUSTOM_QUERIES.as_flattened()];
    [
        task_definition::RULES,
        container::RULES,
        service::RULES,
        service::DEPLOYMENT_RULES,
        service_connect::RULES,
        service::REVISION_RULES,
        service::VOLUME_RULES,
        scaling::RULES,
        &scaling::CUSTOM,
        schedule::RULES,
    ]
    .into_iter()
    .chain(METRICS)
    .flatten()
}
