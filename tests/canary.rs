//! A word that stands in every secret there is in a test, and in nothing that is said.
//!
//! It is planted in one place for each source, and searched for wherever something is told: in the journal, in log
//! lines down to trace, in ledgers, plans, reports and errors. A test that ends without having failed fails for it.

use std::io::Write;
use std::sync::{Mutex, Once, PoisonError};

const CANARY: &str = "c4n4ry";
/// Characters of a leak that are shown on either side.
const AROUND: usize = 120;

/// A secret from this source.
pub fn planted(source: &str) -> String {
    format!("{CANARY}-of-{source}")
}

static LEAKS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Searches what was said in a place; what is found makes the test fail at its end.
pub fn search(place: &str, text: &str) {
    let Some(at) = text.find(CANARY) else { return };
    let characters: Vec<(usize, char)> = text.char_indices().collect();
    let here = characters.partition_point(|(index, _)| *index < at);
    let around = here.saturating_sub(AROUND)..(here + AROUND).min(characters.len());
    let shown: String = characters[around].iter().map(|(_, character)| character).collect();
    LEAKS.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{place}: …{shown}…"));
}

/// Fails where anything was found so far; what a test that fails anyway has to say comes first.
pub fn nothing_leaked() {
    let leaks = std::mem::take(&mut *LEAKS.lock().unwrap_or_else(PoisonError::into_inner));
    if !leaks.is_empty() && !std::thread::panicking() {
        panic!(
            "a secret was told {} times, such as\n{}",
            leaks.len(),
            leaks[..leaks.len().min(5)].join("\n")
        );
    }
}

/// Searches all log lines of this process that `main.rs` would let through: ours at any level, warnings of others.
pub fn listen() {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| {
        let filter = tracing_subscriber::EnvFilter::new("warn,reconciler=trace");
        // Only the first one in a process is taken, and no other test has one of its own.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(|| Searched)
            .try_init();
    });
}

/// A log that nobody reads but the search.
struct Searched;

impl Write for Searched {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        search("log", &String::from_utf8_lossy(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_leak_in_a_log_line_is_found() {
    listen();
    tracing::warn!(password = %planted("a log line"), "not so");
    let leaks = std::mem::take(&mut *LEAKS.lock().unwrap());
    assert!(leaks.len() == 1 && leaks[0].contains("log: "), "{leaks:?}");
}

#[should_panic(expected = "a secret was told 1 times, such as\nthere: …ö c4n4ry-of-a-test ü…")]
#[test]
fn a_leak_fails_the_test_at_its_end() {
    search("here", "nothing");
    search("there", &format!("ö {} ü", planted("a-test")));
    nothing_leaked();
}
