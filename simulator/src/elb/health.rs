//! How a target's health follows from the answers to its checks.

use std::time::Duration;

use crate::clock::Time;
use crate::runtime::{Probe, ProbeAnswer, Runtime};

use super::{Target, TargetState};

/// A target group's health check settings.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Check {
    pub enabled: bool,
    pub protocol: String,
    /// `traffic-port`, or a number.
    pub port: String,
    pub path: String,
    pub interval: Duration,
    pub timeout: Duration,
    pub healthy_after: u32,
    pub unhealthy_after: u32,
    pub matcher: String,
}

/// How long to wait for an answer that is on its way before looking again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What is known about one registered target.
pub(super) struct Health {
    pub state: TargetState,
    /// When the next check, or the end of the drain, is due; `None` if nothing is.
    pub due: Option<Time>,
    /// When the check that has no answer yet was made.
    asked: Option<Time>,
    checked: bool,
    passed: u32,
    failed: u32,
    failure: Option<(String, String)>,
}

impl Health {
    /// A target that has just been registered.
    pub(super) fn initial(now: Time) -> Self {
        Self {
            state: TargetState::Initial,
            due: Some(now),
            asked: None,
            checked: false,
            passed: 0,
            failed: 0,
            failure: None,
        }
    }

    /// A target of a group that gets no traffic.
    pub(super) fn unused() -> Self {
        Self { state: TargetState::Unused, due: None, ..Self::initial(Time::default()) }
    }

    pub(super) fn drain(&mut self, until: Time) {
        self.state = TargetState::Draining;
        self.due = Some(until);
        self.asked = None;
    }

    /// ELB's reason code and sentence; a healthy target has none.
    pub(super) fn reason(&self) -> Option<(String, String)> {
        let (reason, description) = match self.state {
            TargetState::Healthy => return None,
            TargetState::Unhealthy => return self.failure.clone(),
            TargetState::Initial if self.checked => {
                ("Elb.InitialHealthChecking", "Initial health checks in progress")
            }
            TargetState::Initial => ("Elb.RegistrationInProgress", "Target registration is in progress"),
            TargetState::Draining => {
                ("Target.DeregistrationInProgress", "Target deregistration is in progress")
            }
            TargetState::Unused => (
                "Target.NotInUse",
                "Target group is not configured to receive traffic from the load balancer",
            ),
        };
        Some((reason.to_owned(), description.to_owned()))
    }

    /// Makes the check that is due, or collects its answer.
    pub(super) fn check(&mut self, target: &Target, check: &Check, runtime: &dyn Runtime, now: Time) {
        if !check.enabled {
            self.state = TargetState::Healthy;
            self.due = None;
            return;
        }
        self.checked = true;
        let asked = *self.asked.get_or_insert(now);
        let answer = runtime.probe(
            &Probe {
                task: target.task.clone(),
                container: target.container.clone(),
                port: check.port.parse().unwrap_or(target.port),
                path: check.path.clone(),
                timeout: check.timeout,
                matcher: check.matcher.clone(),
            },
            now,
        );
        match answer {
            ProbeAnswer::Pending => {
                self.due = Some(now + LOOK_AGAIN);
                return;
            }
            ProbeAnswer::Passed => {
                self.passed += 1;
                self.failed = 0;
                if self.passed >= check.healthy_after {
                    self.state = TargetState::Healthy;
                }
            }
            ProbeAnswer::Failed { reason, description } => {
                self.failed += 1;
                self.passed = 0;
                self.failure = Some((reason, description));
                if self.failed >= check.unhealthy_after {
                    self.state = TargetState::Unhealthy;
                }
            }
        }
        self.asked = None;
        self.due = Some((asked + check.interval).max(now + LOOK_AGAIN));
    }
}
