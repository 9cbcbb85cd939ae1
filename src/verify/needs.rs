//! What the manifests need, each need with the place that asks for it.

use std::collections::BTreeSet;

use super::balancing::TargetGroup;
use super::cluster::Capacity;
use super::network::Network;
use super::scaling::ResourceLabel;
use super::storage::LogGroup;
use super::what::{Platform, Principal, What};
use super::{Need, Place, role, texts};
use crate::model::{
    Desired, DesiredScheduledTask, DesiredService, FieldPath, GatePolicy, Hook, HookDefinition, Json,
    Origins, Scaling, ServiceKey,
};

/// Everything that services and scheduled tasks need; of these only, if `only` names some.
pub fn needs(desired: &Desired, only: &BTreeSet<ServiceKey>) -> Vec<Need> {
    let chosen = |key: &ServiceKey| only.is_empty() || only.contains(key);
    let mut needs = Vec::new();
    for service in desired.services.values().filter(|service| chosen(&service.key)) {
        Walk {
            key: &service.key,
            origins: &service.origins,
            region: &desired.environment.region,
            needs: &mut needs,
        }
        .service(service);
    }
    for task in desired.scheduled_tasks.values().filter(|task| chosen(&task.key)) {
        Walk {
            key: &task.key,
            origins: &task.origins,
            region: &desired.environment.region,
            needs: &mut needs,
        }
        .scheduled_task(task);
    }
    needs
}

struct Walk<'a> {
    key: &'a ServiceKey,
    origins: &'a Origins,
    region: &'a str,
    needs: &'a mut Vec<Need>,
}

impl Walk<'_> {
    fn need(&mut self, path: &FieldPath, what: What) {
        let place = Place {
            origin: self.origins.nearest(path).cloned(),
            service: self.key.clone(),
            path: path.clone(),
        };
        self.needs.push(Need { place, what });
    }

    /// A need for a text, if it is there.
    fn need_text(&mut self, tree: &Json, path: &FieldPath, field: &str, what: impl Fn(String) -> What) {
        if let Some(text) = tree[field].as_str() {
            self.need(&path.field(field), what(text.to_owned()));
        }
    }

    fn service(&mut self, desired: &DesiredService) {
        let path = FieldPath::root().field("service");
        let (tree, definition) = (&desired.service, &desired.task_definition);
        self.need(&FieldPath::root(), What::Cluster);
        let fargate = runs_on_fargate(tree, definition);
        self.task_definition(definition, &FieldPath::root().field("taskDefinition"), fargate);
        let network = network_of(tree, fargate);
        let vpc = path.field("networkConfiguration").field("awsvpcConfiguration");
        self.network(&network, &vpc, ["subnets", "securityGroups"]);
        self.capacity(tree, &path, fargate);
        self.load_balancers(desired, &path, &network);
        for (at, volume) in elements(tree, &path, "volumeConfigurations", "name") {
            let at = at.field("managedEBSVolume");
            self.need_text(&volume["managedEBSVolume"], &at, "roleArn", |role| {
                What::Role(role, Principal::Ecs)
            });
        }
        for (at, lattice) in elements(tree, &path, "vpcLatticeConfigurations", "") {
            self.need_text(lattice, &at, "roleArn", |role| What::Role(role, Principal::Ecs));
        }
        let deployment = &tree["deploymentConfiguration"];
        let at = path.field("deploymentConfiguration");
        for (at, hook) in elements(deployment, &at, "lifecycleHooks", "") {
            self.need_text(hook, &at, "roleArn", |role| What::Role(role, Principal::Ecs));
        }
        if deployment["alarms"]["enable"] != false {
            for (number, name) in texts(&deployment["alarms"]["alarmNames"]).into_iter().enumerate() {
                let at = at.field("alarms").field("alarmNames").index(number);
                self.need(&at, What::Alarm(name.to_owned()));
            }
        }
        for (place, gate) in desired.rollout.gates.iter().enumerate() {
            if let GatePolicy::Alarms(alarms) = gate {
                let at = FieldPath::root().field("rollout").field("gates").index(place);
                for name in &alarms.names {
                    self.need(&at, What::Alarm(name.clone()));
                }
            }
        }
        let mode = network_mode(definition);
        for (at, registry) in elements(tree, &path, "serviceRegistries", "registryArn") {
            let registry_of = |arn: String| What::Registry(arn, mode.to_owned());
            self.need_text(registry, &at, "registryArn", registry_of);
        }
        let connect = &tree["serviceConnectConfiguration"];
        if connect["enabled"] == true {
            let namespace = connect["namespace"].as_str().map(str::to_owned);
            let at = path.field("serviceConnectConfiguration").field("namespace");
            self.need(&at, What::Namespace(namespace));
        }
        self.logs(connect, &path.field("serviceConnectConfiguration"), None);
        if let Some(scaling) = &desired.scaling {
            self.scaling(scaling, tree);
        }
        for hook in desired.rollout.hooks() {
            self.hook(hook, &network, definition);
        }
    }

    fn scheduled_task(&mut self, desired: &DesiredScheduledTask) {
        let path = FieldPath::root().field("schedule").field("Target");
        let target = &desired.schedule["Target"];
        let definition = &desired.task_definition;
        self.need(&FieldPath::root(), What::Cluster);
        // EventBridge Scheduler spells the members of ECS with capitals.
        let ecs = &target["EcsParameters"];
        let providers: Vec<Json> = ecs["CapacityProviderStrategy"].as_array().cloned().unwrap_or_default();
        let vpc = &ecs["NetworkConfiguration"]["awsvpcConfiguration"];
        let run = serde_json::json!({
            "launchType": ecs["LaunchType"],
            "capacityProviderStrategy": providers,
            "networkConfiguration": {"awsvpcConfiguration": {
                "subnets": vpc["Subnets"], "securityGroups": vpc["SecurityGroups"],
                "assignPublicIp": vpc["AssignPublicIp"],
            }},
        });
        let fargate = runs_on_fargate(&run, definition);
        self.task_definition(definition, &FieldPath::root().field("taskDefinition"), fargate);
        self.need_text(target, &path, "RoleArn", |role| What::Role(role, Principal::Scheduler));
        let at = path.field("EcsParameters");
        let network = network_of(&run, fargate);
        let vpc = at.field("NetworkConfiguration").field("awsvpcConfiguration");
        self.network(&network, &vpc, ["Subnets", "SecurityGroups"]);
        self.capacity(&run, &at, fargate);
    }

    fn hook(&mut self, hook: &Hook, of_service: &Network, service_definition: &Json) {
        let path = FieldPath::root().field("rollout").field(hook.stage.name()).key(hook.name.as_str());
        let definition = match &hook.definition {
            HookDefinition::OfTheService => service_definition,
            HookDefinition::Own { task_definition, .. } => task_definition,
        };
        let fargate = runs_on_fargate(&hook.run, definition);
        if let HookDefinition::Own { task_definition, .. } = &hook.definition {
            self.task_definition(task_definition, &path.field("taskDefinition"), fargate);
        }
        // What a hook has of its service is told of there.
        let network = network_of(&hook.run, fargate);
        if network != *of_service {
            let vpc = path.field("networkConfiguration").field("awsvpcConfiguration");
            self.network(&network, &vpc, ["subnets", "securityGroups"]);
        }
        let overrides = &hook.run["overrides"];
        for field in ["executionRoleArn", "taskRoleArn"] {
            let at = path.field("overrides");
            self.need_text(overrides, &at, field, |role| What::Role(role, Principal::Tasks));
        }
    }

    fn task_definition(&mut self, tree: &Json, path: &FieldPath, fargate: bool) {
        for field in ["executionRoleArn", "taskRoleArn"] {
            self.need_text(tree, path, field, |role| What::Role(role, Principal::Tasks));
        }
        for (at, volume) in elements(tree, path, "volumes", "name") {
            let at = at.field("efsVolumeConfiguration");
            self.need_text(&volume["efsVolumeConfiguration"], &at, "fileSystemId", What::FileSystem);
        }
        let role = tree["executionRoleArn"].as_str();
        let platform = platform(tree, fargate);
        for (at, container) in elements(tree, path, "containerDefinitions", "name") {
            self.need_text(container, &at, "image", |image| What::Image(image, platform));
            self.secrets(container, &at, "secrets");
            let credentials = at.field("repositoryCredentials");
            self.need_text(
                &container["repositoryCredentials"],
                &credentials,
                "credentialsParameter",
                What::Secret,
            );
            for (at, file) in elements(container, &at, "environmentFiles", "") {
                self.need_text(file, &at, "value", What::EnvironmentFile);
            }
            self.logs(container, &at, role);
        }
    }

    fn secrets(&mut self, tree: &Json, path: &FieldPath, list: &str) {
        for (at, entry) in elements(tree, path, list, "name") {
            self.need_text(entry, &at, "valueFrom", What::Secret);
        }
    }

    /// The log group and the secrets of a `logConfiguration`.
    fn logs(&mut self, tree: &Json, path: &FieldPath, role: Option<&str>) {
        let (logs, path) = (&tree["logConfiguration"], path.field("logConfiguration"));
        self.secrets(logs, &path, "secretOptions");
        let options = &logs["options"];
        let Some(name) = options["awslogs-group"].as_str().filter(|_| logs["logDriver"] == "awslogs") else {
            return;
        };
        let group = LogGroup {
            region: options["awslogs-region"].as_str().unwrap_or(self.region).to_owned(),
            name: name.to_owned(),
            create: options["awslogs-create-group"] == "true",
            role: role.map(|role| role::name(role).to_owned()),
        };
        self.need(&path.field("options").field("awslogs-group"), What::LogGroup(group));
    }

    fn network(&mut self, network: &Network, path: &FieldPath, [subnets, groups]: [&str; 2]) {
        let (subnets, groups) = (path.field(subnets), path.field(groups));
        if network.subnets.len() > 1 {
            self.need(&subnets, What::Network(network.clone()));
        }
        for (number, id) in network.subnets.iter().enumerate() {
            self.need(&subnets.index(number), What::Subnet(id.clone(), network.clone()));
        }
        for (number, id) in network.security_groups.iter().enumerate() {
            self.need(&groups.index(number), What::SecurityGroup(id.clone(), network.clone()));
        }
    }

    fn capacity(&mut self, tree: &Json, path: &FieldPath, fargate: bool) {
        let strategy = elements(tree, path, "capacityProviderStrategy", "capacityProvider");
        for (at, item) in &strategy {
            self.need_text(item, at, "capacityProvider", |name| What::Capacity(Capacity::Provider(name)));
        }
        match tree["launchType"].as_str() {
            Some("EC2") => self.need(&path.field("launchType"), What::Capacity(Capacity::Ec2)),
            None if strategy.is_empty() && !fargate => {
                self.need(path, What::Capacity(Capacity::OfTheCluster));
            }
            Some(_) | None => {}
        }
    }

    fn load_balancers(&mut self, desired: &DesiredService, path: &FieldPath, network: &Network) {
        let definition = &desired.task_definition;
        let mode = network_mode(definition);
        let grace = &desired.service["healthCheckGracePeriodSeconds"];
        for (at, balancer) in elements(&desired.service, path, "loadBalancers", "containerName:containerPort")
        {
            let group = |arn: String, is_alternate: bool| {
                What::TargetGroup(Box::new(TargetGroup {
                    arn,
                    target_type: if mode == "awsvpc" { "ip" } else { "instance" },
                    network_mode: mode.to_owned(),
                    subnets: network.subnets.clone(),
                    protocol: protocol(definition, balancer).to_owned(),
                    has_grace: grace.as_i64().is_some_and(|seconds| seconds > 0),
                    is_alternate,
                }))
            };
            self.need_text(balancer, &at, "targetGroupArn", |arn| group(arn, false));
            let (advanced, at) = (&balancer["advancedConfiguration"], at.field("advancedConfiguration"));
            self.need_text(advanced, &at, "alternateTargetGroupArn", |arn| group(arn, true));
            self.need_text(advanced, &at, "roleArn", |role| What::Role(role, Principal::Ecs));
        }
    }

    fn scaling(&mut self, scaling: &Scaling, service: &Json) {
        let path = FieldPath::root().field("scaling");
        self.need(&path, What::ScalingRole);
        let groups: Vec<String> = service["loadBalancers"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|it| [&it["targetGroupArn"], &it["advancedConfiguration"]["alternateTargetGroupArn"]])
            .filter_map(|arn| arn.as_str().map(str::to_owned))
            .collect();
        for (name, policy) in &scaling.policies {
            const TRACKING: &str = "TargetTrackingScalingPolicyConfiguration";
            const METRIC: &str = "PredefinedMetricSpecification";
            let at = path.field("policies").key(name.as_str()).field(TRACKING).field(METRIC);
            self.need_text(&policy[TRACKING][METRIC], &at, "ResourceLabel", |label| {
                What::ResourceLabel(ResourceLabel { label, groups: groups.clone() })
            });
        }
    }
}

/// The elements of a list with their paths: by `identity`, if they have it, or else by place. An identity of
/// several members has colons between them, as the plan writes it.
fn elements<'a>(tree: &'a Json, path: &FieldPath, list: &str, identity: &str) -> Vec<(FieldPath, &'a Json)> {
    let path = path.field(list);
    let items = tree[list].as_array().into_iter().flatten().enumerate();
    let text = |value: &Json| match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let name = |item: &Json| {
        identity
            .split(':')
            .map(|member| text(&item[member]))
            .collect::<Option<Vec<_>>>()
            .map(|all| all.join(":"))
    };
    let at = |number: usize, item: &Json| match name(item) {
        Some(name) => path.key(name),
        None => path.index(number),
    };
    items.map(|(number, item)| (at(number, item), item)).collect()
}

/// Docker's default on EC2.
fn network_mode(definition: &Json) -> &str {
    definition["networkMode"].as_str().unwrap_or("bridge")
}

fn runs_on_fargate(run: &Json, definition: &Json) -> bool {
    let providers = run["capacityProviderStrategy"].as_array().map(Vec::as_slice).unwrap_or_default();
    match run["launchType"].as_str() {
        Some(launch_type) => launch_type == "FARGATE",
        None if providers.is_empty() => texts(&definition["requiresCompatibilities"]) == ["FARGATE"],
        None => providers
            .iter()
            .filter_map(|item| item["capacityProvider"].as_str().or(item["CapacityProvider"].as_str()))
            .any(|name| name.starts_with("FARGATE")),
    }
}

fn network_of(run: &Json, fargate: bool) -> Network {
    let vpc = &run["networkConfiguration"]["awsvpcConfiguration"];
    let owned = |list: &Json| texts(list).into_iter().map(str::to_owned).collect();
    Network {
        subnets: owned(&vpc["subnets"]),
        security_groups: owned(&vpc["securityGroups"]),
        public_ip: vpc["assignPublicIp"] == "ENABLED",
        fargate,
    }
}

/// What Fargate runs on where nothing is said is known; what instances are is not.
fn platform(definition: &Json, fargate: bool) -> Option<Platform> {
    let platform = &definition["runtimePlatform"];
    let architecture = match platform["cpuArchitecture"].as_str() {
        Some("ARM64") => "arm64",
        Some("X86_64") => "amd64",
        None if fargate => "amd64",
        Some(_) | None => return None,
    };
    let is_windows = platform["operatingSystemFamily"].as_str().is_some_and(|it| it.starts_with("WINDOWS"));
    Some(Platform { os: if is_windows { "windows" } else { "linux" }, architecture })
}

/// The protocol of the container's port that a load balancer sends to.
fn protocol<'a>(definition: &'a Json, balancer: &Json) -> &'a str {
    let containers = definition["containerDefinitions"].as_array();
    let container = containers.into_iter().flatten().find(|it| it["name"] == balancer["containerName"]);
    let mappings = container.and_then(|container| container["portMappings"].as_array());
    let mapping = mappings.into_iter().flatten().find(|it| it["containerPort"] == balancer["containerPort"]);
    mapping.and_then(|mapping| mapping["protocol"].as_str()).unwrap_or("tcp")
}
