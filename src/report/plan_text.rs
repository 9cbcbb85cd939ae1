//! `plan` for people: per service what will happen, then why, then what is held and the way out.

mod rows;

use std::fmt::Write as _;

use super::gates::gate_text;
use super::held::HeldText;
use super::leaving::{self, Stage};
use super::paint::{Colour, Tone, count, pad, plain, span};
use super::replacing;
use super::steps::{
    Doing, at_once, at_once_text, creates, hook_text, in_order, starts_deployment, step_text, what_happens,
    what_plan_does,
};
use super::value::{sides, value_text};
use crate::model::{Desired, HookStage, Json, OnFailure, ServiceKey, Timestamp};
use crate::plan::{Decision, Explain, Kept, LeftGit, Plan, Quiet, ServicePlan, Step};
use crate::report::leaving::SCHEDULE_LEFT;

/// What is said of a service that nobody managed so far and that runs what Git asks for.
const ADOPTS: &str = "adopts the running service by its tags, in place, no deployment";
/// Unchanged services up to this number are named; more are only counted.
const UNCHANGED_NAMED_MAX: usize = 5;
/// Columns at most, so that one long name does not push all else to the right.
const SERVICE_COLUMN_MAX: usize = 32;

#[derive(Clone, Copy, Debug)]
pub struct PlanTextOptions {
    pub colour: Colour,
    pub explain: Explain,
    pub now: Timestamp,
    /// Columns of the terminal, if it is one.
    pub width: Option<usize>,
}

/// The whole plan, ending in a line of counts.
pub fn plan_text(plan: &Plan, desired: &Desired, options: &PlanTextOptions) -> String {
    let names = plan.services.iter().map(|service| &service.service).chain(&plan.schedules_left);
    let column = names.map(|name| name.name().chars().count()).max();
    let window = Window {
        desired,
        plan,
        options,
        service_column: column.unwrap_or_default().clamp(12, SERVICE_COLUMN_MAX) + 2,
    };
    let mut text = window.header();
    let unchanged = plan
        .services
        .iter()
        .filter(|service| matches!(service.decision, Decision::Unchanged) && service.left_git.is_none());
    let name_unchanged = unchanged.count() <= UNCHANGED_NAMED_MAX;
    for service in &plan.services {
        window.service(&mut text, service, name_unchanged);
    }
    for schedule in &plan.schedules_left {
        let what = format!("left in place: {SCHEDULE_LEFT}");
        window.headline(&mut text, "=", Tone::Warning, schedule, &what);
    }
    text.push('\n');
    text.push_str(&window.counts());
    text.push('\n');
    text
}

struct Window<'a> {
    desired: &'a Desired,
    plan: &'a Plan,
    options: &'a PlanTextOptions,
    service_column: usize,
}

impl Window<'_> {
    fn header(&self) -> String {
        let Plan { revision, environment, region, cluster, read_at, calls, .. } = self.plan;
        let subject = if revision.subject.is_empty() {
            String::new()
        } else {
            format!(" \"{}\"", plain(&revision.subject))
        };
        let age = span(self.options.now.since(*read_at));
        let calls = count(usize::try_from(*calls).unwrap_or_default(), "call");
        let environment = self.options.colour.paint(Tone::Strong, environment);
        let looked_up: Vec<String> =
            self.desired.environment.looked_up.iter().map(|it| plain(&it.to_string())).collect();
        let looked_up = match looked_up.is_empty() {
            true => String::new(),
            false => {
                self.options.colour.paint(Tone::Quiet, &format!("looked up: {}\n", looked_up.join(", ")))
            }
        };
        format!(
            "{environment} ({region}, cluster {cluster})   {revision}{subject} · read {age} ago, {calls}\n{looked_up}\n"
        )
    }

    fn service(&self, text: &mut String, service: &ServicePlan, name_unchanged: bool) {
        if let Some(left) = &service.left_git {
            return self.leaving(text, service, left);
        }
        let quiet: Vec<&Quiet> = service
            .quiet
            .iter()
            .filter(|quiet| self.options.explain == Explain::QuietFields || quiet.kept.is_told())
            .collect();
        match &service.decision {
            Decision::Unchanged if name_unchanged || !quiet.is_empty() => {
                self.headline(text, "=", Tone::Quiet, &service.service, "nothing to do");
            }
            Decision::Unchanged => {}
            // Which tags those are is nothing to weigh: no field differs.
            Decision::Change { steps, .. } if service.adopts() => {
                self.headline(text, "~", Tone::Change, &service.service, ADOPTS);
                self.will(text, service, steps);
            }
            Decision::Change { differences, steps } => {
                let (sign, tone, what) = match &service.replaces {
                    Some(replacement) => ("±", Tone::Bad, replacing::headline(replacement)),
                    None if creates(steps) => ("+", Tone::Good, what_plan_does(service, steps)),
                    None => ("~", Tone::Change, what_happens(steps)),
                };
                self.headline(text, sign, tone, &service.service, &what);
                self.differences(text, &service.service, differences);
                if let Some(replacement) = &service.replaces {
                    let _ = writeln!(text, "    {}", replacing::lost(replacement));
                }
                self.will(text, service, steps);
            }
            Decision::Held { reason, differences } => {
                let held = HeldText::of(service.workload, &service.service, reason);
                let headline = format!("held: {}", held.headline);
                self.headline(text, "!", Tone::Warning, &service.service, &headline);
                self.differences(text, &service.service, differences);
                for line in held.details.iter().chain([&held.way_out]) {
                    let _ = writeln!(text, "    {line}");
                }
            }
        }
        self.quiet(text, &service.service, &quiet);
    }

    /// The end of a service that left Git.
    fn leaving(&self, text: &mut String, service: &ServicePlan, left: &LeftGit) {
        let (sign, tone) = match Stage::of(service) {
            Stage::Going => ("-", Tone::Bad),
            Stage::Held => ("!", Tone::Warning),
            Stage::LeftInPlace => ("=", Tone::Quiet),
        };
        self.headline(text, sign, tone, &service.service, &leaving::headline(service, left));
        for line in leaving::details(service, left) {
            let _ = writeln!(text, "    {line}");
        }
    }

    fn headline(&self, text: &mut String, sign: &str, tone: Tone, service: &ServiceKey, what: &str) {
        let sign = self.options.colour.paint(tone, sign);
        let _ = writeln!(text, "{sign} {}{what}", pad(service.name(), self.service_column));
    }

    /// Hooks and steps in order, then what is watched and what happens if it goes wrong.
    fn will(&self, text: &mut String, plan: &ServicePlan, steps: &[Step]) {
        for line in at_once(steps).map(at_once_text).unwrap_or_default() {
            let _ = writeln!(text, "    {}", self.options.colour.paint(Tone::Warning, &line));
        }
        let service = &plan.service;
        let watched = self.desired.services.get(service).filter(|_| starts_deployment(steps));
        let mut watch = watched.map(|wanted| format!("watch for up to {}", span(wanted.rollout.timeout)));
        let mut parts = Vec::new();
        for doing in in_order(plan) {
            match doing {
                Doing::Step(_) if plan.replaces.is_some() => {}
                Doing::Step(step) => parts.push(step_text(service, &step.action)),
                Doing::Hook(hook) if hook.stage == HookStage::After => {
                    parts.extend(watch.take());
                    parts.push(hook_text(hook));
                }
                Doing::Hook(hook) => parts.push(hook_text(hook)),
            }
        }
        if plan.replaces.is_some() {
            // Hooks come before anything is deleted.
            let after = parts.split_off(plan.hooks.before.len().min(parts.len()));
            parts.extend(replacing::steps(plan, steps));
            parts.extend(after);
        }
        parts.extend(watch);
        let _ = writeln!(text, "    will: {}", parts.join(", "));
        if !plan.hooks.gates.is_empty() {
            let gates: Vec<String> = plan.hooks.gates.iter().map(gate_text).collect();
            let _ = writeln!(text, "    judged by: {}", gates.join(", "));
        }
        if let Some(wanted) = watched {
            let on_failure = match wanted.rollout.on_failure {
                OnFailure::Rollback if creates(steps) => "hold, since there is no revision to go back to",
                OnFailure::Rollback => "back to the last revision that completed",
                OnFailure::Hold => "hold, without going back",
            };
            let _ = writeln!(text, "    on failure: {on_failure}");
        }
    }

    fn quiet(&self, text: &mut String, service: &ServiceKey, quiet: &[&Quiet]) {
        let shown = |value: &Option<Json>| value.as_ref().map_or("(absent)".to_owned(), value_text);
        for field in quiet {
            let Quiet { path, live, desired, rule, source, kept } = field;
            let rule = plain(rule);
            let (line, tone) = match kept {
                Kept::ByRule | Kept::NotMentioned | Kept::IgnoredDrift => {
                    let sides = match (desired, live) {
                        (None, None) => String::new(),
                        _ => format!("  {}", sides(desired.as_ref(), live.as_ref())),
                    };
                    let page = source.map_or(String::new(), |source| format!(" · see {}", source.page));
                    (format!("quiet  {path}{sides}: {rule}{page}"), Tone::Quiet)
                }
                Kept::Tolerated => {
                    let (live, git) = (shown(live), shown(desired));
                    (format!("{path}  {live} stays, Git says {git}: {rule}"), Tone::Warning)
                }
                Kept::Overridden => match desired {
                    Some(git) => (format!("{path}  {} -> held: {rule}", value_text(git)), Tone::Warning),
                    None => (format!("{path}  held: {rule}"), Tone::Warning),
                },
                Kept::NotHonoured => {
                    (format!("{path}  {} is not honoured: {rule}", shown(live)), Tone::Warning)
                }
                Kept::Scheduled | Kept::AfterDeployment => {
                    let (live, git) = (shown(live), shown(desired));
                    (format!("{path}  {live} for now, Git's {git} waits: {rule}"), Tone::Quiet)
                }
                Kept::Over => {
                    let origins = self.desired.origins(service).and_then(|origins| origins.nearest(path));
                    let place = origins.map_or(String::new(), |origin| format!("  {origin}"));
                    (format!("{path}  {rule}{place}"), Tone::Warning)
                }
                Kept::LeftInPlace => (format!("{path}  left in place: {rule}"), Tone::Quiet),
                Kept::Deregistered => {
                    (format!("{path}  {} to be deregistered: {rule}", shown(live)), Tone::Quiet)
                }
                Kept::NewVersion => {
                    let (was, now) = (shown(live), shown(desired));
                    (
                        format!(
                            "{path}  {was} -> {now}: {rule} has a new version since its tasks were started, and \
                             `sync.secrets` says to report it"
                        ),
                        Tone::Warning,
                    )
                }
                Kept::NotWatched => (format!("{path}  {rule}"), Tone::Warning),
                Kept::Chosen => (rule, Tone::Quiet),
                Kept::Moved => (rule, Tone::Warning),
            };
            let _ = writeln!(text, "    {}", self.options.colour.paint(tone, &line));
        }
    }

    fn counts(&self) -> String {
        let (mut create, mut change, mut held, mut unchanged) = (0, 0, 0, 0);
        let (mut delete, mut replace, mut adopt, mut left) = (0, 0, 0, self.plan.schedules_left.len());
        for service in &self.plan.services {
            match &service.decision {
                Decision::Unchanged if service.left_git.is_some() => left += 1,
                Decision::Change { .. } if service.left_git.is_some() => delete += 1,
                Decision::Unchanged => unchanged += 1,
                Decision::Change { .. } if service.replaces.is_some() => replace += 1,
                Decision::Change { steps, .. } if creates(steps) => create += 1,
                Decision::Change { .. } if service.adopts() => adopt += 1,
                Decision::Change { .. } => change += 1,
                Decision::Held { .. } => held += 1,
            }
        }
        let counted = [
            (create, "to create"),
            (adopt, "to adopt"),
            (change, "to change"),
            (replace, "to replace"),
            (delete, "to delete"),
            (held, "held"),
            (unchanged, "unchanged"),
            (left, "left in place"),
        ];
        let parts: Vec<String> = counted
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{number} {what}"))
            .collect();
        match (create + adopt + change + replace + delete + held, parts.is_empty()) {
            (_, true) => "No services.".to_owned(),
            (0, false) => format!("Nothing to do, {}.", parts.join(", ")),
            (_, false) => format!("{}.", parts.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::plan::{HookRevision, PlannedHook, RevisionSource};
    use crate::report::example;

    fn options() -> PlanTextOptions {
        PlanTextOptions {
            colour: Colour::Plain,
            explain: Explain::Differences,
            now: Timestamp(example::READ_AT.0 + 1_200),
            width: None,
        }
    }

    #[test]
    fn a_plan_reads_from_what_happens_to_why() {
        let text = plan_text(&example::plan(), &example::desired(), &options());
        insta::assert_snapshot!(text, @r#"
        production (eu-west-1, cluster jobs)   main@4c1f9e2 "Raise worker memory" · read 1.2 s ago, 9 calls

        ~ job-api       in place, no deployment
            service.desiredCount  3 -> 2  changed behind our back: Git says 2 since 91aa0c3
            will: update service
        = job-migrate   nothing to do
        + job-search    new service, starts a deployment
            taskDefinition.family    "job-search"         manifests/base/search.yaml:5
            taskDefinition.memory    "512"                manifests/base/search.yaml:7
            taskDefinition.containerDefinitions[search]
              essential              true                 manifests/base/search.yaml:5
              image                  "registry/search:2"  manifests/base/search.yaml:10
            service.desiredCount     1                    manifests/base/search.yaml:5
            will: register job-search, create service, watch for up to 15 m
            on failure: hold, since there is no revision to go back to
        ~ job-worker    new revision, starts a deployment
            taskDefinition.memory    1024 -> 2048          manifests/base/worker.yaml:14 · changed in 4c1f9e2
            taskDefinition.containerDefinitions[worker]
              environment.API_TOKEN  (changed, not shown)  manifests/base/worker.yaml:31
              environment.BATCH      (absent) -> "20"      manifests/overlays/production/worker.yaml:9
            will: register job-worker, update service, watch for up to 15 m
            on failure: back to the last revision that completed
        ! report-cron   held: quarantined
            digest 7be1… failed on 2026-11-20 21:05 (container worker exited 137: out of memory)
            to try again: commit a change, or `reconciler retry report-cron`

        1 to create, 2 to change, 1 held, 1 unchanged.
        "#);
    }

    #[test]
    fn hooks_are_told_in_the_order_in_which_they_run() {
        let mut plan = example::plan();
        let worker = plan.services.iter_mut().find(|service| service.service.name() == "job-worker").unwrap();
        let of_the_service = |name: &str, stage| PlannedHook {
            name: name.to_owned(),
            stage,
            runs: HookRevision::OfTheService(RevisionSource::Registered),
            ..example::hook()
        };
        worker.hooks.before = vec![example::hook(), of_the_service("seed", HookStage::Before)];
        worker.hooks.after = vec![of_the_service("smoke", HookStage::After)];
        let text = plan_text(&plan, &example::desired(), &options());
        let expected = "    will: run migrate (job-migrate:1.4.2), register job-worker, run seed (job-migrate:1.4.2), \
                        update service, watch for up to 15 m, run smoke (job-migrate:1.4.2)\n";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn nothing_to_do_is_one_line_under_the_header() {
        let mut plan = example::plan();
        for service in &mut plan.services {
            service.decision = Decision::Unchanged;
        }
        let text = plan_text(&plan, &example::desired(), &options());
        assert_eq!(text.lines().last(), Some("Nothing to do, 5 unchanged."));
        plan.services.extend(plan.services.clone());
        let text = plan_text(&plan, &example::desired(), &options());
        assert_eq!(text.lines().count(), 4, "{text}");
    }

    #[test]
    fn explain_names_the_rule_that_kept_a_field_quiet() {
        let options = PlanTextOptions { explain: Explain::QuietFields, ..options() };
        let text = plan_text(&example::plan(), &example::desired(), &options);
        assert!(
            text.contains(
                "quiet  service.healthCheckGracePeriodSeconds  Git (absent), AWS 0: AWS fills in 0 · see UpdateService\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_narrow_terminal_gets_the_origin_on_a_line_of_its_own() {
        let options = PlanTextOptions { width: Some(80), ..options() };
        let text = plan_text(&example::plan(), &example::desired(), &options);
        assert!(
            text.contains("1024 -> 2048\n      manifests/base/worker.yaml:14 · changed in 4c1f9e2\n"),
            "{text}"
        );
    }

    #[test]
    fn a_sensitive_value_is_not_shown_in_any_window() {
        let (plan, desired) = (example::plan(), example::desired());
        let text = plan_text(&plan, &desired, &options());
        assert!(text.contains("environment.API_TOKEN"));
        let json = crate::report::plan_json(&plan).to_string();
        assert!(json.contains("environment.API_TOKEN"));
        assert!(!text.contains("sesame") && !json.contains("sesame"));
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let coloured = PlanTextOptions { colour: Colour::Ansi, ..options() };
        let (plan, desired) = (example::plan(), example::desired());
        let mut stripped = plan_text(&plan, &desired, &coloured);
        for code in ["0", "1", "2", "31", "32", "33", "36"] {
            stripped = stripped.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(stripped, plan_text(&plan, &desired, &options()));
    }
}
