//! What was applied last: the third side of a plan, besides what Git says and what runs.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;

use super::{
    DesiredScheduledTask, DesiredService, Digest, FieldPath, Json, Scaling, TaskDefinitionArn, Timestamp,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    pub digest: Digest,
    pub task_definition_digest: Digest,
    pub task_definition: TaskDefinitionArn,
    /// The Git commit that asked for it.
    pub revision: String,
    pub at: Timestamp,
    /// `sync.prune` of the manifest, for the day on which it leaves Git; `None`: it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prune: Option<bool>,
    /// What Git said of a service then, besides its task definition: revisions are immutable, so AWS
    /// keeps that. `None`: it is not known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<AppliedSpec>,
    /// Which values from elsewhere Git's variables stood for: `image from /jobs/image version 7`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looked_up: Vec<String>,
    /// Drift that `sync.drift` let stay and that went into the task definition beside what Git asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_drift: Vec<KeptDrift>,
}

/// One field of a registered task definition that is not as Git had it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptDrift {
    /// JSON pointer from `spec`.
    pub path: String,
    /// Of the value that Git had there: enough to see whether Git changes it later, and no secret.
    pub git: Digest,
}

impl KeptDrift {
    pub fn of(path: &FieldPath, git: Option<&Json>) -> Self {
        Self { path: path.pointer(), git: Digest::of(git.unwrap_or(&Json::Null)) }
    }
}

/// The parts of a spec that AWS changes in place, as Git had them; of a scheduled task, its schedule.
///
/// They are read only where something differs, and as trees those of a thousand services would take ten
/// times the memory of their text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedSpec(Arc<str>);

/// What an [`AppliedSpec`] says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpecInPlace {
    pub service: Json,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
}

impl AppliedSpec {
    pub fn of(service: &DesiredService) -> Self {
        Self::write(&SpecInPlace { service: service.service.clone(), scaling: service.scaling.clone() })
    }

    /// The same of a scheduled task: its schedule.
    pub fn of_schedule(task: &DesiredScheduledTask) -> Self {
        Self::write(&SpecInPlace { service: task.schedule.clone(), scaling: None })
    }

    fn write(spec: &SpecInPlace) -> Self {
        Self(json!(spec).to_string().into())
    }

    pub fn read(&self) -> Option<SpecInPlace> {
        serde_json::from_str(&self.0).ok()
    }
}

impl Serialize for AppliedSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<Json>(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AppliedSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SpecInPlace::deserialize(deserializer).map(|spec| Self::write(&spec))
    }
}

impl Applied {
    /// The same spec was applied before: it is in force since then, whichever commit is the newest.
    #[must_use]
    pub fn since(self, before: Option<&Applied>) -> Self {
        match before.filter(|before| before.digest == self.digest) {
            Some(before) => Self { revision: before.revision.clone(), ..self },
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_was_applied_is_written_down_as_a_tree() {
        let written = json!({
            "service": {"desiredCount": 2, "launchType": "FARGATE"},
            "scaling": {"minCapacity": 1, "maxCapacity": 4, "policies": {}, "scheduledActions": {}},
        });
        let spec: AppliedSpec = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(json!(spec), written);
        let read = spec.read().unwrap();
        assert_eq!((read.service["desiredCount"].as_i64(), read.scaling.unwrap().max_capacity), (Some(2), 4));
        let unscaled = json!({"service": {"desiredCount": 2}});
        assert_eq!(json!(serde_json::from_value::<AppliedSpec>(unscaled.clone()).unwrap()), unscaled);
        assert!(serde_json::from_value::<AppliedSpec>(json!({"scaling": null})).is_err());
    }
}
