//! A service that ECS shifts the traffic of.

use serde_json::{Value, json};

use crate::world::{World, service};

/// Two target groups, and the rule that shares the traffic out between them.
pub struct Pair {
    blue: String,
    green: String,
    rule: String,
}

impl Pair {
    pub fn of(world: &World) -> Self {
        let elb = |operation: &str, input: Value| {
            world.set_up(|account, runtime| simulator::elb::call(account, runtime, operation, &input))
        };
        let (blue, green) = (world.target_group("ix-blue"), world.target_group("ix-green"));
        for group in [&blue, &green] {
            let delay = json!([{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]);
            elb("ModifyTargetGroupAttributes", json!({"TargetGroupArn": group, "Attributes": delay}));
        }
        let listeners = elb("DescribeListeners", json!({}));
        let weighted = json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": [
            {"TargetGroupArn": blue, "Weight": "1"}, {"TargetGroupArn": green, "Weight": "0"},
        ]}}]);
        let rule = elb(
            "CreateRule",
            json!({
                "ListenerArn": listeners["Listeners"][0]["ListenerArn"], "Priority": "1", "Actions": weighted,
                "Conditions": [{"Field": "path-pattern", "Values": ["*"]}],
            }),
        );
        Self { blue, green, rule: rule["Rules"][0]["RuleArn"].as_str().unwrap().to_owned() }
    }

    /// Of one of a service's load balancers.
    pub fn as_described(balancer: &Value) -> Self {
        let advanced = &balancer["advancedConfiguration"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            blue: text(&balancer["targetGroupArn"]),
            green: text(&advanced["alternateTargetGroupArn"]),
            rule: text(&advanced["productionListenerRule"]),
        }
    }

    /// A service that runs this image, with these lines in `deploymentConfiguration`.
    pub fn manifest(&self, name: &str, image: &str, configuration: &str) -> String {
        let Self { blue, green, rule } = self;
        let balancers = format!(
            "    loadBalancers:
      - targetGroupArn: {blue}
        containerName: app
        containerPort: 8080
        advancedConfiguration:
          alternateTargetGroupArn: {green}
          productionListenerRule: {rule}
          roleArn: arn:aws:iam::123456789012:role/shift
  rollout: {{timeout: 2m}}
"
        );
        let breaker = "      deploymentCircuitBreaker: {enable: true, rollback: true}\n";
        let configuration: String =
            configuration.lines().map(|line| format!("      {}\n", line.trim())).collect();
        service(name, image)
            .replace(
                "        environment:",
                "        portMappings: [{containerPort: 8080}]\n        environment:",
            )
            .replace(breaker, &configuration)
            + &balancers
    }

    /// Weights for (blue, green), as DescribeRules shows them.
    pub fn weights(&self, world: &World) -> (i64, i64) {
        let input = json!({"RuleArns": [self.rule]});
        let rules =
            world.set_up(|account, runtime| simulator::elb::call(account, runtime, "DescribeRules", &input));
        let groups = rules["Rules"][0]["Actions"][0]["ForwardConfig"]["TargetGroups"].clone();
        let of = |arn: &str| {
            let mut all = groups.as_array().unwrap().iter();
            all.find(|group| group["TargetGroupArn"] == arn).unwrap()["Weight"].as_i64().unwrap()
        };
        (of(&self.blue), of(&self.green))
    }
}
