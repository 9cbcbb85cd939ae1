//! One file per verb.

pub mod schema;
pub mod validate;
