//! Colour, plain characters and spans of time: how any text of ours looks on a terminal.

use std::time::Duration;

use crate::model::Workload;

/// Whether a text may carry ANSI colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    #[default]
    Plain,
    Ansi,
}

/// What a piece of text means; each meaning has one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Change,
    Warning,
    Bad,
    Quiet,
    Strong,
}

impl Colour {
    /// What is said besides.
    pub fn quiet(self, text: &str) -> String {
        self.paint(Tone::Quiet, text)
    }

    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => 32,
            Tone::Change => 36,
            Tone::Warning => 33,
            Tone::Bad => 31,
            Tone::Quiet => 2,
            Tone::Strong => 1,
        };
        match self {
            Colour::Plain => text.to_owned(),
            Colour::Ansi if text.is_empty() => String::new(),
            Colour::Ansi => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// One line without control characters: a container's log line must not move the cursor.
pub(super) fn plain(text: &str) -> String {
    text.trim_end().chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// At most `characters_max` characters, the last of them `…` if something was cut off.
pub(super) fn cut(text: &str, characters_max: usize) -> String {
    if text.chars().count() <= characters_max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(characters_max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// `1.2 s`, `12 s`, `10 m`, `2 h`, `3 d`.
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 if duration.subsec_millis() >= 50 => format!("{:.1} s", duration.as_secs_f64()),
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} m", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        172_800.. => format!("{} d", seconds / 86_400),
    }
}

/// `1 task`, `3 tasks`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `14 services`, `14 services and 1 scheduled task`.
pub fn counted(workloads: impl Iterator<Item = Workload>) -> String {
    let (mut services, mut tasks) = (0, 0);
    for workload in workloads {
        match workload {
            Workload::Service => services += 1,
            Workload::ScheduledTask => tasks += 1,
        }
    }
    let (services_text, tasks_text) =
        (count(services, Workload::Service.noun()), count(tasks, Workload::ScheduledTask.noun()));
    match (services, tasks) {
        (_, 0) => services_text,
        (0, _) => tasks_text,
        _ => format!("{services_text} and {tasks_text}"),
    }
}

/// Pads to a column by characters; a longer text keeps its length.
pub(super) fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_time_has_one_unit() {
        for (milliseconds, text) in [
            (0, "0 s"),
            (1_240, "1.2 s"),
            (12_900, "12 s"),
            (86_000, "86 s"),
            (600_000, "10 m"),
            (7_200_000, "2 h"),
            (259_200_000, "3 d"),
        ] {
            assert_eq!(span(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn no_escape_sequence_passes_through() {
        assert_eq!(plain("\x1b[2Jhello\nworld\n"), " [2Jhello world");
        assert_eq!(Colour::Plain.paint(Tone::Bad, "x"), "x");
        assert_eq!(Colour::Ansi.paint(Tone::Bad, "x"), "\x1b[31mx\x1b[0m");
    }
}
