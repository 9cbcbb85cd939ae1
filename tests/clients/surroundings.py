"""Looks with boto3 at what the simulator shows of IAM, EC2, Cloud Map and Parameter Store, and prints `ok`."""

import json

import boto3
from botocore.exceptions import ClientError


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
    else:
        raise AssertionError(f"{code} was expected")


iam = boto3.client("iam")
trust = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]}
made = iam.create_role(RoleName="jobs", Path="/ecs/", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
read = iam.get_role(RoleName="jobs")["Role"]
assert read["Arn"] == made["Arn"] == "arn:aws:iam::123456789012:role/ecs/jobs", read
assert read["AssumeRolePolicyDocument"] == trust and read["CreateDate"].year == 2027, read
refused("EntityAlreadyExists", iam.create_role, RoleName="jobs", AssumeRolePolicyDocument=json.dumps(trust))
iam.delete_role(RoleName="jobs")
refused("NoSuchEntity", iam.get_role, RoleName="jobs")

ec2 = boto3.client("ec2")
vpc = [{"Name": "vpc-id", "Values": ["vpc-1"]}]
subnets = ec2.describe_subnets(Filters=vpc)["Subnets"]
assert [(it["SubnetId"], it["AvailableIpAddressCount"]) for it in subnets] == [("subnet-1", 251)], subnets
assert ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": ["subnet-2"]}])["Subnets"] == []
assert ec2.describe_security_groups(Filters=vpc)["SecurityGroups"][0]["GroupId"] == "sg-1"
table = ec2.describe_route_tables(Filters=vpc)["RouteTables"][0]
assert table["Associations"][0]["Main"] is True and table["Routes"][0]["NatGatewayId"] == "nat-1", table
refused("InvalidParameterValue", ec2.describe_subnets, Filters=[{"Name": "colour", "Values": ["red"]}])

cloud_map = boto3.client("servicediscovery")
cloud_map.create_http_namespace(Name="jobs")
namespace = cloud_map.list_namespaces()["Namespaces"][0]
assert namespace["Name"] == "jobs" and namespace["Type"] == "HTTP", namespace
records = {"DnsRecords": [{"Type": "SRV", "TTL": 10}]}
service = cloud_map.create_service(Name="api", NamespaceId=namespace["Id"], DnsConfig=records)["Service"]
assert cloud_map.get_service(Id=service["Id"])["Service"]["DnsConfig"]["DnsRecords"][0]["Type"] == "SRV"
refused("ServiceNotFound", cloud_map.get_service, Id="srv-0")

ssm = boto3.client("ssm")
for value in ["one", "two"]:
    ssm.put_parameter(Name="/jobs/url", Value=value, Type="String", Overwrite=True)
names = [{"Key": "Name", "Option": "Equals", "Values": ["/jobs/url", "/jobs/none"]}]
found = ssm.describe_parameters(ParameterFilters=names)["Parameters"]
assert [(it["Name"], it["Version"], it.get("Value")) for it in found] == [("/jobs/url", 2, None)], found
print("ok")
