//! The `reconciler` binary as a child process: what it says, how it ends, and that it never stays behind.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::PATIENCE;
use crate::world::canary;

/// How soon a stopped operator has to be gone, as its documentation promises.
pub const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// A command line of the binary. Nothing of the developer's own environment reaches it.
pub fn reconciler(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reconciler"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("RECONCILER_STATE", home.join("state"))
        .current_dir(home);
    command
}

/// Credentials that any simulator takes.
pub fn with_credentials(command: &mut Command) -> &mut Command {
    let secret = canary::planted("AWS_SECRET_ACCESS_KEY");
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", secret)
}

/// How a command ended.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> Finished {
    let mut operator = Operator::start(command);
    let status = operator.wait_for_end();
    Finished { code: status.code(), stdout: operator.stdout.text(), stderr: operator.stderr.text() }
}

/// A running process.
pub struct Operator {
    child: Child,
    stdout: Arc<Lines>,
    stderr: Arc<Lines>,
    readers: Vec<JoinHandle<()>>,
}

impl Operator {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("can't start {command:?}: {error}"));
        let (stdout, stderr) = (Arc::new(Lines::default()), Arc::new(Lines::default()));
        let readers = vec![
            Lines::read(&stdout, child.stdout.take().unwrap()),
            Lines::read(&stderr, child.stderr.take().unwrap()),
        ];
        Self { child, stdout, stderr, readers }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A place in the journal: what is said from now on comes after it.
    pub fn mark(&self) -> usize {
        self.stdout.lines().len()
    }

    /// Waits for a line of standard output from `mark` on that `chosen` makes something of.
    pub fn wait_for_line<T>(&self, mark: usize, what: &str, chosen: impl Fn(&str) -> Option<T>) -> T {
        self.stdout.wait_for(mark, chosen).unwrap_or_else(|| panic!("no sign that {what}\n{}", self.told()))
    }

    /// Waits for an event of the journal from `mark` on.
    pub fn wait_for_event(&self, mark: usize, what: &str, chosen: impl Fn(&Value) -> bool) -> Value {
        self.wait_for_line(mark, what, |line| {
            serde_json::from_str(line).ok().filter(|event: &Value| chosen(event))
        })
    }

    /// The journal from `mark` on.
    pub fn events(&self, mark: usize) -> Vec<Value> {
        self.stdout.lines()[mark..].iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits until so many lines of standard output are there, or none has come for a while.
    pub fn wait_for_lines(&self, count: u64, silence: Duration) {
        self.stdout.wait_for_count(count as usize, silence);
    }

    /// Everything it said, for the message of a failed test.
    pub fn told(&self) -> String {
        format!("--- stdout\n{}--- stderr\n{}", self.stdout.text(), self.stderr.text())
    }

    pub fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    /// As a crash of the machine would: there is no farewell.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait_for_end();
    }

    /// Asks again and again, until it ends.
    pub fn terminate_until_it_ends(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() && Instant::now() < deadline {
            self.terminate();
            std::thread::sleep(Duration::from_millis(20));
        }
        self.wait_for_end()
    }

    fn signal(&mut self, signal: Signal) {
        // A process that has ended already needs no signal.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Waits until the process has ended and everything it said is read.
    pub fn wait_for_end(&mut self) -> ExitStatus {
        let status = self.end_within(PATIENCE);
        let status = status.unwrap_or_else(|| panic!("it does not end\n{}", self.told()));
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        status
    }

    fn end_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => return Some(status),
                None if Instant::now() > deadline => return None,
                // The standard library can't wait for a child with a deadline.
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        // `local` needs a moment to end its containers.
        if self.end_within(2 * STOPS_WITHIN).is_none() {
            self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
        for reader in self.readers.drain(..) {
            // One that panicked has said so.
            let _ = reader.join();
        }
        canary::nothing_leaked();
    }
}

/// The lines of one stream, as they arrive.
#[derive(Default)]
struct Lines {
    arrived: Mutex<Vec<String>>,
    grown: Condvar,
}

impl Lines {
    fn read(lines: &Arc<Self>, stream: impl Read + Send + 'static) -> JoinHandle<()> {
        let lines = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                canary::search("a process", &line);
                lines.arrived.lock().unwrap().push(line);
                lines.grown.notify_all();
            }
        })
    }

    fn lines(&self) -> Vec<String> {
        self.arrived.lock().unwrap().clone()
    }

    fn text(&self) -> String {
        self.lines().iter().map(|line| format!("{line}\n")).collect()
    }

    fn wait_for_count(&self, count: usize, silence: Duration) {
        let mut arrived = self.arrived.lock().unwrap();
        while arrived.len() < count {
            let (grown, waited) = self.grown.wait_timeout(arrived, silence).unwrap();
            arrived = grown;
            if waited.timed_out() {
                return;
            }
        }
    }

    fn wait_for<T>(&self, mark: usize, chosen: impl Fn(&str) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut looked_at = mark;
        let mut arrived = self.arrived.lock().unwrap();
        loop {
            for line in &arrived[looked_at.min(arrived.len())..] {
                if let Some(found) = chosen(line) {
                    return Some(found);
                }
            }
            looked_at = looked_at.max(arrived.len());
            let left = deadline.checked_duration_since(Instant::now())?;
            arrived = self.grown.wait_timeout(arrived, left).unwrap().0;
        }
    }
}
