//! What a ledger promises, on disk, in the simulator's table, and in that of moto, which others wrote.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reconciler::aws::{self, Condition, Put};
use reconciler::journal::Journal;
use reconciler::ledger::{Candidate, Claim, Error, Ledger, LedgerView, Place};
use reconciler::model::{Digest, Intent, IntentKind, Leaving, ServiceKey, Timestamp};
use serde_json::json;

use crate::world::{TABLE, World};

enum Stage {
    Disk(tempfile::TempDir),
    Table(Box<aws::Aws>),
}

fn place(cluster: &str) -> Place {
    Place {
        installation: "reconciler".to_owned(),
        account: Some("123456789012".to_owned()),
        region: "eu-west-1".to_owned(),
        cluster: cluster.to_owned(),
    }
}

fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

impl Stage {
    /// Takes the ledger, or says at once who has it.
    async fn open(&self, name: &str, cluster: &str) -> Result<Ledger, Error> {
        let table = match self {
            Stage::Disk(folder) => return Ledger::open(folder.path().join("ledger.json"), &place(cluster)),
            Stage::Table(aws) => aws.table_writer(TABLE),
        };
        let claim = Claim {
            place: place(cluster),
            environment: "test".to_owned(),
            holder: name.to_owned(),
            nonce: format!("nonce of {name}"),
        };
        let journal = Arc::new(Journal::new(|_| ()));
        Candidate::new(table, claim, journal, Arc::new(wall_clock)).lead_within(Duration::ZERO).await
    }

    async fn view(&self) -> LedgerView {
        match self {
            Stage::Disk(folder) => LedgerView::read(folder.path().join("ledger.json"), &place("jobs")),
            Stage::Table(aws) => LedgerView::query(&aws.table_reader(TABLE), "test", &place("jobs")).await,
        }
        .unwrap()
    }
}

/// The same whatever it is kept in.
async fn keeps_its_contract(stage: &Stage) {
    assert!(stage.view().await.records().is_empty(), "one that is not there is empty");
    let (api, web) = (ServiceKey::new("api"), ServiceKey::new("web"));
    let intent = |at| Some(Intent::of(IntentKind::Create, &Digest::from_tag("7be1"), Timestamp(at)));
    let first = stage.open("first", "jobs").await.unwrap();
    first.update(&api, |record| record.intent = intent(5)).await.unwrap();
    first.update(&web, |record| record.intent = intent(6)).await.unwrap();
    first.update(&api, |record| record.intent = intent(7)).await.unwrap();
    assert_eq!(first.record(&api).unwrap().intent, intent(7));
    assert_eq!(*stage.view().await.records(), first.records());
    assert!(first.ready().is_ok());

    let refused = stage.open("second", "jobs").await.unwrap_err();
    assert!(matches!(refused, Error::Held { .. } | Error::Taken { .. }), "{refused}");
    assert!(!refused.passes());

    // What one leaves, the next one finds; and nobody's, who waits for another cluster.
    let left = first.records();
    first.release().await.unwrap();
    drop(first);
    let elsewhere = stage.open("second", "another").await.unwrap_err();
    assert!(matches!(elsewhere, Error::Elsewhere { .. } | Error::TableElsewhere { .. }), "{elsewhere}");
    let second = stage.open("second", "jobs").await.unwrap();
    assert_eq!(second.records(), left);
    second.update(&api, |record| record.intent = None).await.unwrap();
    // More than DynamoDB reads at once.
    for number in 0..14 {
        let leaving = Leaving {
            revision: "x".repeat(100 * 1024),
            noticed_at: Timestamp(number),
            began_at: None,
            replaces: false,
        };
        let key = ServiceKey::new(format!("large-{number}"));
        second.update(&key, |record| record.leaving = Some(leaving)).await.unwrap();
    }
    assert_eq!(*stage.view().await.records(), second.records());
    second.release().await.unwrap();
}

/// Of a table alone: one that was deposed changes nothing any more, whatever it still believes.
async fn keeps_the_deposed_out(stage: &Stage) {
    let Stage::Table(aws) = stage else { panic!("a lock on disk is the kernel's") };
    let third = stage.open("third", "jobs").await.unwrap();
    let epoch = third.holder().unwrap().epoch;
    assert_eq!(stage.view().await.holder().unwrap().epoch, epoch);

    let table = aws.table_writer(TABLE);
    let mut lease = table.reader().item("reconciler/test", "lease").await.unwrap().unwrap();
    let seen = Condition::Equal(vec![("version", lease["version"].clone())]);
    lease["epoch"] = json!({"N": (epoch + 1).to_string()});
    lease["version"] = json!({"N": "4711"});
    lease["holder"] = json!({"S": "other"});
    lease["nonce"] = json!({"S": "nonce of other"});
    let put = table.put("reconciler/test", "lease", &lease, &seen).await.unwrap();
    assert_eq!(put, Put::Done);
    assert!(matches!(table.put("reconciler/test", "lease", &lease, &seen).await.unwrap(), Put::Unmet(_)));

    let before = stage.view().await.records().clone();
    let api = ServiceKey::new("api");
    let late = Intent::of(IntentKind::Create, &Digest::from_tag("late"), Timestamp(9));
    let refused = third.update(&api, |record| record.intent = Some(late)).await.unwrap_err();
    assert!(matches!(&refused, Error::Deposed { by, .. } if by.name == "other"), "{refused}");
    assert!(!refused.passes() && third.ready().is_err());
    assert_eq!(*stage.view().await.records(), before);
    third.release().await.unwrap();
    assert_eq!(stage.view().await.holder().unwrap().name, "other", "what is not ours is not let go");
}

#[tokio::test]
async fn a_ledger_on_disk_keeps_its_contract() {
    keeps_its_contract(&Stage::Disk(tempfile::tempdir().unwrap())).await;
}

#[tokio::test(start_paused = true)]
async fn a_ledger_in_the_simulator_s_table_keeps_its_contract() {
    let world = World::with_table().await;
    let stage = Stage::Table(Box::new(world.aws().await));
    keeps_its_contract(&stage).await;
    keeps_the_deposed_out(&stage).await;
}

struct Moto(Child);

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_in_moto_s_table_keeps_its_contract() {
    let python = std::env::var("RECONCILER_TEST_PYTHON")
        .expect("RECONCILER_TEST_PYTHON names a Python with moto and boto3; `make test` sets it up");
    let mut process = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/table.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut endpoint = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut endpoint).unwrap();
    let _moto = Moto(process);
    let mut settings = aws::Settings::new("eu-west-1").with_test_credentials();
    settings.endpoint = Some(endpoint.trim().to_owned());
    let stage = Stage::Table(Box::new(aws::connect(settings).await.unwrap()));
    keeps_its_contract(&stage).await;
    keeps_the_deposed_out(&stage).await;
}
