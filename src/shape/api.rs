//! AWS's own API model: the names, types and limits of what ECS, Application Auto Scaling and EventBridge
//! Scheduler accept.

mod pattern;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

pub use pattern::{ArnOf, Pattern};

const ECS: &str = include_str!("ecs.json");
const APPLICATION_AUTOSCALING: &str = include_str!("application-autoscaling.json");
const SCHEDULER: &str = include_str!("scheduler.json");

/// The models of the services whose inputs a manifest holds.
#[derive(Debug)]
pub struct Api {
    models: Vec<Model>,
}

/// The model of one service, as `tools/api-model.py` writes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Model {
    service: String,
    source: String,
    operations: BTreeMap<String, Operation>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Debug, Deserialize)]
struct Operation {
    input: String,
    output: Option<String>,
}

/// One type of AWS's. Names in it are names of other shapes of the same service.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Shape {
    Structure {
        members: BTreeMap<String, String>,
        #[serde(default)]
        required: BTreeSet<String>,
        /// Exactly one member has a value.
        #[serde(default)]
        union: bool,
    },
    List {
        member: String,
        min: Option<u64>,
        max: Option<u64>,
    },
    Map {
        key: String,
        value: String,
        min: Option<u64>,
        max: Option<u64>,
    },
    String {
        #[serde(default, rename = "enum")]
        values: Vec<String>,
        /// Length in characters.
        min: Option<u64>,
        max: Option<u64>,
        pattern: Option<String>,
    },
    /// 32 bits.
    Integer {
        min: Option<i64>,
        max: Option<i64>,
    },
    /// 64 bits.
    Long {
        min: Option<i64>,
        max: Option<i64>,
    },
    Double {
        min: Option<f64>,
        max: Option<f64>,
    },
    Boolean {},
    /// Seconds since the epoch, with a fraction, on the wire.
    Timestamp {},
    /// Free JSON.
    Document {},
}

/// A shape together with the model that its references lead into.
#[derive(Clone, Copy, Debug)]
pub struct Type<'a> {
    model: &'a Model,
    name: &'a str,
    shape: &'a Shape,
}

impl Api {
    /// The model that this binary was built with.
    pub fn builtin() -> &'static Api {
        static BUILTIN: LazyLock<Api> = LazyLock::new(|| {
            Api::read(&[ECS, APPLICATION_AUTOSCALING, SCHEDULER])
                .expect("the API model that is checked in can be read")
        });
        &BUILTIN
    }

    /// Reads stripped models. Operations are looked up in the order of `texts`.
    pub fn read(texts: &[&str]) -> Result<Api, serde_json::Error> {
        let models = texts.iter().map(|text| serde_json::from_str(text)).collect::<Result<_, _>>()?;
        Ok(Api { models })
    }

    /// The structure that an operation takes, such as `RegisterTaskDefinition`.
    pub fn input(&self, operation: &str) -> Option<Type<'_>> {
        self.models.iter().find_map(|model| model.lookup(&model.operations.get(operation)?.input))
    }

    /// The structure that an operation answers with, where the model keeps it.
    pub fn output(&self, operation: &str) -> Option<Type<'_>> {
        self.models.iter().find_map(|model| model.lookup(model.operations.get(operation)?.output.as_deref()?))
    }

    /// A shape by its name. ECS comes first where several services have one of that name.
    pub fn shape(&self, name: &str) -> Option<Type<'_>> {
        self.models.iter().find_map(|model| model.lookup(name))
    }

    /// Where the models come from: `botocore 1.44.5`.
    pub fn source(&self) -> &str {
        self.models.first().map_or("", |model| model.source.as_str())
    }
}

impl Model {
    fn lookup(&self, name: &str) -> Option<Type<'_>> {
        let (name, shape) = self.shapes.get_key_value(name)?;
        Some(Type { model: self, name, shape })
    }
}

impl<'a> Type<'a> {
    /// AWS's name of the shape, such as `ContainerDefinition`.
    pub fn name(self) -> &'a str {
        self.name
    }

    /// The service whose model it is from: `ecs`. Names are unique within one only.
    pub fn service(self) -> &'a str {
        &self.model.service
    }

    pub fn shape(self) -> &'a Shape {
        self.shape
    }

    /// The type of a structure's member.
    pub fn member(self, name: &str) -> Option<Type<'a>> {
        match self.shape {
            Shape::Structure { members, .. } => self.model.lookup(members.get(name)?),
            _ => None,
        }
    }

    /// Names and types of a structure's members, by name.
    pub fn members(self) -> impl Iterator<Item = (&'a str, Type<'a>)> {
        let members = match self.shape {
            Shape::Structure { members, .. } => Some(members),
            _ => None,
        };
        members
            .into_iter()
            .flatten()
            .filter_map(move |(name, shape)| Some((name.as_str(), self.model.lookup(shape)?)))
    }

    /// The type of a list's elements, or of a map's values.
    pub fn element(self) -> Option<Type<'a>> {
        match self.shape {
            Shape::List { member, .. } => self.model.lookup(member),
            Shape::Map { value, .. } => self.model.lookup(value),
            _ => None,
        }
    }

    /// The type of a map's keys.
    pub fn key(self) -> Option<Type<'a>> {
        match self.shape {
            Shape::Map { key, .. } => self.model.lookup(key),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_operation_that_a_manifest_feeds_is_there() {
        let api = Api::builtin();
        for operation in [
            "RegisterTaskDefinition",
            "CreateService",
            "UpdateService",
            "RegisterScalableTarget",
            "PutScalingPolicy",
            "PutScheduledAction",
            "CreateSchedule",
            "UpdateSchedule",
        ] {
            assert!(matches!(api.input(operation).unwrap().shape(), Shape::Structure { .. }), "{operation}");
        }
        assert!(api.output("DescribeServices").is_some());
        assert!(api.input("DeleteCluster").is_none());
        assert!(api.source().starts_with("botocore "));
    }

    #[test]
    fn every_reference_leads_to_a_shape() {
        for model in &Api::builtin().models {
            for shape in model.shapes.values() {
                let references: Vec<&String> = match shape {
                    Shape::Structure { members, required, .. } => {
                        assert!(required.iter().all(|name| members.contains_key(name)));
                        members.values().collect()
                    }
                    Shape::List { member, .. } => vec![member],
                    Shape::Map { key, value, .. } => vec![key, value],
                    _ => vec![],
                };
                assert!(references.iter().all(|name| model.shapes.contains_key(*name)));
            }
        }
    }

    #[test]
    fn every_pattern_is_one_that_we_can_check() {
        for model in &Api::builtin().models {
            for (name, shape) in &model.shapes {
                if let Shape::String { pattern: Some(pattern), .. } = shape {
                    assert!(Pattern::recognise(pattern).is_some(), "{name}: {pattern}");
                }
            }
        }
    }

    #[test]
    fn limits_are_read() {
        let weight = Api::builtin().shape("CapacityProviderStrategyItemWeight").unwrap();
        assert!(matches!(weight.shape(), Shape::Integer { min: Some(0), max: Some(1000) }));
        let mode = Api::builtin().shape("NetworkMode").unwrap();
        assert!(matches!(mode.shape(), Shape::String { values, .. } if values.len() == 4));
    }
}
