//! The stories: what is there before, what happens when, and what may happen in them.

use std::fmt;
use std::time::Duration;

use reconciler::controller::Wish;
use serde_json::json;
use simulator::ecs::Pace;
use simulator::faults::CallSite;

use super::case::Kept;
use super::end::{End, described};
use super::hands::{
    PUSHED_LATER, delete, deploy, deregister, disable, drift, foreign, push_and_retry, resume, scale_out,
    suspend, suspend_for_a_while, tag_by_hand, take_back, take_back_what_began,
};
use crate::scenarios::pair::Pair;
use crate::scenarios::story::{
    all_gates, behind, gated, hook, hook_of_the_service, replaceable, scaled, with_hooks, without_breaker,
};
use crate::world::web::Page;
use crate::world::{World, scheduled, service, service_with};

macro_rules! stories {
    ($($name:ident $text:literal),* $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Story { $($name),* }

        impl Story {
            pub const ALL: [Story; [$($text),*].len()] = [$(Story::$name),*];
        }

        impl fmt::Display for Story {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Story::$name => $text),* })
            }
        }
    };
}

stories! {
    Create "create",
    CreateInFull "create-in-full",
    Update "update",
    BadImage "bad-image",
    BadImageByDeadline "bad-image-by-deadline",
    BadThenFix "bad-then-fix",
    BadFirst "bad-first",
    ThreeCommits "three-commits",
    Count "count",
    CountAndImage "count-and-image",
    Bounds "bounds",
    Prune "prune",
    PrunePolicy "prune-policy",
    Rename "rename",
    CreateAgain "create-again",
    ComesBack "comes-back",
    Ten "ten",
    Denied "denied",
    Drift "drift",
    ForeignDeploy "foreign-deploy",
    AutoscalerMoves "autoscaler-moves",
    NoWayBack "no-way-back",
    Suspended "suspended",
    Refused "refused",
    ForcePushBack "force-push-back",
    HooksFirst "hooks-first",
    HooksUpdate "hooks-update",
    HookFails "hook-fails",
    HookTooLate "hook-too-late",
    SmokeTestFails "smoke-test-fails",
    Schedule "schedule",
    Reschedule "reschedule",
    ScheduleDrift "schedule-drift",
    Replace "replace",
    Dependent "dependent",
    GatesPass "gates-pass",
    GateFails "gate-fails",
    AlarmFails "alarm-fails",
    BlueGreen "blue-green",
    BlueGreenFails "blue-green-fails",
    BlueGreenGateFails "blue-green-gate-fails",
    BlueGreenPaused "blue-green-paused",
    Canary "canary",
    RollBackByHand "roll-back-by-hand",
    RollBackInFlight "roll-back-in-flight",
    Retry "retry",
    SuspendedForAWhile "suspended-for-a-while",
}

pub enum Act {
    /// The accepted commit of this number.
    Commit(usize),
    /// Somebody's hand, not through us. `false`: it is not time yet.
    Hand(fn(&World) -> bool),
}

/// What happens from now on.
pub struct Play {
    /// After so many seconds.
    pub beats: Vec<(u64, Act)>,
    /// The number of the commit in force before that.
    pub in_force: Option<usize>,
    /// Every commit that is ever in force, oldest first.
    pub accepted: Vec<Wish>,
}

/// Quick, so that a life is short: every second of a deployment is watched like the one before.
fn pace() -> Pace {
    let second = Duration::from_secs(1);
    Pace {
        provisioning: second,
        activating: second,
        deprovisioning: second,
        settling: 3 * second,
        retry: 2 * second,
        ..Pace::realistic()
    }
}

impl Story {
    /// Plays what comes before the story, undisturbed.
    pub async fn begin(self, world: &mut World, kept: Kept) -> Play {
        world.simulator.with_world(|account| account.pace = pace());
        foreign(world);
        if self.prunes() {
            world.environment = "sync: {prune: true, pruneMaxPercent: 100}".to_owned();
        }
        let mut accepted = Vec::new();
        for manifests in self.before(world) {
            let wish = world.commit(&manifests);
            settle(world, kept, &wish).await;
            accepted.push(wish);
        }
        let in_force = accepted.len().checked_sub(1);
        if in_force.is_some() {
            tag_by_hand(world, "api", "team", "jobs");
        }
        if self == Story::HooksUpdate {
            world.simulator.with_world(|account| account.ecs.no_room.push_back("RESOURCE:CPU".to_owned()));
        }
        let mut beats = Vec::new();
        for (at, step) in self.steps(world) {
            match step {
                Step::Hand(hand) => beats.push((at, Act::Hand(hand))),
                Step::Commit(manifests) => {
                    let wish = world.commit(&manifests);
                    beats.push((at, Act::Commit(accepted.len())));
                    accepted.push(wish);
                }
                // It is refused as a whole: the one before stays in force.
                Step::Refused(manifests) => assert!(world.load(&manifests).is_err()),
            }
        }
        Play { beats, in_force, accepted }
    }

    /// The manifests of each commit that settled before.
    fn before(self, world: &World) -> Vec<Vec<String>> {
        let one = |manifest: String| vec![vec![manifest]];
        match self {
            Self::Create
            | Self::CreateInFull
            | Self::BadFirst
            | Self::HooksFirst
            | Self::Schedule
            | Self::Ten => Vec::new(),
            Self::Update
            | Self::BadImage
            | Self::BadThenFix
            | Self::ThreeCommits
            | Self::Count
            | Self::CountAndImage
            | Self::Rename
            | Self::CreateAgain
            | Self::Drift
            | Self::ForeignDeploy
            | Self::Suspended
            | Self::SuspendedForAWhile
            | Self::Refused
            | Self::ForcePushBack
            | Self::HooksUpdate
            | Self::HookFails
            | Self::HookTooLate
            | Self::RollBackInFlight
            | Self::Dependent => one(service("api", "app:1")),
            Self::BadImageByDeadline | Self::NoWayBack => one(without_breaker("api", "app:1", "1m")),
            Self::Bounds | Self::PrunePolicy => one(scaled("api", "app:1")),
            Self::AutoscalerMoves => {
                let group = world.target_group("api");
                one(behind(&group, &scaled("api", "app:1")))
            }
            Self::Prune | Self::ComesBack => vec![vec![service("api", "app:1"), scaled("worker", "app:1")]],
            Self::Denied => vec![vec![service("api", "app:1"), service("worker", "app:1")]],
            Self::SmokeTestFails => one(tested("app:1", "smoke-once:1")),
            Self::Reschedule | Self::ScheduleDrift => one(scheduled("api", "app:1", "cron(0 6 * * ? *)")),
            Self::Replace => one(replaceable("app:1", "FARGATE")),
            Self::GatesPass | Self::GateFails | Self::AlarmFails => one(gated("app:1", "{bakeTime: 20s}")),
            Self::BlueGreen
            | Self::BlueGreenFails
            | Self::BlueGreenGateFails
            | Self::BlueGreenPaused
            | Self::Canary => one(Pair::of(world).manifest("api", "app:1", BLUE_GREEN)),
            Self::RollBackByHand => {
                let wider = scaled("api", "app:2").replace("maxCapacity: 6", "maxCapacity: 9");
                vec![vec![scaled("api", "app:1")], vec![wider]]
            }
            Self::Retry => vec![vec![service("api", "app:1")], vec![service("api", PUSHED_LATER)]],
        }
    }

    fn steps(self, world: &World) -> Vec<(u64, Step)> {
        use Step::{Commit, Hand, Refused};
        let now = |manifest: String| vec![(0, Commit(vec![manifest]))];
        match self {
            Self::Create => now(service("api", "app:1")),
            Self::CreateInFull => {
                let group = world.target_group("api");
                now(behind(&group, &scaled("api", "app:1")))
            }
            Self::Update => now(service("api", "app:2")),
            Self::BadImage | Self::BadFirst => now(service("api", "app:crash")),
            Self::BadImageByDeadline => now(without_breaker("api", "registry.invalid/app:2", "1m")),
            Self::BadThenFix => vec![
                (0, Commit(vec![service("api", "app:crash")])),
                (70, Commit(vec![service("api", "app:3")])),
            ],
            Self::ThreeCommits => vec![
                (0, Commit(vec![service("api", "app:2")])),
                (7, Commit(vec![service("api", "app:3")])),
                (45, Commit(vec![service("api", "app:4")])),
            ],
            Self::Count => now(counted("app:1", 3)),
            Self::CountAndImage => now(counted("app:2", 3)),
            Self::Bounds => {
                now(scaled("api", "app:1").replace("maxCapacity: 6", "maxCapacity: 8").replace("60", "50"))
            }
            Self::Prune => now(service("api", "app:1")),
            Self::PrunePolicy => {
                let all = scaled("api", "app:1");
                let (start, end) = (all.find("    scheduledActions").unwrap(), all.len());
                now(all[..start].to_owned() + &all[end..])
            }
            Self::Rename => now(service("web", "app:1")),
            Self::CreateAgain => vec![(0, Hand(delete)), (40, Commit(vec![service("api", "app:2")]))],
            Self::ComesBack => vec![
                (0, Commit(vec![service("api", "app:1")])),
                (50, Commit(vec![service("api", "app:1"), scaled("worker", "app:1")])),
            ],
            Self::Ten => {
                vec![(0, Commit((0..10).map(|number| service(&format!("api-{number}"), "app:1")).collect()))]
            }
            Self::Denied => {
                vec![(0, Commit(vec![service("api", "app:2"), service("worker", "app:2")]))]
            }
            Self::Drift => vec![(0, Hand(drift))],
            Self::ForeignDeploy => vec![(0, Commit(vec![service("api", "app:2")])), (9, Hand(deploy))],
            Self::AutoscalerMoves => {
                let group = described(world, "api")["loadBalancers"][0]["targetGroupArn"].clone();
                vec![
                    (0, Commit(vec![behind(group.as_str().unwrap(), &scaled("api", "app:2"))])),
                    (8, Hand(scale_out)),
                ]
            }
            Self::NoWayBack => vec![
                (0, Hand(deregister)),
                (1, Commit(vec![without_breaker("api", "registry.invalid/app:2", "1m")])),
            ],
            Self::Suspended => {
                vec![(0, Hand(suspend)), (1, Commit(vec![service("api", "app:2")])), (65, Hand(resume))]
            }
            Self::Refused => vec![
                (0, Refused(vec![service("api", "app:2"), "kind: Service\nnothing: else\n".to_owned()])),
                (1, Hand(drift)),
                (35, Commit(vec![service("api", "app:3")])),
            ],
            Self::ForcePushBack => {
                vec![(0, Commit(vec![service("api", "app:2")])), (12, Commit(vec![service("api", "app:1")]))]
            }
            Self::HooksFirst => {
                let (before, after) =
                    (hook("migrate", "migrate-once:1", ""), hook("smoke", "smoke-once:1", ""));
                now(with_hooks("app:1", &[before], &[after]))
            }
            Self::HooksUpdate => {
                let (before, after) =
                    (hook_of_the_service("migrate", "once"), hook("smoke", "smoke-once:1", ""));
                now(with_hooks("app:2", &[before], &[after]))
            }
            Self::HookFails => {
                now(with_hooks("app:2", &[hook("migrate", "migrate-crash:1", "        attempts: 2\n")], &[]))
            }
            Self::HookTooLate => {
                now(with_hooks("app:2", &[hook("migrate", "endless:1", "        timeout: 30s\n")], &[]))
            }
            Self::SmokeTestFails => now(tested("app:bad-2", "smoke-crash:1")),
            Self::Schedule => now(scheduled("api", "app:1", "cron(0 6 * * ? *)")),
            Self::Reschedule => now(scheduled("api", "app:2", "cron(0 7 * * ? *)")),
            Self::ScheduleDrift => vec![(0, Hand(disable))],
            Self::Replace => now(replaceable("app:2", "EC2")),
            Self::GatesPass => {
                world.alarm("api-5xx", "OK");
                now(gated("app:2", &all_gates("api.example")))
            }
            Self::GateFails => {
                world.web.set("down.example", Page::of(503, "no"));
                now(gated("app:bad-2", "{http: {url: 'http://down.example/', for: 20s}}"))
            }
            Self::AlarmFails => {
                world.alarm("api-5xx", "ALARM");
                now(gated("app:bad-and-slow", "{alarms: {names: [api-5xx], strict: true}}"))
            }
            Self::BlueGreen => now(shifted(world, "app:2", BLUE_GREEN)),
            Self::BlueGreenFails => now(shifted(world, "registry.invalid/app:2", BLUE_GREEN)),
            Self::BlueGreenGateFails => {
                world.web.set("down.example", Page::of(503, "no"));
                let gates = "gates: [{http: {url: 'http://down.example/', for: 20s}}]";
                let bad = shifted(world, "app:bad-2", BLUE_GREEN);
                now(bad.replace("rollout: {timeout: 2m}", &format!("rollout: {{timeout: 2m, {gates}}}")))
            }
            Self::BlueGreenPaused => now(shifted(world, "app:2", PAUSED)),
            Self::Canary => now(shifted(world, "app:2", CANARY)),
            Self::RollBackByHand => vec![(0, Hand(take_back))],
            Self::RollBackInFlight => {
                vec![(0, Commit(vec![service("api", "app:2-slow")])), (20, Hand(take_back_what_began))]
            }
            Self::Retry => vec![(0, Hand(push_and_retry))],
            Self::SuspendedForAWhile => {
                vec![(0, Hand(suspend_for_a_while)), (1, Commit(vec![service("api", "app:2")]))]
            }
            Self::Dependent => vec![(
                0,
                Commit(vec![service_with("web", "app:1", "  dependsOn: [api]\n"), service("api", "app:2")]),
            )],
        }
    }

    /// Whether it is played over a table, too: the others are long, or differ from one that is in what is
    /// asked of ECS alone.
    pub fn is_kept_in_a_table(self) -> bool {
        matches!(
            self,
            Self::Create
                | Self::CreateInFull
                | Self::Update
                | Self::BadImage
                | Self::BadThenFix
                | Self::BadFirst
                | Self::ThreeCommits
                | Self::Prune
                | Self::Rename
                | Self::CreateAgain
                | Self::ComesBack
                | Self::Denied
                | Self::Drift
                | Self::Suspended
                | Self::Refused
                | Self::ForcePushBack
                | Self::HooksUpdate
                | Self::Reschedule
                | Self::Dependent
                | Self::GateFails
                | Self::AlarmFails
                | Self::BlueGreen
                | Self::RollBackByHand
                | Self::RollBackInFlight
                | Self::Retry
                | Self::SuspendedForAWhile
        )
    }

    fn prunes(self) -> bool {
        matches!(self, Self::Prune | Self::PrunePolicy | Self::Rename | Self::ComesBack)
    }

    /// Whether something may be deleted in it.
    pub fn deletes(self) -> bool {
        self.prunes() || self == Self::Replace
    }

    /// Services whose count is Application Auto Scaling's all the time.
    pub fn scaled(self) -> &'static [&'static str] {
        match self {
            Self::CreateInFull | Self::Bounds | Self::PrunePolicy | Self::AutoscalerMoves => &["api"],
            _ => &[],
        }
    }

    /// Whether a person takes back what Git asks for.
    pub fn goes_back(self) -> bool {
        matches!(self, Self::RollBackByHand | Self::RollBackInFlight)
    }

    /// Deployments beyond those of the undisturbed life that are nobody's fault: a commit that came and
    /// went while nobody looked, or that was deployed because its successor was late.
    pub fn more_deployments(self) -> usize {
        match self {
            Self::ThreeCommits | Self::ForcePushBack | Self::BadThenFix | Self::ForeignDeploy => 1,
            // The way back is one, where the deployment that is to be stopped does not show, or has completed.
            Self::BadImageByDeadline | Self::NoWayBack | Self::AlarmFails | Self::RollBackInFlight => 1,
            _ => 0,
        }
    }

    /// Calls that IAM denies.
    pub fn refuses(self) -> fn(&CallSite) -> bool {
        match self {
            Self::Denied => |site| {
                let service = site.input.as_ref().map(|input| input["service"].clone());
                site.operation == "UpdateService" && service == Some(json!("worker"))
            },
            _ => |_| false,
        }
    }

    /// What is wrong with the end of the undisturbed life; empty if nothing is.
    pub fn is_well(self, end: &End) -> String {
        let expected: &[(&str, &str)] = match self {
            Self::Create
            | Self::CreateInFull
            | Self::BadImage
            | Self::Count
            | Self::Bounds
            | Self::Prune
            | Self::PrunePolicy
            | Self::Drift
            | Self::ForcePushBack
            | Self::HooksFirst
            | Self::HookFails
            | Self::HookTooLate
            | Self::BadImageByDeadline
            | Self::NoWayBack
            | Self::SmokeTestFails
            | Self::GateFails
            | Self::AlarmFails
            | Self::BlueGreenFails
            | Self::BlueGreenGateFails
            | Self::RollBackByHand
            | Self::RollBackInFlight => &[("api", "app:1")],
            Self::Retry => &[("api", PUSHED_LATER)],
            Self::BadFirst => &[("api", "app:crash")],
            Self::Update
            | Self::CountAndImage
            | Self::CreateAgain
            | Self::ForeignDeploy
            | Self::AutoscalerMoves
            | Self::Suspended
            | Self::SuspendedForAWhile
            | Self::HooksUpdate
            | Self::GatesPass
            | Self::BlueGreen
            | Self::BlueGreenPaused
            | Self::Canary
            | Self::Replace => &[("api", "app:2")],
            Self::BadThenFix | Self::Refused => &[("api", "app:3")],
            Self::ThreeCommits => &[("api", "app:4")],
            Self::Rename => &[("web", "app:1")],
            Self::ComesBack => &[("api", "app:1"), ("worker", "app:1")],
            Self::Denied => &[("api", "app:2"), ("worker", "app:1")],
            Self::Dependent => &[("api", "app:2"), ("web", "app:1")],
            Self::Ten => &[("api-0", "app:1"), ("api-9", "app:1")],
            Self::Schedule | Self::Reschedule | Self::ScheduleDrift => &[],
        };
        let count = if self == Self::Ten { 10 } else { expected.len() };
        let runs = |name: &str| end.services.get(name).map(|service| service.image.as_str());
        match expected.iter().all(|(name, image)| runs(name) == Some(image)) && end.services.len() == count {
            true => String::new(),
            false => format!("{expected:?} is not what runs: {end:?}"),
        }
    }
}

enum Step {
    Commit(Vec<String>),
    Refused(Vec<String>),
    Hand(fn(&World) -> bool),
}

/// Applies a wish until all is at rest, and lets go of the ledger.
async fn settle(world: &World, kept: Kept, wish: &Wish) {
    match kept {
        Kept::File => drop(world.settle(wish).await),
        Kept::Table => {
            // Each is a process of its own, whose nonce nobody else has.
            let name = format!("b-{}", wish.revision.short());
            let ledger = world.candidate(&name).await.lead().await.unwrap();
            let operator = world.operator_with(ledger).await;
            world.settle_with(&operator, wish).await;
            operator.engine.ledger.release().await.unwrap();
        }
    }
}

fn counted(image: &str, count: usize) -> String {
    service("api", image).replace("desiredCount: 2", &format!("desiredCount: {count}"))
}

fn tested(image: &str, test: &str) -> String {
    with_hooks(image, &[], &[hook("smoke", test, "")])
}

const BLUE_GREEN: &str = "strategy: BLUE_GREEN\nbakeTimeInMinutes: 1";
const CANARY: &str = "strategy: CANARY
    canaryConfiguration: {canaryPercent: 10, canaryBakeTimeInMinutes: 1}";
const PAUSED: &str = "strategy: BLUE_GREEN
    bakeTimeInMinutes: 1
    lifecycleHooks: [{targetType: PAUSE, lifecycleStages: [POST_SCALE_UP], timeoutConfiguration: {timeoutInMinutes: 1, action: CONTINUE}}]";

/// The next revision of the service whose traffic ECS shifts.
fn shifted(world: &World, image: &str, configuration: &str) -> String {
    let live = described(world, "api")["loadBalancers"][0].clone();
    Pair::as_described(&live).manifest("api", image, configuration)
}
