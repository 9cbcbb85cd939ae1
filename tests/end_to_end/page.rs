//! The API's page in a real browser: a job goes in by keyboard, and its end is seen.

use std::path::Path;
use std::process::Command;

use super::api::Api;

/// Names the file that the picture for the documentation goes to. Taking it lets jobs run for two minutes more.
const PICTURE: &str = "RECONCILER_PAGE_PICTURE";

#[test]
fn a_file_is_imported_through_the_page_by_keyboard_and_its_rejected_rows_are_shown() {
    let python = std::env::var("RECONCILER_TEST_PYTHON")
        .expect("RECONCILER_TEST_PYTHON names a Python with selenium; `make test` sets it up");
    let api = Api::start();
    // One job at a time, so that one can be seen waiting.
    let _worker = api.worker(&[("JOBS_AT_ONCE", "1")]);
    let seen = tempfile::tempdir().unwrap();
    let mut command = Command::new(python);
    command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // Chromium writes its profile there, and nothing stays behind.
        .env("HOME", seen.path())
        .env("TMPDIR", seen.path())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/page.py"))
        .arg(&api.url)
        .arg(seen.path());
    if let Some(picture) = std::env::var_os(PICTURE) {
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(picture));
    }
    // Its own waits are bounded, and longer altogether when it takes the picture.
    let driven = command.output().unwrap();
    let said = [driven.stdout, driven.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    if !driven.status.success() {
        let kept = seen.keep();
        panic!("screenshots are in {}\n{}\n{}\n{}", kept.display(), said[0], said[1], api.process.told());
    }
    assert_eq!(said[0], "ok\n");
}
