//! `reconciler task run`: one task by hand, as its service or schedule would start it; its log, and its end.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;

use super::{Exit, Surroundings, request, road, rollback};
use crate::aws::{self, ErrorKind, Reader, Requester};
use crate::config::{Output, TaskRunSettings};
use crate::model::{
    Desired, Digest, EcsService, Json, Ownership, ServiceKey, TaskDefinitionArn, Timestamp, cluster_name,
    schedule_group_name, tag,
};
use crate::observe::{TaskLog, TaskLook, look_at_task};
use crate::plan::{self, ByHand, Overrides};
use crate::report::{EndByHand, RunByHand};
use crate::rollout;
use crate::shape::api::Api;

/// As `docker run` has it: no task was started, or nothing is known of its end. What a task itself exits with
/// is handed on, so no small number is ours.
const NO_EXIT_CODE: u8 = 125;
/// As timeout(1) has it.
const TIMED_OUT: u8 = 124;
/// As a shell has it for SIGINT.
const INTERRUPTED: u8 = 130;

const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Lines arrive some seconds after they were written: after the end, the log is read until it was silent so often.
const DRAIN_EVERY: Duration = Duration::from_secs(1);
const LOG_SILENT_READS: u32 = 4;
const LOG_DRAINS_MAX: u32 = 20;
/// For so long DescribeTasks may not know a task that RunTask has just named.
const SHOWS_WITHIN: Duration = Duration::from_secs(60);
/// Looks at the task that fail one after the other before it is given up.
const FAILED_LOOKS_MAX: u32 = 10;
/// How often RunTask is asked for that was not answered: with one token, it is one task.
const ASKED_MAX: u32 = 3;
/// ECS gives containers up to two minutes after SIGTERM.
const STOPS_WITHIN: Duration = Duration::from_secs(150);
/// Revisions of the family that are searched for what Git asks for.
const SEARCHED_MAX: usize = 10;

pub async fn run(settings: &TaskRunSettings, surroundings: &Surroundings) -> Exit {
    let prepared = tokio::select! {
        biased;
        () = surroundings.stop.cancelled() => Err(anyhow::anyhow!("stopped; no task was started")),
        prepared = prepare(settings, surroundings) => prepared,
    };
    let ended = match prepared {
        // From here on there may be a task: nothing is cut off in the middle.
        Ok(prepared) => prepared.start_and_follow(settings, surroundings).await,
        Err(error) => Err(error),
    };
    Exit::Task(ended.unwrap_or_else(|error| {
        eprintln!("{}", road::error_text(&error, surroundings.colour_of_errors));
        NO_EXIT_CODE
    }))
}

/// A task that has only to be asked for.
struct Prepared {
    reader: Reader,
    requester: Requester,
    cluster: String,
    author: String,
    key: ServiceKey,
    task_definition: TaskDefinitionArn,
    definition: Json,
    judged_by: Vec<String>,
    /// RunTask's input.
    body: Json,
}

async fn prepare(settings: &TaskRunSettings, surroundings: &Surroundings) -> anyhow::Result<Prepared> {
    let account = &settings.account;
    let whole = settings.overrides.as_deref().map(read_overrides).transpose()?;
    let desired = road::desired(&settings.source, account).await?;
    let key = ServiceKey::new(&settings.name);
    if desired.workload(&key).is_none() {
        let known: Vec<&str> = desired.keys().map(ServiceKey::name).collect();
        let name = &desired.environment.name;
        bail!("environment `{name}` has no service or scheduled task `{key}`\n  it has {}", known.join(", "));
    }
    let (aws, identity) = road::connection(account, &desired).await?;
    let (reader, requester) = (aws.reader(), aws.requester());
    let author = request::author(&identity.arn);
    let subject =
        Subject { desired: &desired, key: &key, installation: &account.installation, reader: &reader };
    let live = subject.live().await?;
    let (task_definition, definition) =
        subject.revision(&settings.revision, live.as_ref(), &requester).await?;
    let now = (surroundings.now)();
    let token = settings.client_token.clone().unwrap_or_else(|| {
        plan::token_by_hand(&json!([desired.environment.cluster, key, author, now, std::process::id()]))
    });
    let run = subject.place(&settings.revision, live.as_ref(), &definition, now, &token);
    let for_container = !settings.command.is_empty() || !settings.variables.is_empty();
    let container = match (for_container, &settings.container) {
        (false, None) => None,
        (_, named) => Some(plan::container_for(&definition, named.as_deref()).map_err(anyhow::Error::msg)?),
    };
    let overrides = Overrides {
        whole,
        command: (!settings.command.is_empty()).then(|| settings.command.clone()),
        environment: settings.variables.clone(),
        cpu: settings.cpu.clone(),
        memory: settings.memory.clone(),
    };
    let by_hand = ByHand {
        key: &key,
        cluster: &desired.environment.cluster,
        installation: &account.installation,
        author: &author,
        token: &token,
        task_definition: &task_definition,
        definition: &definition,
    };
    let body = by_hand.body(run, &overrides, container.as_deref());
    let judged_by = match &settings.container {
        Some(named) => vec![named.clone()],
        None => plan::names_of_essential(&definition),
    };
    let cluster = desired.environment.cluster.clone();
    Ok(Prepared { reader, requester, cluster, author, key, task_definition, definition, judged_by, body })
}

/// `{"cpu": "512"}` or `file://overrides.json`.
fn read_overrides(text: &str) -> anyhow::Result<Json> {
    let read = match text.strip_prefix("file://") {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("can't read {path}"))?,
        None => text.to_owned(),
    };
    let overrides: Json = serde_json::from_str(&read).context("`--overrides` is not JSON")?;
    if !overrides.is_object() {
        bail!("`--overrides` is not a JSON object such as {{\"memory\": \"1024\"}}");
    }
    match plan::unknown_override(&overrides, Api::builtin()) {
        Some(unknown) => bail!("`--overrides`: {unknown}"),
        None => Ok(overrides),
    }
}

/// What a person names, as Git and AWS have it.
struct Subject<'a> {
    desired: &'a Desired,
    key: &'a ServiceKey,
    installation: &'a str,
    reader: &'a Reader,
}

/// The service or the schedule as AWS has it.
enum Running {
    Service(EcsService),
    Schedule(Json),
}

impl Running {
    fn task_definition(&self) -> anyhow::Result<TaskDefinitionArn> {
        let arn = match self {
            Running::Service(service) => service.task_definition(),
            Running::Schedule(schedule) => {
                let arn = schedule["Target"]["EcsParameters"]["TaskDefinitionArn"].as_str();
                TaskDefinitionArn(arn.unwrap_or_default().to_owned())
            }
        };
        if arn.number().is_none() {
            bail!("what runs names no revision: `{}`\n  name one: --revision NUMBER", arn.0);
        }
        Ok(arn)
    }
}

impl Subject<'_> {
    async fn live(&self) -> anyhow::Result<Option<Running>> {
        let environment = &self.desired.environment;
        if self.desired.scheduled_tasks.contains_key(self.key) {
            let group = schedule_group_name(self.installation, &environment.name, &environment.cluster);
            return match self.reader.get_schedule(&group, self.key.name()).await {
                Ok(schedule) => Ok(Some(Running::Schedule(schedule))),
                Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error.into()),
            };
        }
        let mut answer = self.reader.describe_services(&environment.cluster, &[self.key.name()]).await?;
        let found = answer["services"].as_array_mut().and_then(|all| all.first_mut().map(Json::take));
        let Some(service) = found.map(EcsService).filter(|service| service.status() == "ACTIVE") else {
            return Ok(None);
        };
        match service.ownership(self.installation) {
            Ownership::Ours => Ok(Some(Running::Service(service))),
            Ownership::Foreign { owner } => {
                bail!("`{}` belongs to {owner}, not to the installation `{}`", self.key, self.installation)
            }
            Ownership::Unclaimed => bail!(
                "`{}` carries no tag of the installation `{}`: the operator has not taken it over",
                self.key,
                self.installation
            ),
        }
    }

    /// The revision to run, and what it holds.
    async fn revision(
        &self,
        which: &str,
        live: Option<&Running>,
        requester: &Requester,
    ) -> anyhow::Result<(TaskDefinitionArn, Json)> {
        let arn = match (which, live) {
            ("git", _) => self.of_git(requester).await?,
            (_, None) => {
                bail!("`{}` is not deployed yet\n  what Git asks for runs with --revision git", self.key)
            }
            ("live", Some(live)) => live.task_definition()?,
            (named, Some(live)) => rollback::named_revision(named, &live.task_definition()?)?,
        };
        let mut answer = self.reader.describe_task_definition(&arn).await?;
        match answer["taskDefinition"]["status"].as_str() {
            Some("ACTIVE") => {}
            status => bail!("{arn} is {}: ECS runs it no more", status.unwrap_or("of no known status")),
        }
        let mut definition = answer["taskDefinition"].take();
        definition["tags"] = answer["tags"].take();
        Ok((arn, definition))
    }

    fn wanted(&self) -> Option<(&Json, &Digest)> {
        let Desired { services, scheduled_tasks, .. } = self.desired;
        let service = services.get(self.key).map(|it| (&it.task_definition, &it.task_definition_digest));
        let task =
            || scheduled_tasks.get(self.key).map(|it| (&it.task_definition, &it.task_definition_digest));
        service.or_else(task)
    }

    /// The revision with the digest that Git asks for; registered now where there is none.
    async fn of_git(&self, requester: &Requester) -> anyhow::Result<TaskDefinitionArn> {
        let Some((definition, digest)) = self.wanted() else { bail!("`{}` is not in Git", self.key) };
        let family = definition["family"].as_str().unwrap_or_default();
        for arn in self.reader.list_task_definitions(family, SEARCHED_MAX).await? {
            let answer = self.reader.describe_task_definition(&arn).await?;
            let mut tags = answer["tags"].as_array().into_iter().flatten();
            let has_digest = tags.any(|it| it["key"] == tag::DIGEST && it["value"] == digest.as_str());
            if has_digest && !is_of_another_cluster(&answer["tags"], &self.desired.environment.cluster) {
                return Ok(arn);
            }
        }
        let revision = &self.desired.revision.id;
        let cluster = &self.desired.environment.cluster;
        let body = plan::register_by_hand(definition, digest, self.key, self.installation, revision, cluster);
        let answer = requester.register_task_definition(&body).await?;
        let arn = answer.body["taskDefinition"]["taskDefinitionArn"].as_str().unwrap_or_default();
        let arn = TaskDefinitionArn(arn.to_owned());
        eprintln!("{}: registered {arn} of {}", self.key, self.desired.revision);
        Ok(arn)
    }

    /// Where it runs, and with which overrides of its own.
    fn place(
        &self,
        which: &str,
        live: Option<&Running>,
        definition: &Json,
        now: Timestamp,
        token: &str,
    ) -> Json {
        let fill = [("scheduled-time", now.second()), ("execution-id", token.to_owned())];
        let arn = |schedule: &Json| schedule["Arn"].as_str().unwrap_or_default().to_owned();
        let of_schedule = |schedule: &Json| {
            let (arn, [time, execution]) = (arn(schedule), &fill);
            let fill = [
                (time.0, time.1.as_str()),
                (execution.0, execution.1.as_str()),
                ("attempt-number", "1"),
                ("schedule-arn", arn.as_str()),
            ];
            plan::run_of_schedule(schedule, &fill)
        };
        let live = live.filter(|_| which != "git");
        let wanted = || {
            let task = self.desired.scheduled_tasks.get(self.key).map(|task| of_schedule(&task.schedule));
            let service = self.desired.services.get(self.key);
            task.or_else(|| service.map(|it| plan::run_of_service(&it.service, definition)))
                .unwrap_or_default()
        };
        match live {
            Some(Running::Service(service)) => plan::run_of_service(&service.0, definition),
            Some(Running::Schedule(schedule)) => of_schedule(schedule),
            None => wanted(),
        }
    }
}

/// Whoever clears out the revisions of another environment does not ask who else uses them.
fn is_of_another_cluster(tags: &Json, cluster: &str) -> bool {
    let mut tags = tags.as_array().into_iter().flatten();
    tags.any(|it| it["key"] == tag::CLUSTER && it["value"] != cluster_name(cluster))
}

impl Prepared {
    async fn start_and_follow(
        self,
        settings: &TaskRunSettings,
        surroundings: &Surroundings,
    ) -> anyhow::Result<u8> {
        let task = self.ask().await?;
        let region = self.reader.region().to_owned();
        let log = TaskLog::of(&self.definition, &task, &region);
        let run = RunByHand {
            name: self.key.to_string(),
            region,
            cluster: self.cluster.clone(),
            task,
            task_definition: self.task_definition.clone(),
            started_by: plan::started_by(&self.author),
            streams: log.streams().map(|(group, stream)| (group.to_owned(), stream.to_owned())).collect(),
        };
        eprintln!("{}", run.started());
        if settings.no_follow {
            match settings.output {
                Output::Json => road::line(&format!("{:#}", run.json(None))),
                Output::Text => road::line(&run.task),
            }
            return Ok(0);
        }
        let several = run.streams.len() > 1;
        let mut following = Following {
            of: &self,
            run: &run,
            settings,
            log,
            several,
            told_not_followed: 0,
            status: String::new(),
        };
        let outcome = following.follow(surroundings).await?;
        let end = outcome.end;
        if settings.output == Output::Json {
            road::line(&format!("{:#}", run.json(end.as_ref())));
        }
        match (&end, outcome.cut_off) {
            (Some(end), None) => {
                eprintln!("{}", run.ended(end));
                let code = end.exit_code.map_or(NO_EXIT_CODE, |code| u8::try_from(code).unwrap_or(u8::MAX));
                Ok(code)
            }
            (Some(end), Some((why, code))) => {
                eprintln!("{why}; {}", run.ended(end));
                Ok(code)
            }
            (None, Some((why, code))) => {
                eprintln!("{}", run.left_alone(why));
                Ok(code)
            }
            (None, None) => bail!("{}", run.left_alone("nothing is known of the task any more")),
        }
    }

    /// RunTask; asked for again where there was no answer, which makes no second task of one token.
    async fn ask(&self) -> anyhow::Result<String> {
        let mut asked = 1;
        let answer = loop {
            match self.requester.run_task(&self.body).await {
                Ok(answer) => break answer.body,
                Err(error) if asked < ASKED_MAX && is_worth_asking_again(&error) => {
                    asked += 1;
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        match answer["tasks"][0]["taskArn"].as_str() {
            Some(task) => Ok(task.to_owned()),
            None => {
                let failure = &answer["failures"][0];
                let reason = failure["reason"].as_str().unwrap_or("ECS gave no reason");
                let detail = failure["detail"].as_str().map(|detail| format!(" ({detail})"));
                bail!("ECS started no task: {reason}{}", detail.unwrap_or_default())
            }
        }
    }
}

fn is_worth_asking_again(error: &aws::Error) -> bool {
    error.is_ambiguous() || matches!(error.kind, ErrorKind::Throttled | ErrorKind::Unreachable)
}

/// One task that is being watched.
struct Following<'a> {
    of: &'a Prepared,
    run: &'a RunByHand,
    settings: &'a TaskRunSettings,
    log: TaskLog,
    /// Whether lines have to say which container wrote them.
    several: bool,
    told_not_followed: usize,
    /// As it was told last.
    status: String,
}

struct Outcome {
    end: Option<EndByHand>,
    /// Why it was not simply waited for, and what to exit with then.
    cut_off: Option<(&'static str, u8)>,
}

impl Following<'_> {
    async fn follow(&mut self, surroundings: &Surroundings) -> anyhow::Result<Outcome> {
        let began = (surroundings.now)();
        let mut time_is_over = Box::pin(over_after(self.settings.timeout));
        let mut cut_off = None;
        let (mut failed_looks, mut seen) = (0, false);
        loop {
            let reason = tokio::select! {
                biased;
                () = surroundings.stop.cancelled(), if cut_off.is_none() => Some(("interrupted", INTERRUPTED)),
                () = &mut time_is_over => Some(("the time is over", TIMED_OUT)),
                looked = self.look() => {
                    match looked {
                        Ok(Some(TaskLook { stopped: Some(stopped), started_at, .. })) => {
                            self.drain().await;
                            let exit_code = rollout::exit_code(&self.of.judged_by, &stopped);
                            let end = Some(EndByHand { stopped, started_at, exit_code });
                            return Ok(Outcome { end, cut_off });
                        }
                        Ok(Some(_)) => (failed_looks, seen) = (0, true),
                        Ok(None) if !seen && (surroundings.now)().since(began) < SHOWS_WITHIN => {}
                        Ok(None) => return Ok(Outcome { end: None, cut_off }),
                        Err(error) if failed_looks < FAILED_LOOKS_MAX => {
                            if failed_looks == 0 {
                                eprintln!("note: {error}; it is looked at again");
                            }
                            failed_looks += 1;
                        }
                        Err(error) => bail!("{error}\n{}", self.run.left_alone("the task can't be looked at")),
                    }
                    None
                }
            };
            match reason {
                None => {}
                // It was to stop, and does not.
                Some(_) if cut_off.is_some() => return Ok(Outcome { end: None, cut_off }),
                Some(reason) => {
                    cut_off = Some(reason);
                    if !self.settings.stop_on_interrupt {
                        return Ok(Outcome { end: None, cut_off });
                    }
                    eprintln!("{}: stopping the task; its containers have their stop time-outs", reason.0);
                    let why = format!("reconciler task run: {}, started by {}", reason.0, self.of.author);
                    self.of.requester.stop_task(&self.of.cluster, &self.run.task, &why).await?;
                    time_is_over = Box::pin(over_after(Some(STOPS_WITHIN)));
                    continue;
                }
            }
            tokio::select! {
                () = surroundings.stop.cancelled(), if cut_off.is_none() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Tells what has come of log and status since the last look.
    async fn look(&mut self) -> Result<Option<TaskLook>, aws::Error> {
        let looked = look_at_task(&self.of.reader, &self.of.cluster, &self.run.task).await?;
        if let Some(look) =
            looked.as_ref().filter(|look| look.stopped.is_none() && look.status != self.status)
        {
            eprintln!("{}: {}", self.run.name, look.status);
            self.status.clone_from(&look.status);
        }
        self.read_log().await;
        Ok(looked)
    }

    async fn read_log(&mut self) -> bool {
        let lines = self.log.read_on(&self.of.reader).await;
        for (container, why) in self.log.not_followed.iter().skip(self.told_not_followed) {
            eprintln!("note: the log of container {container} is not followed: {why}");
        }
        self.told_not_followed = self.log.not_followed.len();
        for line in &lines {
            let text = match self.several {
                true => format!("{} | {}", line.container, line.text),
                false => line.text.clone(),
            };
            match self.settings.output {
                Output::Text => road::line(&text),
                Output::Json => eprintln!("{text}"),
            }
        }
        !lines.is_empty()
    }

    /// Reads on until nothing has come for a while.
    async fn drain(&mut self) {
        let mut silent = 0;
        for _ in 0..LOG_DRAINS_MAX {
            if self.log.streams().next().is_none() || silent == LOG_SILENT_READS {
                return;
            }
            tokio::time::sleep(DRAIN_EVERY).await;
            silent = if self.read_log().await { 0 } else { silent + 1 };
        }
    }
}

/// Without a time, never.
async fn over_after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}
