//! One worker process: what it is told at the start, and what it prints.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::scene::{PATIENCE, Scene, wait_until};

/// Ends with its value, also when a test fails.
pub struct Worker {
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
    reader: Option<JoinHandle<()>>,
}

impl Worker {
    pub fn start(scene: &Scene, settings: &[(&str, &str)]) -> Worker {
        let folder = scene.folder.path();
        let mut child = Command::new(env!("CARGO_BIN_EXE_worker"))
            .current_dir(folder)
            .env_clear()
            .env("DATABASE_URL", &scene.database_url)
            .env("QUEUE_NAME", "jobs")
            .env("DEAD_LETTER_QUEUE_NAME", "jobs-dead")
            .env("OBJECTS_URL", format!("file://{}/objects", folder.display()))
            .env("MAIL_URL", format!("file://{}/mail", folder.display()))
            .env("AWS_ENDPOINT_URL", &scene.endpoint)
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("BACKLOG_EVERY_SECONDS", "0")
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines: Arc<Mutex<Vec<Value>>> = Arc::default();
        let output = BufReader::new(child.stdout.take().unwrap());
        let kept = lines.clone();
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                eprintln!("{line}");
                kept.lock().unwrap().push(serde_json::from_str(&line).expect("every line is JSON"));
            }
        });
        Worker { child, lines, reader: Some(reader) }
    }

    /// What it has printed so far.
    pub fn lines(&self) -> Vec<Value> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for a line, and answers it.
    pub async fn wait_for(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let find = || self.lines.lock().unwrap().iter().find(|line| is_it(line)).cloned();
        // The end of a worker's output is the end of the worker.
        wait_until(what, async || find().is_some() || Arc::strong_count(&self.lines) == 1).await;
        find().unwrap_or_else(|| panic!("the worker ended before {what}"))
    }

    pub fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
    }

    /// As the kernel does it: at once, in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until the process has ended by itself and all that it printed was read.
    pub async fn ended(mut self) -> (ExitStatus, Vec<Value>) {
        let waited = tokio::task::spawn_blocking(move || {
            let status = self.child.wait().unwrap();
            self.reader.take().unwrap().join().unwrap();
            (status, self)
        });
        let (status, worker) =
            tokio::time::timeout(PATIENCE, waited).await.expect("the worker ends").unwrap();
        (status, worker.lines())
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32).unwrap()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
