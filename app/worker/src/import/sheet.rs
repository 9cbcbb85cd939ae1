//! The file as a whole: its header, then row after row, each read or rejected with its line.

use super::lines::{LINE_BYTES_MAX, Line, Lines, Text};
use super::order::{COLUMNS, Order, fields, shown};

/// Excel begins its UTF-8 files with one.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    Read(u64, Order),
    Rejected(Rejection),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    pub line: u64,
    pub reason: String,
}

/// Why the file is not read at all.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct WrongHeader(String);

#[derive(Debug, Default)]
pub struct Sheet {
    lines: Lines,
    header_read: bool,
}

impl Sheet {
    /// Takes the next row off the front of `chunk`; `None` when all of it is used up.
    pub fn next(&mut self, chunk: &mut &[u8]) -> Result<Option<Row>, WrongHeader> {
        while let Some(line) = self.lines.next(chunk) {
            if let Some(row) = row(line, &mut self.header_read)? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// The last row, if its line had no end.
    pub fn last(&mut self) -> Result<Option<Row>, WrongHeader> {
        let last = match self.lines.last() {
            Some(line) => row(line, &mut self.header_read)?,
            None => None,
        };
        if self.header_read { Ok(last) } else { Err(wrong_header("nothing: the file is empty")) }
    }
}

/// `None` for what is no row: the header, and an empty line.
fn row(line: Line<'_>, header_read: &mut bool) -> Result<Option<Row>, WrongHeader> {
    let number = line.number;
    if !*header_read {
        check_header(line.text)?;
        *header_read = true;
        return Ok(None);
    }
    Ok(match line.text {
        Text::Whole(b"") => None,
        Text::Whole(text) => Some(match Order::parse(text) {
            Ok(order) => Row::Read(number, order),
            Err(reason) => Row::Rejected(Rejection { line: number, reason }),
        }),
        Text::TooLong => {
            let reason = format!("the line is longer than {LINE_BYTES_MAX} bytes");
            Some(Row::Rejected(Rejection { line: number, reason }))
        }
    })
}

fn check_header(text: Text<'_>) -> Result<(), WrongHeader> {
    let text = match text {
        Text::Whole(text) => text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text),
        Text::TooLong => return Err(wrong_header(&format!("one of more than {LINE_BYTES_MAX} bytes"))),
    };
    match fields(text) {
        Ok(fields) if fields == COLUMNS => Ok(()),
        Ok(_) | Err(_) => Err(wrong_header(&shown(&String::from_utf8_lossy(text)))),
    }
}

fn wrong_header(found: &str) -> WrongHeader {
    WrongHeader(format!("the first line must be `{}`, not {found}", COLUMNS.join(",")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HEADER: &str = "order_id,ordered_on,product,quantity,unit_price";

    fn rows(file: &[u8]) -> Result<Vec<Row>, WrongHeader> {
        let mut sheet = Sheet::default();
        let mut rows = Vec::new();
        for mut chunk in file.chunks(13) {
            while let Some(row) = sheet.next(&mut chunk)? {
                rows.push(row);
            }
        }
        rows.extend(sheet.last()?);
        Ok(rows)
    }

    fn refusal(file: &[u8]) -> String {
        rows(file).unwrap_err().to_string()
    }

    #[test]
    fn rows_carry_the_line_they_stand_on_whatever_was_wrong_before_them() {
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        let file = format!(
            "{HEADER}\r\nA,2026-01-01,p,1,1\r\n\r\nB,2026-01-01,\"p,1,1\nC,2026-01-01,p\n{long}\nD,2026-01-01,p,1,1"
        );
        let rows = rows(file.as_bytes()).unwrap();
        let told: Vec<String> = rows
            .iter()
            .map(|row| match row {
                Row::Read(line, order) => format!("{line} {}", order.order_id),
                Row::Rejected(rejection) => format!("{} {}", rejection.line, rejection.reason),
            })
            .collect();
        assert_eq!(
            told,
            [
                "2 A",
                "4 a quoted field is not closed on its line",
                "5 3 fields instead of 5",
                "6 the line is longer than 65536 bytes",
                "7 D"
            ]
        );
    }

    #[test]
    fn a_header_may_come_with_a_byte_order_mark_and_without_rows() {
        assert_eq!(rows(format!("\u{feff}{HEADER}\r\n").as_bytes()), Ok(vec![]));
        assert_eq!(rows(HEADER.as_bytes()), Ok(vec![]));
        assert_eq!(rows(b"\"order_id\",ordered_on,product,quantity,unit_price"), Ok(vec![]));
    }

    #[test]
    fn a_wrong_header_is_refused_with_what_was_expected_and_what_was_found() {
        let expected = "the first line must be `order_id,ordered_on,product,quantity,unit_price`, not ";
        for (file, found) in [
            (&b""[..], "nothing: the file is empty"),
            (b"\n", "``"),
            (b"A,2026-01-01,p,1,1\n", "`A,2026-01-01,p,1,1`"),
            (b"order_id;ordered_on\n", "`order_id;ordered_on`"),
            (b"PK\x03\x04\xff\n", "`PK\\u{3}\\u{4}\u{fffd}`"),
        ] {
            assert_eq!(refusal(file), format!("{expected}{found}"));
        }
        let endless = vec![b'x'; LINE_BYTES_MAX + 2];
        assert_eq!(refusal(&endless), format!("{expected}one of more than 65536 bytes"));
    }
}
