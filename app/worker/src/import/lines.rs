//! Cuts a stream of bytes into lines, whatever the size of its chunks, with a bound on what one line may take.

/// The longest line that is read, without its end. A longer one is passed over.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// One line of the file, without its end.
#[derive(Debug, PartialEq)]
pub struct Line<'a> {
    /// From 1, as an editor counts.
    pub number: u64,
    pub text: Text<'a>,
}

#[derive(Debug, PartialEq)]
pub enum Text<'a> {
    Whole(&'a [u8]),
    /// More than [`LINE_BYTES_MAX`]; it was not kept.
    TooLong,
}

/// Keeps the beginning of a line whose end is in a later chunk.
#[derive(Debug, Default)]
pub struct Lines {
    begun: Vec<u8>,
    too_long: bool,
    /// `begun` was handed out as a line and is to be forgotten.
    handed_out: bool,
    number: u64,
}

impl Lines {
    /// Takes the next line off the front of `chunk`; `None` when its end is not in there.
    pub fn next<'a, 'chunk: 'a>(&'a mut self, chunk: &mut &'chunk [u8]) -> Option<Line<'a>> {
        self.forget_handed_out();
        let Some(end) = chunk.iter().position(|byte| *byte == b'\n') else {
            self.keep(chunk);
            *chunk = &[];
            return None;
        };
        let (text, rest) = (&chunk[..end], &chunk[end + 1..]);
        *chunk = rest;
        if self.begun.is_empty() && !self.too_long {
            self.number += 1;
            return Some(line(self.number, text, false));
        }
        self.keep(text);
        Some(self.hand_out())
    }

    /// The last line, if the file does not end with the end of one.
    pub fn last(&mut self) -> Option<Line<'_>> {
        self.forget_handed_out();
        (self.too_long || !self.begun.is_empty()).then(|| self.hand_out())
    }

    fn keep(&mut self, bytes: &[u8]) {
        // One byte more than a line may have: it may be the carriage return of its end.
        if self.begun.len() + bytes.len() > LINE_BYTES_MAX + 1 {
            self.begun.clear();
            self.too_long = true;
        }
        if !self.too_long {
            self.begun.extend_from_slice(bytes);
        }
    }

    fn hand_out(&mut self) -> Line<'_> {
        self.number += 1;
        self.handed_out = true;
        line(self.number, &self.begun, self.too_long)
    }

    fn forget_handed_out(&mut self) {
        if self.handed_out {
            self.begun.clear();
            self.too_long = false;
            self.handed_out = false;
        }
    }
}

fn line(number: u64, text: &[u8], too_long: bool) -> Line<'_> {
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let text = if too_long || text.len() > LINE_BYTES_MAX { Text::TooLong } else { Text::Whole(text) };
    Line { number, text }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What is read when the bytes come in chunks of this size.
    fn lines(bytes: &[u8], chunk_size: usize) -> Vec<(u64, Option<String>)> {
        let mut lines = Lines::default();
        let mut read = Vec::new();
        let mut note = |line: Line| {
            let text = match line.text {
                Text::Whole(text) => Some(String::from_utf8(text.to_vec()).unwrap()),
                Text::TooLong => None,
            };
            read.push((line.number, text));
        };
        for mut chunk in bytes.chunks(chunk_size) {
            while let Some(line) = lines.next(&mut chunk) {
                note(line);
            }
        }
        lines.last().map(&mut note);
        read
    }

    fn text(number: u64, text: &str) -> (u64, Option<String>) {
        (number, Some(text.to_owned()))
    }

    #[test]
    fn lines_are_the_same_whatever_the_chunks() {
        let bytes = b"one\r\ntwo\n\nfour\n five";
        let expected = [text(1, "one"), text(2, "two"), text(3, ""), text(4, "four"), text(5, " five")];
        for chunk_size in 1..=bytes.len() {
            assert_eq!(lines(bytes, chunk_size), expected, "chunks of {chunk_size}");
        }
    }

    #[test]
    fn an_empty_file_has_no_line_and_a_last_end_begins_none() {
        assert_eq!(lines(b"", 4), []);
        assert_eq!(lines(b"one\n", 4), [text(1, "one")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_the_next_ones_are_read() {
        let longest = "x".repeat(LINE_BYTES_MAX);
        let bytes = format!("a\n{longest}\r\n{longest}x\nb\n{longest}{longest}{longest}\nc\n{longest}x");
        for chunk_size in [7, 4096, LINE_BYTES_MAX, bytes.len()] {
            assert_eq!(
                lines(bytes.as_bytes(), chunk_size),
                [
                    text(1, "a"),
                    text(2, &longest),
                    (3, None),
                    text(4, "b"),
                    (5, None),
                    text(6, "c"),
                    (7, None)
                ],
                "chunks of {chunk_size}"
            );
        }
    }

    #[test]
    fn a_line_without_end_takes_no_more_memory_than_the_longest_that_is_read() {
        let mut lines = Lines::default();
        for _ in 0..1000 {
            assert_eq!(lines.next(&mut [b'x'; 8192].as_slice()), None);
        }
        assert!(lines.begun.capacity() <= 2 * LINE_BYTES_MAX, "{}", lines.begun.capacity());
    }
}
