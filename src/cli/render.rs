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
    let answers = road::answers(&checkout, environment, &settings.account).await?;
    let rendered = manifest::render(&checkout, environment, Api::builtin(), &answers)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Origin;

    fn line(text: &str, lines: &[usize], complete: bool) -> Line {
        let origin = |line: &usize| Origin { file: "a.yaml".into(), line: *line, column: 1 };
        Line { text: text.to_owned(), origins: lines.iter().map(origin).collect(), complete }
    }

    #[test]
    fn an_origin_is_a_comment_that_only_a_terminal_shows_in_colour() {
        let memory = line("memory: 512", &[7, 9], true);
        let plain = annotated(&memory, Colour::Plain);
        assert_eq!(plain, format!("{:COLUMN$}  # a.yaml:7, a.yaml:9", "memory: 512"));
        assert_eq!(annotated(&memory, Colour::Ansi).replace("\x1b[2m", "").replace("\x1b[0m", ""), plain);
        // Inside of a text of several lines, a comment would be part of the text.
        assert_eq!(annotated(&line("  echo hello", &[7], false), Colour::Plain), "  echo hello");
    }

    #[test]
    fn a_service_that_is_not_there_is_an_error_with_those_that_are() {
        let web = Flat {
            name: "web".to_owned(),
            workload: Some(crate::model::Workload::Service),
            yaml: vec![line("kind: Service", &[], true)],
            json: "{}".to_owned(),
        };
        let environment = Flat { name: "production".to_owned(), workload: None, ..web.clone() };
        let all = vec![environment, web];
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let only = chosen(all.clone(), &names(&["web"])).map(|flat| flat.len());
        assert_eq!(only.ok(), Some(1));
        let error = chosen(all, &names(&["wbe"])).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(error, Err("no service or scheduled task `wbe`; there is web".to_owned()));
    }
}
