//! Reads a member back, from wherever AWS shows it.

use serde_json::{Value, json};

use super::bases::Root;
use super::cases::Case;
use super::expected;
use crate::world::World;

/// The member as AWS shows it.
pub async fn live(world: &World, case: &Case, name: &str) -> Value {
    let pointer = case.pointer();
    let whole = match case.root {
        Root::Schedule => world.schedule(name).await,
        Root::TaskDefinition => task_definition(world, name).await,
        Root::Service => service(world, name).await,
        Root::ScalableTarget => {
            world.scaling("DescribeScalableTargets", name, json!({})).await["ScalableTargets"][0].clone()
        }
        Root::ScalingPolicy => {
            world.scaling("DescribeScalingPolicies", name, json!({})).await["ScalingPolicies"][0].clone()
        }
        Root::ScheduledAction => {
            world.scaling("DescribeScheduledActions", name, json!({})).await["ScheduledActions"][0].clone()
        }
    };
    whole.pointer(&pointer).cloned().unwrap_or_default()
}

async fn task_definition(world: &World, name: &str) -> Value {
    let arn = world.service(name).await["taskDefinition"].clone();
    let input = json!({"taskDefinition": arn, "include": ["TAGS"]});
    let answer = world.ecs("DescribeTaskDefinition", input).await;
    let mut whole = answer["taskDefinition"].clone();
    whole["tags"] = answer["tags"].clone();
    whole
}

/// DescribeServices, with what only the PRIMARY deployment or only the service revision shows.
async fn service(world: &World, name: &str) -> Value {
    let mut whole = world.service(name).await;
    let primary = whole["deployments"][0].clone();
    let number = primary["id"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
    let arn = whole["serviceArn"].as_str().unwrap_or_default().replace(":service/", ":service-revision/");
    let input = json!({"serviceRevisionArns": [format!("{arn}/{number}")]});
    let answer = world.ecs("DescribeServiceRevisions", input).await;
    for member in expected::IN_PRIMARY {
        whole[member] = primary[member].clone();
    }
    for member in expected::IN_REVISION {
        whole[member] = answer["serviceRevisions"][0][member].clone();
    }
    whole["role"] = whole["roleArn"].clone();
    whole
}
