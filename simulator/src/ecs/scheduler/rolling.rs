//! Which tasks a rolling deployment starts and stops next.
//!
//! See "Amazon ECS deployment failure detection" and `DeploymentConfiguration`: the maximum is rounded
//! down, the minimum up.

/// A service in one moment: tasks on their way out are not in it.
#[derive(Clone, Debug)]
pub(super) struct Fleet {
    pub(super) desired: usize,
    pub(super) maximum_percent: usize,
    pub(super) minimum_percent: usize,
    /// Tasks of the PRIMARY deployment, oldest first.
    pub(super) new: Vec<Member>,
    /// Tasks of all other deployments, oldest first.
    pub(super) old: Vec<Member>,
    /// The PRIMARY deployment has failed for good: nothing is started for it and nothing makes room.
    pub(super) stalled: bool,
    /// Not waiting after a failure.
    pub(super) may_start: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) arn: String,
    pub(super) stage: Stage,
    /// From scale-in and from deployments.
    pub(super) protected: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Not running yet.
    Starting,
    /// Running, not known to be healthy.
    Up,
    Healthy,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    pub(super) start: usize,
    pub(super) stop: Vec<String>,
    /// The percentages allow neither a start nor a stop, and nothing under way will change that.
    pub(super) blocked: bool,
    /// Tasks that would have been stopped as well, were they not protected from scale-in.
    pub(super) protected: Vec<String>,
}

pub(super) fn moves(fleet: &Fleet) -> Moves {
    let maximum = fleet.desired * fleet.maximum_percent / 100;
    let minimum = (fleet.desired * fleet.minimum_percent).div_ceil(100);
    let total = fleet.new.len() + fleet.old.len();

    let missing = match fleet.stalled {
        true => 0,
        false => fleet.desired.saturating_sub(fleet.new.len()),
    };
    let room = maximum.saturating_sub(total);
    let start = match fleet.may_start {
        true => missing.min(room),
        false => 0,
    };
    let crowded = match fleet.may_start {
        true => missing.saturating_sub(room),
        false => 0,
    };
    let mut leavers = surplus(&fleet.new, fleet.desired);
    leavers.extend(leaving(fleet, minimum, crowded));
    let (protected, stop): (Vec<&Member>, Vec<&Member>) =
        leavers.into_iter().partition(|member| member.protected);

    let waiting = fleet.new.iter().any(|member| member.stage != Stage::Healthy);
    let stuck = missing > 0 && fleet.may_start && start == 0 && stop.is_empty();
    let blocked = stuck && protected.is_empty() && !waiting && total > 0;
    let arns = |members: Vec<&Member>| members.iter().map(|member| member.arn.clone()).collect();
    Moves { start, stop: arns(stop), blocked, protected: arns(protected) }
}

/// Tasks of the PRIMARY deployment beyond the desired count: first those that may go, of these the
/// least far ones, then the newest.
fn surplus(new: &[Member], desired: usize) -> Vec<&Member> {
    let mut candidates: Vec<&Member> = new.iter().rev().collect();
    candidates.sort_by_key(|member| (member.protected, member.stage));
    candidates.truncate(new.len().saturating_sub(desired));
    candidates
}

/// Old tasks that could go: one for each new healthy one, and as many more as are in the way, as long
/// as enough healthy ones remain.
fn leaving(fleet: &Fleet, minimum: usize, crowded: usize) -> Vec<&Member> {
    let is_healthy = |member: &&Member| member.stage == Stage::Healthy;
    let healthy_new = fleet.new.iter().filter(is_healthy).count();
    let mut healthy = healthy_new + fleet.old.iter().filter(is_healthy).count();
    let kept = match fleet.stalled {
        true => fleet.desired,
        false => fleet.desired.saturating_sub(healthy_new),
    };
    let wanted = std::cmp::max(fleet.old.len().saturating_sub(kept), crowded.min(fleet.old.len()));
    let mut candidates: Vec<&Member> = fleet.old.iter().collect();
    candidates.sort_by_key(|member| (member.protected, member.stage));
    let mut leaving = Vec::new();
    for member in candidates {
        match member.stage {
            // Of a superseded deployment: it would only be replaced.
            Stage::Starting if !fleet.stalled => {}
            Stage::Starting | Stage::Up if leaving.len() < wanted => {}
            Stage::Healthy if leaving.len() < wanted && healthy > minimum => healthy -= 1,
            Stage::Starting | Stage::Up | Stage::Healthy => continue,
        }
        leaving.push(member);
    }
    leaving
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(desired: usize, percent: (usize, usize), new: &str, old: &str) -> Fleet {
        let members = |letters: &str, side: &str| {
            letters
                .chars()
                .enumerate()
                .map(|(index, letter)| Member {
                    arn: format!("{side}{index}"),
                    stage: match letter {
                        's' => Stage::Starting,
                        'u' => Stage::Up,
                        _ => Stage::Healthy,
                    },
                    protected: letter == 'p',
                })
                .collect()
        };
        Fleet {
            desired,
            minimum_percent: percent.0,
            maximum_percent: percent.1,
            new: members(new, "new"),
            old: members(old, "old"),
            stalled: false,
            may_start: true,
        }
    }

    fn check(fleet: &Fleet, start: usize, stop: &[&str]) {
        let moves = moves(fleet);
        assert_eq!((moves.start, moves.stop), (start, stop.iter().map(|s| (*s).to_owned()).collect()));
    }

    #[test]
    fn a_new_service_starts_all_its_tasks() {
        check(&fleet(3, (100, 200), "", ""), 3, &[]);
    }

    #[test]
    fn new_tasks_start_beside_the_old_ones_and_old_ones_go_as_new_ones_are_healthy() {
        check(&fleet(2, (100, 200), "", "hh"), 2, &[]);
        check(&fleet(2, (100, 200), "su", "hh"), 0, &[]);
        check(&fleet(2, (100, 200), "hu", "hh"), 0, &["old0"]);
        check(&fleet(2, (100, 200), "hh", "hh"), 0, &["old0", "old1"]);
    }

    #[test]
    fn without_room_old_tasks_make_room_down_to_the_minimum() {
        check(&fleet(4, (50, 100), "", "hhhh"), 0, &["old0", "old1"]);
        check(&fleet(4, (50, 100), "", "hh"), 2, &[]);
    }

    #[test]
    fn the_maximum_is_rounded_down_and_the_minimum_up() {
        check(&fleet(3, (50, 150), "", "hhh"), 1, &["old0"]);
        check(&fleet(1, (100, 150), "", "h"), 0, &[]);
        assert!(moves(&fleet(1, (100, 150), "", "h")).blocked);
        assert!(!moves(&fleet(1, (100, 200), "", "h")).blocked);
    }

    #[test]
    fn an_unhealthy_old_task_goes_before_a_healthy_one() {
        check(&fleet(2, (100, 200), "hu", "hu"), 0, &["old1"]);
    }

    #[test]
    fn a_superseded_deployments_unstarted_tasks_go_at_once() {
        check(&fleet(2, (100, 200), "", "hhss"), 0, &["old2", "old3"]);
    }

    #[test]
    fn a_stalled_deployment_changes_nothing() {
        let stalled = Fleet { stalled: true, ..fleet(2, (100, 200), "", "hh") };
        check(&stalled, 0, &[]);
        let scaled_in = Fleet { desired: 1, ..stalled };
        check(&scaled_in, 0, &["old0"]);
    }

    #[test]
    fn scaling_in_takes_the_least_useful_tasks() {
        check(&fleet(1, (100, 200), "huh", ""), 0, &["new1", "new2"]);
    }

    #[test]
    fn a_protected_task_stays_and_another_goes_in_its_place() {
        check(&fleet(1, (100, 200), "hpp", ""), 0, &["new0"]);
        assert_eq!(moves(&fleet(1, (100, 200), "hpp", "")).protected, ["new2"]);
        check(&fleet(2, (100, 200), "hh", "ph"), 0, &["old1"]);
        let waiting = moves(&fleet(2, (100, 200), "hh", "p"));
        assert_eq!((waiting.stop.len(), waiting.protected), (0, vec!["old0".to_owned()]));
    }

    #[test]
    fn protected_tasks_take_up_room_like_any_others() {
        check(&fleet(2, (50, 100), "", "pp"), 0, &[]);
        check(&fleet(2, (50, 150), "", "pp"), 1, &[]);
        let full = moves(&fleet(2, (50, 100), "", "pp"));
        assert_eq!((full.blocked, full.protected.len()), (false, 1));
    }
}
