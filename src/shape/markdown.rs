//! `docs/manifest.md`: every field of every kind of manifest, from the API model, the layout and the field rules.
//!
//! Our own words come from the JSON Schema: a section there is a section here. AWS's structures come from the
//! model, each once, whatever number of places it stands in.

mod aws;

use super::api::Api;
use super::json_schema;
use crate::model::Json;

const INTRODUCTION: &str = include_str!("markdown/introduction.md");

/// The whole page.
pub fn reference(api: &Api) -> String {
    let schema = json_schema::schema(api);
    let mut page = INTRODUCTION.replace("{source}", api.source());
    page.push_str("\n## Our own words\n");
    for name in sections(&schema) {
        page.push_str(&section(&schema, &name));
    }
    page.push_str(&aws::structures(api));
    page
}

/// Our own definitions: first what every manifest has, then the kinds, then what is in them.
fn sections(schema: &Json) -> Vec<String> {
    let kinds = schema["properties"]["kind"]["enum"].as_array().into_iter().flatten();
    let mut names = vec!["metadata".to_owned()];
    names.extend(kinds.filter_map(Json::as_str).map(str::to_owned));
    let others = schema["$defs"].as_object().into_iter().flat_map(|definitions| definitions.keys());
    let ours: Vec<&String> = others.filter(|name| !name.contains('.') && !names.contains(*name)).collect();
    names.extend(ours.into_iter().cloned().collect::<Vec<_>>());
    names
}

fn section(schema: &Json, name: &str) -> String {
    let definition = &schema["$defs"][name];
    let text = |value: &Json| value["description"].as_str().unwrap_or_default().to_owned();
    let required: Vec<&str> =
        definition["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let mut rows = Vec::new();
    for (field, property) in definition["properties"].as_object().into_iter().flatten() {
        let needed = required.contains(&field.as_str());
        let mut meaning = text(property);
        if meaning.is_empty() {
            let inner = target(property).or_else(|| target(&property["anyOf"][0]));
            meaning = text(&schema["$defs"][inner.unwrap_or_default()]);
        }
        rows.push([format!("`{field}`"), kind_of(schema, property), with_required(&meaning, needed)]);
        // What has no section of its own is told here.
        for (inner, property) in property["properties"].as_object().into_iter().flatten() {
            rows.push([format!("`{field}.{inner}`"), kind_of(schema, property), text(property)]);
        }
    }
    let head = definition["description"].as_str().unwrap_or_default();
    format!("\n### {name}\n\n{}\n\n{}", linked(head), table(&["field", "type", "meaning"], &rows))
}

fn with_required(meaning: &str, required: bool) -> String {
    let meaning = meaning.split("\n\n").next().unwrap_or_default().trim_end_matches('.');
    match required {
        true => format!("**required**; {meaning}"),
        false => meaning.to_owned(),
    }
}

/// `AmazonECS/.../API_RunTask.html` at the end of a text becomes a link.
fn linked(text: &str) -> String {
    let (text, page) = text.split_once("\n\n").unwrap_or((text, ""));
    match page.rsplit_once("API_") {
        Some((_, name)) => format!("{text} [{}]({page})", name.trim_end_matches(".html")),
        None => text.to_owned(),
    }
}

/// The definition that a property refers to.
fn target(property: &Json) -> Option<&str> {
    let name = property["$ref"].as_str()?.strip_prefix("#/$defs/")?;
    // What an overlay gives a part of is described where the whole is.
    Some(name.strip_prefix(json_schema::PART).unwrap_or(name))
}

/// What kind of value the schema of one of our fields wants.
fn kind_of(schema: &Json, property: &Json) -> String {
    if let Some(name) = target(property) {
        let definition = &schema["$defs"][name];
        return match (definition["properties"].is_object(), name.split_once('.')) {
            (true, Some((service, name))) => aws::link(service, name),
            (true, None) => format!("[{name}](#{})", anchor(name)),
            (false, _) => kind_of(schema, definition),
        };
    }
    if let Some(alternatives) = property["anyOf"].as_array() {
        return alternatives.first().map_or(String::new(), |first| kind_of(schema, first));
    }
    if let Some(values) = property["enum"].as_array() {
        return one_of(values.iter().filter_map(Json::as_str));
    }
    if let Some(value) = property.get("const") {
        return format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    let types: Vec<&str> = match &property["type"] {
        Json::Array(names) => names.iter().filter_map(Json::as_str).collect(),
        name => name.as_str().into_iter().collect(),
    };
    match types.first().copied() {
        Some("array") => format!("list of {}", kind_of(schema, &property["items"])),
        Some("integer") => {
            let limits = aws::range(property["minimum"].as_i64(), property["maximum"].as_i64());
            format!("whole number{limits}")
        }
        Some("boolean") => "true or false".to_owned(),
        Some("object") => "mapping".to_owned(),
        _ if property["pattern"].as_str().is_some_and(|pattern| pattern.contains("+h)?")) => {
            "duration: `90s`, `10m`, `1h30m`".to_owned()
        }
        _ => "text".to_owned(),
    }
}

fn one_of<'a>(values: impl Iterator<Item = &'a str>) -> String {
    values.map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")
}

/// As GitHub makes it from a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// A table without the columns that say nothing.
fn table<const COLUMNS: usize>(head: &[&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let told = |column: &usize| rows.iter().any(|row| !row[*column].is_empty());
    let columns: Vec<usize> = (0..COLUMNS).filter(told).collect();
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(columns.iter().map(|column| head[*column].to_owned()).collect());
    text.push_str(&line(columns.iter().map(|_| "---".to_owned()).collect()));
    for row in rows {
        text.push_str(&line(columns.iter().map(|column| row[*column].replace('|', "\\|")).collect()));
    }
    text
}
