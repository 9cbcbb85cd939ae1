//! Why a change is held, and the way out, in words. The only place that words them.

use crate::model::tag;
use crate::plan::Held;

use super::paint::plain;

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
    pub(super) fn of(held: &Held) -> Self {
        match held {
            Held::Quarantined(quarantine) => {
                let failure = &quarantine.failure;
                let detail = format!(
                    "digest {} failed on {} ({})",
                    quarantine.digest.short(),
                    failure.at.minute(),
                    plain(&failure.likely_cause)
                );
                Self {
                    details: vec![detail],
                    ..Self::new("Quarantined", "quarantined".to_owned(), "to try again: commit a change")
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
            Held::Suspended { text } => Self::new(
                "Suspended",
                format!("suspended, \"{}\"", plain(text)),
                &format!("to go on: remove the tag `{}`", tag::SUSPENDED),
            ),
            Held::NotOwned { owner } => Self::new(
                "NotOwned",
                format!("it belongs to {}", plain(owner)),
                "to take it over: release it there first, or give the service another name here",
            ),
            Held::GroupNotOwned { group, owner } => Self::new(
                "NotOwned",
                format!("the schedule group `{group}` belongs to {}", plain(owner)),
                &format!(
                    "to take over what is in it: set its tag `{}` to the name of this installation",
                    tag::MANAGED_BY
                ),
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
                let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
                Self::new(
                    "NeedsReplacement",
                    format!("ECS can't change {} of a service", fields.join(", ")),
                    "either put the old value back, or move to a service with a new name",
                )
            }
            Held::WaitsFor { service } => Self::new(
                "WaitsFor",
                format!("waits for {service}"),
                &format!("it goes on when {service} has settled"),
            ),
        }
    }

    fn new(reason: &'static str, headline: String, way_out: &str) -> Self {
        Self { reason, headline, details: Vec::new(), way_out: way_out.to_owned() }
    }
}
