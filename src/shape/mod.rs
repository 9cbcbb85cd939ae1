//! What AWS accepts, as data, and how its fields behave.

pub mod api;
pub mod json_schema;
pub mod layout;
