"""Drives the simulator with boto3 as a deployment script would, and prints `ok`."""

import boto3
from botocore.exceptions import ClientError

ecs = boto3.client("ecs")
FARGATE = dict(
    networkMode="awsvpc",
    requiresCompatibilities=["FARGATE"],
    cpu="256",
    memory="512",
)


def register(image):
    answer = ecs.register_task_definition(
        family="web",
        containerDefinitions=[{"name": "app", "image": image, "essential": True}],
        tags=[{"key": "team", "value": "jobs"}],
        **FARGATE,
    )
    return answer["taskDefinition"]["taskDefinitionArn"]


def wait():
    waiter = ecs.get_waiter("services_stable")
    waiter.wait(cluster="jobs", services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
    else:
        raise AssertionError(f"{code} was expected")


ecs.create_cluster(clusterName="jobs")
first = register("app:1")
network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
service = dict(
    cluster="jobs",
    serviceName="web",
    taskDefinition=first,
    desiredCount=2,
    launchType="FARGATE",
    networkConfiguration=network,
)
created = ecs.create_service(**service)["service"]
assert created["status"] == "ACTIVE" and created["deployments"][0]["rolloutState"] == "IN_PROGRESS", created
wait()
refused("InvalidParameterException", ecs.create_service, **service)
refused("ClusterNotFoundException", ecs.describe_services, cluster="nowhere", services=["web"])

second = register("app:2")
ecs.update_service(cluster="jobs", service="web", taskDefinition=second)
wait()
described = ecs.describe_services(cluster="jobs", services=["web", "absent"])
web = described["services"][0]
assert web["taskDefinition"] == second and web["runningCount"] == 2, web
assert described["failures"][0]["reason"] == "MISSING", described["failures"]
assert "registered" in web["events"][-1]["message"] or "started" in web["events"][-1]["message"], web["events"]

deployments = ecs.list_service_deployments(cluster="jobs", service="web")["serviceDeployments"]
assert [it["status"] for it in deployments] == ["SUCCESSFUL", "SUCCESSFUL"], deployments

tasks = ecs.list_tasks(cluster="jobs", serviceName="web")["taskArns"]
assert len(tasks) == 2
described = ecs.describe_tasks(cluster="jobs", tasks=tasks)["tasks"]
assert all(it["lastStatus"] == "RUNNING" for it in described), described

pages = ecs.get_paginator("list_task_definitions").paginate(familyPrefix="web", PaginationConfig={"PageSize": 1})
assert [arn for page in pages for arn in page["taskDefinitionArns"]] == [first, second]

sqs = boto3.client("sqs")
url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
sqs.send_message(QueueUrl=url, MessageBody="one")
message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)["Messages"][0]
assert message["Body"] == "one"
sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

scaling = boto3.client("application-autoscaling")
target = dict(ServiceNamespace="ecs", ResourceId="service/jobs/web", ScalableDimension="ecs:service:DesiredCount")
scaling.register_scalable_target(MinCapacity=1, MaxCapacity=4, **target)
targets = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=["service/jobs/web"])
assert targets["ScalableTargets"][0]["MaxCapacity"] == 4, targets

elb = boto3.client("elbv2")
group = elb.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId="vpc-1", TargetType="ip")
arn = group["TargetGroups"][0]["TargetGroupArn"]
assert elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"] == []
assert boto3.client("sts").get_caller_identity()["Account"] == "123456789012"
secrets = boto3.client("secretsmanager")
secrets.create_secret(Name="db", SecretString="value")
assert secrets.get_secret_value(SecretId="db")["SecretString"] == "value"

print("ok")
