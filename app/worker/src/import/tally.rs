//! What became of the rows: counted all, and the first of those rejected kept with their reasons.

use serde_json::{Value, json};

use super::sheet::Rejection;

/// How many rejected rows the result names; the others are counted, and all of them are in a file.
pub const NAMED_MAX: usize = 100;
/// How many of them the reason of a job that imported nothing repeats.
const REPEATED_MAX: usize = 3;

#[derive(Debug, Default, PartialEq)]
pub struct Tally {
    imported: u64,
    rejected: u64,
    named: Vec<Rejection>,
}

impl Tally {
    /// Adds what became of the rows that follow those added before, the rejected in their order.
    pub fn add(&mut self, imported: usize, mut rejections: Vec<Rejection>) {
        self.imported += imported as u64;
        self.rejected += rejections.len() as u64;
        rejections.truncate(NAMED_MAX - self.named.len());
        self.named.extend(rejections);
    }

    /// What the job's result says; or, of a file that has only bad rows, why the job failed.
    pub fn into_result(self) -> Result<Value, String> {
        if self.imported == 0 && self.rejected > 0 {
            return Err(self.all_rejected());
        }
        let rows: Vec<Value> = self
            .named
            .iter()
            .map(|rejection| json!({"line": rejection.line, "reason": rejection.reason}))
            .collect();
        Ok(json!({"imported": self.imported, "rejected": self.rejected, "rejectedRows": rows}))
    }

    fn all_rejected(&self) -> String {
        let first: Vec<String> = self
            .named
            .iter()
            .take(REPEATED_MAX)
            .map(|rejection| format!("line {}: {}", rejection.line, rejection.reason))
            .collect();
        let more = match self.rejected as usize - first.len() {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        format!("every row was rejected: {}{more}", first.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(line: u64) -> Rejection {
        Rejection { line, reason: "bad".into() }
    }

    #[test]
    fn the_first_hundred_rejected_rows_are_named_in_order_and_all_are_counted() {
        let mut tally = Tally::default();
        tally.add(1, vec![rejection(2), rejection(9)]);
        tally.add(0, (10..1_000).map(rejection).collect());
        let result = tally.into_result().unwrap_or_default();
        assert_eq!((&result["imported"], &result["rejected"]), (&json!(1), &json!(992)));
        let named = result["rejectedRows"].as_array().cloned().unwrap_or_default();
        assert_eq!(named.len(), 100);
        assert_eq!(named[..2], [json!({"line": 2, "reason": "bad"}), json!({"line": 9, "reason": "bad"})]);
    }

    #[test]
    fn a_file_with_only_bad_rows_fails_with_the_first_reasons() {
        let mut tally = Tally::default();
        tally.add(0, vec![rejection(2), rejection(3), rejection(4), rejection(5)]);
        assert_eq!(
            tally.into_result(),
            Err("every row was rejected: line 2: bad; line 3: bad; line 4: bad; and 1 more".into())
        );
    }

    #[test]
    fn a_file_without_rows_is_imported() {
        assert_eq!(
            Tally::default().into_result(),
            Ok(json!({"imported": 0, "rejected": 0, "rejectedRows": []}))
        );
    }
}
