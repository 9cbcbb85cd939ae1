//! Keeps a spreadsheet that opens our CSV files from running what somebody put into a cell as a formula.

use std::borrow::Cow;

/// A field of a CSV file, as text to every spreadsheet: what would begin a formula comes after an apostrophe.
/// <https://owasp.org/www-community/attacks/CSV_Injection>
pub fn as_text(field: &str) -> Cow<'_, str> {
    match field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        true => Cow::Owned(format!("'{field}")),
        false => Cow::Borrowed(field),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_begin_a_formula_comes_after_an_apostrophe() {
        for field in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"] {
            assert_eq!(as_text(field), format!("'{field}"));
        }
        for field in ["", "tea", "a=b", "'=1", "1-2", " tea"] {
            assert_eq!(as_text(field), field);
        }
    }
}
