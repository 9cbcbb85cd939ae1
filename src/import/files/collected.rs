//! What several files say together, put in the shape in which AWS would have answered.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Asked, FileError, Found, FromFiles, Home, Remark, text_of};
use crate::import::variables::{Variable, has_reference};
use crate::import::{LeftOut, Reason};
use crate::model::{
    EcsService, Json, LiveScaling, LiveService, LiveTaskDefinition, Part, ServiceKey, TaskDefinitionArn,
};

#[derive(Debug, Default)]
pub(super) struct Collected {
    /// As configurations name them.
    pub(super) regions: BTreeSet<String>,
    pub(super) clusters: BTreeSet<String>,
    /// As DescribeServices or CreateService spell them.
    pub(super) services: Vec<Json>,
    pub(super) definitions: Vec<Definition>,
    /// Which definition a service came with, by their places in the two lists above.
    paired: BTreeMap<usize, usize>,
    targets: Vec<Json>,
    policies: Vec<Json>,
    actions: Vec<Json>,
    left_out: Vec<LeftOut>,
    remarks: Vec<Remark>,
}

/// A task definition and its tags.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    arn: String,
    body: Json,
    tags: BTreeMap<String, String>,
}

impl Definition {
    /// RegisterTaskDefinition input, or DescribeTaskDefinition output.
    pub(super) fn of(mut value: Json) -> Self {
        let mut body = match value["taskDefinition"].is_object() {
            true => value["taskDefinition"].take(),
            false => value.clone(),
        };
        let mut tags = body["tags"].take();
        if tags.is_null() {
            tags = value["tags"].take();
        }
        let tags = tags.as_array().into_iter().flatten().filter_map(|tag| {
            Some((tag["key"].as_str()?.to_owned(), tag["value"].as_str().unwrap_or_default().to_owned()))
        });
        let arn =
            text_of(&body, "taskDefinitionArn").or_else(|| text_of(&body, "family")).unwrap_or_default();
        Self { arn, tags: tags.collect(), body }
    }

    /// Whether a service that names `wanted` means this one: by ARN, `family:number` or family.
    fn is_meant(&self, wanted: &str) -> bool {
        let tail = |arn: &str| arn.rsplit('/').next().unwrap_or(arn).to_owned();
        tail(&self.arn) == tail(wanted) || self.body["family"] == wanted
    }
}

impl Collected {
    /// A service of ecspresso: name, service definition and task definition, each in a file of its own.
    pub(super) fn pair(
        &mut self,
        file: &str,
        name: Option<String>,
        service: Option<Json>,
        definition: Option<Json>,
    ) -> Result<(), FileError> {
        let Some(definition) = definition else {
            return Err(FileError::of(
                file,
                "it names no task definition",
                "`task_definition` names its file",
            ));
        };
        let definition = Definition::of(definition);
        let family = text_of(&definition.body, "family");
        let Some(mut service) = service else {
            self.left_out.push(without_service(name.or(family).unwrap_or_else(|| file.to_owned())));
            return Ok(());
        };
        if let Some(name) = name.or_else(|| text_of(&service, "serviceName")).or(family) {
            service["serviceName"] = name.into();
        }
        service["taskDefinition"] = definition.arn.as_str().into();
        // Its family alone would not tell it from another service's.
        self.paired.insert(self.services.len(), self.definitions.len());
        self.definitions.push(definition);
        self.services.push(service);
        Ok(())
    }

    /// A service of PipeCD, whose deployments go through task sets.
    pub(super) fn pipecd(
        &mut self,
        file: &str,
        input: &Json,
        service: Option<Json>,
        definition: Option<Json>,
    ) -> Result<(), FileError> {
        let Some(mut service) = service else {
            return self.pair(file, None, None, definition);
        };
        let primary = &input["targetGroups"]["primary"];
        if primary.is_object() && service["loadBalancers"].is_null() {
            service["loadBalancers"] = json!([primary]);
        }
        let external = service["deploymentController"]["type"] == "EXTERNAL";
        if external && let Json::Object(members) = &mut service {
            members.remove("deploymentController");
        }
        self.pair(file, None, Some(service), definition)?;
        let name =
            self.services.last().and_then(|service| text_of(service, "serviceName")).unwrap_or_default();
        if external {
            let text = "PipeCD runs it with the deployment controller EXTERNAL; the manifest is for the controller ECS";
            let way_out = "stop PipeCD on it and move the service to ECS (UpdateService, `deploymentController`), \
                           or give it another name here and move the traffic; until then a plan holds it";
            self.remarks.push(Remark {
                service: Some(name),
                text: text.to_owned(),
                way_out: way_out.to_owned(),
            });
        }
        Ok(())
    }

    pub(super) fn described(&mut self, mut value: Json) {
        let mut list = |name: &str| match value[name].take() {
            Json::Array(items) => items,
            _ => Vec::new(),
        };
        self.services.extend(list("services"));
        self.targets.extend(list("ScalableTargets"));
        self.policies.extend(list("ScalingPolicies"));
        self.actions.extend(list("ScheduledActions"));
        if value["taskDefinition"].is_object() {
            self.definitions.push(Definition::of(value));
        }
    }

    pub(super) fn finish(
        mut self,
        given: &[String],
        variables: Vec<Variable>,
        asked: &Asked,
    ) -> Result<FromFiles, FileError> {
        let first = given.first().map(String::as_str).unwrap_or_default();
        let home = self.home(first, asked)?;
        let only = match self.definitions.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        };
        let mut found = Found {
            services: BTreeMap::new(),
            variables,
            left_out: std::mem::take(&mut self.left_out),
            remarks: std::mem::take(&mut self.remarks),
            existing: None,
        };
        for (place, mut service) in std::mem::take(&mut self.services).into_iter().enumerate() {
            // The two definition files of one service, given without their configuration.
            if service["taskDefinition"].is_null()
                && let Some(only) = &only
            {
                service["taskDefinition"] = only.arn.as_str().into();
            }
            let named = text_of(&service, "taskDefinition").unwrap_or_default();
            let definition = match self.paired.get(&place) {
                Some(paired) => self.definitions.get(*paired),
                None => self.definitions.iter().find(|it| it.is_meant(&named)),
            };
            let family = definition.and_then(|it| text_of(&it.body, "family"));
            let Some(name) = text_of(&service, "serviceName").or(family) else {
                return Err(FileError::of(
                    first,
                    "a service has no name",
                    "`serviceName` or `family` says it",
                ));
            };
            if has_reference(&name) {
                let way_out = "write the name itself: a service is known by it";
                return Err(FileError::of(first, "the name of a service is a template", way_out));
            }
            let task_definition = definition.map_or(Part::Absent, |it| {
                Part::Present(LiveTaskDefinition {
                    arn: TaskDefinitionArn(it.arn.clone()),
                    body: it.body.clone(),
                    tags: it.tags.clone(),
                })
            });
            if let Some(definition) = definition {
                service["taskDefinition"] = definition.arn.as_str().into();
            }
            let scaling = self.scaling(&home.cluster, &name);
            let service = Part::Present(EcsService(service));
            let live = LiveService { service, task_definition, scaling, ..LiveService::absent() };
            let key = ServiceKey::new(name);
            if found.services.get(&key).is_some_and(|known| !says_the_same(known, &live)) {
                let message = format!("service `{key}` comes twice, and not with the same content");
                let way_out = "import each on its own, or give one of them another name";
                return Err(FileError::of(first, message, way_out));
            }
            found.services.insert(key, live);
        }
        if found.services.is_empty() {
            let families = self.definitions.iter().filter_map(|it| text_of(&it.body, "family"));
            found.left_out.extend(families.map(without_service));
        }
        Ok(FromFiles { found, home })
    }

    fn home(&self, first: &str, asked: &Asked) -> Result<Home, FileError> {
        let arns = || {
            let services =
                self.services.iter().flat_map(|it| [&it["serviceArn"], &it["clusterArn"], &it["cluster"]]);
            let definitions = self.definitions.iter().flat_map(|it| {
                [&it.body["taskDefinitionArn"], &it.body["executionRoleArn"], &it.body["taskRoleArn"]]
            });
            services.chain(definitions).filter_map(Json::as_str).filter(|text| text.starts_with("arn:"))
        };
        let part = |place: usize| -> BTreeSet<String> {
            let parts = arns().filter_map(|arn| arn.split(':').nth(place));
            parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let named =
            |member: &str| self.services.iter().filter_map(|it| text_of(it, member)).collect::<Vec<_>>();
        let name = |text: String| text.rsplit('/').next().unwrap_or_default().to_owned();
        let all = self.clusters.iter().cloned().chain(named("clusterArn")).chain(named("cluster"));
        let clusters: BTreeSet<String> = all.map(name).collect();
        let regions = if self.regions.is_empty() { part(3) } else { self.regions.clone() };
        let region = only(first, "region", asked.region.as_deref(), regions)?;
        let cluster = only(first, "cluster", asked.cluster.as_deref(), clusters)?;
        let account =
            part(4).into_iter().find(|it| it.len() == 12 && it.bytes().all(|digit| digit.is_ascii_digit()));
        let environment = asked.environment.clone().unwrap_or_else(|| cluster.clone());
        Ok(Home { environment, account, region, cluster })
    }

    fn scaling(&self, cluster: &str, name: &str) -> Part<LiveScaling> {
        let id = format!("service/{cluster}/{name}");
        let of_service = |items: &[Json], member: &str| -> BTreeMap<String, Json> {
            let own = items.iter().filter(|item| item["ResourceId"] == id.as_str());
            own.filter_map(|item| Some((item[member].as_str()?.to_owned(), item.clone()))).collect()
        };
        match self.targets.iter().find(|target| target["ResourceId"] == id.as_str()) {
            None => Part::Absent,
            Some(target) => Part::Present(LiveScaling {
                target: target.clone(),
                policies: of_service(&self.policies, "PolicyName"),
                scheduled_actions: of_service(&self.actions, "ScheduledActionName"),
            }),
        }
    }
}

fn without_service(name: String) -> LeftOut {
    LeftOut {
        service: name,
        reason: Reason::Incomplete,
        why: "it has a task definition and no service".to_owned(),
        way_out: "for a task on a schedule write a ScheduledTask; one-off tasks are hooks of a service"
            .to_owned(),
    }
}

/// Whether a service that was read twice is the same both times.
fn says_the_same(one: &LiveService, other: &LiveService) -> bool {
    let said = |live: &LiveService| {
        let service = live.service.present().map(|it| it.0.clone());
        (service, live.task_definition.present().map(|it| it.body.clone()))
    };
    said(one) == said(other)
}

/// The one region or cluster that all files are of.
fn only(first: &str, what: &str, asked: Option<&str>, found: BTreeSet<String>) -> Result<String, FileError> {
    if let Some(asked) = asked {
        return Ok(asked.rsplit('/').next().unwrap_or(asked).to_owned());
    }
    let said: Vec<String> = found.into_iter().filter(|text| !has_reference(text)).collect();
    match said.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(FileError::of(
            first,
            format!("no file says which {what}"),
            &format!("say it: `--{what} NAME`"),
        )),
        several => {
            let message = format!("the files are of several {what}s: {}", several.join(", "));
            Err(FileError::of(
                first,
                message,
                "an Environment is of one; import the files of each on their own",
            ))
        }
    }
}
