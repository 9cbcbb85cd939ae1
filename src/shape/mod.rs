//! What AWS accepts, and how its fields behave: the API model, the layout of our manifests, the JSON
//! Schema made from both, and the one table of field rules.

pub mod api;
pub mod json_schema;
pub mod layout;
pub mod markdown;
pub mod reference;
pub mod rules;
