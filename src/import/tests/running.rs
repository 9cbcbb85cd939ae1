//! What runs: what of it is left out, lifted into variables or told.

use super::*;

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
    let document = include_str!("../../../docs/import.md");
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
