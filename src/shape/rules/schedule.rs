//! Rules for EventBridge Scheduler: CreateSchedule and UpdateSchedule, read back by GetSchedule.
//!
//! UpdateSchedule replaces the whole schedule: what is left out goes back to AWS's default, so every
//! member has one here.

use super::Equality::{
    ArnTail, CapacityProvider, Document, Exact, Instant, KeyedBy, Members, Number, Ordered, Set, TimeZone,
};
use super::{Equality, Owner, Rule, Tree};

const fn schedule(path: &'static str, equality: Equality) -> Rule {
    Rule::new(Tree::Schedule, path, equality, "CreateSchedule")
}

const fn target(path: &'static str, equality: Equality) -> Rule {
    Rule::new(Tree::Schedule, path, equality, "Target")
}

const fn ecs(path: &'static str, equality: Equality) -> Rule {
    Rule::new(Tree::Schedule, path, equality, "EcsParameters")
}

const fn output(path: &'static str) -> Rule {
    Rule::new(Tree::Schedule, path, Exact, "GetSchedule").owner(Owner::AwsOnly)
}

pub(super) const RULES: &[Rule] = &[
    schedule("ScheduleExpression", Exact),
    schedule("ScheduleExpressionTimezone", TimeZone).text("UTC"),
    schedule("StartDate", Instant),
    schedule("EndDate", Instant),
    schedule("Description", Exact).or_empty(),
    schedule("State", Exact).text("ENABLED"),
    schedule("KmsKeyArn", Exact).or_empty(),
    schedule("ActionAfterCompletion", Exact).text("NONE"),
    schedule("FlexibleTimeWindow", Members),
    schedule("FlexibleTimeWindow.Mode", Exact),
    schedule("FlexibleTimeWindow.MaximumWindowInMinutes", Number),
    schedule("Target", Members),
    // The Environment may name its cluster; AWS wants the ARN.
    target("Target.Arn", ArnTail),
    target("Target.RoleArn", Exact),
    target("Target.Input", Document).or_empty(),
    target("Target.DeadLetterConfig", Members).or_empty(),
    target("Target.DeadLetterConfig.Arn", Exact).or_empty(),
    target("Target.RetryPolicy", Members).or_empty(),
    target("Target.RetryPolicy.MaximumEventAgeInSeconds", Number).number(86_400),
    target("Target.RetryPolicy.MaximumRetryAttempts", Number).number(185),
    target("Target.EcsParameters", Members).or_empty(),
    // Compared by content, as the revision that it is.
    ecs("Target.EcsParameters.TaskDefinitionArn", Exact).owner(Owner::AwsOnly),
    ecs("Target.EcsParameters.TaskCount", Number).number(1),
    ecs("Target.EcsParameters.LaunchType", Exact).or_empty(),
    ecs("Target.EcsParameters.PlatformVersion", Exact).text("LATEST"),
    ecs("Target.EcsParameters.Group", Exact).or_empty(),
    ecs("Target.EcsParameters.EnableECSManagedTags", Exact).flag(false),
    ecs("Target.EcsParameters.EnableExecuteCommand", Exact).flag(false),
    ecs("Target.EcsParameters.PropagateTags", Exact).or_empty(),
    ecs("Target.EcsParameters.ReferenceId", Exact).or_empty(),
    ecs("Target.EcsParameters.Tags", Set).or_empty(),
    ecs("Target.EcsParameters.CapacityProviderStrategy", KeyedBy(&["capacityProvider"])).or_empty(),
    ecs("Target.EcsParameters.CapacityProviderStrategy[]", Members),
    ecs("Target.EcsParameters.CapacityProviderStrategy[].capacityProvider", CapacityProvider),
    ecs("Target.EcsParameters.CapacityProviderStrategy[].weight", Number).number(0),
    ecs("Target.EcsParameters.CapacityProviderStrategy[].base", Number).number(0),
    ecs("Target.EcsParameters.PlacementConstraints", Set).or_empty(),
    ecs("Target.EcsParameters.PlacementConstraints[]", Members),
    ecs("Target.EcsParameters.PlacementConstraints[].type", Exact),
    ecs("Target.EcsParameters.PlacementConstraints[].expression", Exact).or_empty(),
    // The order decides.
    ecs("Target.EcsParameters.PlacementStrategy", Ordered).or_empty(),
    ecs("Target.EcsParameters.PlacementStrategy[]", Members),
    ecs("Target.EcsParameters.PlacementStrategy[].type", Exact),
    ecs("Target.EcsParameters.PlacementStrategy[].field", Exact).or_empty(),
    ecs("Target.EcsParameters.NetworkConfiguration", Members).or_empty(),
    ecs("Target.EcsParameters.NetworkConfiguration.awsvpcConfiguration", Members).or_empty(),
    ecs("Target.EcsParameters.NetworkConfiguration.awsvpcConfiguration.Subnets", Set).or_empty(),
    ecs("Target.EcsParameters.NetworkConfiguration.awsvpcConfiguration.SecurityGroups", Set).or_empty(),
    ecs("Target.EcsParameters.NetworkConfiguration.awsvpcConfiguration.AssignPublicIp", Exact)
        .text("DISABLED"),
    output("Name"),
    output("GroupName"),
    output("ClientToken"),
    output("Arn"),
    output("CreationDate"),
    output("LastModificationDate"),
];
