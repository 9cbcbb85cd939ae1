//! `verify` against moto, an independent account: all is well, and then each thing is wrong once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use reconciler::aws;
use reconciler::manifest;
use reconciler::model::{Checkout, Desired, Revision, Timestamp};
use reconciler::observe;
use reconciler::report::{Colour, VerificationOf, verification_text};
use reconciler::shape::api::Api;
use reconciler::verify::{self, Context};

/// What no output may hold.
const CANARY: &str = "canary-of-a-secret";

/// An account of moto's with the world of `world.py`; it ends with this value.
struct Moto {
    process: Child,
    endpoint: String,
    /// What the world's parts are called in manifests, and are in AWS.
    variables: BTreeMap<String, String>,
}

impl Moto {
    fn start() -> Self {
        let python = std::env::var("RECONCILER_TEST_PYTHON")
            .expect("RECONCILER_TEST_PYTHON names a Python with moto and boto3; `make test` sets it up");
        let mut process = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/verify/world.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut variables: BTreeMap<String, String> =
            serde_json::from_str(&line).expect("the world was not built; run tests/clients/verify/world.py");
        let endpoint = variables.remove("endpoint").unwrap();
        Self { process, endpoint, variables }
    }

    fn environment(&self) -> String {
        let mut text = "apiVersion: reconciler/v1\nkind: Environment\nmetadata: {name: test}\nspec:\n  \
                        account: '123456789012'\n  region: eu-west-1\n  cluster: jobs\n  variables:\n"
            .to_owned();
        for (name, value) in &self.variables {
            writeln!(text, "    {name}: {value}").unwrap();
        }
        text
    }

    fn files(&self, edits: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut files = vec![
            ("environment.yaml".to_owned(), self.environment()),
            ("api.yaml".to_owned(), include_str!("verify/api.yaml").to_owned()),
            ("mail.yaml".to_owned(), include_str!("verify/mail.yaml").to_owned()),
        ];
        for (from, to) in edits {
            let found = files.iter_mut().find(|(_, text)| text.contains(from));
            let (_, text) = found.unwrap_or_else(|| panic!("no manifest has `{from}`"));
            *text = text.replace(from, to);
        }
        files
    }

    /// What `verify` says of the edited manifests, and the calls that it made.
    async fn verify(&self, edits: &[(&str, &str)]) -> (String, Vec<&'static str>) {
        let checkout = Checkout {
            revision: Revision {
                id: "4c1f9e2".to_owned(),
                branch: "main".to_owned(),
                author: "ada".to_owned(),
                subject: "Verify".to_owned(),
                committed_at: Timestamp(0),
            },
            files: self.files(edits).into_iter().collect(),
        };
        let desired =
            manifest::load(&checkout, None, Api::builtin()).unwrap_or_else(|error| panic!("{error}"));
        let calls: Arc<Mutex<Vec<&'static str>>> = Arc::default();
        let seen = calls.clone();
        let mut settings = aws::Settings::new("eu-west-1").with_test_credentials();
        settings.endpoint = Some(self.endpoint.clone());
        settings.budget = aws::Budget::Unlimited;
        settings.on_call = Some(Arc::new(move |call| seen.lock().unwrap().push(call.operation)));
        let text = self.told(&desired, aws::connect(settings).await.unwrap().inspector()).await;
        let mut calls = std::mem::take(&mut *calls.lock().unwrap());
        calls.sort_unstable();
        (text, calls)
    }

    async fn told(&self, desired: &Desired, inspector: aws::Inspector) -> String {
        let context = Context {
            account: "123456789012".to_owned(),
            region: "eu-west-1".to_owned(),
            cluster: desired.environment.cluster.clone(),
            schedule_group: "reconciler-test-jobs".to_owned(),
        };
        let needs = verify::needs(desired, &[].into());
        let subjects = verify::subjects(&needs, &context);
        let facts = observe::surroundings(&inspector, &subjects, &|_, _| {}).await;
        let verification = verify::judge(&needs, &facts, &context);
        let of = VerificationOf {
            environment: &desired.environment,
            revision: &desired.revision,
            verification: &verification,
            calls: inspector.calls(),
        };
        let mut text = verification_text(&of, Colour::Plain);
        // Ids are others each time; their names are what people compare.
        let mut variables: Vec<(&String, &String)> = self.variables.iter().collect();
        variables.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        for (name, value) in variables {
            let short = value.rsplit(':').next().unwrap();
            let number = value.rsplit(['/', '-']).next().unwrap();
            text = text.replace(value, &format!("<{name}>")).replace(short, &format!("<{name}>"));
            if number.len() > 5 {
                text = text.replace(number, "…");
            }
        }
        text
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// What is wrong, and the edits of the manifests that make it so.
const CASES: [(&str, &[(&str, &str)]); 44] = [
    ("a role that is not there", &[("role/task", "role/nobody")]),
    ("a role at another path", &[("role/task", "role/team/task")]),
    ("a role that trusts somebody else", &[("role/task", "role/lambda")]),
    ("a role that trusts ECS of another account", &[("role/task", "role/other-account")]),
    ("a role with a condition that is not known", &[("role/task", "role/external")]),
    ("a role of another account", &[("iam::123456789012:role/task", "iam::210987654321:role/task")]),
    ("what is no role", &[("role/task", "user/task")]),
    ("a scheduler's role that trusts tasks only", &[("role/scheduler", "role/task")]),
    (
        "an image that is not there",
        &[("team/api:1.0\n        portMappings", "team/api:2.0\n        portMappings")],
    ),
    (
        "a repository that is not there",
        &[("team/api:1.0\n        portMappings", "team/apo:1.0\n        portMappings")],
    ),
    (
        "an image for another platform",
        &[("team/api:1.0\n        portMappings", "team/api:arm\n        portMappings")],
    ),
    (
        "an image that names no platform",
        &[("team/api:1.0\n        portMappings", "team/api:single\n        portMappings")],
    ),
    (
        "an image of another registry",
        &[(
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/api:1.0\n        portMappings",
            "docker.io/library/nginx:1\n        portMappings",
        )],
    ),
    ("a secret that is not there", &[("TOKEN: ${token}\n", "TOKEN: ${token}x\n")]),
    ("a secret that is marked for deletion", &[("TOKEN: ${token}\n", "TOKEN: ${gone}\n")]),
    ("a secret without a value", &[("TOKEN: ${token}\n", "TOKEN: ${empty}\n")]),
    ("a secret without the stage", &[("TOKEN: ${token}\n", "TOKEN: \"${token}::AWSPREVIOUS:\"\n")]),
    ("a JSON secret without the key", &[(":url::", ":uri::")]),
    ("a key of a secret that is no JSON", &[("${database}:url::", "${token}:url::")]),
    ("a parameter that is not there", &[("/jobs/objects", "/jobs/object")]),
    ("a version of a parameter that is not there", &[("/jobs/objects", "/jobs/objects:7")]),
    ("a log group that is not there", &[("/jobs/api\n", "/jobs/ap\n")]),
    (
        "a log group that is still to be made",
        &[(
            "awslogs-group: /jobs/api\n",
            "awslogs-group: /jobs/new\n            awslogs-create-group: \"true\"\n",
        )],
    ),
    ("an environment file that is not there", &[("api/1.env", "api/2.env")]),
    ("a file system that is not there", &[("${files}", "fs-0a1b2c3d4e5f60001")]),
    ("a subnet that is not there", &[("- ${second_a}", "- subnet-0a1b2c3d4e5f60001")]),
    ("subnets of two VPCs", &[("- ${second_a}", "- ${second_b}")]),
    ("a security group that is not there", &[("- ${group_a}", "- sg-0a1b2c3d4e5f60001")]),
    ("a security group of another VPC", &[("- ${group_a}", "- ${group_b}")]),
    ("a public subnet without public addresses", &[("- ${second_a}", "- ${public_a}")]),
    (
        "public addresses in a private subnet",
        &[
            ("AssignPublicIp: ENABLED", "AssignPublicIp: DISABLED"),
            ("[\"${public_a}\"]", "[\"${private_a}\"]"),
            ("AssignPublicIp: DISABLED", "AssignPublicIp: ENABLED"),
        ],
    ),
    (
        "a target group that is not there",
        &[("${targets_api}", "${targets_api}x"), ("${label_api}", "${label_api}x")],
    ),
    (
        "a target group of another type",
        &[("${targets_api}", "${targets_instances}"), ("${label_api}", "${label_instances}")],
    ),
    (
        "a target group of another VPC",
        &[("${targets_api}", "${targets_elsewhere}"), ("${label_api}", "${label_elsewhere}")],
    ),
    (
        "a target group without a load balancer",
        &[("${targets_api}", "${targets_idle}"), ("${label_api}", "${label_idle}")],
    ),
    (
        "a target group that is hasty",
        &[("${targets_api}", "${targets_hasty}"), ("${label_api}", "${label_hasty}")],
    ),
    (
        "a target group for another protocol",
        &[("{containerPort: 8080}]", "{containerPort: 8080, protocol: udp}]")],
    ),
    ("a namespace that is not there", &[("namespace: jobs", "namespace: job")]),
    ("no namespace at all", &[("      namespace: jobs\n", "")]),
    ("a registry that is not there", &[("${registry}", "${registry}x")]),
    ("an alarm that is not there", &[("[errors]", "[errors, latency]")]),
    ("requests of another load balancer", &[("${balancer}/", "app/another/0123456789abcdef/")]),
    (
        "a capacity provider that the cluster has not",
        &[("capacityProvider: FARGATE,", "capacityProvider: spot,")],
    ),
    ("a cluster that is not there", &[("cluster: jobs", "cluster: job")]),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_thing_that_is_missing_or_wrong_is_found_with_its_place_and_the_way_out() {
    let moto = Moto::start();
    let mut told = String::new();
    for (case, edits) in CASES {
        let (text, _) = moto.verify(edits).await;
        let text = text.split_once('\n').unwrap().1;
        writeln!(told, "# {case}\n{text}").unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/verify/findings.txt");
    if std::env::var_os("GALLERY").is_some() {
        std::fs::write(&path, &told).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(told == expected, "findings.txt is not what is said; GALLERY=write writes it\n{told}");
    assert!(!told.contains(CANARY), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_well_nothing_is_found_and_each_thing_is_asked_for_once() {
    let moto = Moto::start();
    let (text, calls) = moto.verify(&[]).await;
    assert_eq!(text, "test: all is there, 28 checks   main@4c1f9e2 · 20 calls\n");
    // Two services share a cluster, an image, a role and a secret.
    assert_eq!(
        calls,
        [
            "cloudwatch:DescribeAlarms",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ecr:BatchGetImage",
            "ecs:DescribeClusters",
            "elasticfilesystem:DescribeFileSystems",
            "elasticloadbalancing:DescribeTargetGroups",
            // execution, task, scheduler, and Application Auto Scaling's own.
            "iam:GetRole",
            "iam:GetRole",
            "iam:GetRole",
            "iam:GetRole",
            "logs:DescribeLogGroups",
            "s3:GetObject",
            "secretsmanager:DescribeSecret",
            "secretsmanager:DescribeSecret",
            // Of the one that a key is asked of.
            "secretsmanager:GetSecretValue",
            "servicediscovery:GetService",
            "servicediscovery:ListNamespaces",
            "ssm:DescribeParameters",
        ]
    );
}

#[test]
fn no_value_of_a_secret_is_told_whatever_is_found_and_logged() {
    let moto = Moto::start();
    let folder = tempfile::tempdir().unwrap();
    let verify = |edits: &[(&str, &str)]| {
        for (name, text) in moto.files(edits) {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let output = Command::new(env!("CARGO_BIN_EXE_reconciler"))
            .args(["verify", "--path", &folder.path().display().to_string()])
            .args(["--endpoint-url", &moto.endpoint])
            .env("RUST_LOG", "trace,aws_smithy_runtime::client=trace,hyper_util::client=trace")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let logged = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!told.contains(CANARY) && !logged.contains(CANARY), "{told}\n{logged}");
        (told, output.status.code())
    };
    let (told, code) = verify(&[]);
    assert!(told.starts_with("test: all is there, 28 checks"), "{told}");
    assert_eq!(code, Some(0));
    let (told, code) = verify(&[(":url::", ":uri::"), ("TOKEN: ${token}\n", "TOKEN: \"${token}:key::\"\n")]);
    assert!(told.starts_with("test: 2 errors, 28 checks"), "{told}");
    assert!(told.contains("has no key `uri`") && told.contains("is no JSON object"), "{told}");
    assert_eq!(code, Some(1));
}
