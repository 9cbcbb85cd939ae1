//! The spec of one service, before anything is lifted out of it.

use serde_json::Map;

use super::essence::{Essence, by_member, plain};
use super::remarks::{self, Remark};
use super::tree::Tree;
use crate::model::{EcsService, FieldPath, Json, LiveScaling, LiveService, ServiceKey};
use crate::plan::{Rules, live_scaling, service_as_input};
use crate::shape::api::{Api, Type};
use crate::shape::layout::{
    Root, SCALABLE_TARGET, SCALING_POLICY, SCHEDULED_ACTION, SERVICE, TASK_DEFINITION,
};
use crate::shape::rules::{self, Node};

/// What a manifest says of a service that can be managed.
pub(super) fn spec(key: &ServiceKey, live: &LiveService, api: &Api) -> (Tree, Vec<Remark>) {
    let mut draft = Draft { key, api, unknown: Vec::new() };
    let nothing = Json::Null;
    let definition = live.task_definition.present();
    let task_definition =
        draft.task_definition(definition.map_or(&nothing, |it| &it.body), definition.map(|it| &it.tags));
    let scaling = live.scaling.present();
    let mut members = vec![("taskDefinition".to_owned(), task_definition)];
    if let Some(service) = live.service.present() {
        members.push((
            "service".to_owned(),
            draft.service(service, live.service_revision.present(), scaling.is_some()),
        ));
    }
    if let Some(scaling) = scaling {
        members.push(("scaling".to_owned(), draft.scaling(scaling)));
    }
    let mut told: Vec<Remark> = remarks::unknown(key, &draft.unknown).into_iter().collect();
    told.extend(live.service.present().and_then(|service| remarks::moving(key, service)));
    told.extend(scaling.and_then(|scaling| remarks::scheduled(key, scaling)));
    let spec = Tree::Map(members);
    told.extend(remarks::credentials(key, &spec));
    (spec, told)
}

struct Draft<'a> {
    key: &'a ServiceKey,
    api: &'a Api,
    unknown: Vec<FieldPath>,
}

impl<'a> Draft<'a> {
    fn task_definition(
        &mut self,
        body: &Json,
        tags: Option<&std::collections::BTreeMap<String, String>>,
    ) -> Tree {
        let mut body = body.clone();
        if body["family"] == self.key.name() {
            body["family"].take();
        }
        let mut tree = self.reduced(
            "taskDefinition",
            &body,
            Rules::task_definition(),
            rules::Tree::TaskDefinition,
            TASK_DEFINITION,
        );
        if let Tree::Map(members) = &mut tree {
            for (name, value) in members.iter_mut() {
                // AWS has them as text; people write the number.
                if let Tree::Text(text) = value
                    && (name == "cpu" || name == "memory")
                    && is_count(text)
                {
                    *value = Tree::Number(text.clone());
                }
            }
            let tags = tags.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
            members.extend(own_tags(tags).map(|tags| ("tags".to_owned(), tags)));
        }
        tree
    }

    fn service(&mut self, service: &EcsService, revision: Option<&Json>, scaled: bool) -> Tree {
        let mut input = service_as_input(service, revision);
        if let Json::Object(members) = &mut input {
            // Application Auto Scaling's, or for DAEMON ECS's own.
            if scaled || service.0["schedulingStrategy"] == "DAEMON" {
                members.remove("desiredCount");
            }
            // ECS fills in its service-linked role, and refuses it where it is asked for.
            if members
                .get("role")
                .and_then(Json::as_str)
                .is_some_and(|role| role.contains("/aws-service-role/"))
            {
                members.remove("role");
            }
        }
        let mut tree = self.reduced("service", &input, Rules::service(), rules::Tree::Service, SERVICE);
        if let Tree::Map(members) = &mut tree {
            let tags = service.0["tags"].as_array().into_iter().flatten();
            let tags = tags
                .filter_map(|tag| Some((tag["key"].as_str()?, tag["value"].as_str().unwrap_or_default())));
            members.extend(own_tags(tags).map(|tags| ("tags".to_owned(), tags)));
        }
        tree
    }

    fn scaling(&mut self, scaling: &LiveScaling) -> Tree {
        let live = live_scaling(scaling);
        let node = rules::tree(rules::Tree::ScalableTarget);
        let mut members: Vec<(String, Tree)> = ["minCapacity", "maxCapacity"]
            .iter()
            .map(|name| ((*name).to_owned(), plain(&live[*name])))
            .collect();
        let state = self.type_of(SCALABLE_TARGET).and_then(|target| target.member("SuspendedState"));
        if let (Json::Object(state), Some(expected)) = (&live["suspendedState"], state) {
            let path = FieldPath::root().field("scaling").field("suspendedState");
            let tree =
                self.object(state, node.members.get("suspendedState"), expected, Rules::scaling(), &path);
            // Not suspended: nothing to say.
            members.extend((!tree.is_blank()).then(|| ("suspendedState".to_owned(), tree)));
        }
        for (list, root, name) in [
            ("policies", SCALING_POLICY, "PolicyName"),
            ("scheduledActions", SCHEDULED_ACTION, "ScheduledActionName"),
        ] {
            let Some(expected) = self.type_of(root) else { continue };
            let element = node.members.get(list).and_then(|node| node.element.as_deref());
            let path = FieldPath::root().field("scaling").field(list);
            let mut trees: Vec<Tree> = live[list]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_object)
                .map(|object| self.object(object, element, expected, Rules::scaling(), &path))
                .collect();
            trees.sort_by(by_member(name));
            if !trees.is_empty() {
                members.push((list.to_owned(), Tree::List(trees)));
            }
        }
        Tree::Map(members)
    }

    fn type_of(&self, root: Root) -> Option<Type<'a>> {
        self.api.input(root.operation)
    }

    fn reduced(&mut self, part: &str, value: &Json, rules: Rules, which: rules::Tree, root: Root) -> Tree {
        let nothing = Map::new();
        let object = value.as_object().unwrap_or(&nothing);
        let Some(expected) = self.api.input(root.operation) else { return Tree::Map(Vec::new()) };
        self.essence(value, rules, |essence| {
            essence.object(object, Some(rules::tree(which)), expected, &FieldPath::root().field(part))
        })
    }

    fn object(
        &mut self,
        object: &Map<String, Json>,
        node: Option<&'static Node>,
        expected: Type<'_>,
        rules: Rules,
        path: &FieldPath,
    ) -> Tree {
        let root = Json::Object(object.clone());
        self.essence(&root, rules, |essence| essence.object(object, node, expected, path))
    }

    fn essence(&mut self, root: &Json, rules: Rules, reduce: impl FnOnce(&mut Essence<'_>) -> Tree) -> Tree {
        let mut essence = Essence { rules, root, unknown: Vec::new() };
        let tree = reduce(&mut essence);
        self.unknown.extend(essence.unknown);
        tree
    }
}

fn is_count(text: &str) -> bool {
    (text == "0" || !text.starts_with('0'))
        && !text.is_empty()
        && text.len() < 10
        && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// Tags that neither AWS nor any installation of ours put there.
fn own_tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Tree> {
    let own = |key: &str| !key.starts_with("reconciler/") && !key.to_ascii_lowercase().starts_with("aws:");
    let mut tags: Vec<(&str, &str)> = tags.filter(|(key, _)| own(key)).collect();
    tags.sort_unstable();
    let tag =
        |(key, value): (&str, &str)| Tree::map([("key", Tree::text(key)), ("value", Tree::text(value))]);
    (!tags.is_empty()).then(|| Tree::List(tags.into_iter().map(tag).collect()))
}
