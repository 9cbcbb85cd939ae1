//! One event on one line: words on a terminal, JSON elsewhere.

use serde::Serialize;

use super::paint::{Colour, Tone, pad, plain};
use crate::journal::{Event, Kind, Level};

/// The longest word of [`Kind`], and a space.
const WORD_COLUMN: usize = 9;

/// Where a further line of a reason begins, such as the source line of a diagnostic.
const INDENT: usize = 10;

/// `21:03:11  plan      job-worker: new revision`, without a line break at its end.
pub fn terminal_line(event: &Event, colour: Colour) -> String {
    let tone = match event.level {
        Level::Error => Tone::Bad,
        Level::Warn => Tone::Warning,
        Level::Info => match event.event {
            Kind::Settled => Tone::Good,
            _ => Tone::Change,
        },
    };
    let time = colour.paint(Tone::Quiet, &event.timestamp.time_of_day());
    let word = colour.paint(tone, &pad(event.event.word(), WORD_COLUMN));
    // Only our own diagnostics and reports have lines; in anything else a line break would be somebody's
    // attempt to write a line of the journal.
    let lines_max = if matches!(event.event, Kind::Refused | Kind::Report) { usize::MAX } else { 1 };
    let mut lines = event.reason.trim_end().splitn(lines_max, '\n').map(plain);
    let first = lines.next().unwrap_or_default();
    let indent = " ".repeat(INDENT);
    let rest: String = lines.map(|line| format!("\n{}", format!("{indent}{line}").trim_end())).collect();
    format!("{time}  {word}  {}{rest}", sentence(event, &first))
}

/// The subject and the sentence; the subject is left out where the sentence begins with it.
fn sentence(event: &Event, reason: &str) -> String {
    let Some(service) = &event.service else { return reason.to_owned() };
    if begins_with(reason, service.name()) {
        return reason.to_owned();
    }
    match (&event.event, &event.digest) {
        (Kind::Held, Some(digest)) => format!("{service}@{} {reason}", digest.short()),
        (Kind::Plan | Kind::Drift | Kind::Retry | Kind::Failed, _) => format!("{service}: {reason}"),
        _ => format!("{service} {reason}"),
    }
}

/// `job-api:42` begins with `job-api`; `job-api-v2` does not.
fn begins_with(reason: &str, service: &str) -> bool {
    reason.strip_prefix(service).is_some_and(|rest| {
        !rest.starts_with(|next: char| next.is_alphanumeric() || next == '-' || next == '_')
    })
}

/// One JSON object without a line break. Members that don't apply are left out.
pub fn json_line(event: &Event) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Line<'a> {
        timestamp: String,
        level: Level,
        event: Kind,
        #[serde(skip_serializing_if = "Option::is_none")]
        service: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        revision: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        digest: Option<&'a str>,
        reason: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        deployment_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        aws_request_id: Option<&'a str>,
    }
    let line = Line {
        timestamp: event.timestamp.to_string(),
        level: event.level,
        event: event.event,
        service: event.service.as_ref().map(|service| service.name()),
        revision: event.revision.as_deref(),
        digest: event.digest.as_ref().map(|digest| digest.as_str()),
        reason: &event.reason,
        deployment_id: event.deployment_id.as_deref(),
        aws_request_id: event.aws_request_id.as_deref(),
    };
    // Strings and enums only: there is nothing that could fail to serialise.
    serde_json::to_string(&line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ServiceKey, Timestamp};
    use crate::report::example::{READ_AT, digest};

    fn line(kind: Kind, service: Option<&str>, reason: &str) -> String {
        let mut event = Event::new(READ_AT, kind, reason).digest(&digest());
        event.service = service.map(ServiceKey::new);
        terminal_line(&event, Colour::Plain)
    }

    #[test]
    fn a_terminal_line_is_time_word_subject_and_sentence() {
        let worker = Some("job-worker");
        assert_eq!(
            [
                line(Kind::Commit, None, "main@4c1f9e2 by release-bot: Raise worker memory"),
                line(Kind::Plan, worker, "new revision (memory 1024 -> 2048)"),
                line(Kind::Register, worker, "job-worker:42"),
                line(Kind::Progress, worker, "1 of 3 new tasks healthy"),
                line(Kind::Held, worker, "until Git changes it"),
                line(Kind::Update, Some("job"), "job-worker comes first"),
            ],
            [
                "21:03:10  commit     main@4c1f9e2 by release-bot: Raise worker memory",
                "21:03:10  plan       job-worker: new revision (memory 1024 -> 2048)",
                "21:03:10  register   job-worker:42",
                "21:03:10  progress   job-worker 1 of 3 new tasks healthy",
                "21:03:10  held       job-worker@7be1… until Git changes it",
                "21:03:10  update     job job-worker comes first",
            ]
        );
    }

    #[test]
    fn a_line_stays_one_line_and_one_colour() {
        let event = Event::new(Timestamp(0), Kind::Failed, "exited 1:\n\x1b[2Jboom");
        assert_eq!(terminal_line(&event, Colour::Plain), "00:00:00  failed     exited 1:  [2Jboom");
        assert_eq!(json_line(&event).lines().count(), 1);
        assert!(terminal_line(&event, Colour::Ansi).contains("\x1b[31mfailed   \x1b[0m"));
    }

    #[test]
    fn a_json_line_has_the_documented_members() {
        let event = Event::new(READ_AT, Kind::Update, "job-worker -> job-worker:42")
            .of(&ServiceKey::new("job-worker"))
            .revision("4c1f9e2")
            .digest(&digest())
            .deployment(Some("ecs-svc/3081"))
            .request(Some("5f0c"));
        assert_eq!(
            json_line(&event),
            format!(
                r#"{{"timestamp":"2026-11-20T21:03:10.000Z","level":"info","event":"update","service":"job-worker","revision":"4c1f9e2","digest":"{}","reason":"job-worker -> job-worker:42","deploymentId":"ecs-svc/3081","awsRequestId":"5f0c"}}"#,
                digest()
            )
        );
        let event = Event::new(READ_AT, Kind::Start, "watching main");
        assert_eq!(
            json_line(&event),
            r#"{"timestamp":"2026-11-20T21:03:10.000Z","level":"info","event":"start","reason":"watching main"}"#
        );
    }
}
