//! When a deployment window is open, and when the next one opens: clocks, dates, and clocks that change.

use std::time::Duration;

use crate::model::{Timestamp, Window, WindowDays, WindowKind};
use crate::plan::{Gateway, gateway};

fn window(kind: WindowKind, days: WindowDays, from: (u8, u8), hours: u64, zone: &str) -> Window {
    let duration = Duration::from_secs(hours * 3600);
    Window { kind, days, from, duration, time_zone: zone.to_owned() }
}

fn working_hours() -> Window {
    let days = WindowDays::OfTheWeek(vec![1, 2, 3, 4, 5]);
    window(WindowKind::Allow, days, (8, 0), 10, "Europe/Paris")
}

/// `open`, or when it opens.
fn at(windows: &[Window], moment: &str) -> String {
    match gateway(windows, Timestamp::parse(moment).unwrap()) {
        Gateway::Open => "open".to_owned(),
        Gateway::Closed { opens: Some(opens) } => {
            assert_eq!(gateway(windows, opens.at), Gateway::Open, "it opens when it says so");
            let before = Timestamp(opens.at.0 - 1);
            assert_ne!(gateway(windows, before), Gateway::Open, "and not before");
            opens.told
        }
        Gateway::Closed { opens: None } => "never".to_owned(),
    }
}

#[test]
fn without_windows_changes_go_out_at_any_time() {
    assert_eq!(at(&[], "2026-11-21T03:00:00Z"), "open");
}

#[test]
fn a_window_is_open_from_its_beginning_until_its_end_by_its_own_clocks() {
    let hours = [working_hours()];
    // Paris is an hour ahead in winter. 2026-11-20 is a Friday.
    assert_eq!(at(&hours, "2026-11-20T06:59:59Z"), "08:00 Europe/Paris");
    assert_eq!(at(&hours, "2026-11-20T07:00:00Z"), "open");
    assert_eq!(at(&hours, "2026-11-20T16:59:59Z"), "open");
    assert_eq!(at(&hours, "2026-11-20T17:00:00Z"), "Monday 08:00 Europe/Paris");
    assert_eq!(at(&hours, "2026-11-21T12:00:00Z"), "Monday 08:00 Europe/Paris");
    // And two in summer.
    assert_eq!(at(&hours, "2026-07-01T06:00:00Z"), "open");
    assert_eq!(at(&hours, "2026-07-01T16:00:00Z"), "Thursday 08:00 Europe/Paris");
}

#[test]
fn a_window_that_denies_outweighs_one_that_allows_and_leaves_the_rest_open() {
    let christmas = ["2026-12-23", "2026-12-30"].map(|date| date.parse().unwrap()).to_vec();
    let freeze = window(WindowKind::Deny, WindowDays::Dates(christmas), (0, 0), 7 * 24, "Europe/Paris");
    assert_eq!(at(std::slice::from_ref(&freeze), "2026-12-22T22:59:59Z"), "open");
    assert_eq!(at(std::slice::from_ref(&freeze), "2026-12-24T12:00:00Z"), "2027-01-06 00:00 Europe/Paris");
    assert_eq!(at(&[working_hours(), freeze], "2026-12-24T12:00:00Z"), "2027-01-06 08:00 Europe/Paris");
}

#[test]
fn a_window_may_last_over_midnight_and_over_days() {
    let night = [window(WindowKind::Allow, WindowDays::EveryDay, (22, 0), 8, "UTC")];
    assert_eq!(at(&night, "2026-11-20T05:59:59Z"), "open");
    assert_eq!(at(&night, "2026-11-20T06:00:00Z"), "22:00 UTC");
    let weekend = [window(WindowKind::Deny, WindowDays::OfTheWeek(vec![5]), (16, 0), 64, "UTC")];
    assert_eq!(at(&weekend, "2026-11-22T12:00:00Z"), "08:00 UTC".replace("08:00", "Monday 08:00"));
    assert_eq!(at(&weekend, "2026-11-23T08:00:00Z"), "open");
}

#[test]
fn where_the_clocks_are_put_forward_over_its_beginning_a_window_begins_that_much_later() {
    // In Paris there is no 02:30 on 2026-03-29, and 02:30 comes twice on 2026-10-25.
    let early = [window(WindowKind::Allow, WindowDays::EveryDay, (2, 30), 1, "Europe/Paris")];
    assert_eq!(at(&early, "2026-03-29T01:29:59Z"), "03:30 Europe/Paris");
    assert_eq!(at(&early, "2026-03-29T01:30:00Z"), "open");
    assert_eq!(at(&early, "2026-10-25T00:30:00Z"), "open");
    assert_eq!(at(&early, "2026-10-25T01:30:00Z"), "Monday 02:30 Europe/Paris");
}

#[test]
fn a_window_that_does_not_come_again_is_told() {
    let past = WindowDays::Dates(vec!["2026-01-01".parse().unwrap()]);
    assert_eq!(at(&[window(WindowKind::Allow, past, (0, 0), 24, "UTC")], "2026-11-21T00:00:00Z"), "never");
}
