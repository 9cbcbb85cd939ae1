//! `reconciler render`: the manifests as one environment has them, as manifests.

use std::path::Path;

use anyhow::bail;

use super::{Exit, Surroundings, road};
use crate::config::{Format, RenderSettings};
use crate::manifest::{self, Flat, Line};
use crate::report::Colour;
use crate::shape::api::Api;

/// Columns before the origin of a line, where the line leaves room.
const COLUMN: usize = 56;

/// Prints what `plan` would plan.
pub async fn run(settings: &RenderSettings, surroundings: &Surroundings) -> anyhow::Result<Exit> {
    if settings.origins && settings.output == Format::Json {
        bail!("JSON has no comments: leave out `--origins`, or `-o json`");
    }
    let checkout = road::checkout(&settings.source, Path::new(".reconciler")).await?;
    let environment = settings.source.environment.as_deref();
    let rendered = manifest::render(&checkout, environment, Api::builtin())?;
    let chosen = chosen(rendered, &settings.service)?;
    let colour = surroundings.colour;
    road::print(&match settings.output {
        Format::Yaml => yaml(&chosen, settings.origins, colour),
        Format::Json => json(&chosen),
    });
    Ok(Exit::Good)
}

/// Those with the names asked for; all, if none was.
fn chosen(rendered: Vec<Flat>, names: &[String]) -> anyhow::Result<Vec<Flat>> {
    if names.is_empty() {
        return Ok(rendered);
    }
    let workloads: Vec<Flat> = rendered.into_iter().filter(|flat| flat.workload.is_some()).collect();
    if let Some(unknown) = names.iter().find(|name| workloads.iter().all(|flat| flat.name != **name)) {
        let known: Vec<&str> = workloads.iter().map(|flat| flat.name.as_str()).collect();
        bail!("no service or scheduled task `{unknown}`; there is {}", known.join(", "));
    }
    Ok(workloads.into_iter().filter(|flat| names.contains(&flat.name)).collect())
}

fn yaml(manifests: &[Flat], origins: bool, colour: Colour) -> String {
    let document = |flat: &Flat| -> String {
        flat.yaml
            .iter()
            .map(|line| format!("{}\n", if origins { annotated(line, colour) } else { line.text.clone() }))
            .collect()
    };
    manifests.iter().map(document).collect::<Vec<_>>().join("---\n")
}

/// `memory: 1024      # overlays/production.yaml:8`
fn annotated(line: &Line, colour: Colour) -> String {
    let places: Vec<String> = line.origins.iter().map(ToString::to_string).collect();
    if places.is_empty() || !line.complete {
        return line.text.clone();
    }
    let room = COLUMN.saturating_sub(line.text.chars().count());
    // A line end in the name of a file would end the comment.
    let comment = colour.quiet(&format!("# {}", places.join(", ").replace(char::is_control, " ")));
    format!("{}{}  {comment}", line.text, " ".repeat(room))
}

fn json(manifests: &[Flat]) -> String {
    let texts: Vec<String> = manifests.iter().map(|flat| flat.json.replace('\n', "\n  ")).collect();
    match texts.is_empty() {
        true => "[]\n".to_owned(),
        false => format!("[\n  {}\n]\n", texts.join(",\n  ")),
    }
}
