//! What AWS accepts, as data, and how its fields behave.

pub mod api;
