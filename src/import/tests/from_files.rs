//! Files of other tools: what they become, and why one of them is refused.

use super::*;

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
fn a_task_definition_without_its_service_is_told() {
    let definition = json!({"family": "web", "containerDefinitions": [{"name": "app", "image": "web:1"}]});
    let texts = BTreeMap::from([("task.json".to_owned(), definition.to_string())]);
    let asked =
        Asked { region: Some("eu-west-1".to_owned()), cluster: Some("shop".to_owned()), environment: None };
    let read = read_files(&["task.json".to_owned()], &texts, &asked).unwrap();
    let told: Vec<&str> = read.found.left_out.iter().map(|one| one.service.as_str()).collect();
    assert_eq!(told, ["web"]);
}
