//! Windows onto plan and journal: pure functions from values to text and JSON. `now` is an argument.

mod by_hand;
mod commands;
mod created;
pub mod deployment;
mod failure;
mod gates;
mod held;
mod imported;
mod leaving;
pub mod log;
mod overriding;
mod paint;
mod plan_json;
mod plan_text;
mod replacing;
mod requests;
mod sentence;
pub mod status;
mod steps;
mod value;
mod verification;
mod why;

#[cfg(test)]
mod example;

pub use by_hand::{EndByHand, RunByHand, TASK_RUN_VERSION};
pub use commands::with_options;
pub use failure::{Aftermath, changed_fields, failure_text};
pub use imported::{IMPORT_VERSION, Written, import_json, import_text};
pub use leaving::leaving_sentence;
pub use overriding::override_sentence;
pub use paint::{Colour, counted, span};
pub use plan_json::{PLAN_VERSION, plan_json, plan_json_explained};
pub use plan_text::{PlanTextOptions, plan_text};
pub use replacing::draining_sentence;
pub use requests::suspended_sentence;
pub use sentence::{
    change_sentence, failure_sentence, held_sentence, new_versions_sentence, tolerated_sentence,
};
pub use verification::{VERIFICATION_VERSION, VerificationOf, verification_json, verification_text};
