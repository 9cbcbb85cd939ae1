//! What AWS accepts, and how its fields behave.

pub mod rules;
