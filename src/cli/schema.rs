//! `reconciler schema`: the JSON Schema that editors check manifests with.

use crate::shape::api::Api;
use crate::shape::json_schema;

/// The schema as text, ending in a line end.
pub fn run(api: &Api) -> String {
    format!("{:#}\n", json_schema::schema(api))
}
