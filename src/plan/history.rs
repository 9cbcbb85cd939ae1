//! What older commits said: which of them changed a field, and what was applied where no ledger tells.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::difference::{Rules, differences};
use super::three_way::{applied_by_tags, touches};
use super::{Cause, Consequence, Decision, Difference, Plan, Since, body, trees};
use crate::model::{
    Applied, AppliedSpec, Desired, DesiredService, FieldPath, Json, Live, Segment, ServiceKey, ServiceRecord,
};

/// A commit and what it wanted; `None`: its manifests were refused, so it was never in force.
#[derive(Clone, Debug)]
pub struct Past {
    /// In full.
    pub commit: String,
    pub desired: Option<Arc<Desired>>,
}

/// Commits, the newest first.
#[derive(Clone, Debug, Default)]
pub struct Pasts {
    pub commits: Vec<Past>,
    /// The commit before the last of them, of which only the name is known.
    pub before: Option<String>,
}

impl Pasts {
    /// The spec with a digest, if one of the commits asked for it.
    fn service(&self, key: &ServiceKey, applied: &Applied) -> Option<&DesiredService> {
        let specs = self.commits.iter().filter_map(|past| past.desired.as_ref()?.services.get(key));
        specs.into_iter().find(|service| service.digest == applied.digest)
    }

    /// Adds to the records what was applied last to services of which the ledger does not say it: their
    /// tags name its digest, and the commit that asked for just that is among these.
    pub fn complete(
        &self,
        records: &mut BTreeMap<ServiceKey, ServiceRecord>,
        live: &Live,
        installation: &str,
    ) {
        for (key, live) in &live.services {
            let record = records.get(key);
            let known = record.and_then(|record| record.applied.clone());
            let applied = match (known, live.service.present()) {
                (Some(applied), _) => Some(applied),
                (None, Some(service)) if record.is_none_or(ServiceRecord::knows_no_end) => {
                    applied_by_tags(service, installation)
                }
                (None, _) => None,
            };
            let Some(mut applied) = applied.filter(|applied| applied.spec.is_none()) else { continue };
            let Some(service) = self.service(key, &applied) else { continue };
            applied.spec = Some(AppliedSpec::of(service));
            applied.task_definition_digest = service.task_definition_digest.clone();
            records.entry(key.clone()).or_default().applied = Some(applied);
        }
    }

    /// Says of each difference which commit made Git say what it says.
    pub fn date(&self, plan: &mut Plan) {
        let Plan { services, .. } = plan;
        for service in services {
            let key = &service.service;
            let differences = match &mut service.decision {
                Decision::Unchanged => continue,
                Decision::Change { differences, .. } | Decision::Held { differences, .. } => differences,
            };
            for difference in differences {
                if let Some(since) = self.since(key, difference) {
                    difference.since = Some(since);
                }
            }
        }
    }

    fn since(&self, key: &ServiceKey, difference: &Difference) -> Option<Since> {
        match difference.cause {
            Cause::Git | Cause::BehindOurBack | Cause::GitAndBehindOurBack => {}
            Cause::Overridden(_)
            | Cause::OverrideEnded(_)
            | Cause::LeftGit
            | Cause::Foreign
            | Cause::NewVersion(_) => return None,
        }
        let by_no_commit =
            matches!(difference.since, Some(Since::LookedUp { .. } | Since::ImageMoved(_) | Since::NoCommit));
        if difference.consequence == Consequence::Creates || by_no_commit {
            return None;
        }
        let mut newer: Option<(&str, &DesiredService)> = None;
        let mut gap = false;
        for past in &self.commits {
            let Some(desired) = &past.desired else {
                gap = true;
                continue;
            };
            let older = desired.services.get(key);
            let changed = match (newer, older) {
                (None, Some(_)) => false,
                (None, None) => return None,
                (Some(_), None) => true,
                (Some((_, newer)), Some(older)) => differs(newer, older, &difference.path),
            };
            if let (true, Some((until, _))) = (changed, newer) {
                return Some(match gap {
                    true => Since::Between { after: past.commit.clone(), until: until.to_owned() },
                    false => Since::Commit(until.to_owned()),
                });
            }
            newer = older.map(|older| (past.commit.as_str(), older));
            gap = false;
        }
        let (oldest, _) = newer?;
        match (&difference.cause, &difference.since) {
            (Cause::BehindOurBack, _) => Some(Since::AtLatest(oldest.to_owned())),
            // Nothing lies between the commit that was applied and the oldest that is known here.
            (_, Some(Since::Between { after, .. })) if Some(after) == self.before.as_ref() => {
                Some(Since::Commit(oldest.to_owned()))
            }
            _ => None,
        }
    }
}

/// Whether two specs of a service say different things at a path.
fn differs(one: &DesiredService, other: &DesiredService, path: &FieldPath) -> bool {
    let found = match path.0.as_slice() {
        [Segment::Field(root), ..] if root == "taskDefinition" => {
            differences(&one.task_definition, &other.task_definition, &Rules::task_definition()).0
        }
        [_, Segment::Field(member), Segment::Field(key)] if member == "tags" => {
            let value =
                |side: &DesiredService| body::user_tags(&side.service).into_iter().find(|tag| tag.0 == *key);
            return value(one) != value(other);
        }
        [Segment::Field(root), ..] if root == "service" => {
            differences(&one.service, &other.service, &Rules::service()).0
        }
        _ => {
            let tree =
                |side: &DesiredService| side.scaling.as_ref().map_or(Json::Null, trees::desired_scaling);
            differences(&tree(one), &tree(other), &Rules::scaling()).0
        }
    };
    touches(&found, path)
}
