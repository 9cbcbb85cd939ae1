//! One decision, told once.

use serde::{Deserialize, Serialize};

use crate::model::{Digest, ServiceKey, Timestamp};

/// What happened, to which service, why. One line in a terminal, one JSON object elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    pub timestamp: Timestamp,
    pub level: Level,
    pub event: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceKey>,
    /// The Git commit, in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The sentence.
    pub reason: String,
    /// `ecs-svc/<number>`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_request_id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Info,
    Warn,
    Error,
}

/// The first word of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// The operator starts or stops.
    Start,
    Stop,
    /// The right to act: waited for, taken, not renewed, let go.
    Lease,
    /// A commit came into force.
    Commit,
    /// A commit was refused; the one before stays in force.
    Refused,
    /// The source could not be read.
    Source,
    /// A difference was found and will be removed.
    Plan,
    /// A difference that Git did not cause.
    Drift,
    Register,
    Create,
    Update,
    Tag,
    Scale,
    /// A one-off task before or after a deployment.
    Hook,
    /// An administrator's bounds stand in for Git's, or would if they were understood.
    Override,
    /// What a person asks for, by a tag.
    Request,
    /// A service that left Git goes, step by step.
    Delete,
    /// A rollout moves on.
    Progress,
    /// Tasks of a rollout fail.
    Failing,
    /// A rollout failed.
    Failed,
    Rollback,
    /// All that is known of a failure, once the service is at rest again. The only reason with lines of its own
    /// beside diagnostics.
    Report,
    /// A wanted change is not made now.
    Held,
    /// The service is as Git wants it, and healthy.
    Settled,
    /// A call to AWS failed and will be tried again.
    Retry,
}

impl Event {
    pub fn new(timestamp: Timestamp, event: Kind, reason: impl Into<String>) -> Self {
        let level = match event {
            Kind::Refused | Kind::Failed | Kind::Report => Level::Error,
            Kind::Source | Kind::Drift | Kind::Failing | Kind::Rollback | Kind::Held | Kind::Retry => {
                Level::Warn
            }
            Kind::Start
            | Kind::Stop
            | Kind::Lease
            | Kind::Commit
            | Kind::Plan
            | Kind::Register
            | Kind::Create
            | Kind::Update
            | Kind::Tag
            | Kind::Scale
            | Kind::Hook
            | Kind::Override
            | Kind::Request
            | Kind::Delete
            | Kind::Progress
            | Kind::Settled => Level::Info,
        };
        Self {
            timestamp,
            level,
            event,
            service: None,
            revision: None,
            digest: None,
            reason: reason.into(),
            deployment_id: None,
            aws_request_id: None,
        }
    }

    #[must_use]
    pub fn of(mut self, service: &ServiceKey) -> Self {
        self.service = Some(service.clone());
        self
    }

    #[must_use]
    pub fn digest(mut self, digest: &Digest) -> Self {
        self.digest = Some(digest.clone());
        self
    }

    #[must_use]
    pub fn revision(mut self, id: &str) -> Self {
        self.revision = Some(id.to_owned());
        self
    }

    #[must_use]
    pub fn deployment(mut self, id: Option<&str>) -> Self {
        self.deployment_id = id.map(str::to_owned);
        self
    }

    #[must_use]
    pub fn request(mut self, id: Option<&str>) -> Self {
        self.aws_request_id = id.map(str::to_owned);
        self
    }
}

impl Kind {
    /// The word in a terminal line.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Start => "start",
            Kind::Stop => "stop",
            Kind::Lease => "lease",
            Kind::Commit => "commit",
            Kind::Refused => "refused",
            Kind::Source => "source",
            Kind::Plan => "plan",
            Kind::Drift => "drift",
            Kind::Register => "register",
            Kind::Create => "create",
            Kind::Update => "update",
            Kind::Tag => "tag",
            Kind::Scale => "scale",
            Kind::Hook => "hook",
            Kind::Override => "override",
            Kind::Request => "request",
            Kind::Delete => "delete",
            Kind::Progress => "progress",
            Kind::Failing => "failing",
            Kind::Failed => "failed",
            Kind::Rollback => "rollback",
            Kind::Report => "report",
            Kind::Held => "held",
            Kind::Settled => "settled",
            Kind::Retry => "retry",
        }
    }
}
