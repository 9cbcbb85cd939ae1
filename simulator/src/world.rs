//! The state of the account: one struct per AWS service, all behind one lock, moved by one clock.

use std::time::Duration;

use crate::clock::Time;
use crate::ecs::Pace;
use crate::runtime::Runtime;
use crate::{
    autoscaling, cloud_map, cloudformation, cloudwatch, dynamodb, ec2, ecr, ecs, elb, iam, logs, s3,
    scheduler, secrets, sqs, ssm,
};

pub struct World {
    pub account: String,
    pub region: String,
    pub now: Time,
    /// How long ECS takes for what it does itself.
    pub pace: Pace,
    pub ecs: ecs::Ecs,
    pub elb: elb::Elb,
    pub sqs: sqs::Sqs,
    pub ecr: ecr::Ecr,
    pub autoscaling: autoscaling::Autoscaling,
    pub secrets: secrets::Secrets,
    pub ssm: ssm::Ssm,
    pub logs: logs::Logs,
    pub cloudformation: cloudformation::CloudFormation,
    pub cloudwatch: cloudwatch::CloudWatch,
    pub scheduler: scheduler::Scheduler,
    pub s3: s3::S3,
    pub iam: iam::Iam,
    pub ec2: ec2::Ec2,
    pub cloud_map: cloud_map::CloudMap,
    pub dynamodb: dynamodb::DynamoDb,
}

impl World {
    pub fn new(account: &str, region: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            now: Time::default(),
            pace: Pace::realistic(),
            ecs: ecs::Ecs::default(),
            elb: elb::Elb::default(),
            sqs: sqs::Sqs::default(),
            ecr: ecr::Ecr::default(),
            autoscaling: autoscaling::Autoscaling::default(),
            secrets: secrets::Secrets::default(),
            ssm: ssm::Ssm::default(),
            logs: logs::Logs::default(),
            cloudformation: cloudformation::CloudFormation::default(),
            cloudwatch: cloudwatch::CloudWatch::default(),
            scheduler: scheduler::Scheduler::default(),
            s3: s3::S3::default(),
            iam: iam::Iam::default(),
            ec2: ec2::Ec2::default(),
            cloud_map: cloud_map::CloudMap::default(),
            dynamodb: dynamodb::DynamoDb::default(),
        }
    }

    /// Says where the account is served: queue URLs and what containers are told begin with it.
    pub fn serve_at(&mut self, endpoint: &str) {
        endpoint.clone_into(&mut self.sqs.endpoint);
        self.ecs.agent = Some(endpoint.to_owned());
    }

    /// Plays the time between the last look and `now`, step by step.
    ///
    /// Steps end at whole multiples of the pace's step, so that the outcome does not depend on how
    /// often anybody looks.
    pub fn advance(&mut self, runtime: &dyn Runtime, now: Time) {
        if self.now == Time::default() {
            self.now = now;
        }
        while let Some(step) = next_step(self.now, now, self.pace.step) {
            self.now = step;
            self.elb.advance(runtime, step);
            scheduler::advance(self, runtime);
            ecs::advance(self, runtime);
            let minute_ended = cloudwatch::advance(self);
            autoscaling::advance(self, minute_ended);
        }
        self.now = std::cmp::max(self.now, now);
    }
}

/// The first multiple of `step` after `last`, if it has come.
fn next_step(last: Time, now: Time, step: Duration) -> Option<Time> {
    let step = std::cmp::max(1, step.as_millis() as u64);
    let next = Time((last.0 / step + 1) * step);
    (next <= now).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_fall_on_the_same_moments_however_often_one_looks() {
        const SECOND: Duration = Duration::from_secs(1);
        let steps_to = |looks: &[u64]| {
            let mut last = Time(1_500);
            let mut steps = Vec::new();
            for look in looks {
                while let Some(step) = next_step(last, Time(*look), SECOND) {
                    steps.push(step.0);
                    last = step;
                }
                last = std::cmp::max(last, Time(*look));
            }
            steps
        };
        assert_eq!(steps_to(&[4_200]), [2_000, 3_000, 4_000]);
        assert_eq!(steps_to(&[1_900, 2_000, 3_999, 4_200]), [2_000, 3_000, 4_000]);
    }
}
