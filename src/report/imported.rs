//! What `import` wrote, what it left out and why, and what to do next; as text and as JSON.

use std::fmt::Write as _;

use serde_json::json;

use super::paint::{Colour, Tone, count, pad, plain};
use crate::import::{Home, Import, LeftOut, Remark, Tree, Variable};
use crate::model::Json;

/// Rises when a member changes its meaning or goes away; new members don't raise it.
pub const IMPORT_VERSION: u32 = 1;
/// Columns at most for a name.
const NAME_COLUMN_MAX: usize = 40;

/// Where the manifests went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written<'a> {
    /// Into this folder.
    Folder(&'a str),
    /// They were printed.
    Printed,
}

/// The summary for people.
pub fn import_text(
    import: &Import,
    home: &Home,
    written: Written<'_>,
    calls: Option<u32>,
    colour: Colour,
) -> String {
    let mut text = String::new();
    let read = calls.map(|calls| format!(" · {}", count(calls as usize, "call"))).unwrap_or_default();
    let name = colour.paint(Tone::Strong, &home.environment);
    let _ = writeln!(text, "{name} ({}, cluster {}){read}\n", home.region, home.cluster);
    let column = |names: &mut dyn Iterator<Item = &str>| {
        names.map(|name| name.chars().count()).max().unwrap_or_default().min(NAME_COLUMN_MAX) + 2
    };
    let mut sources: Vec<(&str, &str)> = vec![];
    sources.extend(import.services.iter().map(|(key, file)| (key.name(), file.as_str())));
    let left_out = import.left_out.iter().map(|one| one.service.as_str());
    let wide = column(&mut sources.iter().map(|(name, _)| *name).chain(left_out));
    let folder = match written {
        Written::Folder(folder) => format!("{}/", folder.trim_end_matches('/')),
        Written::Printed => String::new(),
    };
    for (name, file) in &sources {
        let sign = colour.paint(Tone::Good, "+");
        let _ = writeln!(text, "{sign} {}{folder}{file}", pad(name, wide));
        for remark in import.remarks.iter().filter(|remark| remark.service.as_deref() == Some(*name)) {
            remark_text(&mut text, remark, colour);
        }
    }
    for LeftOut { service, why, way_out, .. } in &import.left_out {
        let sign = colour.paint(Tone::Warning, "!");
        let _ =
            writeln!(text, "{sign} {}left out: {}\n    {}", pad(service, wide), plain(why), plain(way_out));
    }
    for remark in import.remarks.iter().filter(|remark| remark.service.is_none()) {
        remark_text(&mut text, remark, colour);
    }
    if !import.variables.is_empty() {
        let wide = column(&mut import.variables.iter().map(|variable| variable.name.as_str()));
        let _ = writeln!(text, "\nvariables of the Environment");
        for variable in &import.variables {
            let _ = writeln!(text, "    {}{}", pad(&variable.name, wide), variable_text(variable));
        }
    }
    let _ = writeln!(text, "\n{}", counts(import));
    for line in next(import, home, written, calls) {
        let _ = writeln!(text, "  next: {line}");
    }
    text
}

fn remark_text(text: &mut String, remark: &Remark, colour: Colour) {
    let line = format!("    {}", plain(&remark.text));
    let _ = writeln!(text, "{}\n      {}", colour.paint(Tone::Warning, &line), plain(&remark.way_out));
}

fn variable_text(variable: &Variable) -> String {
    let used = count(variable.services.len(), "service");
    match &variable.value {
        Tree::Missing(why) => format!("to be filled in: {why}"),
        Tree::Map(_) => "looked up in Parameter Store".to_owned(),
        Tree::Flag(_) | Tree::Number(_) | Tree::Text(_) | Tree::List(_) if variable.services.len() < 2 => {
            format!("used by {used}")
        }
        Tree::Flag(_) | Tree::Number(_) | Tree::Text(_) | Tree::List(_) => format!("shared by {used}"),
    }
}

fn counts(import: &Import) -> String {
    let counted = [(import.services.len(), "written"), (import.left_out.len(), "left out")];
    let parts: Vec<String> = counted
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", count(*number, "service")))
        .collect();
    if parts.is_empty() { "No services.".to_owned() } else { format!("{}.", parts.join(", ")) }
}

fn next(import: &Import, home: &Home, written: Written<'_>, calls: Option<u32>) -> Vec<String> {
    let Home { environment, .. } = home;
    let mut lines = Vec::new();
    if import.services.is_empty() {
        return lines;
    }
    let missing: Vec<&str> = import
        .variables
        .iter()
        .filter(|variable| matches!(variable.value, Tree::Missing(_)))
        .map(|variable| variable.name.as_str())
        .collect();
    if !missing.is_empty() {
        lines.push(format!("fill in {} in environments/{environment}.yaml", missing.join(", ")));
    }
    lines.push(match written {
        Written::Folder(folder) => {
            let then = match calls {
                Some(_) if import.changes => "adopts by tags, and changes what is named above",
                Some(_) => "adopts by tags, deploys nothing",
                None => "compares it with what runs",
            };
            format!("reconciler plan --path {folder} --environment {environment}   ({then})")
        }
        Written::Printed => "the same with `--output FOLDER`, which writes the files".to_owned(),
    });
    lines
}

/// The summary for programs. The texts are in it where nothing was written.
pub fn import_json(import: &Import, home: &Home, written: Written<'_>, calls: Option<u32>) -> Json {
    let files: Vec<Json> = import
        .files
        .iter()
        .map(|(path, text)| {
            let service = import.services.iter().find(|(_, file)| *file == path).map(|(key, _)| key.name());
            match written {
                Written::Folder(folder) => {
                    json!({"path": format!("{}/{path}", folder.trim_end_matches('/')), "service": service})
                }
                Written::Printed => json!({"path": path, "service": service, "text": text}),
            }
        })
        .collect();
    let variables: Vec<Json> = import
        .variables
        .iter()
        .map(|variable| {
            let missing = matches!(variable.value, Tree::Missing(_));
            json!({"name": variable.name, "services": variable.services, "toBeFilledIn": missing})
        })
        .collect();
    let left_out: Vec<Json> = import
        .left_out
        .iter()
        .map(|one| {
            let (why, way_out) = (plain(&one.why), plain(&one.way_out));
            json!({"service": one.service, "reason": one.reason.name(), "message": why, "wayOut": way_out})
        })
        .collect();
    let remarks: Vec<Json> = import
        .remarks
        .iter()
        .map(
            |one| json!({"service": one.service, "message": plain(&one.text), "wayOut": plain(&one.way_out)}),
        )
        .collect();
    json!({
        "version": IMPORT_VERSION,
        "environment": home.environment,
        "account": home.account,
        "region": home.region,
        "cluster": home.cluster,
        "calls": calls,
        "files": files,
        "variables": variables,
        "leftOut": left_out,
        "remarks": remarks,
    })
}
