//! What AWS accepts, and how its fields behave: the API model, the JSON Schema made from it, and the
//! one table of field rules.

pub mod api;
pub mod json_schema;
pub mod rules;
