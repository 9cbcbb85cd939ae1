//! Pairs of what was sent and what AWS answers that mean the same: none of them may show in a plan.
//!
//! Sources: AWS's API reference, answers seen in the field, and the perpetual diffs that other tools'
//! users reported.

use serde_json::{Value, json};

use crate::plan::{Rules, differences};

/// Defines one test for each pair: `written => read back`.
macro_rules! phantoms {
    ($wrap:ident: $($name:ident: $written:tt => $read_back:tt;)+) => {
        $(
            #[test]
            fn $name() {
                let (written, read_back) = (json!($written), json!($read_back));
                let (written, read_back, rules) = $wrap(written, read_back);
                let (found, quiet) = differences(&written, &read_back, &rules);
                assert!(found.is_empty(), "{found:#?}");
                assert!(quiet.iter().all(|quiet| !quiet.rule.is_empty()), "{quiet:#?}");
            }
        )+
    };
}

type Case = (Value, Value, Rules);

fn task(written: Value, read_back: Value) -> Case {
    (written, read_back, Rules::task_definition())
}

fn container(written: Value, read_back: Value) -> Case {
    within(json!({}), written, read_back)
}

fn awsvpc(written: Value, read_back: Value) -> Case {
    within(json!({"networkMode": "awsvpc"}), written, read_back)
}

fn bridge(written: Value, read_back: Value) -> Case {
    within(json!({"networkMode": "bridge"}), written, read_back)
}

fn host(written: Value, read_back: Value) -> Case {
    within(json!({"networkMode": "host"}), written, read_back)
}

fn within(task: Value, written: Value, read_back: Value) -> Case {
    let around = |mut container: Value| {
        container["name"] = "api".into();
        let mut task = task.clone();
        task["containerDefinitions"] = json!([container]);
        task
    };
    (around(written), around(read_back), Rules::task_definition())
}

fn service(written: Value, read_back: Value) -> Case {
    (written, read_back, Rules::service())
}

fn scaling(written: Value, read_back: Value) -> Case {
    (written, read_back, Rules::scaling())
}

fn policy(mut written: Value, mut read_back: Value) -> Case {
    written["PolicyName"] = "cpu".into();
    read_back["PolicyName"] = "cpu".into();
    (json!({"policies": [written]}), json!({"policies": [read_back]}), Rules::scaling())
}

fn schedule(mut written: Value, mut read_back: Value) -> Case {
    written["ScheduledActionName"] = "night".into();
    read_back["ScheduledActionName"] = "night".into();
    (json!({"scheduledActions": [written]}), json!({"scheduledActions": [read_back]}), Rules::scaling())
}

phantoms! { task:
    one_vcpu_is_1024_units: {"cpu": "1 vCPU"} => {"cpu": "1024"};
    a_quarter_vcpu_in_lower_case_is_256_units: {"cpu": "0.25 vcpu"} => {"cpu": "256"};
    cpu_as_a_number_is_the_same_text: {"cpu": 256} => {"cpu": "256"};
    two_gb_is_2048_mib: {"memory": "2GB"} => {"memory": "2048"};
    half_a_gb_with_a_space_is_512_mib: {"memory": "0.5 GB"} => {"memory": "512"};
    memory_as_a_number_is_the_same_text: {"memory": 512} => {"memory": "512"};
    the_network_mode_is_bridge_unless_said: {} => {"networkMode": "bridge"};
    compatibilities_have_no_order: {"requiresCompatibilities": ["EC2", "FARGATE"]} => {"requiresCompatibilities": ["FARGATE", "EC2"]};
    no_required_compatibilities_is_an_empty_list: {} => {"requiresCompatibilities": []};
    answers_that_only_aws_gives_are_nobodys_wish: {"family": "api"} => {
        "family": "api", "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/api:7", "revision": 7,
        "status": "ACTIVE", "requiresAttributes": [{"name": "ecs.capability.task-eni"}],
        "compatibilities": ["EC2", "FARGATE", "MANAGED_INSTANCES"], "registeredAt": 1763672640.25, "registeredBy": "arn:aws:iam::123456789012:root"};
    no_volumes_is_an_empty_list: {} => {"volumes": [], "placementConstraints": []};
    volumes_have_no_order: {"volumes": [{"name": "a"}, {"name": "b"}]} => {"volumes": [{"name": "b"}, {"name": "a"}]};
    an_empty_host_is_no_host: {"volumes": [{"name": "a"}]} => {"volumes": [{"name": "a", "host": {}}]};
    an_empty_source_path_is_none: {"volumes": [{"name": "a", "host": {}}]} => {"volumes": [{"name": "a", "host": {"sourcePath": ""}}]};
    a_volume_is_not_configured_at_launch_unless_said: {"volumes": [{"name": "a"}]} => {"volumes": [{"name": "a", "configuredAtLaunch": false}]};
    efs_starts_at_its_root_unencrypted: {"volumes": [{"name": "a", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}]} =>
        {"volumes": [{"name": "a", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/", "transitEncryption": "DISABLED", "transitEncryptionPort": 0, "authorizationConfig": {"iam": "DISABLED"}}}]};
    s3_files_start_at_their_root: {"volumes": [{"name": "a", "s3filesVolumeConfiguration": {"fileSystemArn": "arn:fs"}}]} =>
        {"volumes": [{"name": "a", "s3filesVolumeConfiguration": {"fileSystemArn": "arn:fs", "rootDirectory": "/"}}]};
    a_docker_volume_belongs_to_its_task: {"volumes": [{"name": "a", "dockerVolumeConfiguration": {}}]} =>
        {"volumes": [{"name": "a", "dockerVolumeConfiguration": {"scope": "task", "autoprovision": false, "driver": "local"}}]};
    placement_constraints_have_no_order: {"placementConstraints": [{"type": "memberOf", "expression": "a"}, {"type": "memberOf", "expression": "b"}]} =>
        {"placementConstraints": [{"type": "memberOf", "expression": "b"}, {"type": "memberOf", "expression": "a"}]};
    the_platform_is_linux_on_x86_unless_said: {} => {"runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"}};
    half_a_platform_is_filled_in: {"runtimePlatform": {"cpuArchitecture": "ARM64"}} => {"runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"}};
    an_empty_platform_is_no_platform: {"runtimePlatform": {}} => {};
    a_proxy_is_app_mesh_and_its_properties_are_a_map: {"proxyConfiguration": {"containerName": "envoy", "properties": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}} =>
        {"proxyConfiguration": {"type": "APPMESH", "containerName": "envoy", "properties": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]}};
    fault_injection_is_off_unless_said: {} => {"enableFaultInjection": false};
    isolation_is_shared_unless_said: {} => {"trustedExecutionConfiguration": {"isolationMode": "SHARED"}};
    a_member_that_aws_invented_yesterday_is_no_drift: {} => {"quantumReadiness": {"level": 3}};
    tags_hang_beside_a_revision_not_in_it: {"tags": [{"key": "team", "value": "jobs"}]} => {};
    containers_have_no_order: {"containerDefinitions": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]} =>
        {"containerDefinitions": [{"name": "b", "image": "y"}, {"name": "a", "image": "x"}]};
    side_containers_get_their_defaults_too: {"containerDefinitions": [{"name": "a"}, {"name": "b"}]} =>
        {"containerDefinitions": [{"name": "a", "cpu": 0, "essential": true}, {"name": "b", "cpu": 0, "essential": true, "environment": []}]};
}

phantoms! { container:
    what_ecs_adds_to_a_fresh_container: {"image": "api:1", "portMappings": [{"containerPort": 80}]} => {
        "image": "api:1", "cpu": 0, "essential": true, "environment": [], "mountPoints": [], "volumesFrom": [], "systemControls": [],
        "portMappings": [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}]};
    cpu_is_0_unless_said: {} => {"cpu": 0};
    memory_of_0_is_no_memory: {} => {"memory": 0, "memoryReservation": 0};
    a_container_is_essential_unless_said: {} => {"essential": true};
    environment_has_no_order: {"environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]} =>
        {"environment": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]};
    null_entries_of_the_environment_are_dropped: {"environment": [null]} => {"environment": []};
    an_entry_without_a_name_equals_itself: {"environment": [{"value": "1"}]} => {"environment": [{"value": "1"}]};
    secrets_have_no_order: {"secrets": [{"name": "A", "valueFrom": "arn:a"}, {"name": "B", "valueFrom": "arn:b"}]} =>
        {"secrets": [{"name": "B", "valueFrom": "arn:b"}, {"name": "A", "valueFrom": "arn:a"}]};
    no_secrets_is_an_empty_list: {} => {"secrets": []};
    an_empty_port_mapping_is_none: {"portMappings": [{}]} => {"portMappings": []};
    a_mount_point_of_nulls_is_none: {"mountPoints": [{"containerPath": null}]} => {"mountPoints": []};
    mount_points_have_no_order_and_are_writable: {"mountPoints": [{"containerPath": "/a", "sourceVolume": "a"}, {"containerPath": "/b", "sourceVolume": "b"}]} =>
        {"mountPoints": [{"containerPath": "/b", "sourceVolume": "b", "readOnly": false}, {"containerPath": "/a", "sourceVolume": "a", "readOnly": false}]};
    volumes_from_have_no_order_and_are_writable: {"volumesFrom": [{"sourceContainer": "a"}, {"sourceContainer": "b"}]} =>
        {"volumesFrom": [{"sourceContainer": "b", "readOnly": false}, {"sourceContainer": "a", "readOnly": false}]};
    no_system_controls_is_an_empty_list: {} => {"systemControls": []};
    no_command_is_an_empty_command: {"command": []} => {};
    no_entry_point_is_an_empty_entry_point: {} => {"entryPoint": []};
    a_health_check_is_filled_in: {"healthCheck": {"command": ["CMD", "true"]}} =>
        {"healthCheck": {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3, "startPeriod": 0}};
    empty_secret_options_are_none: {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}} =>
        {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}, "secretOptions": []}};
    empty_capabilities_come_back_beside_full_ones: {"linuxParameters": {"capabilities": {"drop": ["ALL"]}}} =>
        {"linuxParameters": {"capabilities": {"add": [], "drop": ["ALL"]}, "devices": [], "tmpfs": []}};
    empty_linux_parameters_are_none: {} => {"linuxParameters": {"capabilities": {}, "initProcessEnabled": false}};
    capabilities_have_no_order: {"linuxParameters": {"capabilities": {"add": ["SYS_PTRACE", "NET_ADMIN"]}}} =>
        {"linuxParameters": {"capabilities": {"add": ["NET_ADMIN", "SYS_PTRACE"]}}};
    empty_lists_are_no_lists: {} => {"ulimits": [], "extraHosts": [], "dnsServers": [], "dnsSearchDomains": [], "dockerSecurityOptions": [],
        "links": [], "credentialSpecs": [], "resourceRequirements": [], "dependsOn": [], "environmentFiles": []};
    empty_labels_are_no_labels: {} => {"dockerLabels": {}};
    dependencies_are_told_apart_by_container: {"dependsOn": [{"containerName": "a", "condition": "START"}, {"containerName": "b", "condition": "HEALTHY"}]} =>
        {"dependsOn": [{"containerName": "b", "condition": "HEALTHY"}, {"containerName": "a", "condition": "START"}]};
    switches_are_off_unless_said: {} => {"privileged": false, "readonlyRootFilesystem": false, "interactive": false, "pseudoTerminal": false, "disableNetworking": false};
    versions_are_consistent_unless_said: {} => {"versionConsistency": "enabled"};
    a_restart_policy_waits_300_seconds: {"restartPolicy": {"enabled": true}} => {"restartPolicy": {"enabled": true, "restartAttemptPeriod": 300}};
    an_empty_user_is_no_user: {} => {"user": "", "hostname": "", "workingDirectory": ""};
    resource_requirements_have_no_order: {"resourceRequirements": [{"type": "GPU", "value": "1"}, {"type": "NeuronDevice", "value": "2"}]} =>
        {"resourceRequirements": [{"type": "NeuronDevice", "value": "2"}, {"type": "GPU", "value": "1"}]};
    ulimits_are_told_apart_by_name: {"ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}, {"name": "core", "softLimit": 0, "hardLimit": 0}]} =>
        {"ulimits": [{"name": "core"}, {"name": "nofile", "softLimit": 1, "hardLimit": 2}]};
}

phantoms! { awsvpc:
    under_awsvpc_the_host_port_is_the_container_port: {"portMappings": [{"containerPort": 8080}]} => {"portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}]};
    a_range_of_ports_gets_no_host_port: {"portMappings": [{"containerPortRange": "8000-8010"}]} => {"portMappings": [{"containerPortRange": "8000-8010", "protocol": "tcp"}]};
    port_mappings_have_no_order: {"portMappings": [{"containerPort": 1}, {"containerPort": 2, "protocol": "udp"}]} =>
        {"portMappings": [{"containerPort": 2, "hostPort": 2, "protocol": "udp"}, {"containerPort": 1, "hostPort": 1, "protocol": "tcp"}]};
}

phantoms! { bridge:
    under_bridge_the_host_port_is_any: {"portMappings": [{"containerPort": 80}]} => {"portMappings": [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}]};
}

phantoms! { host:
    under_host_networking_the_host_port_is_the_container_port: {"portMappings": [{"containerPort": 80}]} => {"portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}]};
}

phantoms! { service:
    what_ecs_adds_to_a_fresh_service: {"launchType": "FARGATE"} => {"launchType": "FARGATE", "platformVersion": "LATEST", "platformFamily": "Linux",
        "schedulingStrategy": "REPLICA", "loadBalancers": [], "serviceRegistries": [], "placementConstraints": [], "placementStrategy": [],
        "enableECSManagedTags": false, "enableExecuteCommand": false, "propagateTags": "NONE", "healthCheckGracePeriodSeconds": 0,
        "deploymentController": {"type": "ECS"}, "availabilityZoneRebalancing": "ENABLED",
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": false, "rollback": false}, "maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING", "bakeTimeInMinutes": 0}};
    the_circuit_breaker_of_2026_says_more: {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}}} =>
        {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true, "resetOnHealthyTask": true, "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50}}}};
    a_daemon_has_other_percentages: {"schedulingStrategy": "DAEMON"} => {"schedulingStrategy": "DAEMON", "deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0}};
    a_canary_is_filled_in_with_doubles: {"deploymentConfiguration": {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 5}}} =>
        {"deploymentConfiguration": {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10}, "bakeTimeInMinutes": 0}};
    percentages_are_rounded_to_a_digit: {"deploymentConfiguration": {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 12.5}}} =>
        {"deploymentConfiguration": {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 12.500001, "stepBakeTimeInMinutes": 6}}};
    the_block_of_another_strategy_means_nothing: {"deploymentConfiguration": {"strategy": "ROLLING"}} => {"deploymentConfiguration": {"strategy": "ROLLING", "linearConfiguration": {"stepPercent": 25.0}}};
    hooks_are_filled_in_and_have_no_order: {"deploymentConfiguration": {"lifecycleHooks": [{"hookTargetArn": "arn:a", "lifecycleStages": ["PRE_SCALE_UP", "POST_SCALE_UP"]}, {"hookTargetArn": "arn:b", "lifecycleStages": ["PRE_SCALE_UP"]}]}} =>
        {"deploymentConfiguration": {"lifecycleHooks": [
            {"hookTargetArn": "arn:b", "lifecycleStages": ["PRE_SCALE_UP"], "targetType": "AWS_LAMBDA", "timeoutConfiguration": {"timeoutInMinutes": 1440, "action": "ROLLBACK"}},
            {"hookTargetArn": "arn:a", "lifecycleStages": ["POST_SCALE_UP", "PRE_SCALE_UP"], "targetType": "AWS_LAMBDA"}]}};
    hook_details_are_compared_as_json: {"deploymentConfiguration": {"lifecycleHooks": [{"hookTargetArn": "arn:a", "hookDetails": {"a": 1}}]}} =>
        {"deploymentConfiguration": {"lifecycleHooks": [{"hookTargetArn": "arn:a", "hookDetails": "{ \"a\": 1 }"}]}};
    no_alarms_is_an_empty_block: {} => {"deploymentConfiguration": {"alarms": {"alarmNames": [], "enable": false, "rollback": false}}};
    alarm_names_have_no_order: {"deploymentConfiguration": {"alarms": {"alarmNames": ["a", "b"], "enable": true, "rollback": true}}} =>
        {"deploymentConfiguration": {"alarms": {"alarmNames": ["b", "a"], "enable": true, "rollback": true}}};
    early_success_is_off_unless_said: {} => {"deploymentConfiguration": {"earlySuccessCriteria": {"enable": false}}};
    a_load_balancer_list_has_no_order: {"loadBalancers": [{"targetGroupArn": "tg/a", "containerName": "api", "containerPort": 1}, {"targetGroupArn": "tg/b", "containerName": "api", "containerPort": 2}]} =>
        {"loadBalancers": [{"targetGroupArn": "tg/b", "containerName": "api", "containerPort": 2}, {"targetGroupArn": "tg/a", "containerName": "api", "containerPort": 1}]};
    two_target_groups_of_one_port_have_no_order: {"loadBalancers": [{"targetGroupArn": "tg/a", "containerName": "api", "containerPort": 1}, {"targetGroupArn": "tg/b", "containerName": "api", "containerPort": 1}]} =>
        {"loadBalancers": [{"targetGroupArn": "tg/b", "containerName": "api", "containerPort": 1}, {"targetGroupArn": "tg/a", "containerName": "api", "containerPort": 1}]};
    ecs_swaps_the_two_target_groups_of_blue_and_green: {"loadBalancers": [{"targetGroupArn": "tg/blue", "containerName": "api", "containerPort": 1, "advancedConfiguration": {"alternateTargetGroupArn": "tg/green", "roleArn": "r"}}]} =>
        {"loadBalancers": [{"targetGroupArn": "tg/green", "containerName": "api", "containerPort": 1, "advancedConfiguration": {"alternateTargetGroupArn": "tg/blue", "roleArn": "r"}}]};
    a_registry_without_ports_has_port_0: {"serviceRegistries": [{"registryArn": "arn:r"}]} => {"serviceRegistries": [{"registryArn": "arn:r", "port": 0, "containerPort": 0}]};
    subnets_and_groups_have_no_order: {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1", "sg-2"]}}} =>
        {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-2", "subnet-1"], "securityGroups": ["sg-2", "sg-1"], "assignPublicIp": "DISABLED"}}};
    the_default_security_group_is_not_ours: {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}} =>
        {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-default"], "assignPublicIp": "DISABLED"}}};
    host_is_an_instance_id_and_cpu_is_upper_case: {"placementStrategy": [{"type": "spread", "field": "host"}, {"type": "binpack", "field": "cpu"}]} =>
        {"placementStrategy": [{"type": "spread", "field": "instanceId"}, {"type": "binpack", "field": "CPU"}]};
    random_placement_has_no_field: {"placementStrategy": [{"type": "random"}]} => {"placementStrategy": [{"type": "random", "field": ""}]};
    a_capacity_provider_has_base_and_weight_0: {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}, {"capacityProvider": "FARGATE", "weight": 1}]} =>
        {"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}, {"capacityProvider": "FARGATE_SPOT", "weight": 0, "base": 0}]};
    the_cluster_chooses_where_git_names_neither: {} => {"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]};
    a_role_name_is_its_arn: {"role": "ecsServiceRole"} => {"role": "arn:aws:iam::123456789012:role/ecsServiceRole"};
    the_service_linked_role_is_not_ours: {} => {"role": "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"};
    a_count_that_git_does_not_mention_is_not_ours: {} => {"desiredCount": 7};
    zone_rebalancing_has_two_defaults_so_none: {} => {"availabilityZoneRebalancing": "DISABLED"};
    service_connect_off_is_no_service_connect: {} => {"serviceConnectConfiguration": {"enabled": false}};
    service_connect_is_filled_in: {"serviceConnectConfiguration": {"enabled": true, "namespace": "jobs", "services": [{"portName": "http", "clientAliases": [{"port": 80}]}]}} =>
        {"serviceConnectConfiguration": {"enabled": true, "namespace": "arn:aws:servicediscovery:eu-west-1:123456789012:namespace/ns-1", "services": [{"portName": "http", "discoveryName": "http", "clientAliases": [{"port": 80, "dnsName": "http.jobs"}]}]}};
    access_logs_hide_query_parameters_unless_said: {"serviceConnectConfiguration": {"enabled": true, "accessLogConfiguration": {"format": "JSON"}}} =>
        {"serviceConnectConfiguration": {"enabled": true, "accessLogConfiguration": {"format": "JSON", "includeQueryParameters": "DISABLED"}}};
    an_ebs_volume_is_encrypted_xfs_unless_said: {"volumeConfigurations": [{"name": "data", "managedEBSVolume": {"roleArn": "r", "sizeInGiB": 10}}]} =>
        {"volumeConfigurations": [{"name": "data", "managedEBSVolume": {"roleArn": "r", "sizeInGiB": 10, "filesystemType": "xfs", "encrypted": true, "volumeType": "gp3", "iops": 3000, "throughput": 125}}]};
    volume_tags_do_not_propagate_unless_said: {"volumeConfigurations": [{"name": "data", "managedEBSVolume": {"roleArn": "r", "tagSpecifications": [{"resourceType": "volume"}]}}]} =>
        {"volumeConfigurations": [{"name": "data", "managedEBSVolume": {"roleArn": "r", "tagSpecifications": [{"resourceType": "volume", "propagateTags": "NONE", "tags": []}]}}]};
    lattice_configurations_have_no_order: {"vpcLatticeConfigurations": [{"roleArn": "r", "targetGroupArn": "a", "portName": "x"}, {"roleArn": "r", "targetGroupArn": "b", "portName": "y"}]} =>
        {"vpcLatticeConfigurations": [{"roleArn": "r", "targetGroupArn": "b", "portName": "y"}, {"roleArn": "r", "targetGroupArn": "a", "portName": "x"}]};
    no_monitoring_is_monitoring_of_nothing: {"monitoring": {"metricConfigurations": []}} => {};
    metrics_to_watch_have_no_order: {"monitoring": {"metricConfigurations": [{"metricNames": ["CPUUtilization", "MemoryUtilization"], "resolutionSeconds": 20}]}} =>
        {"monitoring": {"metricConfigurations": [{"metricNames": ["MemoryUtilization", "CPUUtilization"], "resolutionSeconds": 20}]}};
    a_gateway_connector_is_filled_in: {"gatewayConnectors": [{"portName": "http"}]} =>
        {"gatewayConnectors": [{"portName": "http", "deregistrationDelay": {"timeoutSeconds": 300}, "healthCheck": {"healthCheckProtocol": "HTTP", "healthCheckPath": "/"}}]};
    a_service_member_that_aws_invented_yesterday_is_no_drift: {} => {"teleportation": {"enabled": true}};
    tags_are_compared_elsewhere: {"tags": [{"key": "team", "value": "jobs"}]} => {"tags": []};
}

phantoms! { scaling:
    scaling_suspended_by_hand_is_not_ours: {"minCapacity": 1, "maxCapacity": 3} =>
        {"minCapacity": 1, "maxCapacity": 3, "suspendedState": {"DynamicScalingInSuspended": true, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": false}};
    half_a_suspension_is_filled_in: {"suspendedState": {"DynamicScalingInSuspended": true}} =>
        {"suspendedState": {"DynamicScalingInSuspended": true, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": false}};
    policies_that_git_does_not_mention_are_not_ours: {"policies": []} => {"policies": [{"PolicyName": "by-hand", "PolicyType": "StepScaling"}]};
}

phantoms! { policy:
    a_target_value_is_a_double: {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 75}} => {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 75.0}};
    cooldowns_are_300_for_ecs: {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 75}} =>
        {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 75.0, "ScaleInCooldown": 300, "ScaleOutCooldown": 300, "DisableScaleIn": false}};
    alarms_and_arns_are_made_by_aws: {"PolicyType": "TargetTrackingScaling"} => {"PolicyType": "TargetTrackingScaling", "PolicyARN": "arn:p", "CreationTime": 1763672640.0,
        "Alarms": [{"AlarmName": "TargetTracking-service/jobs/api-AlarmHigh-1", "AlarmARN": "arn:a"}], "ServiceNamespace": "ecs", "ResourceId": "service/jobs/api", "ScalableDimension": "ecs:service:DesiredCount"};
    a_step_policy_is_filled_in: {"StepScalingPolicyConfiguration": {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}]}} =>
        {"StepScalingPolicyConfiguration": {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}], "Cooldown": 300, "MetricAggregationType": "Average"}};
    a_prediction_is_filled_in: {"PredictiveScalingPolicyConfiguration": {"MetricSpecifications": [{"TargetValue": 40}]}} =>
        {"PredictiveScalingPolicyConfiguration": {"MetricSpecifications": [{"TargetValue": 40.0}], "Mode": "ForecastOnly", "SchedulingBufferTime": 300, "MaxCapacityBreachBehavior": "HonorMaxCapacity"}};
    metrics_return_data_unless_said: {"TargetTrackingScalingPolicyConfiguration": {"CustomizedMetricSpecification": {"Metrics": [{"Id": "a"}, {"Id": "b", "ReturnData": false}]}}} =>
        {"TargetTrackingScalingPolicyConfiguration": {"CustomizedMetricSpecification": {"Metrics": [{"Id": "b", "ReturnData": false}, {"Id": "a", "ReturnData": true}]}}};
}

phantoms! { schedule:
    a_schedule_runs_in_utc_unless_said: {"Schedule": "cron(0 22 * * ? *)"} => {"Schedule": "cron(0 22 * * ? *)", "Timezone": "UTC", "ScheduledActionARN": "arn:s", "CreationTime": 1763672640.0};
    a_moment_may_be_text_or_seconds: {"StartTime": "2026-11-21T07:00:00Z"} => {"StartTime": 1795244400.0};
}
