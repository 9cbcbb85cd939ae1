//! The ledger on a real disk, held, read, torn, damaged and full.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::path::PathBuf;

use futures_util::FutureExt as _;

use super::disk::beside;
use super::*;
use crate::model::{Digest, Intent, IntentKind, Timestamp};

fn intent() -> Intent {
    Intent::of(IntentKind::Create, &Digest::from_tag("7be1"), Timestamp(5))
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/ledger.json");
    (folder, path)
}

fn of(cluster: &str) -> Place {
    Place {
        installation: "reconciler".to_owned(),
        account: None,
        region: "eu-west-1".to_owned(),
        cluster: cluster.to_owned(),
    }
}

fn in_account(account: &str) -> Place {
    Place { account: Some(account.to_owned()), ..of("jobs") }
}

fn header() -> String {
    lines::header(&of("jobs")).unwrap()
}

fn at(seconds: i64) -> ServiceRecord {
    ServiceRecord { intent: Some(Intent { at: Timestamp(seconds), ..intent() }), ..ServiceRecord::default() }
}

fn line(service: &str, seconds: i64) -> String {
    lines::change(&ServiceKey::new(service), &at(seconds)).unwrap()
}

fn on_disk(text: &str) -> (tempfile::TempDir, PathBuf) {
    let (folder, path) = place();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    (folder, path)
}

/// A ledger on disk never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

fn set(ledger: &Ledger, service: &str, seconds: i64) -> Result<(), Error> {
    now(ledger.update(&ServiceKey::new(service), |record| *record = at(seconds)))
}

/// What is on disk, as `service=second`.
fn seen(path: &Path) -> String {
    let view = LedgerView::read(path, &of("jobs")).unwrap();
    told(view.records())
}

fn told(records: &Records) -> String {
    let each = records.iter().map(|(key, it)| format!("{}={}", key.name(), it.intent.as_ref().unwrap().at.0));
    each.collect::<Vec<_>>().join(" ")
}

fn changes(path: &Path) -> usize {
    fs::read_to_string(path).unwrap().lines().count() - 1
}

#[test]
fn a_ledger_of_another_place_is_refused_and_only_what_is_known_is_compared() {
    let other = |change: fn(&mut Place)| {
        let mut place = in_account("123456789012");
        change(&mut place);
        place
    };
    let table = [
        (in_account("123456789012"), true),
        (of("jobs"), true),
        (in_account("111122223333"), false),
        (of("web"), false),
        (other(|it| it.region = "us-east-1".to_owned()), false),
        (other(|it| it.installation = "second".to_owned()), false),
    ];
    for (place, ours) in table {
        let (_folder, path) = place_on_disk(&in_account("123456789012"));
        assert_eq!(LedgerView::read(&path, &place).is_ok(), ours, "{place}");
        assert_eq!(Ledger::open(&path, &place).is_ok(), ours, "{place}");
    }
    let (_folder, path) = place_on_disk(&in_account("123456789012"));
    let refused = Ledger::open(&path, &in_account("111122223333")).unwrap_err();
    assert_eq!(
        refused.to_string().replace(&path.display().to_string(), "LEDGER"),
        "`LEDGER` is the ledger of installation `reconciler` in cluster `jobs`, eu-west-1, account \
         123456789012, not of installation `reconciler` in cluster `jobs`, eu-west-1, account \
         111122223333\n  give this one a `--state` folder of its own, or move the file away if that \
         place is gone"
    );
}

#[test]
fn the_account_is_not_forgotten_when_the_environment_no_longer_names_it() {
    let (_folder, path) = place_on_disk(&in_account("123456789012"));
    let ledger = Ledger::open(&path, &of("jobs")).unwrap();
    now(ledger.update(&ServiceKey::new("web"), |record| record.intent = Some(intent()))).unwrap();
    drop(ledger);
    assert!(matches!(Ledger::open(&path, &in_account("111122223333")), Err(Error::Elsewhere { .. })));
}

/// A ledger with one record.
fn place_on_disk(of: &Place) -> (tempfile::TempDir, PathBuf) {
    let (folder, path) = place();
    let ledger = Ledger::open(&path, of).unwrap();
    now(ledger.update(&ServiceKey::new("api"), |record| record.intent = Some(intent()))).unwrap();
    (folder, path)
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let (_folder, path) = place();
    let api = ServiceKey::new("api");
    {
        let ledger = Ledger::open(&path, &of("jobs")).unwrap();
        now(ledger.update(&api, |record| record.intent = Some(intent()))).unwrap();
    }
    let ledger = Ledger::open(&path, &of("jobs")).unwrap();
    assert_eq!(ledger.record(&api).unwrap().intent, Some(intent()));
    assert_eq!(LedgerView::read(&path, &of("jobs")).unwrap().records(), &ledger.records());
    // A line a change, for people with `grep`.
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "{\"version\":3,\"place\":{\"installation\":\"reconciler\",\"region\":\"eu-west-1\",\
         \"cluster\":\"jobs\"}}\n\
         {\"service\":\"api\",\"record\":{\"intent\":{\"kind\":\"create\",\"digest\":\"7be1\",\"at\":5}}}\n"
    );
}

#[test]
fn a_second_holder_is_refused_and_told_who_holds_it() {
    let (_folder, path) = place();
    let first = Ledger::open(&path, &of("jobs")).unwrap();
    let refused = Ledger::open(&path, &of("jobs")).unwrap_err();
    assert!(matches!(refused, Error::Held { pid: Some(pid), .. } if pid == std::process::id()), "{refused}");
    assert!(refused.to_string().contains(&std::process::id().to_string()));
    drop(first);
    assert!(Ledger::open(&path, &of("jobs")).is_ok());
}

#[test]
fn a_torn_temporary_file_of_a_crash_is_ignored() {
    let (_folder, path) = place();
    let api = ServiceKey::new("api");
    let ledger = Ledger::open(&path, &of("jobs")).unwrap();
    now(ledger.update(&api, |record| record.intent = Some(intent()))).unwrap();
    drop(ledger);
    fs::write(beside(&path, "new"), r#"{"version":2,"services":{"ap"#).unwrap();
    let ledger = Ledger::open(&path, &of("jobs")).unwrap();
    assert_eq!(ledger.record(&api).unwrap().intent, Some(intent()));
    now(ledger.update(&api, |record| record.intent = None)).unwrap();
    assert_eq!(LedgerView::read(&path, &of("jobs")).unwrap().records()[&api].intent, None);
}

#[test]
fn a_ledger_that_cannot_be_read_is_refused_with_its_place_and_left_as_it_is() {
    let header = header();
    let (api, web) = (line("api", 1), line("web", 2));
    let misspelt = web.replace("record", "recrod");
    let table = [
        ("{\n  \"version\": 2,\n  \"services\": {\"api\": oops}\n}".to_owned(), 3),
        (String::new(), 1),
        (header.replace('}', "]"), 1),
        (header.trim_end().to_owned(), 1),
        (format!("{header}{api}{{\"service\":\"w\n{web}"), 3),
        (format!("{header}\n{api}"), 2),
        // Garbage above what a crash may have left.
        (format!("{header}{api}oops\n{{\"service\":\"w"), 3),
        // The last line, but whole: no crash wrote this.
        (format!("{header}{api}{misspelt}"), 3),
    ];
    for (damaged, wanted) in table {
        let (_folder, path) = on_disk(&damaged);
        let seen = LedgerView::read(&path, &of("jobs")).unwrap_err();
        let refused = Ledger::open(&path, &of("jobs")).unwrap_err();
        assert_eq!(seen.to_string(), refused.to_string());
        assert!(matches!(refused, Error::Malformed { line, .. } if line == wanted), "{damaged}: {refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    }
}

#[test]
fn a_ledger_of_a_newer_version_is_refused() {
    let (_folder, path) = place();
    drop(Ledger::open(&path, &of("jobs")).unwrap());
    fs::write(&path, "{\"version\": 4, \"leases\": []}\nand more").unwrap();
    assert!(matches!(Ledger::open(&path, &of("jobs")).unwrap_err(), Error::Version { found: 4, .. }));
}

#[test]
fn nothing_is_permitted_once_the_lock_file_is_gone() {
    let (_folder, path) = place();
    let ledger = Ledger::open(&path, &of("jobs")).unwrap();
    assert!(ledger.permit(Turn::has_come()).is_ok());
    fs::remove_file(beside(&path, "lock")).unwrap();
    assert!(matches!(ledger.permit(Turn::has_come()).unwrap_err(), Error::Lost { .. }));
    // Also when another process took a new one.
    let _second = Ledger::open(&path, &of("jobs")).unwrap();
    assert!(matches!(ledger.permit(Turn::has_come()).unwrap_err(), Error::Lost { .. }));
}

#[test]
fn nothing_is_written_once_the_lock_file_is_gone() {
    let (_folder, path) = place();
    let ledger = Ledger::open(&path, &of("jobs")).unwrap();
    let api = ServiceKey::new("api");
    fs::remove_file(beside(&path, "lock")).unwrap();
    let second = Ledger::open(&path, &of("jobs")).unwrap();
    now(second.update(&api, |record| record.intent = Some(intent()))).unwrap();
    let refused = now(ledger.update(&ServiceKey::new("web"), |record| record.intent = Some(intent())));
    assert!(matches!(refused.unwrap_err(), Error::Lost { .. }));
    assert_eq!(LedgerView::read(&path, &of("jobs")).unwrap().records(), &second.records());
    assert_eq!(ledger.records(), Records::new());
}

#[test]
fn a_change_that_cannot_be_written_is_not_kept_in_memory() {
    let (_folder, path) = place();
    let ledger = Ledger::open(&path, &of("jobs")).unwrap();
    let api = ServiceKey::new("api");
    // A folder of that name can't be replaced by a file.
    fs::create_dir_all(path.join("in-the-way")).unwrap();
    assert!(now(ledger.update(&api, |record| record.intent = Some(intent()))).is_err());
    assert_eq!(ledger.record(&api), None);
}

#[test]
fn many_tasks_may_write_at_once() {
    let (_folder, path) = place();
    let ledger = Ledger::open(&path, &of("jobs")).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let ledger = &ledger;
            scope.spawn(move || {
                for number in 0..5 {
                    let key = ServiceKey::new(format!("service-{thread}-{number}"));
                    now(ledger.update(&key, |record| record.intent = Some(intent()))).unwrap();
                }
            });
        }
    });
    assert_eq!(LedgerView::read(&path, &of("jobs")).unwrap().records().len(), 20);
}

#[test]
fn each_change_is_on_disk_at_once_below_those_before_it() {
    let (_folder, path) = place();
    let ledger = Ledger::open(&path, &of("jobs")).unwrap();
    let mut before = String::new();
    for (service, second, wanted) in
        [("api", 1, "api=1"), ("web", 2, "api=1 web=2"), ("api", 3, "api=3 web=2"), ("web", 4, "api=3 web=4")]
    {
        set(&ledger, service, second).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let (_other_folder, copy) = on_disk(&text);
        assert_eq!(told(&Ledger::open(&copy, &of("jobs")).unwrap().records()), wanted);
        assert!(text.starts_with(&before) && text.ends_with(&line(service, second)), "{text}");
        before = text;
    }
}

#[test]
fn a_last_line_torn_by_a_crash_is_left_out_by_readers_and_cut_off_by_the_holder() {
    let whole = header() + &line("api", 1) + &line("web", 2);
    let torn = [
        "{".to_owned(),
        line("api", 3)[..30].to_owned(),
        line("api", 3).trim_end().to_owned(),
        "\0".repeat(80),
        format!("{}\n", "\0".repeat(79)),
        "\n".to_owned(),
        "{\"service\":\"api\",\"rec\n".to_owned(),
    ];
    for tail in torn {
        let (_folder, path) = on_disk(&format!("{whole}{tail}"));
        assert_eq!(seen(&path), "api=1 web=2", "{tail:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{whole}{tail}"));
        let ledger = Ledger::open(&path, &of("jobs")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), whole, "{tail:?}");
        set(&ledger, "api", 4).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), whole.clone() + &line("api", 4), "{tail:?}");
    }
}

#[test]
fn a_ledger_of_version_2_is_converted_by_the_first_change() {
    let document = "{\"version\": 2, \"place\": {\"installation\":\"reconciler\",\"region\":\"eu-west-1\",\
                    \"account\":\"123456789012\",\"cluster\":\"jobs\"}, \"services\": {\n\
                    \"api\": {\"intent\":{\"kind\":\"create\",\"digest\":\"7be1\",\"at\":5}},\n\
                    \"web\": {\"intent\":{\"kind\":\"create\",\"digest\":\"7be1\",\"at\":6}}\n}}\n";
    let (_folder, path) = on_disk(document);
    let ledger = Ledger::open(&path, &of("jobs")).unwrap();
    assert_eq!(seen(&path), "api=5 web=6");
    assert_eq!(fs::read_to_string(&path).unwrap(), document);
    set(&ledger, "web", 7).unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        lines::header(&in_account("123456789012")).unwrap()
            + &line("api", 5)
            + &line("web", 6)
            + &line("web", 7)
    );
}

#[test]
fn a_ledger_of_version_1_is_refused() {
    let (_folder, path) = on_disk("{\"version\": 1, \"services\": {\n}}\n");
    let refused = Ledger::open(&path, &of("jobs")).unwrap_err();
    assert!(matches!(refused, Error::Version { found: 1, known: 3, .. }), "{refused}");
}

#[test]
fn an_account_that_is_named_later_is_written_down_with_the_next_change() {
    let (_folder, path) = on_disk(&(header() + &line("api", 1)));
    let ledger = Ledger::open(&path, &in_account("123456789012")).unwrap();
    set(&ledger, "api", 2).unwrap();
    assert_eq!(seen(&path), "api=2");
    assert!(matches!(LedgerView::read(&path, &in_account("111122223333")), Err(Error::Elsewhere { .. })));
}

/// As many changes of two services as a file may hold.
fn full_log() -> String {
    let changes = (0..504).map(|second| line("api", second) + &line("web", second));
    header() + &changes.collect::<String>()
}

#[test]
fn a_long_log_is_shortened_when_it_is_opened_and_keeps_the_last_of_each() {
    let (_folder, path) = on_disk(&full_log());
    drop(Ledger::open(&path, &of("jobs")).unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), full_log());
    fs::write(&path, full_log() + &line("api", 600)).unwrap();
    let ledger = Ledger::open(&path, &of("jobs")).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), header() + &line("api", 600) + &line("web", 503));
    assert_eq!(told(&ledger.records()), "api=600 web=503");
}

#[test]
fn a_log_that_has_grown_long_is_shortened_before_the_next_change() {
    let (_folder, path) = on_disk(&full_log());
    let ledger = Ledger::open(&path, &of("jobs")).unwrap();
    set(&ledger, "api", 600).unwrap();
    set(&ledger, "web", 601).unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        header() + &line("api", 600) + &line("web", 503) + &line("web", 601)
    );
    set(&ledger, "api", 602).unwrap();
    assert_eq!((changes(&path), seen(&path)), (4, "api=602 web=601".to_owned()));
}

#[test]
fn a_crash_at_any_step_of_shortening_loses_nothing() {
    let long = full_log() + &line("api", 600);
    let short = header() + &line("api", 600) + &line("web", 503);
    let steps = [
        (&long, Some(short[..40].to_owned())),
        (&long, Some(short.clone())),
        (&long, Some(long.repeat(2))),
        (&short, None),
    ];
    for (file, new) in steps {
        let (_folder, path) = on_disk(file);
        if let Some(new) = new {
            fs::write(beside(&path, "new"), new).unwrap();
        }
        assert_eq!(seen(&path), "api=600 web=503");
        let ledger = Ledger::open(&path, &of("jobs")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), short);
        set(&ledger, "web", 601).unwrap();
        assert_eq!(seen(&path), "api=600 web=601");
    }
}

#[test]
fn a_long_log_that_cannot_be_shortened_is_left_as_it_is() {
    let (_folder, path) = on_disk(&(full_log() + &line("api", 600)));
    let before = fs::read_to_string(&path).unwrap();
    fs::create_dir(beside(&path, "new")).unwrap();
    assert!(matches!(Ledger::open(&path, &of("jobs")), Err(Error::Unwritable { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn a_file_that_was_moved_away_or_written_to_is_replaced_by_what_is_known() {
    let harm: [fn(&Path); 3] = [
        |path| fs::rename(path, beside(path, "away")).unwrap(),
        |path| fs::write(path, "").unwrap(),
        |path| {
            fs::copy(path, beside(path, "copy")).unwrap();
            fs::rename(beside(path, "copy"), path).unwrap();
        },
    ];
    for harm in harm {
        let (_folder, path) = on_disk(&(header() + &line("api", 1)));
        let ledger = Ledger::open(&path, &of("jobs")).unwrap();
        harm(&path);
        set(&ledger, "web", 2).unwrap();
        assert_eq!(seen(&path), "api=1 web=2");
    }
}

/// The process that the next test starts. Alone, without a limit, it has nothing to show.
const CHILD: &str = "RECONCILER_TEST_FULL_DISK";

#[test]
fn a_line_for_which_the_disk_has_no_room_is_taken_back() {
    if let Some(path) = std::env::var_os(CHILD) {
        return write_until_full(Path::new(&path));
    }
    let (_folder, path) = on_disk(&header());
    // A file may grow to 8 blocks here, of 512 or 1,024 bytes: the write that crosses that is cut short, and
    // the next one fails. A limit on a file's size can be had without being root; a full disk can't.
    let name = std::thread::current().name().unwrap().to_owned();
    let child = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8 && exec \"$0\" --exact --nocapture \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(&name)
        .env(CHILD, &path)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && output.contains("1 passed"), "{name}: {output}");
    assert_eq!(seen(&path), "api=1000");
}

fn write_until_full(path: &Path) {
    let ledger = Ledger::open(path, &of("jobs")).unwrap();
    let (last, error) =
        (0..500).find_map(|second| set(&ledger, "api", second).err().map(|why| (second, why))).unwrap();
    assert!(matches!(error, Error::Unwritable { .. }), "{error}");
    // Neither in memory nor on disk, where a part of the line was.
    let wanted = header() + &(0..last).map(|second| line("api", second)).collect::<String>();
    assert_eq!(fs::read_to_string(path).unwrap(), wanted);
    assert_eq!(told(&ledger.records()), format!("api={}", last - 1));
    assert_ne!(wanted.len() % 512, 0, "no line was cut short: choose another length");
    // Without what is superseded there is room again.
    set(&ledger, "api", 1_000).unwrap();
    assert_eq!(seen(path), "api=1000");
}

#[test]
fn after_an_error_that_could_not_be_taken_back_the_file_is_replaced() {
    let (_folder, path) = on_disk(&(header() + &line("api", 1)));
    let ledger = Ledger::open(&path, &of("jobs")).unwrap();
    // A file opened for reading can be neither appended to nor cut.
    let Store::Disk(disk) = &ledger.store else { panic!("it is a file") };
    disk.hold(File::open(&path).unwrap());
    assert!(matches!(set(&ledger, "web", 2), Err(Error::Unwritable { .. })));
    assert_eq!(told(&ledger.records()), "api=1");
    assert_eq!(seen(&path), "api=1");
    set(&ledger, "web", 3).unwrap();
    assert_eq!(seen(&path), "api=1 web=3");
}
