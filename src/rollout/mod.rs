//! Judges a rollout against our own deployment, and plans the way back.

mod by_hand;
mod cause;
mod diagnose;
mod find;
mod gates;
mod hook;
mod judge;
mod roll_back;
mod stages;
#[cfg(test)]
mod tests;
mod transient;
mod types;

pub use by_hand::exit_code;
pub use cause::{Cause, is_infrastructure};
pub use diagnose::diagnose;
pub use gates::{GatesVerdict, alarm_that_fails, alarms_before, judge_gates, watch};
pub use hook::{HookVerdict, blamed, hook_failure, is_unplaceable, judge_hook};
pub use judge::judge;
pub use roll_back::{RollBack, by_update, last_good, roll_back};
pub use stages::{Pause, deadline, stage_sentence, under_way};
pub use transient::{again, ask_again};
pub use types::Verdict;
