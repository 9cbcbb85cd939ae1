//! The demonstration: the job system from `manifests/`, deployed by commits, on one machine.
//!
//! `make demo` builds the binaries and runs this. With `--once` it ends after the first job.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(120);
/// Enough for more workers than one.
const JOBS: usize = 100;

fn main() -> ExitCode {
    let once = std::env::args().any(|it| it == "--once");
    match demo(once) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo(once: bool) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join(".demo");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("can't remove what the last demo left in .demo")?;
    }
    let repository = folder.join("repository");
    make_repository(&root.join("manifests"), &repository)?;

    let aws = free_address(4566)?;
    let balancer = free_address(8080)?;
    let started = Instant::now();
    let mut operator = Operator::start(root, &repository, &folder.join("state"), aws, balancer)?;

    operator.wait_until("both services are healthy", || {
        Ok(is_settled(aws, "job-api")? && is_settled(aws, "job-worker")?)
    })?;
    let job = submit(balancer, 50)?;
    println!("\ndemo: POST http://{balancer}/submit-job -> job {job}");
    operator.wait_until("the job is COMPLETED", || {
        match get(&format!("http://{balancer}/jobs/{job}"))?["status"].as_str() {
            Some("COMPLETED") => Ok(true),
            Some("FAILED") => bail!("the job FAILED"),
            _ => Ok(false),
        }
    })?;
    let took = started.elapsed().as_secs();
    if once {
        operator.stop()?;
        println!("demo: job COMPLETED after {took} s");
        return Ok(());
    }
    println!("demo: job COMPLETED after {took} s\n");
    scale(&mut operator, aws, balancer)?;
    println!("{}", what_to_try_next(&repository, &folder, aws, balancer));
    operator.wait()
}

/// A hundred jobs at once: workers come, and go again when the queue is empty.
fn scale(operator: &mut Operator, aws: SocketAddr, balancer: SocketAddr) -> anyhow::Result<()> {
    let started = Instant::now();
    let jobs = (0..JOBS).map(|_| submit(balancer, 2_000)).collect::<anyhow::Result<Vec<String>>>()?;
    println!("demo: POST http://{balancer}/submit-job {JOBS} times, 2 s of work each\n");
    let mut left = jobs;
    let mut tasks = (1, 1);
    let mut most = 1;
    operator.wait_until("the workers have come and gone", || {
        let mut still = Vec::new();
        for job in left.drain(..) {
            match get(&format!("http://{balancer}/jobs/{job}"))?["status"].as_str() {
                Some("COMPLETED") => {}
                Some("FAILED") => bail!("job {job} FAILED"),
                _ => still.push(job),
            }
        }
        let ended = still.is_empty() && most > 1;
        let now = counts(aws, "job-worker")?;
        if now.0 != tasks.0 {
            let seconds = started.elapsed().as_secs();
            let why = match now.0 > tasks.0 {
                true => format!("{} of {JOBS} jobs wait or run", still.len()),
                false => "the queue is empty".to_owned(),
            };
            println!("demo: {seconds:>3} s  job-worker {} -> {} tasks, {why}", tasks.0, now.0);
        }
        tasks = now;
        most = most.max(now.0);
        left = still;
        Ok(ended && now == (1, 1))
    })?;
    let took = started.elapsed().as_secs();
    println!("demo: {JOBS} of {JOBS} jobs COMPLETED by up to {most} workers, one is left after {took} s\n");
    Ok(())
}

fn what_to_try_next(repository: &Path, folder: &Path, aws: SocketAddr, balancer: SocketAddr) -> String {
    let repository = repository.display();
    format!(
        "It stays up until Ctrl-C. What to try next, in another terminal:\n\n  \
         deploy      cd {repository}\n              \
         sed -i 's/job_api_version: 1.0.0/job_api_version: 1.1.0/' manifests/environments/local.yaml\n              \
         git commit -am 'Release 1.1.0'      # then: curl http://{balancer}/version\n  \
         break it    add `FAIL_AT_START: out of coffee` under `environment:`, commit, and watch it go back\n  \
         status      target/debug/reconciler status --repository {repository} --endpoint-url http://{aws} \\\n              \
         --state {state}\n              \
         (with AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local, as for plan)\n  \
         aws         export AWS_ENDPOINT_URL=http://{aws} AWS_REGION=eu-west-1\n              \
         export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local\n              \
         aws ecs describe-services --cluster jobs --services job-api\n  \
         drift       aws ecs update-service --cluster jobs --service job-api --desired-count 4\n  \
         scale       aws application-autoscaling describe-scaling-activities --service-namespace ecs\n",
        state = folder.join("state").display(),
    )
}

/// Copies the manifests into a Git repository of their own, as one commit on `main`.
fn make_repository(manifests: &Path, repository: &Path) -> anyhow::Result<()> {
    copy(manifests, &repository.join("manifests"))?;
    let mut options = git2::RepositoryInitOptions::new();
    options.initial_head("main");
    let git = git2::Repository::init_opts(repository, &options)?;
    let mut config = git.config()?;
    config.set_str("user.name", "demo")?;
    config.set_str("user.email", "demo@example.invalid")?;
    let mut index = git.index()?;
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None)?;
    index.write()?;
    let tree = git.find_tree(index.write_tree()?)?;
    let author = git2::Signature::now("demo", "demo@example.invalid")?;
    git.commit(Some("HEAD"), &author, &author, "Deploy the job system", &tree, &[])?;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            if entry.file_name() != "examples" {
                copy(&entry.path(), &target)?;
            }
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The usual port if it is free, any other if not.
fn free_address(port: u16) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", port)).or_else(|_| TcpListener::bind("127.0.0.1:0"))?;
    Ok(listener.local_addr()?)
}

/// The child process that does the work; it is not left behind, however the demo ends.
struct Operator(Child);

impl Operator {
    fn start(
        root: &Path,
        repository: &Path,
        state: &Path,
        aws: SocketAddr,
        balancer: SocketAddr,
    ) -> anyhow::Result<Self> {
        let binary: PathBuf = root.join("target/debug/reconciler");
        let child = Command::new(&binary)
            .arg("local")
            .arg("--repository")
            .arg(repository)
            .args(["--environment", "local", "--poll", "1s", "--resync", "10s"])
            .arg("--file")
            .arg(root.join("deploy/local.yaml"))
            .arg("--state")
            .arg(state)
            .args(["--listen", &aws.to_string(), "--balancer", &balancer.to_string()])
            .spawn()
            .with_context(|| format!("can't start {}", binary.display()))?;
        Ok(Self(child))
    }

    fn wait_until(
        &mut self,
        what: &str,
        mut is_so: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait()? {
                bail!("the operator ended by itself ({status}) before {what}");
            }
            // Until everything is up, refused connections and 503 are part of the story.
            match is_so() {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) if error.downcast_ref::<ureq::Error>().is_some() => {}
                Err(error) => return Err(error),
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("waited {} s in vain until {what}", PATIENCE.as_secs())
    }

    /// SIGTERM, and the answer to it.
    fn stop(&mut self) -> anyhow::Result<()> {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let status = self.0.wait()?;
        if !status.success() {
            bail!("the operator did not stop cleanly: {status}");
        }
        Ok(())
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            // It may have ended in between; then there is nothing to stop.
            let _ = self.stop();
        }
    }
}

/// Whether the service's deployment is COMPLETED.
fn is_settled(aws: SocketAddr, service: &str) -> anyhow::Result<bool> {
    let deployments = describe(aws, service)?["deployments"].as_array().cloned().unwrap_or_default();
    Ok(deployments.len() == 1 && deployments[0]["rolloutState"] == "COMPLETED")
}

/// Tasks that are asked for, and tasks that run.
fn counts(aws: SocketAddr, service: &str) -> anyhow::Result<(i64, i64)> {
    let service = describe(aws, service)?;
    let count = |member: &str| service[member].as_i64().with_context(|| format!("no {member} in {service}"));
    Ok((count("desiredCount")?, count("runningCount")?))
}

/// A service, asked of the simulated AWS as any client would.
fn describe(aws: SocketAddr, service: &str) -> anyhow::Result<Value> {
    let answer: Value = ureq::post(format!("http://{aws}/"))
        .header("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.DescribeServices")
        .header("Content-Type", "application/x-amz-json-1.1")
        .send(json!({"cluster": "jobs", "services": [service]}).to_string())?
        .body_mut()
        .read_to_string()
        .map(|text| serde_json::from_str(&text))??;
    Ok(answer["services"][0].clone())
}

/// A job that takes so long.
fn submit(balancer: SocketAddr, milliseconds: u64) -> anyhow::Result<String> {
    let body = json!({"kind": "sleep", "payload": {"milliseconds": milliseconds}}).to_string();
    let text = ureq::post(format!("http://{balancer}/submit-job"))
        .header("Content-Type", "application/json")
        .send(body)?
        .body_mut()
        .read_to_string()?;
    let answer: Value = serde_json::from_str(&text)?;
    answer["id"].as_str().map(str::to_owned).with_context(|| format!("no job id in {text}"))
}

fn get(url: &str) -> anyhow::Result<Value> {
    let text = ureq::get(url).call()?.body_mut().read_to_string()?;
    Ok(serde_json::from_str(&text)?)
}
