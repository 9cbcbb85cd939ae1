"""Drives the simulator's EventBridge Scheduler with boto3, and prints `ok`. A minute takes two seconds."""

import json
import time

import boto3
from botocore.exceptions import ClientError

ecs = boto3.client("ecs")
scheduler = boto3.client("scheduler")


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
    else:
        raise AssertionError(f"{code} was expected")


cluster = ecs.create_cluster(clusterName="jobs")["cluster"]["clusterArn"]
revision = ecs.register_task_definition(
    family="mail",
    memory="128",
    containerDefinitions=[{"name": "app", "image": "mail:1", "essential": True}],
)["taskDefinition"]["taskDefinitionArn"]

group = scheduler.create_schedule_group(Name="jobs", Tags=[{"Key": "team", "Value": "jobs"}])["ScheduleGroupArn"]
refused("ConflictException", scheduler.create_schedule_group, Name="jobs")
scheduler.tag_resource(ResourceArn=group, Tags=[{"Key": "stage", "Value": "test"}])
scheduler.untag_resource(ResourceArn=group, TagKeys=["team"])
assert scheduler.list_tags_for_resource(ResourceArn=group)["Tags"] == [{"Key": "stage", "Value": "test"}]

mail = {
    "Name": "mail",
    "GroupName": "jobs",
    "ScheduleExpression": "rate(1 minute)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {
        "Arn": cluster,
        "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
        "EcsParameters": {"TaskDefinitionArn": revision, "LaunchType": "EC2"},
        "Input": json.dumps({"containerOverrides": [{"name": "app", "command": ["send"]}]}),
    },
}
refused("ResourceNotFoundException", scheduler.update_schedule, **mail)
refused("ValidationException", scheduler.create_schedule, **{**mail, "ScheduleExpression": "every minute"})
scheduler.create_schedule(**mail)
refused("ConflictException", scheduler.create_schedule, **mail)
read = scheduler.get_schedule(Name="mail", GroupName="jobs")
assert read["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}, read
assert read["CreationDate"].year == 2027, read

deadline = time.monotonic() + 60
while True:
    tasks = ecs.list_tasks(cluster="jobs", startedBy="chronos-schedule/mail")["taskArns"]
    if len(tasks) >= 2:
        break
    assert time.monotonic() < deadline, "no second task within thirty minutes of the account's time"
    time.sleep(0.1)
task = ecs.describe_tasks(cluster="jobs", tasks=tasks[:1])["tasks"][0]
assert task["overrides"]["containerOverrides"][0]["command"] == ["send"], task

scheduler.update_schedule(**{**mail, "State": "DISABLED"})
names = [one["Name"] for page in scheduler.get_paginator("list_schedules").paginate(GroupName="jobs", State="DISABLED")
         for one in page["Schedules"]]
assert names == ["mail"], names
scheduler.delete_schedule(Name="mail", GroupName="jobs")
refused("ResourceNotFoundException", scheduler.get_schedule, Name="mail", GroupName="jobs")
scheduler.delete_schedule_group(Name="jobs")
assert [one["Name"] for one in scheduler.list_schedule_groups()["ScheduleGroups"]] == ["default"]
print("ok")
