//! Keeps the newest lines that a process wrote.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use crate::clock::{Clock, Time};

const LINES_MAX: usize = 1_000;
/// Docker, too, cuts longer lines into pieces of this size.
const LINE_BYTES_MAX: u64 = 16 * 1024;

#[derive(Default)]
pub(super) struct Output {
    lines: Mutex<VecDeque<(Time, String)>>,
}

impl Output {
    /// Reads a stream to its end.
    pub(super) async fn take(&self, stream: impl AsyncRead + Unpin, clock: &Clock) {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut piece = (&mut reader).take(LINE_BYTES_MAX);
            match piece.read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line);
            self.push(clock.now(), text.trim_end_matches(['\n', '\r']).to_owned());
        }
    }

    pub(super) fn push(&self, at: Time, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back((at, line));
    }

    /// The newest lines, oldest first.
    pub(super) fn newest(&self, limit: usize) -> Vec<(Time, String)> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = lines.len().saturating_sub(limit);
        lines.iter().skip(skipped).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn clock() -> Clock {
        Clock::starting_at(Time(1), 1.0)
    }

    #[tokio::test]
    async fn only_the_newest_lines_are_kept_oldest_first() {
        let output = Output::default();
        let text: String = (0..LINES_MAX + 5).map(|line| format!("{line}\n")).collect();
        output.take(text.as_bytes(), &clock()).await;
        let texts = |limit| -> Vec<String> {
            let lines = output.newest(limit).into_iter();
            lines.map(|(_, line)| line).collect()
        };
        assert_eq!(texts(2), ["1003", "1004"]);
        assert_eq!(texts(usize::MAX).len(), LINES_MAX);
        assert_eq!(texts(usize::MAX)[0], "5");
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut_into_pieces() {
        let output = Output::default();
        let text = "x".repeat(LINE_BYTES_MAX as usize + 1);
        output.take(text.as_bytes(), &clock()).await;
        let lengths: Vec<usize> = output.newest(9).iter().map(|(_, line)| line.len()).collect();
        assert_eq!(lengths, [LINE_BYTES_MAX as usize, 1]);
    }
}
