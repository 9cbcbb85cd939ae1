"""Reads a fleet with as few boto3 calls as it can be had with, and prints the milliseconds it took."""

import time

import boto3

CLUSTER = "jobs"


def pages(client, operation, key, **arguments):
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[key]


def batches(items, size):
    return (items[start : start + size] for start in range(0, len(items), size))


def sweep():
    ecs = boto3.client("ecs")
    scaling = boto3.client("application-autoscaling")
    arns = list(pages(ecs, "list_services", "serviceArns", cluster=CLUSTER, PaginationConfig={"PageSize": 100}))
    services = []
    for batch in batches(arns, 10):
        services += ecs.describe_services(cluster=CLUSTER, services=batch, include=["TAGS"])["services"]
    names = [f"service/{CLUSTER}/{service['serviceName']}" for service in services]
    targets = []
    for batch in batches(names, 50):
        targets += pages(
            scaling, "describe_scalable_targets", "ScalableTargets", ServiceNamespace="ecs", ResourceIds=batch
        )
    policies = list(pages(scaling, "describe_scaling_policies", "ScalingPolicies", ServiceNamespace="ecs"))
    assert len(services) == len(targets) == len(policies), (len(services), len(targets), len(policies))


started = time.monotonic()
sweep()
print(round((time.monotonic() - started) * 1000))
