"""Serves an account with moto, fills it with what tests/clients/verify.rs deploys, and prints where and what it is.

Beside each thing that is well there is one that is not. The account ends with standard input.
"""

import json
import sys

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"
world = {"endpoint": endpoint}


def client(service, region="eu-west-1"):
    return boto3.client(
        service, endpoint_url=endpoint, region_name=region, aws_access_key_id="test", aws_secret_access_key="test"
    )


def trust(service, **conditions):
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    if conditions:
        statement["Condition"] = conditions
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


iam = client("iam")
tasks = "ecs-tasks.amazonaws.com"
for name, policy, path in [
    ("execution", trust(tasks), "/ecs/"),
    ("task", trust(tasks, StringEquals={"aws:SourceAccount": "123456789012"}), "/"),
    ("other-account", trust(tasks, StringEquals={"aws:SourceAccount": "210987654321"}), "/"),
    ("external", trust(tasks, StringEquals={"sts:ExternalId": "x"}), "/"),
    ("lambda", trust("lambda.amazonaws.com"), "/"),
    ("scheduler", trust("scheduler.amazonaws.com", ArnLike={
        "aws:SourceArn": "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/reconciler-test-*"}), "/"),
    ("AWSServiceRoleForApplicationAutoScaling_ECSService", trust("ecs.application-autoscaling.amazonaws.com"), "/"),
]:
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy, Path=path)

ecr = client("ecr")
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def push(repository, tag, *platforms):
    entries = [
        {"mediaType": MANIFEST, "digest": f"sha256:{number:064x}", "size": 1,
         "platform": {"os": "linux" if it != "unknown" else it, "architecture": it}}
        for number, it in enumerate(platforms)
    ]
    manifest = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": {"tag": tag}}
    if not platforms:
        layer = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": f"sha256:{9:064x}", "size": 1}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": layer, "layers": []}
    ecr.put_image(repositoryName=repository, imageTag=tag, imageManifest=json.dumps(manifest),
                  imageManifestMediaType=manifest["mediaType"])


ecr.create_repository(repositoryName="team/api")
push("team/api", "1.0", "amd64", "arm64", "unknown")
push("team/api", "arm", "arm64")
push("team/api", "single")

secrets = client("secretsmanager")


def secret(name, **value):
    world[name] = secrets.create_secret(Name=f"jobs/{name}", **value)["ARN"]


secret("database", SecretString=json.dumps({"url": "postgres://canary-of-a-secret", "user": "canary-of-a-secret"}))
secret("token", SecretString="canary-of-a-secret")
secret("empty")
secret("gone", SecretString="x")
secrets.delete_secret(SecretId=world["gone"], RecoveryWindowInDays=7)
client("ssm").put_parameter(Name="/jobs/objects", Value="file", Type="String")

logs = client("logs")
logs.create_log_group(logGroupName="/jobs/api")
logs.create_log_group(logGroupName="/jobs/api-more")

s3 = client("s3")
s3.create_bucket(Bucket="settings", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
s3.put_object(Bucket="settings", Key="api/1.env", Body=b"A=1")

ec2 = client("ec2")


def network(name):
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    world[f"vpc_{name}"] = vpc
    for number, kind in enumerate(["private", "public", "second"]):
        made = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"eu-west-1{'abc'[number]}")
        world[f"{kind}_{name}"] = made["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=world[f"public_{name}"])
    group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)
    world[f"group_{name}"] = group["GroupId"]


network("a")
network("b")

world["files"] = client("efs").create_file_system(CreationToken="jobs")["FileSystemId"]

elb = client("elbv2")
balancer = elb.create_load_balancer(Name="jobs", Subnets=[world["public_a"], world["second_a"]])["LoadBalancers"][0]
world["balancer"] = balancer["LoadBalancerArn"].split("loadbalancer/")[1]


def target_group(name, vpc="a", kind="ip", attached=True, protocol="HTTP", **more):
    made = elb.create_target_group(Name=name, Protocol=protocol, Port=80, VpcId=world[f"vpc_{vpc}"], TargetType=kind,
                                   **more)["TargetGroups"][0]["TargetGroupArn"]
    world[f"targets_{name}"] = made
    world[f"label_{name}"] = made.split(":")[-1]
    if attached:
        elb.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP",
                            Port=8000 + len(world), DefaultActions=[{"Type": "forward", "TargetGroupArn": made}])


target_group("api")
target_group("hasty", HealthCheckIntervalSeconds=5, UnhealthyThresholdCount=2, HealthCheckTimeoutSeconds=2)
target_group("instances", kind="instance")
target_group("elsewhere", vpc="b")
target_group("idle", attached=False)

cloud_map = client("servicediscovery")
cloud_map.create_http_namespace(Name="jobs")
namespace = cloud_map.list_namespaces()["Namespaces"][0]["Id"]
world["registry"] = cloud_map.create_service(
    Name="api", NamespaceId=namespace, DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}]}
)["Service"]["Arn"]

client("cloudwatch").put_metric_alarm(
    AlarmName="errors", MetricName="Errors", Namespace="Jobs", Period=60, EvaluationPeriods=1, Threshold=1,
    ComparisonOperator="GreaterThanThreshold", Statistic="Sum",
)
ecs = client("ecs")
ecs.create_cluster(clusterName="jobs", capacityProviders=["FARGATE", "FARGATE_SPOT"])

print(json.dumps(world), flush=True)
sys.stdin.read()
server.stop()
