"""Services that boto3 makes in moto, an independent server: imported, they plan empty but for
the tags that adopt them.

adopt.py RECONCILER FOLDER
"""

import json
import os
import subprocess
import sys

import boto3
from moto.server import ThreadedMotoServer

reconciler, folder = sys.argv[1:]
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
place = {"endpoint_url": f"http://{host}:{port}", "region_name": "eu-west-1"}
ecs = boto3.client("ecs", **place)
scaling = boto3.client("application-autoscaling", **place)

ec2 = boto3.client("ec2", **place)
vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24")["Subnet"]["SubnetId"] for n in range(2)]
group = ec2.create_security_group(VpcId=vpc, GroupName="jobs", Description="jobs")["GroupId"]

ecs.create_cluster(clusterName="jobs")


def definition(family, **more):
    return {
        "family": family,
        "cpu": "256",
        "memory": "512",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
        "containerDefinitions": [
            {
                "name": "app",
                "image": f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/{family}:1",
                "essential": True,
                "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
                "environment": [{"name": "LEVEL", "value": "info"}, {"name": "DEBUG", "value": "off"}],
                "secrets": [{"name": "TOKEN", "valueFrom": "/jobs/token"}],
                "ulimits": [{"name": "nofile", "softLimit": 1024, "hardLimit": 4096}],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": "/ecs/jobs",
                        "awslogs-region": "eu-west-1",
                        "awslogs-stream-prefix": family,
                    },
                },
            }
        ],
        "tags": [{"key": "team", "value": "jobs"}],
        **more,
    }


def service(name, **more):
    return {
        "cluster": "jobs",
        "serviceName": name,
        "taskDefinition": name,
        "desiredCount": 2,
        "launchType": "FARGATE",
        "networkConfiguration": {
            "awsvpcConfiguration": {"subnets": subnets, "securityGroups": [group]}
        },
        **more,
    }


ecs.register_task_definition(**definition("api"))
ecs.register_task_definition(**definition("worker", volumes=[{"name": "data"}]))
ecs.register_task_definition(
    family="ec2", containerDefinitions=[{"name": "app", "image": "ec2:1", "memory": 128, "command": ["run"]}]
)
ecs.create_service(**service("api", tags=[{"key": "team", "value": "jobs"}], propagateTags="SERVICE"))
ecs.create_service(**service("worker"))
ecs.create_service(cluster="jobs", serviceName="ec2", taskDefinition="ec2", desiredCount=1, launchType="EC2")
ecs.create_service(
    cluster="jobs", serviceName="blue", taskDefinition="api", deploymentController={"type": "CODE_DEPLOY"}
)
resource = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/jobs/worker",
    "ScalableDimension": "ecs:service:DesiredCount",
}
scaling.register_scalable_target(**resource, MinCapacity=1, MaxCapacity=5)
scaling.put_scaling_policy(
    **resource,
    PolicyName="cpu",
    PolicyType="TargetTrackingScaling",
    TargetTrackingScalingPolicyConfiguration={
        "TargetValue": 60.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    },
)
scaling.put_scheduled_action(
    **resource,
    ScheduledActionName="night",
    Schedule="cron(0 22 * * ? *)",
    Timezone="Europe/Dublin",
    ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 2},
)


def run(*arguments):
    environment = {"PATH": "/usr/bin", "HOME": folder, "AWS_ENDPOINT_URL": place["endpoint_url"]}
    environment |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    ended = subprocess.run([reconciler, *arguments], env=environment, cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, (arguments, ended.stdout, ended.stderr)
    return ended.stdout


summary = json.loads(run("import", "--cluster", "jobs", "--region", "eu-west-1", "--output", "manifests", "-o", "json"))
assert sorted(file["service"] for file in summary["files"] if file["service"]) == ["api", "ec2", "worker"], summary
assert [one["service"] for one in summary["leftOut"]] == ["blue"], summary
# No deployment of moto's ever ends; nothing else is there to be said.
assert all("still rolling out" in one["message"] for one in summary["remarks"]), summary
files = {file["path"]: open(os.path.join(folder, file["path"])).read() for file in summary["files"]}

plan = json.loads(run("plan", "--path", "manifests", "-o", "json"))
assert not plan["held"], plan
assert {step["action"] for step in plan["steps"]} == {"TagResource"}, (plan, files)

print(run("plan", "--path", "manifests"))
print("ok")
os._exit(0)
