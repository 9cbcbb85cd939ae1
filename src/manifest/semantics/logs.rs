//! Log drivers: where each may run, and the options that it can't do without.

use super::{View, fargate};
use crate::manifest::suggest::any_of;
use crate::model::{FieldPath, Json};

const SEE: &str = "see RegisterTaskDefinition, LogConfiguration";
const ON_FARGATE: [&str; 3] = ["awsfirelens", "awslogs", "splunk"];
const MODES: [&str; 2] = ["blocking", "non-blocking"];

pub fn check(view: &mut View<'_>) {
    for (path, container) in view.containers() {
        configuration(view, &path.field("logConfiguration"), &container["logConfiguration"]);
        router(view, &path.field("firelensConfiguration"), &container["firelensConfiguration"]);
    }
    routers(view);
}

/// A `LogConfiguration`, of a container or of Service Connect's proxy.
pub fn configuration(view: &mut View<'_>, path: &FieldPath, log: &Json) {
    let Some(driver) = log["logDriver"].as_str() else { return };
    if fargate::is_fargate(view) && !ON_FARGATE.contains(&driver) {
        let title = format!("Fargate has no log driver `{driver}`");
        let label = format!("one of {}", any_of(ON_FARGATE));
        view.error(&path.field("logDriver"), title, label, &[SEE]);
    }
    let options = path.field("options");
    if !view.sound(&options) {
        return;
    }
    match driver {
        "awslogs" => awslogs(view, path, log),
        "splunk" => needs(view, path, log, &["splunk-token", "splunk-url"]),
        _ => {}
    }
    delivery(view, &options, &log["options"]);
}

/// Seen: "Log driver awslogs requires options: awslogs-group". The stream prefix is Fargate's demand.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html>
fn awslogs(view: &mut View<'_>, path: &FieldPath, log: &Json) {
    let needed: &[&str] = match fargate::is_fargate(view) {
        true => &["awslogs-group", "awslogs-region", "awslogs-stream-prefix"],
        false => &["awslogs-group", "awslogs-region"],
    };
    needs(view, path, log, needed);
    let options = &log["options"];
    let (pattern, format) = ("awslogs-multiline-pattern", "awslogs-datetime-format");
    if options.get(pattern).is_some() && options.get(format).is_some() {
        let at = path.field("options").field(pattern);
        let title = format!("`{pattern}` stands beside `{format}`");
        view.error_at_key(&at, title, "leave one of them out", &[SEE]);
    }
    let create = options["awslogs-create-group"].as_str();
    if let Some(text) = create.filter(|text| !["true", "false"].contains(&text.to_lowercase().as_str())) {
        let at = path.field("options").field("awslogs-create-group");
        view.error(&at, format!("`awslogs-create-group` can't be `{text}`"), "true or false", &[SEE]);
    }
}

/// Options that the driver can't start without; a secret may give them too.
fn needs(view: &mut View<'_>, path: &FieldPath, log: &Json, needed: &[&str]) {
    let secrets = log["secretOptions"].as_array().map_or(&[][..], Vec::as_slice);
    let given = |name: &str| {
        log["options"].get(name).is_some() || secrets.iter().any(|secret| secret["name"] == name)
    };
    let missing: Vec<&str> = needed.iter().copied().filter(|name| !given(name)).collect();
    if missing.is_empty() || !view.sound(&path.field("secretOptions")) {
        return;
    }
    let driver = log["logDriver"].as_str().unwrap_or_default();
    let all = any_of(missing.iter().copied()).replace(" or ", " and ");
    let title = format!("log driver {driver} needs the options {all}");
    let title = if missing.len() == 1 { title.replace("the options", "the option") } else { title };
    let label = match (driver, fargate::is_fargate(view)) {
        ("awslogs", true) => "on Fargate, awslogs needs group, region and stream prefix",
        ("awslogs", false) => "awslogs needs group and region",
        _ => "in `options`, or in `secretOptions` if it is secret",
    };
    view.error_at_key(&path.field("options"), title, label, &[SEE]);
}

/// `mode` and `max-buffer-size`, which every driver takes.
fn delivery(view: &mut View<'_>, path: &FieldPath, options: &Json) {
    if let Some(mode) = options["mode"].as_str().filter(|mode| !MODES.contains(mode)) {
        let label = format!("must be {}", any_of(MODES));
        view.error(&path.field("mode"), format!("a log's `mode` can't be `{mode}`"), label, &[SEE]);
    }
    if let Some(size) = options["max-buffer-size"].as_str().filter(|size| !is_size(size)) {
        let title = format!("`max-buffer-size` can't be `{size}`");
        view.error(&path.field("max-buffer-size"), title, "a number with k, m or g, such as 25m", &[SEE]);
    }
}

/// As Docker reads sizes: `25m`, `1.5 GiB`, `1048576`.
fn is_size(text: &str) -> bool {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = text[digits.len()..].to_lowercase();
    let number = digits.strip_suffix(' ').unwrap_or(digits);
    let units = ["", "b", "k", "kb", "kib", "m", "mb", "mib", "g", "gb", "gib", "t", "tb", "tib"];
    number.starts_with(|first: char| first.is_ascii_digit())
        && number.parse::<f64>().is_ok()
        && units.contains(&unit.as_str())
}

/// On Fargate, a router's own configuration comes from its image.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_FirelensConfiguration.html>
fn router(view: &mut View<'_>, path: &FieldPath, firelens: &Json) {
    let kind = firelens["options"]["config-file-type"].as_str();
    let see = "see RegisterTaskDefinition, FirelensConfiguration";
    let at = path.field("options").field("config-file-type");
    match kind {
        Some("s3") if fargate::is_fargate(view) => {
            let title = "on Fargate a log router can't read its configuration from S3";
            view.error(&at, title, "write `file`, and put the file into the image", &[see]);
        }
        Some("s3" | "file") | None => {}
        Some(other) => {
            let title = format!("`config-file-type` can't be `{other}`");
            view.error(&at, title, "must be file or s3", &[see]);
        }
    }
}

/// Seen: "When awsfirelens log driver is specified in log configuration, a firelens configuration object
/// must be specified".
fn routers(view: &mut View<'_>) {
    let is_router = |container: &Json| container.get("firelensConfiguration").is_some();
    let routers: Vec<FieldPath> = view
        .containers()
        .filter(|(_, container)| is_router(container))
        .map(|(path, _)| path.field("firelensConfiguration"))
        .collect();
    if let [first, second, ..] = routers.as_slice() {
        let title = "two containers of one task are log routers";
        view.error_at_key(second, title, "leave one out: a task has one `firelensConfiguration`", &[SEE]);
        view.beside_key(first, "the first one");
    }
    let sound = view.sound(&view.task_definition_path("containerDefinitions"));
    if !routers.is_empty() || !sound {
        return;
    }
    for (path, container) in view.containers() {
        if container["logConfiguration"]["logDriver"] == "awsfirelens" {
            let title = "awsfirelens needs a container that routes the logs";
            let label = "no container has a `firelensConfiguration`";
            let note = "add a container with `firelensConfiguration: {type: fluentbit}`";
            view.error(&path.field("logConfiguration").field("logDriver"), title, label, &[note, SEE]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_docker_does() {
        for text in ["25m", "1048576", "1.5GiB", "10 MB", "4k"] {
            assert!(is_size(text), "{text}");
        }
        for text in ["", "m", "25 x", "ten", "-1m"] {
            assert!(!is_size(text), "{text}");
        }
    }
}
