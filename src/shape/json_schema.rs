//! A JSON Schema of manifests for editors, from the same model that `validate` checks with.
//!
//! It accepts whatever `manifest::load` accepts. The other way round it is more lenient: what fields mean
//! together is left to `validate`. [`super::markdown`] writes the reference of our own words from it.

mod aws;
mod overlay;

pub use aws::page;
pub use overlay::PART;

use serde_json::{Map, json};

use super::api::Api;
use super::layout;
use crate::model::Json;
use crate::model::Severity;
use aws::Writer;

/// What stands for "some text with a variable in it".
const VARIABLE: &str = "\\$\\{";
const TASK_DEFINITION: &str = "what runs; without `family`, the family is `metadata.name`";

/// JSON Schema 2020-12 of one manifest: a Service, a ScheduledTask, an Overlay or an Environment.
pub fn schema(api: &Api) -> Json {
    let mut writer = Writer::new(api);
    let (service, scheduled_task) = (writer.service(), writer.scheduled_task());
    let overlay = overlay::spec(&service, &scheduled_task, &mut writer.definitions);
    let only_here = json!({ "required": ["name", "environments"], "properties": { "labels": false } });
    let kinds = [
        ("Service", service, json!(true)),
        ("ScheduledTask", scheduled_task, json!(true)),
        ("Overlay", overlay, only_here),
        ("Environment", environment(), json!({ "properties": { "environments": false } })),
    ];
    let names: Vec<&str> = kinds.iter().map(|(kind, ..)| *kind).collect();
    let of_kind = |kind: &str, metadata: &Json| {
        json!({
            "if": { "properties": { "kind": { "const": kind } }, "required": ["kind"] },
            "then": { "properties": { "spec": reference(kind), "metadata": metadata } },
        })
    };
    let specs: Vec<Json> = kinds.iter().map(|(kind, _, metadata)| of_kind(kind, metadata)).collect();
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Manifest of the reconciler",
        "type": "object",
        "properties": {
            "apiVersion": { "const": layout::API_VERSION, "description": "the form of the manifest" },
            "kind": { "enum": names, "description": "what the manifest is about" },
            "metadata": reference("metadata"),
            "spec": { "description": "what is asked for, by `kind`" },
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "allOf": specs,
    });
    let mut definitions: Map<String, Json> = writer.definitions.into_iter().collect();
    definitions.insert("metadata".to_owned(), metadata());
    definitions.extend(kinds.map(|(kind, spec, _)| (kind.to_owned(), spec)));
    schema["$defs"] = Json::Object(definitions);
    schema
}

fn metadata() -> Json {
    let name = described(
        json!({ "type": ["string", "number", "boolean"], "pattern": "^[A-Za-z0-9_-]{1,255}$" }),
        "the name of the ECS service, of the schedule or of the environment: letters, digits, hyphens and underscores",
    );
    let labels = described(
        json!({ "type": "object", "additionalProperties": scalar() }),
        "for people; nothing is done with them. Not in an Overlay",
    );
    let environments = described(
        json!({ "type": "array", "items": scalar(), "minItems": 1 }),
        "the environments that it is for; left out: all. An Overlay has to say it, an Environment can't",
    );
    let members = json!({ "name": name, "labels": labels, "environments": environments });
    section("metadata", "Names the manifest.", members, &["name"])
}

fn environment() -> Json {
    let cluster = described(scalar(), "the name of the ECS cluster, not its ARN");
    let account = described(
        json!({ "type": ["string", "integer"] }),
        "the AWS account, 12 digits; nothing is done in another one",
    );
    let variables = described(
        json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
            "additionalProperties": { "anyOf": [
                scalar(),
                { "type": "array", "items": scalar() },
                object(json!({ "ssm": scalar() }), &["ssm"]),
                object(json!({ "cloudFormationExport": scalar() }), &["cloudFormationExport"]),
            ] },
        }),
        "what `${NAME}` stands for in the other manifests: a scalar, a list of scalars, or a value that stands in AWS: \
         `{ssm: /path}` or `{cloudFormationExport: name}`. `${account}`, `${cluster}`, \
         `${environment}` and `${region}` are there already",
    );
    let sync = object(
        json!({
            "prune": described(
                json!({ "type": "boolean" }),
                "whether what left Git is deleted, where a service's own `sync.prune` says nothing; left out: false",
            ),
            "pruneMaxPercent": described(
                json!({ "type": "integer", "minimum": 1, "maximum": 100 }),
                "how many of a hundred services may be deleted at once, but always one; left out: 20",
            ),
            "keepRevisions": described(
                json!({ "type": "integer", "minimum": 1, "maximum": 1_000_000 }),
                "how many revisions of a task definition stay registered; older ones of ours that nothing uses are \
                 deregistered a day after they were registered, some after each deployment; left out: 10",
            ),
            "windows": described(
                windows(),
                "when changes go out, where a service's own `sync.windows` says nothing; left out: at any time. A \
                 roll-back, a scaling override and `reconciler sync` wait for none",
            ),
        }),
        &[],
    );
    section(
        "Environment",
        "Where manifests are applied to, and what their variables stand for.",
        json!({
            "account": account,
            "region": described(scalar(), "the AWS region, such as eu-west-1"),
            "cluster": cluster,
            "images": described(reference("images"), "what holds for all services that say nothing else"),
            "sync": described(sync, "what holds for all services of the environment"),
            "variables": variables,
        }),
        &["region", "cluster"],
    )
}

/// Our own words in a Service and a ScheduledTask.
impl Writer<'_> {
    fn service(&mut self) -> Json {
        let scaling = self.scaling();
        let rollout = self.rollout();
        let sync = sync(
            plain("boolean"),
            "whether the service is deleted when it leaves Git; left out: what the Environment says",
            plain("boolean"),
            "whether scaling policies and scheduled actions of others are deleted too, where pruning is on; left out: \
             false",
            plain("boolean"),
            "whether a service that ECS can't change is deleted and created again; left out: false",
            "/service/desiredCount",
        );
        let sections = [
            ("scaling", scaling),
            ("rollout", rollout),
            ("sync", sync),
            ("images", images()),
            ("window", window()),
        ];
        self.definitions.extend(sections.map(|(name, section)| (name.to_owned(), section)));
        section(
            "Service",
            "One ECS service with its task definition.",
            json!({
                "taskDefinition": described(self.root(layout::TASK_DEFINITION), TASK_DEFINITION),
                "service": described(self.root(layout::SERVICE), "the ECS service"),
                "scaling": reference("scaling"),
                "rollout": reference("rollout"),
                "sync": reference("sync"),
                "images": reference("images"),
                "dependsOn": depends_on(),
            }),
            &["taskDefinition", "service"],
        )
    }

    fn scheduled_task(&mut self) -> Json {
        // Nothing deletes a schedule yet.
        let never = json!({ "anyOf": [{ "const": false }, { "type": "string", "pattern": VARIABLE }] });
        section(
            "ScheduledTask",
            "One ECS task that EventBridge Scheduler starts.",
            json!({
                "taskDefinition": described(self.root(layout::TASK_DEFINITION), TASK_DEFINITION),
                "schedule": described(self.root(layout::SCHEDULE), "when the task is started, and how"),
                "sync": without(
                    sync(
                        plain("boolean"),
                        "whether its schedule is deleted when it leaves Git; left out: what the Environment says",
                        never.clone(),
                        "there is no scaling",
                        never,
                        "there is nothing to replace",
                        "/schedule/State",
                    ),
                    "secrets",
                ),
                "dependsOn": depends_on(),
            }),
            &["taskDefinition", "schedule"],
        )
    }

    fn scaling(&mut self) -> Json {
        let mut capacity = plain("integer");
        capacity["minimum"] = json!(0);
        let suspended = self.member(layout::SCALABLE_TARGET, "SuspendedState");
        let policies = list_of(self.root(layout::SCALING_POLICY));
        let actions = list_of(self.root(layout::SCHEDULED_ACTION));
        let mut scaling = section(
            "scaling",
            "Between how many tasks Application Auto Scaling moves the service, and by what. `desiredCount` is not \
             Git's then.",
            json!({
                "minCapacity": described(capacity.clone(), "the least number of tasks"),
                "maxCapacity": described(capacity, "the greatest number of tasks, at least `minCapacity`"),
                "suspendedState": described(suspended, "scaling that is switched off for a while"),
                "policies": described(policies, "scaling policies, told apart by PolicyName"),
                "scheduledActions": described(actions, "changes of the bounds at given times, told apart by \
                    ScheduledActionName"),
            }),
            &["minCapacity", "maxCapacity"],
        );
        aws::link(&mut scaling, &aws::page("application-autoscaling", layout::SCALABLE_TARGET.operation));
        scaling
    }

    fn rollout(&mut self) -> Json {
        let hook = self.hook();
        self.definitions.insert("hook".to_owned(), hook);
        let hooks = || {
            let mut hooks = list_of(reference("hook"));
            hooks["maxItems"] = json!(layout::HOOKS_MAX);
            hooks
        };
        self.definitions.insert("gate".to_owned(), gate());
        let mut gates = list_of(reference("gate"));
        gates["maxItems"] = json!(layout::GATES_MAX);
        let on_failure = or_variable(json!({ "enum": layout::ON_FAILURE }));
        section(
            "rollout",
            "How a deployment is judged, and what stands around it.",
            json!({
                "timeout": described(duration(), "how long a deployment may take, up to 24h; left out: 15m"),
                "onFailure": described(on_failure, "go back to the last revision that completed a deployment, or \
                    leave it to a person; left out: rollback"),
                "gates": described(gates, "what judges a deployment beside ECS, one gate an entry; it counts as good \
                    when all of them let it pass"),
                "before": described(hooks(), "one-off tasks before the deployment, in order, once for each content"),
                "after": described(hooks(), "one-off tasks after the deployment, before it counts as good"),
            }),
            &[],
        )
    }

    fn hook(&mut self) -> Json {
        let name = json!({ "type": ["string", "number", "boolean"], "pattern": layout::HOOK_NAME_PATTERN });
        let mut attempts = plain("integer");
        (attempts["minimum"], attempts["maximum"]) = (json!(1), json!(layout::ATTEMPTS_MAX));
        let mut properties = json!({
            "name": described(or_variable(name), "unique among the hooks of a service"),
            "taskDefinition": described(self.root(layout::TASK_DEFINITION), "what it runs; left out: the service's own"),
            "timeout": described(duration(), "how long one try may take, up to 24h; left out: 10m"),
            "attempts": described(attempts, "tries, where the task exits with another code than 0; left out: 1"),
        });
        for field in layout::HOOK_RUN_FIELDS {
            let inherited = match field {
                "overrides" => "what is changed in the task definition for this task",
                _ => "left out: the service's own",
            };
            properties[field] = described(self.member(layout::RUN_TASK, field), inherited);
        }
        let mut hook =
            section("hook", "A one-off task of `rollout.before` or `rollout.after`.", properties, &["name"]);
        aws::link(&mut hook, &aws::page("ecs", layout::RUN_TASK.operation));
        hook
    }
}

/// One of `rollout.gates`: a mapping with one key.
fn gate() -> Json {
    let whole = |min: i64, max: i64| {
        let mut number = plain("integer");
        (number["minimum"], number["maximum"]) = (json!(min), json!(max));
        number
    };
    let latency = json!({
        "type": "string",
        "pattern": format!("{}|{VARIABLE}", layout::LATENCY_PATTERN),
        "patternErrorMessage": "a time, such as 500ms or 2s",
    });
    let healthy = || {
        let time = described(duration(), "without a break; left out: 30s");
        object(json!({ "minimumHealthyTime": time }), &[])
    };
    let mut names = list_of(scalar());
    names["maxItems"] = json!(layout::ALARMS_MAX);
    let alarms = object(
        json!({
            "names": described(names, "alarms of CloudWatch in the environment's region, by name"),
            "strict": described(plain("boolean"), "also an alarm that was in ALARM before the deployment began \
                counts; left out: false, and it is only told"),
        }),
        &["names"],
    );
    let http = object(
        json!({
            "url": described(json!({ "type": "string" }), "http or https, without credentials; redirects are not \
                followed, and link-local and metadata addresses are never asked"),
            "status": described(whole(100, 599), "left out: 200"),
            "bodyContains": described(scalar(), "text that has to stand in the first 64 KiB of the body"),
            "maxLatency": described(latency, "from the request to the end of the body, up to 10s; left out: 5s"),
            "every": described(duration(), "from check to check, 5s to 5m; left out: 10s"),
            "for": described(duration(), "how long it is checked after completion, and at least as long as \
                `bakeTime`; left out: 1m"),
            "failures": described(whole(1, 100), "checks that fail one after the other, and make the deployment \
                fail; left out: 3"),
        }),
        &["url"],
    );
    let mut gate = section(
        "gate",
        "One judge of a deployment: exactly one of these.",
        json!({
            "targetHealth": described(healthy(), "all targets of the deployment are healthy for so long"),
            "containerHealth": described(healthy(), "all tasks are HEALTHY by their containers' own health checks \
                for so long"),
            "alarms": described(alarms, "no alarm goes into ALARM from the start of the deployment to the end of \
                its judging"),
            "http": described(http, "a URL answers as it should"),
            "bakeTime": described(duration(), "for so long after completion the other gates go on judging, and \
                tasks that stop count"),
        }),
        &[],
    );
    (gate["minProperties"], gate["maxProperties"]) = (json!(1), json!(1));
    gate
}

fn sync(
    prune: Json,
    prune_text: &str,
    foreign: Json,
    foreign_text: &str,
    replace: Json,
    replace_text: &str,
    example: &str,
) -> Json {
    let drift = or_variable(json!({ "enum": layout::DRIFT }));
    let secrets = or_variable(json!({ "enum": layout::WHEN_ROTATED }));
    let ignore = list_of(json!({ "type": ["string", "number", "boolean"] }));
    let ignored =
        format!("fields that are neither compared nor written: JSON pointers from `spec`, such as {example}");
    section(
        "sync",
        "What is done about a difference between Git and AWS.",
        json!({
            "drift": described(drift, "what was changed behind Git's back is corrected, only told, or ignored (`plan \
                --explain` tells it); left out: correct"),
            "prune": described(prune, prune_text),
            "pruneForeignScaling": described(foreign, foreign_text),
            "replace": described(replace, replace_text),
            "ignore": described(ignore, &ignored),
            "windows": described(windows(), "when changes go out; left out: what the Environment says"),
            "secrets": described(secrets, "what is done when a secret or parameter has another version than the tasks \
                were started with: told (report), told and a deployment started (roll), or nobody looks (ignore); \
                left out: report"),
        }),
        &[],
    )
}

/// The same section without one of its fields.
fn without(mut section: Json, field: &str) -> Json {
    if let Some(properties) = section["properties"].as_object_mut() {
        properties.remove(field);
    }
    section
}

fn images() -> Json {
    let when_moved = or_variable(json!({ "enum": layout::WHEN_MOVED }));
    let severity = or_variable(json!({ "enum": Severity::ALL.map(Severity::word) }));
    section(
        "images",
        "What tags of images in ECR mean. What is registered is `repository:tag@digest`.",
        json!({
            "whenMoved": described(when_moved, "a tag that means another image by now stays what it was (pin), is \
                rolled out (follow), or nobody looks, and ECS finds out at each deployment (ignore); left out: pin"),
            "blockSeverity": described(severity, "an image with a finding as severe as this, or worse, in ECR's scan is not \
                deployed, and neither is one that was not scanned; left out: nobody looks"),
            "writeBack": described(plain("boolean"), "whether `run` commits a newer tag to Git, where `image` has both \
                `tags` and `tag`; left out: false"),
        }),
        &[],
    )
}

fn windows() -> Json {
    let mut windows = list_of(reference("window"));
    windows["maxItems"] = json!(layout::WINDOWS_MAX);
    windows
}

fn window() -> Json {
    let text = |pattern: &str| or_variable(json!({ "type": "string", "pattern": pattern }));
    let day = or_variable(json!({ "enum": layout::WEEKDAYS }));
    section(
        "window",
        "A time in which changes go out, or don't: of `sync.windows`.",
        json!({
            "kind": described(
                or_variable(json!({ "enum": layout::WINDOW_KINDS })),
                "allow: where there is one of these, changes go out in no other time; deny: no change goes out in it, \
                 whatever allows it",
            ),
            "days": described(list_of(day), "days on which it begins; left out: every day"),
            "dates": described(
                list_of(text("^[0-9]{4}-[0-9]{2}-[0-9]{2}$")),
                "dates on which it begins, instead of `days`, such as 2026-12-24",
            ),
            "from": described(text("^([01][0-9]|2[0-3]):[0-5][0-9]$"), "when it begins, such as \"08:00\""),
            "duration": described(duration(), "how long it lasts, up to 744h, such as 10h"),
            "timeZone": described(scalar(), "whose clocks it goes by: an IANA name, such as Europe/Paris"),
        }),
        &["kind", "from", "duration", "timeZone"],
    )
}

fn depends_on() -> Json {
    described(list_of(scalar()), "services and scheduled tasks that have to settle first, by `metadata.name`")
}

fn duration() -> Json {
    let pattern = format!("{}|{VARIABLE}", layout::DURATION_PATTERN);
    json!({ "type": "string", "pattern": pattern, "patternErrorMessage": "a duration, such as 90s, 10m or 1h30m" })
}

/// A whole number, a boolean and so on, or text that a variable turns into one.
fn plain(kind: &str) -> Json {
    json!({ "type": [kind, "string"], "pattern": VARIABLE, "patternErrorMessage": or_text(kind) })
}

/// What editors say about text that is no variable: the pattern itself would say nothing to a person.
fn or_text(kind: &str) -> String {
    let wanted = match kind {
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false, without quotes,",
        _ => "a list",
    };
    format!("{wanted} or a variable such as ${{name}}")
}

/// Text, also where YAML takes it for a number or a boolean.
fn scalar() -> Json {
    json!({ "type": ["string", "number", "boolean"] })
}

fn reference(definition: &str) -> Json {
    json!({ "$ref": format!("#/$defs/{definition}") })
}

fn described(mut schema: Json, text: &str) -> Json {
    schema["description"] = json!(text);
    schema
}

/// An object that has a section of its own in `docs/manifest.md`.
fn section(title: &str, description: &str, properties: Json, required: &[&str]) -> Json {
    let mut schema = object(properties, required);
    schema["title"] = json!(title);
    schema["description"] = json!(description);
    schema
}

fn object(properties: Json, required: &[&str]) -> Json {
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// A list, or text that a variable turns into one. Not `anyOf`: editors say more about a plain type.
fn list_of(items: Json) -> Json {
    let mut list = plain("array");
    list["items"] = items;
    list
}

/// A value, or text that a variable turns into one.
fn or_variable(schema: Json) -> Json {
    json!({ "anyOf": [schema, { "type": "string", "pattern": VARIABLE }] })
}
