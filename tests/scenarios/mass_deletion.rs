//! The ways in which everything could seem to have left Git at once: nothing is deleted in any.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use git2::{Oid, Repository, Signature};
use reconciler::controller::{Controller, Looks, SourceWatch};
use reconciler::ledger::{Ledger, Place};
use reconciler::model::Timestamp;
use reconciler::source::{GitSettings, GitSource};
use serde_json::json;
use simulator::error::ApiError;
use simulator::faults::Fault;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::world::{ENVIRONMENT, World, mutating, scheduled, service};

const NONE: [&str; 0] = [];
const MINUTE: Duration = Duration::from_secs(60);
const SERVICES: usize = 5;
const SCHEDULES: usize = 2;

type Files = BTreeMap<String, String>;

/// A repository whose five services are settled, in an environment that prunes.
struct Story {
    world: World,
    operator: Controller,
    folder: tempfile::TempDir,
    git: Repository,
}

fn environment() -> String {
    ENVIRONMENT.replace("cluster: jobs", "cluster: jobs, sync: {prune: true}")
}

fn files() -> Files {
    let services = (0..SERVICES).map(|number| {
        let manifest = service(&format!("s{number}"), "app:1");
        (format!("manifests/s{number}.yaml"), manifest)
    });
    let schedules = (0..SCHEDULES).map(|number| {
        let manifest = scheduled(&format!("t{number}"), "app:once", "cron(0 6 * * ? *)");
        (format!("manifests/t{number}.yaml"), manifest)
    });
    services.chain(schedules).chain([("manifests/environment.yaml".to_owned(), environment())]).collect()
}

/// The first services' manifests are gone.
fn without(number: usize) -> Files {
    let mut files = files();
    (0..number).for_each(|number| drop(files.remove(&format!("manifests/s{number}.yaml"))));
    if number == SERVICES {
        (0..SCHEDULES).for_each(|number| drop(files.remove(&format!("manifests/t{number}.yaml"))));
    }
    files
}

impl Story {
    async fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let git = Repository::init_bare(folder.path().join("jobs.git")).unwrap();
        git.set_head("refs/heads/main").unwrap();
        let world = World::new().await;
        let operator = world.operator().await;
        let story = Self { world, operator, folder, git };
        story.commit(&files());
        story.run(|_| ()).await;
        for number in 0..SERVICES {
            assert_eq!(story.running(number).await, 2, "{}", story.world.told());
        }
        story.world.take_calls();
        story
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("jobs.git")
    }

    /// Commits exactly these files to main.
    fn commit(&self, files: &Files) {
        let tree = self.tree(files);
        let author = Signature::now("ada", "ada@example.invalid").unwrap();
        let parent = self.git.head().ok().map(|head| head.peel_to_commit().unwrap());
        let parents: Vec<_> = parent.iter().collect();
        let tree = self.git.find_tree(tree).unwrap();
        self.git.commit(Some("refs/heads/main"), &author, &author, "Change it", &tree, &parents).unwrap();
    }

    fn tree(&self, files: &Files) -> Oid {
        let mut root = self.git.treebuilder(None).unwrap();
        let mut folders: BTreeMap<&str, Files> = BTreeMap::new();
        for (path, text) in files {
            match path.split_once('/') {
                Some((folder, rest)) => {
                    drop(folders.entry(folder).or_default().insert(rest.to_owned(), text.clone()));
                }
                None => drop(root.insert(path, self.git.blob(text.as_bytes()).unwrap(), 0o100_644).unwrap()),
            }
        }
        for (folder, files) in folders {
            root.insert(folder, self.tree(&files), 0o040_000).unwrap();
        }
        root.write().unwrap()
    }

    /// Watches the repository and reconciles, as `run` does: two minutes with what is there, then the
    /// change, then ten more.
    async fn run(&self, change: impl FnOnce(&Self)) {
        let settings = GitSettings {
            url: self.path().display().to_string(),
            branch: "main".to_owned(),
            path: "manifests".to_owned(),
            credentials: None,
            ca_file: None,
            cache_dir: self.folder.path().join("cache"),
        };
        let watch = SourceWatch {
            source: GitSource::new(settings).unwrap(),
            environment: None,
            look_up: Arc::new(|_, _| Box::pin(async { Err("nothing is looked up here".to_owned()) })),
            look_at_images: Arc::new(|_| Box::pin(async { Default::default() })),
            leads: Arc::default(),
            every: Duration::from_secs(30),
            looks: Looks::default(),
            journal: self.world.journal.clone(),
            now: Arc::new(|| Timestamp(0)),
        };
        let (sender, wishes) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let watching = tokio::spawn(watch.watch(sender, stop.clone()));
        let story = async {
            tokio::time::sleep(2 * MINUTE).await;
            change(self);
            tokio::time::sleep(10 * MINUTE).await;
        };
        let run = self.operator.run(wishes, stop.clone());
        tokio::pin!(run);
        tokio::select! {
            biased;
            outcome = &mut run => panic!("it ended by itself: {outcome:?}"),
            () = story => stop.cancel(),
        }
        run.await;
        watching.await.unwrap().unwrap();
    }

    async fn running(&self, number: usize) -> i64 {
        self.world.service(&format!("s{number}")).await["runningCount"].as_i64().unwrap_or_default()
    }

    /// Ten minutes after the change everything runs as before, and the journal has said why.
    async fn deletes_nothing(&self, change: impl FnOnce(&Self), told: &str) {
        self.run(change).await;
        assert_eq!(mutating(&self.world.take_calls()), NONE, "{}", self.world.told());
        for number in 0..SERVICES {
            assert_eq!(self.running(number).await, 2, "{}", self.world.told());
        }
        for number in 0..SCHEDULES {
            assert_eq!(self.world.schedule(&format!("t{number}")).await["State"], "ENABLED");
        }
        assert!(self.world.told().contains(told), "no {told:?} in\n{}", self.world.told());
    }
}

#[tokio::test(start_paused = true)]
async fn one_service_of_five_that_left_git_does_go() {
    let story = Story::begin().await;
    story.run(|story| story.commit(&without(1))).await;
    assert_eq!(mutating(&story.world.take_calls()), ["UpdateService", "DeleteService"]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_tree_deletes_nothing() {
    let story = Story::begin().await;
    story.deletes_nothing(|story| story.commit(&Files::new()), "has no folder `manifests`").await;
}

#[tokio::test(start_paused = true)]
async fn a_manifest_folder_that_was_renamed_deletes_nothing() {
    let story = Story::begin().await;
    let moved = files().into_iter().map(|(path, text)| (path.replace("manifests/", "deploy/"), text));
    story.deletes_nothing(|story| story.commit(&moved.collect()), "has no folder `manifests`").await;
}

#[tokio::test(start_paused = true)]
async fn manifests_that_moved_into_another_folder_are_the_same_services() {
    let story = Story::begin().await;
    let moved =
        files().into_iter().map(|(path, text)| (path.replace("manifests/s", "manifests/all/s"), text));
    story
        .deletes_nothing(
            |story| story.commit(&moved.collect()),
            "0 of 5 services and 2 scheduled tasks asked to change",
        )
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_cannot_be_read_whole_deletes_nothing() {
    let story = Story::begin().await;
    let half_push = |story: &Story| {
        let lost = service("s1", "app:1") + "# never arrived\n";
        let mut files = without(1);
        files.insert("manifests/s1.yaml".to_owned(), lost.clone());
        story.commit(&files);
        let id = story.git.blob(lost.as_bytes()).unwrap().to_string();
        std::fs::remove_file(story.path().join("objects").join(&id[..2]).join(&id[2..])).unwrap();
    };
    story.deletes_nothing(half_push, "could not be read whole").await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_with_one_broken_manifest_deletes_nothing_of_what_it_drops() {
    let story = Story::begin().await;
    let mut files = without(1);
    files.insert("manifests/s1.yaml".to_owned(), service("s1", "app:1").replace("cpu: 256", "cpu: lots"));
    story.deletes_nothing(|story| story.commit(&files), "1 error in 1 of 7 files").await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_with_a_file_that_is_no_yaml_deletes_nothing_of_what_it_drops() {
    let story = Story::begin().await;
    let mut files = without(1);
    files.insert("manifests/s1.yaml".to_owned(), service("s1", "app:1").replace("cpu: 256", "cpu: [256"));
    story.deletes_nothing(|story| story.commit(&files), "this is not YAML").await;
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_is_gone_deletes_nothing() {
    let story = Story::begin().await;
    let rename = |story: &Story| {
        let mut main = story.git.find_reference("refs/heads/main").unwrap();
        main.rename("refs/heads/trunk", true, "").unwrap();
    };
    story.deletes_nothing(rename, "has no branch `main`").await;
}

#[tokio::test(start_paused = true)]
async fn a_repository_that_is_gone_deletes_nothing() {
    let story = Story::begin().await;
    let hide = |story: &Story| std::fs::rename(story.path(), story.folder.path().join("away")).unwrap();
    story.deletes_nothing(hide, "no such folder").await;
}

#[tokio::test(start_paused = true)]
async fn an_environment_without_any_service_deletes_nothing() {
    let story = Story::begin().await;
    story
        .deletes_nothing(
            |story| story.commit(&without(SERVICES)),
            "the commit has no service at all for this environment",
        )
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_drops_most_of_them_deletes_nothing() {
    let story = Story::begin().await;
    story
        .deletes_nothing(|story| story.commit(&without(3)), "3 of 7 would go at once, and 20 % may: 1")
        .await;
}

#[tokio::test(start_paused = true)]
async fn an_environment_that_was_renamed_deletes_nothing() {
    let mut story = Story::begin().await;
    let mut files = without(1);
    // In a group of the new name the schedules would be others.
    (0..SCHEDULES).for_each(|number| drop(files.remove(&format!("manifests/t{number}.yaml"))));
    let renamed = environment().replace("name: test", "name: production");
    files.insert("manifests/environment.yaml".to_owned(), renamed);
    // In one run: the ledger is that of the old name, and it knows the service.
    let before = story.world.load(&manifests(&self::files())).unwrap();
    let mut after = story.world.load(&manifests(&files)).unwrap();
    after.environment.name = "production".to_owned();
    after.environment.sync.prune = true;
    let wishes = [(Arc::new(before), MINUTE), (Arc::new(after), 10 * MINUTE)];
    story.world.run_through(&story.operator, &wishes).await;
    assert_eq!(mutating(&story.world.take_calls()), NONE, "{}", story.world.told());
    let why = "the environment was called `test` when this process began, and is `production` now";
    assert!(story.world.told().contains(why), "{}", story.world.told());

    // After a restart the ledger is another: nothing is known to have been ours.
    story.operator = story.world.operator_with_ledger("production.ledger.json").await;
    story.commit(&files);
    story.deletes_nothing(|_| (), "").await;
}

fn manifests(files: &Files) -> Vec<String> {
    files.iter().filter(|(path, _)| !path.contains("environment")).map(|(_, text)| text.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_ledger_of_another_cluster_or_account_is_refused() {
    let story = Story::begin().await;
    let path = story.operator.engine.ledger.path().unwrap().to_owned();
    drop(story.operator);
    let ours = |account: &str, cluster: &str| Place {
        installation: "reconciler".to_owned(),
        account: Some(account.to_owned()),
        region: "eu-west-1".to_owned(),
        cluster: cluster.to_owned(),
    };
    for place in [ours("123456789012", "other"), ours("000000000000", "jobs")] {
        let refused = Ledger::open(&path, &place).map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains("installation `reconciler` in cluster `jobs`"), "{refused}");
    }
    assert!(Ledger::open(&path, &ours("123456789012", "jobs")).is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_not_deleted() {
    for operation in ["DescribeServices", "DescribeScalableTargets"] {
        let mut story = Story::begin().await;
        let mut wish = story.world.load(&manifests(&without(1))).unwrap();
        wish.environment.sync.prune = true;
        let wish = Arc::new(wish);
        let mut looks = 0;
        story.world.simulator.set_fault(Box::new(move |site| {
            looks += usize::from(site.operation == "DescribeServices");
            // Those that Git still asks for are read, so that the other one's turn comes.
            match site.operation == operation && looks > 1 {
                true => Fault::RefuseBefore(ApiError::new("AccessDeniedException", "no")),
                false => Fault::None,
            }
        }));
        story.world.run_for(&story.operator, &wish, 10 * MINUTE).await;
        story.world.simulator.clear_fault();
        assert_eq!(mutating(&story.world.take_calls()), NONE, "{}", story.world.told());
        assert!(story.world.told().contains("is not deleted: can't read"), "{}", story.world.told());
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_only_carries_our_tags_is_not_deleted() {
    let story = Story::begin().await;
    let tags = json!([
        {"key": "reconciler/managed-by", "value": "reconciler"}, {"key": "reconciler/id", "value": "copied"},
    ]);
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
    let created = story
        .world
        .ecs(
            "CreateService",
            json!({
                "cluster": "jobs", "serviceName": "copied", "taskDefinition": "s0", "desiredCount": 1,
                "launchType": "FARGATE", "networkConfiguration": network, "tags": tags,
            }),
        )
        .await;
    assert!(created["service"].is_object(), "{created}");
    story.world.take_calls();
    story.run(|_| ()).await;
    assert_eq!(mutating(&story.world.take_calls()), NONE, "{}", story.world.told());
    assert_eq!(story.world.service("copied").await["status"], "ACTIVE");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_another_installation_took_over_is_not_deleted() {
    let story = Story::begin().await;
    story.world.tag("s0", "reconciler/managed-by", "blue").await;
    story.world.take_calls();
    story
        .deletes_nothing(
            |story| story.commit(&without(1)),
            "its tag `reconciler/managed-by` is `blue`, not `reconciler`",
        )
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_machine_without_its_ledger_deletes_nothing() {
    let mut story = Story::begin().await;
    story.operator = story.world.operator_with_ledger("another.ledger.json").await;
    story.commit(&without(1));
    story.deletes_nothing(|_| (), "").await;
}
