//! `reconciler schema`: what manifests may hold, for editors and for people.

use crate::config::{SchemaOutput, SchemaSettings};
use crate::shape::api::Api;
use crate::shape::{json_schema, markdown};

/// The text that was asked for, ending in a line end.
pub fn run(settings: &SchemaSettings, api: &Api) -> String {
    match settings.output {
        SchemaOutput::Json => format!("{:#}\n", json_schema::schema(api)),
        SchemaOutput::Markdown => markdown::reference(api),
    }
}
