//! One measured process: how long it takes, and the most memory it ever held.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// The kernel keeps the high-water mark itself; it only has to be read before the process is gone.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Longer than any step takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// A process that is stopped when it goes out of scope.
pub struct Process {
    child: Child,
    what: String,
    output: PathBuf,
    pub started: Instant,
    peak_kib: u64,
}

/// How a process that ended by itself did.
pub struct Ended {
    pub wall: Duration,
    pub peak_mib: f64,
    pub output: String,
}

impl Process {
    /// Starts `command` with its output in a file below `folder`.
    pub fn start(what: &str, command: &mut Command, folder: &Path) -> anyhow::Result<Self> {
        let output = folder.join("output");
        let file = File::create(&output).context("can't make a file for the output")?;
        command.stdout(file.try_clone()?).stderr(file);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("can't start {:?}", command.get_program()))?;
        Ok(Self { child, what: what.to_owned(), output, started, peak_kib: 0 })
    }

    /// Waits for the end, which has to be a good one.
    pub fn end(mut self) -> anyhow::Result<Ended> {
        while self.started.elapsed() < PATIENCE {
            self.look();
            if let Some(status) = self.child.try_wait()? {
                return self.ended(status);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        bail!("{} takes longer than {} s\n{}", self.what, PATIENCE.as_secs(), self.printed())
    }

    /// SIGTERM, and the answer to it.
    pub fn stop(mut self) -> anyhow::Result<Ended> {
        self.look();
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.end()
    }

    /// Fails if the process has ended although it should go on.
    pub fn still_runs(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended by itself ({status})\n{}", self.what, self.printed()),
        }
    }

    fn ended(&self, status: ExitStatus) -> anyhow::Result<Ended> {
        let (wall, output) = (self.started.elapsed(), self.printed());
        if !status.success() {
            bail!("{} failed ({status})\n{output}", self.what);
        }
        Ok(Ended { wall, peak_mib: self.peak_kib as f64 / 1024.0, output })
    }

    fn printed(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// `getrusage` would do, but counts what the parent held between fork and exec as well.
    fn look(&mut self) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let peak = status.iter().flat_map(|text| text.lines()).find_map(|line| {
            line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
        });
        self.peak_kib = self.peak_kib.max(peak.unwrap_or_default());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // It may have ended in between; then there is nothing to stop.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
