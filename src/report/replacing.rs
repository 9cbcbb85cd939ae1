//! A service in place of one that ECS can't change, in words.

use super::paint::{count, plain};
use super::steps::step_text;
use crate::plan::{Action, Replacement, ServicePlan, Step};

/// What `plan` says behind the service's name.
pub(super) fn headline(replacement: &Replacement) -> String {
    match replacement.begun {
        true => "replaces the service: its deletion is under way".to_owned(),
        false => format!("replaces the service: {} before new ones start", tasks_stop(replacement.tasks)),
    }
}

/// What goes with the old service.
pub(super) fn lost(replacement: &Replacement) -> String {
    format!("lost: {}", plain(&replacement.lost.join("; ")))
}

/// `set desiredCount to 0, wait until its tasks have stopped, delete service, wait until ECS lets go of the
/// name, create service`
pub(super) fn steps(plan: &ServicePlan, steps: &[Step]) -> Vec<String> {
    let mut parts = Vec::new();
    for step in steps {
        match &step.action {
            Action::UpdateService { .. } => parts.push("set desiredCount to 0".to_owned()),
            Action::DeleteService => {
                parts.push("wait until its tasks have stopped".to_owned());
                parts.push(step_text(&plan.service, &step.action));
                parts.push("wait until ECS lets go of the name".to_owned());
            }
            action => parts.push(step_text(&plan.service, action)),
        }
    }
    parts
}

/// What the journal says while the last tasks stop.
pub fn draining_sentence(replacement: &Replacement) -> String {
    let tasks = count(usize::try_from(replacement.tasks).unwrap_or_default(), "task");
    format!("drains before it is replaced: {tasks} not stopped yet")
}

fn tasks_stop(tasks: i64) -> String {
    match tasks {
        1 => "its task stops".to_owned(),
        more => format!("its {} stop", count(usize::try_from(more).unwrap_or_default(), "task")),
    }
}
