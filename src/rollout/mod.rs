//! Judges a rollout against our own deployment, and plans the way back.

mod types;

pub use types::Verdict;
