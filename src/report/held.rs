//! Why a change is held, and the way out, in words. The only place that words them.

use crate::model::{ImageTrouble, ServiceKey, Workload, tag};
use crate::plan::{Held, Opening, PruneGuard, Share, Wave};

use super::paint::plain;
use super::requests::{quarantine_detail, quarantine_headline, suspended_sentence};

/// A reason to hold a change, as every window tells it.
pub(super) struct HeldText {
    /// CamelCase, for conditions and JSON.
    pub(super) reason: &'static str,
    /// After `held: `.
    pub(super) headline: String,
    /// Facts below the headline.
    pub(super) details: Vec<String>,
    pub(super) way_out: String,
}

impl HeldText {
    /// Of a service, or of a scheduled task: people's requests are tags, which a schedule can't carry.
    pub(super) fn of(workload: Workload, key: &ServiceKey, held: &Held) -> Self {
        match held {
            Held::Quarantined(quarantine) => {
                let way_out = match (workload, &quarantine.again) {
                    (Workload::Service, None) if !quarantine.values.is_empty() => {
                        format!(
                            "to try again: put the secret right, commit a change, or `reconciler retry {key}`"
                        )
                    }
                    (Workload::Service, Some(_)) => {
                        format!("to try now: `reconciler retry {key}`, or commit a change")
                    }
                    (Workload::Service, None) => {
                        format!("to try again: commit a change, or `reconciler retry {key}`")
                    }
                    (Workload::ScheduledTask, Some(_)) => "to try now: commit a change".to_owned(),
                    (Workload::ScheduledTask, None) => "to try again: commit a change".to_owned(),
                };
                Self {
                    details: vec![quarantine_detail(quarantine)],
                    ..Self::new("Quarantined", quarantine_headline(quarantine), &way_out)
                }
            }
            Held::Unreadable { what, why } => Self::new(
                "Unreadable",
                format!("can't read {what}: {}", plain(why)),
                "nothing is done to it before that can be read",
            ),
            Held::RolloutInFlight { deployment, task_definition } => Self::new(
                "RolloutInFlight",
                format!("{deployment} is still rolling out {task_definition}"),
                "it is planned again when that has ended",
            ),
            Held::ScaleIn { at_once, deployment } => Self::new(
                "ScaleIn",
                format!(
                    "it would stop {} of {} tasks while {deployment} is under way",
                    at_once.tasks(),
                    at_once.from
                ),
                "it is done when that has ended",
            ),
            Held::HookRunning { hook } => {
                Self::new("HookRunning", format!("runs {hook}"), "it is planned again when that has ended")
            }
            Held::Suspended { request } => Self::new(
                "Suspended",
                suspended_sentence(request),
                &format!(
                    "to go on: `reconciler resume {key}`, or remove the tag `{}` from the service",
                    tag::SUSPENDED
                ),
            ),
            Held::OutsideWindow { opens } => {
                let way_out = match workload {
                    Workload::Service => format!("to do it now: `reconciler sync {key}`"),
                    Workload::ScheduledTask => {
                        "it goes out when that opens; before that, change `sync.windows`".to_owned()
                    }
                };
                Self::new("OutsideWindow", outside_window(opens.as_ref()), &way_out)
            }
            Held::NotOwned { owner } => Self::new(
                "NotOwned",
                format!("it belongs to {}", plain(owner)),
                "to take it over: release it there first, or give the service another name here",
            ),
            Held::GroupSuspended { group, text } => Self::new(
                "Suspended",
                format!("all schedules are suspended, \"{}\"", plain(text)),
                &format!("to go on: remove the tag `{}` from the schedule group `{group}`", tag::SUSPENDED),
            ),
            Held::GroupNotOwned { group, owner } => Self::new(
                "NotOwned",
                format!("the schedule group `{group}` belongs to {}", plain(owner)),
                &format!(
                    "to take over what is in it: set its tag `{}` to the name of this installation",
                    tag::MANAGED_BY
                ),
            ),
            Held::KindChanged { was } => Self::new(
                "KindChanged",
                format!("there is a {} of this name already, which this installation put", was.noun()),
                "give what is new a name of its own; the old one then leaves Git",
            ),
            Held::Draining => Self::new(
                "Draining",
                "the deleted service of this name is still draining".to_owned(),
                "it is created when ECS has stopped the last task",
            ),
            Held::DriftTolerated => Self::new(
                "DriftTolerated",
                "changed behind our back, and `sync.drift` says to leave it".to_owned(),
                "to end it: commit the live value, or set `sync.drift: correct`",
            ),
            Held::NeedsReplacement { fields } => {
                let named: Vec<String> = fields.iter().map(|(field, _)| format!("`{field}`")).collect();
                let whys = fields.iter().filter_map(|(_, why)| why.map(str::to_owned));
                Self {
                    details: whys.collect(),
                    ..Self::new(
                        "NeedsReplacement",
                        format!("ECS can't change {} of a service", named.join(", ")),
                        "put the old value back, move to a service with a new name, or allow a gap: with \
                         `sync.replace: true` its tasks stop, and it is deleted and made anew",
                    )
                }
            }
            Held::RefusedByEcs { fields } => {
                let named: Vec<String> = fields.iter().map(|(field, _)| format!("`{field}`")).collect();
                Self {
                    details: fields.iter().map(|(field, why)| format!("{field}: {why}")).collect(),
                    ..Self::new(
                        "RefusedByEcs",
                        format!("ECS would refuse {}", named.join(", ")),
                        "nothing of the commit is done to this service; take that part back",
                    )
                }
            }
            Held::SecretsMissing { missing } => {
                let titles = missing.iter().map(|one| {
                    let place = one.origin.as_ref().map(|origin| format!(" ({origin})")).unwrap_or_default();
                    format!("{} {}{place}", plain(&one.title), one.why)
                });
                Self::new(
                    "SecretsMissing",
                    format!("no task of it could start: {}", titles.collect::<Vec<_>>().join(", ")),
                    "it goes on by itself when that is mended in AWS; or name another in Git",
                )
            }
            Held::Image { troubles } => {
                let mut told = troubles.iter().map(|trouble| plain(&trouble.to_string()));
                let (reason, way_out) = images(troubles);
                let headline = told.next().unwrap_or_default();
                Self { details: told.collect(), ..Self::new(reason, headline, way_out) }
            }
            Held::AlarmsMissing { names } => Self::new(
                "AlarmsMissing",
                format!("its gate `alarms` names what is not in CloudWatch: {}", names.join(", ")),
                "to go on: create the alarm, or name another in `rollout.gates`",
            ),
            Held::Unanswered { call, asked_at, until } => Self::new(
                "Unanswered",
                format!("{call} at {} was never answered, and may still take effect", asked_at.time_of_day()),
                &format!(
                    "it goes on by itself when its effect shows, and else at {}, when AWS no longer takes it",
                    until.time_of_day()
                ),
            ),
            Held::WaitsFor { service, wave } => Self::new(
                "WaitsFor",
                match wave {
                    Wave::GoesOn => format!("waits for {service}"),
                    Wave::Stopped => format!("waits for {service}, which is held"),
                },
                &format!("it goes on when {service} has settled"),
            ),
            Held::NotPruned(guard) => Self::of_guard(guard),
        }
    }

    fn of_guard(guard: &PruneGuard) -> Self {
        let (headline, way_out) = match guard {
            PruneGuard::NothingLeft => (
                "the commit has no service at all for this environment".to_owned(),
                "if that is meant, delete the last services by hand".to_owned(),
            ),
            PruneGuard::EnvironmentRenamed { before, now } => (
                format!("the environment was called `{before}` when this process began, and is `{now}` now"),
                format!("call it `{before}` again, or delete the service by hand"),
            ),
            PruneGuard::Tag { name, found, wanted } => (
                match found {
                    Some(found) => format!("its tag `{name}` is `{}`, not `{wanted}`", plain(found)),
                    None => format!("it has no tag `{name}`"),
                },
                format!("delete it by hand, or set the tag `{name}` to `{wanted}`"),
            ),
            PruneGuard::NotAsPut { what } => (
                format!("it is not as this installation put it last: {what}"),
                "delete it by hand; or bring it back into Git, let it be set back, and take it out again"
                    .to_owned(),
            ),
            PruneGuard::TooMany(Share { going, owned, allowed, percent }) => (
                format!("{going} of {owned} would go at once, and {percent} % may: {allowed}"),
                "if that is meant, let them leave Git in several commits, or raise \
                 `sync.pruneMaxPercent` of the Environment"
                    .to_owned(),
            ),
            PruneGuard::DependedOn { by } => {
                (format!("{by} depends on it"), format!("take it out of `dependsOn` of {by}"))
            }
            PruneGuard::OutsideWindow { opens } => {
                (outside_window(opens.as_ref()), "it goes when that opens".to_owned())
            }
            PruneGuard::StillRunning { tasks, asked_at } => (
                format!("tasks still run ({tasks}), asked to stop on {}", asked_at.minute()),
                "it is deleted when the last has stopped; see what keeps them, such as task protection"
                    .to_owned(),
            ),
        };
        Self::new("PruneBlocked", headline, &way_out)
    }

    fn new(reason: &'static str, headline: String, way_out: &str) -> Self {
        Self { reason, headline, details: Vec::new(), way_out: way_out.to_owned() }
    }
}

fn outside_window(opens: Option<&Opening>) -> String {
    match opens {
        Some(opens) => format!("outside its window, opens {}", opens.told),
        None => "outside its window, which does not open within weeks".to_owned(),
    }
}

/// What to do about images that can't be had, by the first of them.
fn images(troubles: &[ImageTrouble]) -> (&'static str, &'static str) {
    match troubles.first() {
        Some(ImageTrouble::NoTag { .. }) | None => {
            ("ImageMissing", "push it, and it goes on by itself; or name a tag that is there")
        }
        Some(ImageTrouble::NoneFits { .. }) => {
            ("ImageMissing", "push one that fits, and it goes on by itself; or change `tags`")
        }
        Some(ImageTrouble::NoRepository { .. }) => (
            "ImageMissing",
            "create it, or correct the name; a pull-through cache makes its repositories at the first pull: \
             `images.whenMoved: ignore` lets ECS find out",
        ),
        Some(ImageTrouble::Unreadable { .. }) => (
            "ImageUnreadable",
            "nothing is deployed by a tag that can't be looked at; deploy/iam/plan.json has the statement that \
             allows it, and with `images.whenMoved: ignore` nobody looks",
        ),
        Some(ImageTrouble::Findings { .. }) => {
            ("ImageFindings", "push one that is mended, or that is scanned; or change `images.blockSeverity`")
        }
        Some(ImageTrouble::OtherPlatform { .. }) => {
            ("ImageOfAnotherPlatform", "build it for that platform, or change `runtimePlatform`")
        }
    }
}
