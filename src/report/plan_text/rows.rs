//! Differences as rows: path, change, and where it comes from.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Window;
use crate::model::{FieldPath, Segment, ServiceKey};
use crate::plan::{Cause, Consequence, Difference};
use crate::report::paint::{Tone, count, pad, plain};
use crate::report::value::{change, value_text};
use crate::report::{created, why};

/// Columns at most, so that one long path does not push all values to the right.
const PATH_COLUMN_MAX: usize = 48;
const CHANGE_COLUMN_MAX: usize = 32;

impl Window<'_> {
    pub(super) fn differences(&self, text: &mut String, service: &ServiceKey, differences: &[Difference]) {
        let (rows, left_out) = self.rows(service, differences);
        let grouping = if rows.iter().any(|row| row.group.is_some()) { 2 } else { 0 };
        let path_column = column(rows.iter().map(|row| &row.path), PATH_COLUMN_MAX);
        let change_column = column(rows.iter().map(|row| &row.change), CHANGE_COLUMN_MAX);
        let mut group = None;
        for row in &rows {
            if row.group != group {
                if let Some(name) = &row.group {
                    let _ = writeln!(text, "    {name}");
                }
                group.clone_from(&row.group);
            }
            // Rows of a group stand two further in, yet all values begin in the same column.
            let (indent, path) = if group.is_some() { (6, path_column) } else { (4, path_column + grouping) };
            let line = format!(
                "{}{}  {}",
                " ".repeat(indent),
                pad(&row.path, path),
                pad(&row.change, change_column)
            );
            let note = self.options.colour.paint(Tone::Quiet, &row.note);
            let length = line.chars().count() + 2 + row.note.chars().count();
            if row.note.is_empty() {
                let _ = writeln!(text, "{}", line.trim_end());
            } else if self.options.width.is_some_and(|width| length > width) {
                let _ = writeln!(text, "{}\n{}{note}", line.trim_end(), " ".repeat(indent + 2));
            } else {
                let _ = writeln!(text, "{line}  {note}");
            }
        }
        if left_out > 0 {
            let _ = writeln!(text, "    … and {} (-o json has all)", count(left_out, "more field"));
        }
    }

    /// The rows to show, and how many fields of new objects are left out.
    fn rows(&self, service: &ServiceKey, differences: &[Difference]) -> (Vec<Row>, usize) {
        let (mut sorted, left_out) = created::spread(differences);
        if let Some(origins) = self.desired.origins(service) {
            for difference in &mut sorted {
                // What is not in Git stands nowhere there.
                if matches!(difference.cause, Cause::LeftGit | Cause::Foreign) && difference.desired.is_none()
                {
                    difference.origin = None;
                    continue;
                }
                let origin = || origins.nearest(&difference.path).cloned();
                difference.origin = difference.origin.take().or_else(origin);
            }
        }
        // Fields of the service itself before those of its containers, policies and the like.
        sorted.sort_by_key(|difference| {
            let (group, rest) = grouped(&difference.path);
            (root_of(&difference.path), group, rest)
        });
        let mut told = BTreeSet::new();
        let rows = sorted.iter().map(|difference| {
            let (group, path) = grouped(&difference.path);
            match why::noted(difference) {
                Some(change) => Row { group, path, change, note: String::new() },
                None => {
                    let note = self.note(difference, &mut told);
                    Row { group, path, change: change(difference), note }
                }
            }
        });
        (rows.collect(), left_out)
    }

    /// Where the value comes from, and who changed it. A commit is told once per service: `told`.
    fn note(&self, difference: &Difference, told: &mut BTreeSet<String>) -> String {
        let mut parts: Vec<String> = difference.origin.iter().map(ToString::to_string).collect();
        match difference.cause {
            // That it was deleted is told of the service as a whole.
            Cause::BehindOurBack | Cause::GitAndBehindOurBack
                if difference.consequence == Consequence::Creates => {}
            Cause::BehindOurBack => parts.push(why::behind_our_back(difference)),
            Cause::Git | Cause::GitAndBehindOurBack => {
                if difference.consequence != Consequence::Creates {
                    parts.extend(
                        Some(why::changed_in_git(difference, &self.plan.revision))
                            .filter(|text| told.insert(text.clone())),
                    );
                }
                if difference.cause == Cause::GitAndBehindOurBack {
                    parts.push("changed behind our back as well".to_owned());
                }
            }
            Cause::Overridden(asked) => {
                let until = asked.until.minute_seen_from(self.options.now);
                parts.push(format!("an administrator's override says so until {until}"));
            }
            Cause::OverrideEnded(asked) => {
                let git = difference.desired.as_ref();
                let git = git.map(|git| format!(": Git says {}", value_text(git))).unwrap_or_default();
                parts.push(format!("the override of {asked} has ended{git}"));
            }
            Cause::NewVersion(ref title) => {
                parts.push(format!("{} has a new version since its tasks were started", plain(title)));
            }
            Cause::LeftGit => {
                let what = if difference.desired.is_some() { "scaling is " } else { "" };
                parts.push(format!("{what}no longer in Git"));
            }
            Cause::Foreign => parts.push("put by others, and `sync.pruneForeignScaling` is on".to_owned()),
        }
        match difference.consequence {
            Consequence::NeedsReplacement => parts.push("needs a new service".to_owned()),
            Consequence::Refused => parts.push("ECS refuses it".to_owned()),
            Consequence::ForcesDeployment => parts.push("with forceNewDeployment".to_owned()),
            Consequence::InPlace
            | Consequence::NewRevision
            | Consequence::StartsDeployment
            | Consequence::Creates => {}
        }
        parts.join(" · ")
    }
}

struct Row {
    group: Option<String>,
    path: String,
    change: String,
    note: String,
}

fn column<'a>(texts: impl Iterator<Item = &'a String>, width_max: usize) -> usize {
    texts.map(|text| text.chars().count()).filter(|width| *width <= width_max).max().unwrap_or_default()
}

/// The list element that a field lies in, such as a container, and the path from there.
fn grouped(path: &FieldPath) -> (Option<String>, String) {
    let element = path.0.iter().position(|segment| matches!(segment, Segment::Key(_) | Segment::Index(_)));
    match element {
        Some(place) if place + 1 < path.0.len() => {
            let (group, rest) = path.0.split_at(place + 1);
            (Some(FieldPath(group.to_vec()).to_string()), FieldPath(rest.to_vec()).to_string())
        }
        Some(_) | None => (None, path.to_string()),
    }
}

/// Task definition, service, scaling, schedule: in the order in which they are written in a manifest.
fn root_of(path: &FieldPath) -> usize {
    let root = match path.0.first() {
        Some(Segment::Field(name)) => name.as_str(),
        Some(Segment::Key(_) | Segment::Index(_)) | None => "",
    };
    ["taskDefinition", "service", "scaling", "schedule"]
        .iter()
        .position(|known| *known == root)
        .unwrap_or(usize::MAX)
}
