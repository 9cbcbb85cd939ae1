//! The state of the account: one struct per AWS service, all behind one lock, moved by one clock.

use crate::clock::Time;
use crate::runtime::Runtime;
use crate::{autoscaling, ecr, ecs, elb, logs, secrets, sqs, ssm};

pub struct World {
    pub account: String,
    pub region: String,
    pub now: Time,
    pub ecs: ecs::Ecs,
    pub elb: elb::Elb,
    pub sqs: sqs::Sqs,
    pub ecr: ecr::Ecr,
    pub autoscaling: autoscaling::Autoscaling,
    pub secrets: secrets::Secrets,
    pub ssm: ssm::Ssm,
    pub logs: logs::Logs,
}

impl World {
    pub fn new(account: &str, region: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            now: Time::default(),
            ecs: ecs::Ecs::default(),
            elb: elb::Elb::default(),
            sqs: sqs::Sqs::default(),
            ecr: ecr::Ecr::default(),
            autoscaling: autoscaling::Autoscaling::default(),
            secrets: secrets::Secrets::default(),
            ssm: ssm::Ssm::default(),
            logs: logs::Logs::default(),
        }
    }

    /// Plays the time between the last look and `now`, in steps of at most a second, so that the
    /// outcome does not depend on how often anybody looks.
    pub fn advance(&mut self, runtime: &dyn Runtime, now: Time) {
        const STEP: std::time::Duration = std::time::Duration::from_secs(1);
        if self.now == Time::default() {
            self.now = now;
        }
        while self.now < now {
            self.now = std::cmp::min(self.now + STEP, now);
            self.elb.advance(runtime, self.now);
            ecs::advance(self, runtime);
        }
    }
}
