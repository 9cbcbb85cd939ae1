//! Files of other tools in, manifests out: each folder of `fixtures` has what is read and, in
//! `expected.txt`, all that is written. `FIXTURES=write` writes that anew; read the diff.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::*;
use crate::model::{EcsService, Json, LiveScaling, LiveTaskDefinition, Part, TaskDefinitionArn, tag};
use crate::report::{Colour, Written, import_json, import_text};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/import/fixtures").join(name)
}

fn texts(name: &str) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: PathBuf| {
        (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())
    };
    entries.map(named).filter(|(name, _)| name != "expected.txt").collect()
}

fn from(name: &str, given: &[&str]) -> (Import, Home) {
    let given: Vec<String> = given.iter().map(|file| (*file).to_owned()).collect();
    let read = read_files(&given, &texts(name), &Asked::default()).unwrap_or_else(|error| panic!("{error}"));
    let import = import(&read.found, &read.home, "reconciler", Api::builtin())
        .unwrap_or_else(|errors| panic!("{errors}"));
    (import, read.home)
}

fn is_as_expected(name: &str, given: &[&str]) -> Import {
    let (import, home) = from(name, given);
    let mut text = import_text(&import, &home, Written::Folder("manifests"), None, Colour::Plain);
    for (path, written) in &import.files {
        text += &format!("\n--- {path}\n{written}");
    }
    let expected = folder(name).join("expected.txt");
    if std::env::var("FIXTURES").is_ok_and(|it| it == "write") {
        fs::write(&expected, &text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(expected).unwrap());
    import
}

#[test]
fn what_the_aws_cli_prints_becomes_manifests_that_a_person_would_write() {
    let files = ["services.json", "shop-api.json", "worker.json", "tiny.json", "scaling.json"];
    let import = is_as_expected("described", &files);
    // Both were compared with what they were made from.
    assert_eq!(import.services.len(), 2);
}

#[test]
fn files_of_ecspresso_become_manifests_with_variables_for_their_templates() {
    let texts = texts("ecspresso");
    let named = referred("ecspresso.yml", &texts["ecspresso.yml"]).unwrap();
    assert_eq!(named, ["ecs-task-def.json", "ecs-service-def.yaml"]);
    is_as_expected("ecspresso", &["ecspresso.yml"]);
}

#[test]
fn the_manifests_of_ecspresso_load_once_their_variables_are_filled_in() {
    let (import, home) = from("ecspresso", &["ecspresso.yml"]);
    let mut files = import.files;
    let environment = files.get_mut("environments/shop.yaml").unwrap();
    let filled = environment.lines().map(|line| match line.split_once(":  # fill in") {
        Some((name, _)) if name.trim() == "count" => format!("{name}: 2\n"),
        Some((name, _)) => format!("{name}: arn:aws:iam::123456789012:role/filled\n"),
        None => format!("{}\n", line.replace("{ssm: /shop/api-host}", "api.example.com")),
    });
    *environment = filled.collect();
    let desired = check::load(&files, &home, Api::builtin()).unwrap_or_else(|errors| panic!("{errors}"));
    let service = &desired.services[&ServiceKey::new("shop-api")];
    assert_eq!(service.service["desiredCount"], 2);
    assert_eq!(service.task_definition["cpu"], "512");
}

#[test]
fn files_of_pipecd_become_manifests_for_the_controller_ecs() {
    is_as_expected("pipecd", &["app.pipecd.yaml"]);
}

#[test]
fn the_two_definition_files_of_a_service_need_no_configuration() {
    let asked =
        Asked { region: Some("eu-west-1".to_owned()), cluster: Some("shop".to_owned()), environment: None };
    let given = ["ecs-task-def.json", "ecs-service-def.yaml"].map(str::to_owned);
    let read = read_files(&given, &texts("ecspresso"), &asked).unwrap();
    assert_eq!(read.found.services.keys().map(ServiceKey::name).collect::<Vec<_>>(), ["shop-api"]);
}

#[test]
fn a_file_that_cannot_be_imported_is_refused_with_its_place_and_the_way_out() {
    let refused = |file: &str, text: &str| {
        let texts = BTreeMap::from([(file.to_owned(), text.to_owned())]);
        read_files(&[file.to_owned()], &texts, &Asked::default()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(refused("task.jsonnet", "{}"), @r"
    task.jsonnet: Jsonnet can't be evaluated here
      render it first and import what that prints: `ecspresso render taskdef`, `... servicedef`
    ");
    insta::assert_snapshot!(refused("task.json", "{\n  \"family\": \"{{ if eq .A `b` }}a{{ end }}\"\n}"), @r"
    task.json:2:14: `{{ if eq .A `b` }}` can't be evaluated here
      known are `must_env`, `env`, `tfstate` and `ssm`, each with names in quotes; for anything else render the files first (`ecspresso render`) and import what it prints
    ");
    insta::assert_snapshot!(refused("a.yaml", "kind: Deployment"), @r"
    a.yaml: this is no file that can be imported
      known are ecspresso's configuration and definition files, PipeCD's ECSApp, and what `aws ecs describe-services`, `describe-task-definition` and `aws application-autoscaling describe-...` print
    ");
    insta::assert_snapshot!(refused("a.json", "{\n  \"family\": [\n}"), @"a.json:2:13: this is not YAML: mismatched bracket '[' closed by '}'");
    insta::assert_snapshot!(refused("task.json", "{\"containerDefinitions\": []}"), @r"
    task.json: no file says which region
      say it: `--region NAME`
    ");
}

#[test]
fn files_of_several_clusters_are_not_mixed_and_no_name_is_a_template() {
    let definition =
        r#"{"family": "web", "containerDefinitions": [{"name": "app", "image": "web:1", "memory": 64}]}"#;
    let read = |configurations: &[&str]| {
        let mut texts = BTreeMap::from([
            ("task.json".to_owned(), definition.to_owned()),
            ("service.json".to_owned(), r#"{"desiredCount": 1, "launchType": "EC2"}"#.to_owned()),
        ]);
        let mut given = Vec::new();
        for (number, text) in configurations.iter().enumerate() {
            let text = format!("{text}\ntask_definition: task.json\nservice_definition: service.json\n");
            given.push(format!("{number}.yml"));
            texts.insert(format!("{number}.yml"), text);
        }
        read_files(&given, &texts, &Asked::default())
            .map(|it| it.home.cluster)
            .map_err(|error| error.to_string())
    };
    assert_eq!(read(&["region: eu-west-1\ncluster: shop\nservice: web"]).unwrap(), "shop");
    let several =
        ["region: eu-west-1\ncluster: shop\nservice: web", "region: eu-west-1\ncluster: jobs\nservice: job"];
    assert!(
        read(&several).unwrap_err().starts_with("0.yml: the files are of several clusters: jobs, shop\n")
    );
    let cluster =
        read(&["region: eu-west-1\ncluster: '{{ must_env `CLUSTER` }}'\nservice: web"]).unwrap_err();
    assert!(cluster.starts_with("0.yml: no file says which cluster\n"), "{cluster}");
    let service =
        read(&["region: eu-west-1\ncluster: shop\nservice: '{{ must_env `SERVICE` }}'"]).unwrap_err();
    assert!(service.starts_with("0.yml: the name of a service is a template\n"), "{service}");
}

/// Two services of ecspresso, in folders of their own, whose task definitions are of one family.
fn of_one_family(names: [&str; 2]) -> Result<FromFiles, FileError> {
    let mut texts = BTreeMap::new();
    for (folder, name) in ["one", "two"].into_iter().zip(names) {
        let configuration = format!(
            "region: eu-west-1\ncluster: shop\nservice: {name}\ntask_definition: task.json\nservice_definition: service.json\n"
        );
        let definition = json!({"family": "web", "containerDefinitions": [
            {"name": "app", "image": format!("{folder}:1"), "memory": 64}]});
        texts.insert(format!("{folder}/ecspresso.yml"), configuration);
        texts.insert(format!("{folder}/task.json"), definition.to_string());
        texts.insert(
            format!("{folder}/service.json"),
            r#"{"desiredCount": 0, "launchType": "EC2"}"#.to_owned(),
        );
    }
    read_files(&["one/ecspresso.yml", "two/ecspresso.yml"].map(str::to_owned), &texts, &Asked::default())
}

#[test]
fn services_of_one_family_keep_each_its_own_task_definition() {
    let read = of_one_family(["web", "page"]).unwrap();
    let import = import(&read.found, &read.home, "reconciler", Api::builtin()).unwrap();
    assert!(import.files["web.yaml"].contains("image: one:1"), "{}", import.files["web.yaml"]);
    assert!(import.files["page.yaml"].contains("image: two:1"), "{}", import.files["page.yaml"]);
}

#[test]
fn a_service_that_comes_twice_with_different_content_is_refused() {
    insta::assert_snapshot!(of_one_family(["web", "web"]).unwrap_err(), @r"
    one/ecspresso.yml: service `web` comes twice, and not with the same content
      import each on its own, or give one of them another name
    ");
}

#[test]
fn a_service_whose_name_is_no_name_is_left_out_and_no_file_is_written_for_it() {
    let found = |name: &str| {
        let service = live(json!({"status": "ACTIVE", "desiredCount": 1, "launchType": "EC2"}));
        let open = Variable {
            name: "open".to_owned(),
            value: Tree::Missing("was not given".to_owned()),
            services: BTreeSet::new(),
        };
        Found {
            services: [(ServiceKey::new(name), service)].into(),
            variables: vec![open],
            ..Found::default()
        }
    };
    for name in ["../../evil", "/etc/evil", "a/b", "..", ".", ""] {
        let import = import(&found(name), &home(), "reconciler", Api::builtin()).unwrap();
        assert_eq!(import.files, BTreeMap::new(), "{name}");
        assert_eq!(import.left_out[0].reason, Reason::NotForAManifest, "{name}");
    }
    let long = "a".repeat(255);
    let import = import(&found(&long), &home(), "reconciler", Api::builtin()).unwrap();
    assert_eq!(import.files.keys().map(String::len).max().unwrap(), 200);
}

#[test]
fn a_variable_that_nobody_uses_does_not_spare_the_manifests_their_check() {
    let mut service = live(json!({"status": "ACTIVE", "desiredCount": 1, "launchType": "EC2"}));
    if let Part::Present(definition) = &mut service.task_definition {
        definition.body["inferenceAccelerators"] = json!([{"deviceName": "a", "deviceType": "eia1.medium"}]);
    }
    let open = Variable {
        name: "open".to_owned(),
        value: Tree::Missing("was not given".to_owned()),
        services: BTreeSet::new(),
    };
    let services = [(ServiceKey::new("api"), service)].into();
    let found = Found { services, variables: vec![open], ..Found::default() };
    let import = import(&found, &home(), "reconciler", Api::builtin()).unwrap();
    assert_eq!(import.files, BTreeMap::new());
    let told = &import.left_out[0].why;
    assert!(told.contains(" at `spec.taskDefinition.inferenceAccelerators`"), "{told}");
}

#[test]
fn a_template_right_behind_a_dollar_is_refused_with_its_place() {
    let texts = BTreeMap::from([(
        "ecspresso.yml".to_owned(),
        "region: eu-west-1\nservice: 'a$${{ must_env `NAME` }}'\ntask_definition: t.json\n".to_owned(),
    )]);
    let refused =
        read_files(&["ecspresso.yml".to_owned()], &texts, &Asked::default()).unwrap_err().to_string();
    assert!(refused.starts_with("ecspresso.yml:2:14: `$` before a template"), "{refused}");
}

#[test]
fn a_count_of_zero_is_a_number() {
    let mut all = texts("ecspresso");
    let asked =
        Asked { region: Some("eu-west-1".to_owned()), cluster: Some("shop".to_owned()), environment: None };
    all.insert(
        "ecs-service-def.yaml".to_owned(),
        "desiredCount: {{ env `COUNT` `0` }}\nlaunchType: EC2\n".to_owned(),
    );
    let given = ["ecs-task-def.json", "ecs-service-def.yaml"].map(str::to_owned);
    let read = read_files(&given, &all, &asked).unwrap();
    let count = read.found.variables.iter().find(|it| it.name == "count").unwrap();
    assert_eq!(count.value, Tree::Number("0".to_owned()));
}

#[test]
fn what_is_no_file_of_ecspresso_keeps_its_braces() {
    let definition = |first: &str| {
        let command = "['{{.Names}}', '{{ if eq .A 1 }}']";
        format!(
            "{first}\nfamily: web\ncontainerDefinitions: [{{name: app, image: a, memory: 64, command: {command}}}]"
        )
    };
    let read = |definition: String, given: &[&str]| {
        let pipecd = "spec: {input: {taskDefinitionFile: task.yaml, serviceDefinitionFile: service.yaml}}\nkind: ECSApp";
        let service = "serviceName: web\ndesiredCount: 1\nlaunchType: EC2";
        let texts =
            [("task.yaml", definition.as_str()), ("service.yaml", service), ("app.pipecd.yaml", pipecd)];
        let texts = texts.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let given: Vec<String> = given.iter().map(|it| (*it).to_owned()).collect();
        let asked =
            Asked { region: Some("eu-west-1".into()), cluster: Some("shop".into()), environment: None };
        read_files(&given, &texts, &asked).map(|it| {
            let live = &it.found.services[&ServiceKey::new("web")];
            live.task_definition.present().unwrap().body["containerDefinitions"][0]["command"].clone()
        })
    };
    let both = json!(["{{.Names}}", "{{ if eq .A 1 }}"]);
    let answered = "taskDefinitionArn: arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1";
    assert_eq!(read(definition(answered), &["task.yaml", "service.yaml"]).unwrap(), both);
    assert_eq!(read(definition("cpu: 256"), &["app.pipecd.yaml"]).unwrap(), both);
    // It may be ecspresso's: what no template can be is text, and any other is refused.
    let bare = read(
        definition("cpu: 256").replace("{{ if eq .A 1 }}", "{{ env `A` `b` }}"),
        &["task.yaml", "service.yaml"],
    );
    assert_eq!(bare.unwrap(), json!(["{{.Names}}", variables::reference("a")]));
    assert!(read(definition("cpu: 256"), &["task.yaml", "service.yaml"]).is_err());
}

#[test]
fn importing_more_services_adds_variables_to_the_environment_and_replaces_none() {
    let services = |names: [&str; 2], role: &str| -> BTreeMap<ServiceKey, LiveService> {
        let service = || {
            let mut it = live(json!({"status": "ACTIVE", "desiredCount": 1, "launchType": "EC2"}));
            if let Part::Present(definition) = &mut it.task_definition {
                definition.body["executionRoleArn"] = format!("arn:aws:iam::123456789012:role/{role}").into();
                definition.body["containerDefinitions"][0]["image"] = "registry.example.com/api:1".into();
            }
            it
        };
        names.map(|name| (ServiceKey::new(name), service())).into()
    };
    let path = "environments/test.yaml";
    let first = Found { services: services(["a", "b"], "one"), ..Found::default() };
    let first = import(&first, &home(), "reconciler", Api::builtin()).unwrap();
    let before = format!("# ours\n{}", first.files[path]);
    let existing = Some(Existing::read(&before, &home()).unwrap());
    let second = Found { services: services(["c", "d"], "two"), existing, ..Found::default() };
    let second = import(&second, &home(), "reconciler", Api::builtin()).unwrap();
    let added: String = second.files[path].strip_prefix(&before).unwrap().to_owned();
    // The registry is there already; the role is another one.
    assert_eq!(added.lines().count(), 1, "{added}");
    assert!(added.ends_with(": arn:aws:iam::123456789012:role/two\n"), "{added}");
    assert!(second.files["c.yaml"].contains("${registry}/api:1"), "{}", second.files["c.yaml"]);
    let elsewhere = Home { cluster: "other".to_owned(), ..home() };
    let refused = Existing::read(&before, &elsewhere).unwrap_err();
    assert_eq!(refused, "is of the cluster jobs, and this import is of other");
}

#[test]
fn credentials_in_commands_volumes_and_the_logs_of_service_connect_are_told() {
    let told = |command: &str, options: Json| {
        let mut service = live(json!({"status": "ACTIVE", "desiredCount": 1, "launchType": "EC2",
            "serviceConnectConfiguration": {"enabled": true, "namespace": "jobs",
                "logConfiguration": {"logDriver": "splunk", "options": options}}}));
        if let Part::Present(definition) = &mut service.task_definition {
            definition.body["containerDefinitions"][0]["command"] = json!([command]);
            definition.body["volumes"] = json!([{"name": "share", "dockerVolumeConfiguration": {
                "scope": "shared", "driverOpts": {"type": "cifs", "o": "addr=nas,username=a,password=canary"}}}]);
        }
        draft::spec(&ServiceKey::new("api"), &service, Api::builtin()).1[0].text.clone()
    };
    let start = "looks like a credential, and stands in the manifest as it is: ";
    let handed_over = [
        "--password=canary",
        "--password canary",
        "run --api-token 'canary' --verbose",
        "run postgres://u:canary@db/x",
        "export API_TOKEN=canary; run",
    ];
    for command in handed_over {
        assert_eq!(
            told(command, json!({"splunk-token": "canary"})),
            format!(
                "{start}command of container app; o of volume share; splunk-token of Service Connect's logs"
            )
        );
    }
    let elsewhere = [
        "--password=$PASSWORD",
        "--password $PASSWORD",
        "--password-file secret.txt",
        "--no-auth serve",
        "--password --verbose",
        "--key=/etc/tls/key",
        "serve",
    ];
    for command in elsewhere {
        let only = json!({"splunk-token": variables::reference("token")});
        assert_eq!(told(command, only), format!("{start}o of volume share"), "{command}");
    }
}

#[test]
fn a_task_definition_without_its_service_is_told() {
    let definition = json!({"family": "web", "containerDefinitions": [{"name": "app", "image": "web:1"}]});
    let texts = BTreeMap::from([("task.json".to_owned(), definition.to_string())]);
    let asked =
        Asked { region: Some("eu-west-1".to_owned()), cluster: Some("shop".to_owned()), environment: None };
    let read = read_files(&["task.json".to_owned()], &texts, &asked).unwrap();
    let told: Vec<&str> = read.found.left_out.iter().map(|one| one.service.as_str()).collect();
    assert_eq!(told, ["web"]);
}

fn home() -> Home {
    Home {
        environment: "test".to_owned(),
        account: Some("123456789012".to_owned()),
        region: "eu-west-1".to_owned(),
        cluster: "jobs".to_owned(),
    }
}

fn live(service: Json) -> LiveService {
    let body =
        json!({"family": "api", "containerDefinitions": [{"name": "app", "image": "api:1", "memory": 64}]});
    let arn = TaskDefinitionArn("api:1".to_owned());
    let mut service = service;
    service["taskDefinition"] = "api:1".into();
    LiveService {
        service: Part::Present(EcsService(service)),
        task_definition: Part::Present(LiveTaskDefinition { arn, body, tags: BTreeMap::new() }),
        ..LiveService::absent()
    }
}

fn left_out(live: LiveService) -> Option<String> {
    let found = Found { services: [(ServiceKey::new("api"), live)].into(), ..Found::default() };
    let import = import(&found, &home(), "reconciler", Api::builtin()).unwrap();
    import.left_out.first().map(|one| format!("{} ({})", one.why, one.reason.name()))
}

#[test]
fn what_could_not_be_read_or_is_not_ours_to_manage_is_left_out() {
    let unreadable = || Part::Unreadable("access denied".to_owned());
    let tagged = |key: &str, value: &str| live(json!({"tags": [{"key": key, "value": value}]}));
    let controller = |kind: &str| live(json!({"deploymentController": {"type": kind}}));
    let cases = [
        (live(json!({"status": "ACTIVE", "desiredCount": 1, "launchType": "EC2"})), None),
        (
            LiveService { service: unreadable(), ..live(json!({})) },
            Some("can't read the service: access denied (Unreadable)"),
        ),
        (
            LiveService { task_definition: Part::Unreadable("time-out".to_owned()), ..live(json!({})) },
            Some("can't read its task definition: time-out (Unreadable)"),
        ),
        (
            LiveService { scaling: Part::Unreadable("time-out".to_owned()), ..live(json!({})) },
            Some("can't read its scaling: time-out (Unreadable)"),
        ),
        (live(json!({"status": "DRAINING"})), Some("it is being deleted (DRAINING) (Draining)")),
        (controller("CODE_DEPLOY"), Some("its deployment controller is CODE_DEPLOY (Controller)")),
        (controller("EXTERNAL"), Some("its deployment controller is EXTERNAL (Controller)")),
        (live(json!({"resourceManagementType": "ECS"})), Some("it belongs to ECS Express mode (NotOwned)")),
        (tagged(tag::MANAGED_BY, "staging"), Some("it belongs to the installation `staging` (NotOwned)")),
        (tagged(tag::MANAGED_BY, "reconciler"), None),
        (
            tagged("aws:cloudformation:stack-name", "web"),
            Some("it belongs to the CloudFormation stack `web` (NotOwned)"),
        ),
    ];
    for (live, expected) in cases {
        let shown = format!("{:?}", live.service);
        let mut live = live;
        if let Part::Present(service) = &mut live.service
            && service.0["desiredCount"].is_null()
        {
            service.0["desiredCount"] = 1.into();
            service.0["launchType"] = "EC2".into();
        }
        assert_eq!(left_out(live).as_deref(), expected, "{shown}");
    }
}

#[test]
fn a_credential_is_told_by_its_name_and_never_by_its_value() {
    let files = ["services.json", "shop-api.json", "worker.json", "tiny.json", "scaling.json"];
    let (import, home) = from("described", &files);
    let text = import_text(&import, &home, Written::Folder("manifests"), None, Colour::Plain);
    let json = import_json(&import, &home, Written::Folder("manifests"), None).to_string();
    for shown in [text, json] {
        assert!(shown.contains("PAYMENT_API_KEY of container api"), "{shown}");
        assert!(!shown.contains("canary"), "{shown}");
    }
    // It stands where it was: nobody knows where else the service would get it from.
    assert!(import.files["shop-api.yaml"].contains("PAYMENT_API_KEY: canary-7f3a"));
}

#[test]
fn bounds_that_a_scheduled_action_sets_are_told() {
    let told = |minimum: i64, maximum: i64| {
        let night = json!({"ScheduledActionName": "night", "Schedule": "cron(0 22 * * ? *)",
            "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 2}});
        let scaling = LiveScaling {
            target: json!({"MinCapacity": minimum, "MaxCapacity": maximum}),
            scheduled_actions: BTreeMap::from([("night".to_owned(), night)]),
            ..LiveScaling::default()
        };
        let live = LiveService {
            scaling: Part::Present(scaling),
            ..live(json!({"status": "ACTIVE", "desiredCount": 1, "launchType": "EC2"}))
        };
        let found = Found { services: [(ServiceKey::new("api"), live)].into(), ..Found::default() };
        let import = import(&found, &home(), "reconciler", Api::builtin()).unwrap();
        import.remarks.first().map(|remark| remark.text.clone())
    };
    assert_eq!(told(1, 2).unwrap(), "its bounds are those that the scheduled action `night` sets");
    assert_eq!(told(2, 10), None);
}

/// docs/import.md, member by member.
#[test]
fn every_member_of_the_summary_is_documented() {
    let document = include_str!("../../docs/import.md");
    let (import, home) = from("described", &["services.json", "shop-api.json", "worker.json", "tiny.json"]);
    for written in [Written::Printed, Written::Folder("manifests")] {
        let mut open = vec![import_json(&import, &home, written, Some(9))];
        while let Some(value) = open.pop() {
            match value {
                Json::Object(members) => {
                    for (name, value) in members {
                        assert!(document.contains(&format!("`{name}`")), "{name} is not in docs/import.md");
                        open.push(value);
                    }
                }
                Json::Array(items) => open.extend(items),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
            }
        }
    }
    for reason in ["Unreadable", "Draining", "NotOwned", "Controller", "Incomplete", "NotForAManifest"] {
        assert!(document.contains(reason), "{reason} is not in docs/import.md");
    }
}

#[test]
fn the_same_answers_in_another_order_give_the_same_files() {
    let (one, _) =
        from("described", &["services.json", "shop-api.json", "worker.json", "tiny.json", "scaling.json"]);
    let (other, _) =
        from("described", &["scaling.json", "tiny.json", "worker.json", "shop-api.json", "services.json"]);
    assert_eq!(one.files, other.files);
}

#[test]
fn a_value_of_one_service_alone_is_not_lifted_and_names_are_never_taken_twice() {
    let spec = |subnets: [&str; 2], role: &str| {
        let list = |items: [&str; 2]| Tree::List(items.into_iter().map(Tree::text).collect());
        Tree::map([
            ("executionRoleArn", Tree::text(format!("arn:aws:iam::123456789012:role/{role}"))),
            ("subnets", list(subnets)),
            ("name", Tree::text("shared")),
        ])
    };
    let specs = [
        ("web-api", spec(["subnet-1", "subnet-2"], "one")),
        ("web-page", spec(["subnet-1", "subnet-2"], "two")),
        ("job-api", spec(["subnet-3", "subnet-4"], "three")),
        ("job-worker", spec(["subnet-3", "subnet-4"], "three")),
    ]
    .map(|(name, spec)| (ServiceKey::new(name), spec));
    let lifted = Variables::of(&specs, Some("123456789012"), "eu-west-1", &BTreeSet::new());
    let named: Vec<(String, usize)> =
        lifted.lifted.iter().map(|it| (it.name.clone(), it.services.len())).collect();
    let expected = [("execution_role", 2), ("subnets", 2), ("job_subnets", 2)];
    let mut expected = expected.map(|(name, uses)| (name.to_owned(), uses)).to_vec();
    expected[1..].sort();
    assert_eq!(named, expected);
}

#[test]
fn a_text_of_its_own_with_a_dollar_and_a_brace_stays_a_text() {
    let specs = [(ServiceKey::new("a"), Tree::Map(Vec::new()))];
    let variables = Variables::of(&specs, Some("123456789012"), "eu-west-1", &BTreeSet::new());
    let put = |text: &str| variables.put(&Tree::text(text));
    assert_eq!(put("${HOME} in eu-west-1a"), Tree::text("$${HOME} in eu-west-1a"));
    // After `$` a reference would be an escape.
    assert_eq!(put("$123456789012 $eu-west-1"), Tree::text("$123456789012 $eu-west-1"));
    assert_eq!(put("arn:aws:sqs:eu-west-1:123456789012:q"), Tree::text("arn:aws:sqs:${region}:${account}:q"));
}
