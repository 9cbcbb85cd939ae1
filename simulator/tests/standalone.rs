//! The stand-alone binary: starts, says where it is, and stops when asked.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Ends the binary also when a test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn simulator(arguments: &[&str]) -> Running {
    simulator_in(Path::new("."), arguments)
}

fn simulator_in(directory: &Path, arguments: &[&str]) -> Running {
    let child = Command::new(env!("CARGO_BIN_EXE_simulator"))
        .current_dir(directory)
        .args(["--listen", "127.0.0.1:0"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Running(child)
}

#[test]
fn it_says_how_to_reach_it_and_ends_well_on_sigterm() {
    let mut running = simulator(&["--runtime", "scripted"]);
    let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let endpoint = first.split(' ').find(|word| word.starts_with("http://")).unwrap();
    let endpoint = endpoint.trim_end_matches(';');
    let export = format!("export AWS_ENDPOINT_URL={endpoint}");
    assert!(lines.any(|line| line.unwrap() == export));
    let process = Pid::from_raw(running.0.id() as i32).unwrap();
    kill_process(process, Signal::TERM).unwrap();
    assert!(running.0.wait().unwrap().success());
}

#[test]
fn an_image_map_that_cannot_be_read_is_named() {
    let mut running = simulator(&["--images", "/nowhere/images.json"]);
    assert!(!running.0.wait().unwrap().success());
    let mut message = String::new();
    let mut stderr = running.0.stderr.take().unwrap();
    stderr.read_to_string(&mut message).unwrap();
    assert!(message.contains("can't read the image map /nowhere/images.json"), "{message}");
}

#[test]
fn a_speed_that_does_not_move_time_is_refused() {
    let mut running = simulator(&["--speed", "0"]);
    assert!(!running.0.wait().unwrap().success());
    let mut message = String::new();
    let mut stderr = running.0.stderr.take().unwrap();
    stderr.read_to_string(&mut message).unwrap();
    assert!(message.contains("must be a number greater than 0"), "{message}");
}

#[test]
fn an_image_map_of_the_current_directory_needs_no_path() {
    let directory = tempfile::tempdir().unwrap();
    let map = r#"{"images": {"app": {"command": "bin/app"}}}"#;
    std::fs::write(directory.path().join("images.json"), map).unwrap();
    let mut running = simulator_in(directory.path(), &["--images", "images.json"]);
    let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let first = lines.next().expect("it did not start").unwrap();
    assert!(first.starts_with("simulator listens on"), "{first}");
}
