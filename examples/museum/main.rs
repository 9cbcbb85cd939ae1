//! `make museum`: brings each planted mistake to life, one after the other, and runs the tests that have to find it.
//!
//! An argument narrows the walk to mistakes whose name contains it. All are in one build; which is alive is told to
//! each run by an environment variable. A mistake counts as found when a test fails, or does not end in its time.

#[path = "../../tests/museum/exhibits.rs"]
mod exhibits;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use exhibits::{EXHIBITS, Exhibit, KINDS, NOT_HERE, Source};

/// For all tests of one mistake. Without it they take seconds.
const TIME_MAX: Duration = Duration::from_secs(180);

fn main() -> ExitCode {
    let filter = std::env::args().nth(1).unwrap_or_default();
    match visit(&filter) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all mistakes were found.
fn visit(filter: &str) -> Result<bool> {
    let chosen: Vec<&Exhibit> = EXHIBITS.iter().filter(|it| it.name.contains(filter)).collect();
    ensure!(!chosen.is_empty(), "no mistake has `{filter}` in its name");
    let tests = Tests::built()?;
    let folder = tempfile::tempdir().context("a folder for what the tests print")?;
    let all: BTreeSet<&str> = chosen.iter().flat_map(|it| it.found_by).copied().collect();
    // A test that fails anyway would find everything.
    let sound = tests.run(None, &all.into_iter().collect::<Vec<_>>(), &folder.path().join("none"))?;
    if let Found::By(tests) = sound {
        bail!("without any mistake these fail or do not end: {tests}");
    }
    println!("museum: {} tests pass without a mistake", tests_of(&chosen));
    let found = walk(&chosen, &tests, folder.path())?;
    for kind in 1..=KINDS.len() {
        tell_kind(kind, &chosen, &found, filter.is_empty());
    }
    println!("museum: {} of {} killed", found.len(), chosen.len());
    Ok(found.len() == chosen.len())
}

/// A line for a kind of failure, and one for each mistake of it that can't be planted here.
fn tell_kind(kind: usize, chosen: &[&Exhibit], found: &BTreeSet<&str>, whole: bool) {
    let of_kind: Vec<&str> = chosen.iter().filter(|it| it.made_by.0 == kind).map(|it| it.name).collect();
    let killed = of_kind.iter().filter(|name| found.contains(*name)).count();
    let title = KINDS.get(kind - 1).unwrap_or(&"");
    if !of_kind.is_empty() {
        println!("{kind:>2} {title}: {killed} of {} killed", of_kind.len());
    }
    for (_, mistake, why) in NOT_HERE.iter().filter(|it| whole && it.0 == kind) {
        println!("{kind:>2} {title}: not here: {mistake}: {why}");
    }
}

fn tests_of(exhibits: &[&Exhibit]) -> usize {
    exhibits.iter().flat_map(|it| it.found_by).collect::<BTreeSet<_>>().len()
}

/// As many at a time as there are cores; answers which were found.
fn walk<'a>(chosen: &[&'a Exhibit], tests: &Tests, folder: &Path) -> Result<BTreeSet<&'a str>> {
    let (next, found, trouble) =
        (AtomicUsize::new(0), Mutex::new(BTreeSet::<&'a str>::new()), Mutex::new(None));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(exhibit) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Exhibit { name, made_by: Source(kind, projects), mistake, found_by } = exhibit;
                    match tests.run(Some(name), found_by, &folder.join(name)) {
                        Ok(Found::By(tests)) => {
                            found.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
                            println!("killed    {kind:>2} {name}, by {tests}");
                        }
                        Ok(Found::Not) => {
                            println!("SURVIVED  {kind:>2} {name}: {mistake}\n          as in {projects}");
                            println!("          not found by {}", found_by.join(", "));
                        }
                        Err(error) => {
                            let mut trouble = trouble.lock().unwrap_or_else(PoisonError::into_inner);
                            trouble.get_or_insert(error);
                        }
                    }
                }
            });
        }
    });
    match trouble.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}

enum Found {
    /// The tests that failed, as a sentence lists them.
    By(String),
    Not,
}

/// The test binaries that have the mistakes in them, and what each calls its tests.
struct Tests {
    binaries: Vec<(PathBuf, BTreeMap<String, String>)>,
}

impl Tests {
    /// Builds them, all mistakes at once.
    fn built() -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["test", "--locked", "--no-run", "--lib", "--test", "integration", "--features", "museum"])
            .arg("--message-format=json-render-diagnostics")
            .stderr(Stdio::inherit())
            .output()
            .context("start cargo")?;
        ensure!(built.status.success(), "the tests do not build");
        let messages = String::from_utf8(built.stdout).context("read what cargo says")?;
        let mut binaries = Vec::new();
        for line in messages.lines() {
            let message: serde_json::Value = serde_json::from_str(line).context("read what cargo says")?;
            let wanted = ["reconciler", "integration"].iter().any(|name| message["target"]["name"] == *name);
            let path = message["executable"].as_str().map(PathBuf::from);
            if let Some(path) = path.filter(|_| wanted && message["profile"]["test"] == true) {
                let names = names(&path)?;
                binaries.push((path, names));
            }
        }
        ensure!(binaries.len() == 2, "cargo built {} test binaries, not two", binaries.len());
        Ok(Self { binaries })
    }

    /// Runs some tests while one mistake is alive, and looks which fail.
    fn run(&self, alive: Option<&str>, names: &[&str], output: &Path) -> Result<Found> {
        let mut found = Vec::new();
        let mut known = 0;
        for (number, (binary, all)) in self.binaries.iter().enumerate() {
            let whole: Vec<&String> = names.iter().filter_map(|name| all.get(*name)).collect();
            if whole.is_empty() {
                continue;
            }
            known += whole.len();
            let output = output.with_extension(number.to_string());
            let mut command = Command::new(binary);
            command.arg("--exact").args(&whole).env_remove("RECONCILER_MUSEUM");
            if let Some(alive) = alive {
                command.env("RECONCILER_MUSEUM", alive);
            }
            let ended = within(&mut command, &output)?;
            let said = std::fs::read_to_string(&output).unwrap_or_default();
            match ended {
                None => found.push(format!(
                    "no end of {}",
                    whole.iter().map(|it| last(it)).collect::<Vec<_>>().join(", ")
                )),
                Some(status) if !status.success() => found.push(failed(&said)),
                Some(_) => {
                    let ran = format!(" {} passed;", whole.len());
                    ensure!(said.contains(&ran), "not all of {whole:?} were run:\n{said}");
                }
            }
        }
        ensure!(known == names.len(), "some of {names:?} are in neither binary");
        Ok(if found.is_empty() { Found::Not } else { Found::By(found.join(", ")) })
    }
}

/// What a test binary calls its tests, by the last part of the name.
fn names(binary: &Path) -> Result<BTreeMap<String, String>> {
    let listed =
        Command::new(binary).args(["--list", "--format", "terse"]).output().context("list the tests")?;
    let listed = String::from_utf8(listed.stdout).context("list the tests")?;
    let names = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    Ok(names.map(|name| (last(name).to_owned(), name.to_owned())).collect())
}

/// The name without its modules.
fn last(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

/// The tests that libtest says have failed; a process that ended before it could say so counts, too.
fn failed(said: &str) -> String {
    let failed = said.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    let failed: Vec<&str> = failed.map(|name| last(name.trim_end_matches(" - should panic"))).collect();
    if failed.is_empty() { "the end of the process".to_owned() } else { failed.join(", ") }
}

/// How a command ended; `None`: not in its time.
fn within(command: &mut Command, output: &Path) -> Result<Option<ExitStatus>> {
    let file = File::create(output).context("a file for what the tests print")?;
    let errors = file.try_clone().context("a file for what the tests print")?;
    let mut child =
        command.stdin(Stdio::null()).stdout(file).stderr(errors).spawn().context("start the tests")?;
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("wait for the tests")? {
            return Ok(Some(status));
        }
        if began.elapsed() > TIME_MAX {
            child.kill().context("end the tests")?;
            child.wait().context("end the tests")?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
