//! One row of the file, checked: what an order must look like, and the sentence for each way in which it does not.

use time::{Date, Month};

/// The first line of every file.
pub const COLUMNS: [&str; 5] = ["order_id", "ordered_on", "product", "quantity", "unit_price"];

const ORDER_ID_CHARACTERS_MAX: usize = 64;
const PRODUCT_CHARACTERS_MAX: usize = 100;
const QUANTITY_MAX: i64 = 1_000_000;
const UNIT_PRICE_MAX: i64 = 1_000_000;
/// How much of a wrong value is repeated in a reason.
const SHOWN_CHARACTERS_MAX: usize = 40;

#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub order_id: String,
    /// `YYYY-MM-DD`.
    pub ordered_on: String,
    pub product: String,
    pub quantity: i64,
    pub unit_price_cents: i64,
}

impl Order {
    /// Checks one line. The reason is a fragment that can follow "line 7: ".
    pub fn parse(line: &[u8]) -> Result<Order, String> {
        let fields = fields(line)?;
        let [order_id, ordered_on, product, quantity, unit_price] =
            <[String; 5]>::try_from(fields).map_err(|fields| {
                let plural = if fields.len() == 1 { "" } else { "s" };
                format!("{} field{plural} instead of {}", fields.len(), COLUMNS.len())
            })?;
        check_text("order_id", &order_id, ORDER_ID_CHARACTERS_MAX)?;
        check_date(&ordered_on)?;
        check_text("product", &product, PRODUCT_CHARACTERS_MAX)?;
        Ok(Order {
            order_id,
            ordered_on,
            product,
            quantity: whole_number(&quantity)?,
            unit_price_cents: cents(&unit_price)?,
        })
    }
}

/// The fields of one line of CSV (RFC 4180), each as text.
///
/// A field does not go on over the end of its line: no column holds text of several lines, and so a
/// quote that was forgotten costs one row and not the rest of the file.
pub fn fields(line: &[u8]) -> Result<Vec<String>, String> {
    let line = std::str::from_utf8(line)
        .map_err(|error| format!("not UTF-8 from byte {} of the line on", error.valid_up_to() + 1))?;
    check_quotes(line)?;
    if line.contains('\r') {
        return Err("a carriage return inside the line".into());
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .buffer_capacity(line.len().max(1))
        .from_reader(line.as_bytes());
    let mut record = csv::StringRecord::with_capacity(line.len(), COLUMNS.len());
    reader.read_record(&mut record).map_err(|error| error.to_string())?;
    Ok(record.iter().map(str::to_owned).collect())
}

/// Refuses what a CSV reader would guess about.
fn check_quotes(line: &str) -> Result<(), String> {
    enum At {
        FieldStart,
        Plain,
        Quoted,
        /// After a quote inside a quoted field: its end, or the first of two that stand for one.
        Quote,
    }
    let mut at = At::FieldStart;
    for (place, byte) in line.bytes().enumerate() {
        at = match (at, byte) {
            (At::FieldStart, b'"') | (At::Quote, b'"') => At::Quoted,
            (At::FieldStart | At::Plain | At::Quote, b',') => At::FieldStart,
            (At::Plain, b'"') => {
                return Err(format!(
                    "a quote at byte {} inside a field that does not begin with one",
                    place + 1
                ));
            }
            (At::FieldStart | At::Plain, _) => At::Plain,
            (At::Quoted, b'"') => At::Quote,
            (At::Quoted, _) => At::Quoted,
            (At::Quote, _) => {
                return Err(format!("a quoted field goes on after its quote at byte {place}"));
            }
        };
    }
    match at {
        At::Quoted => Err("a quoted field is not closed on its line".into()),
        At::FieldStart | At::Plain | At::Quote => Ok(()),
    }
}

fn check_text(column: &str, value: &str, characters_max: usize) -> Result<(), String> {
    if value.trim().is_empty() {
        return Err(format!("{column} is empty"));
    }
    let characters = value.chars().count();
    if characters > characters_max {
        return Err(format!("{column} has {characters} characters; at most {characters_max} are taken"));
    }
    match value.chars().find(|character| character.is_control()) {
        Some(control) => Err(format!("{column} holds the control character U+{:04X}", u32::from(control))),
        None => Ok(()),
    }
}

fn check_date(value: &str) -> Result<(), String> {
    let parse = || {
        let bytes = value.as_bytes();
        let shape = bytes.len() == 10
            && bytes.iter().enumerate().all(|(place, byte)| match place {
                4 | 7 => *byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !shape {
            return None;
        }
        let month = Month::try_from(value[5..7].parse::<u8>().ok()?).ok()?;
        Date::from_calendar_date(value[..4].parse().ok()?, month, value[8..].parse().ok()?).ok()
    };
    match parse() {
        Some(_) => Ok(()),
        None => Err(format!("ordered_on must be a date such as 2026-11-21, not {}", shown(value))),
    }
}

fn whole_number(value: &str) -> Result<i64, String> {
    digits(value).filter(|quantity| (1..=QUANTITY_MAX).contains(quantity)).ok_or_else(|| {
        format!("quantity must be a whole number from 1 to {QUANTITY_MAX}, not {}", shown(value))
    })
}

fn cents(value: &str) -> Result<i64, String> {
    let parse = || {
        let (whole, places) = match value.split_once('.') {
            None => (value, 0),
            Some((whole, places)) => {
                let cents = digits(places)?;
                match places.len() {
                    1 => (whole, cents * 10),
                    2 => (whole, cents),
                    _ => return None,
                }
            }
        };
        Some(digits(whole)?.checked_mul(100)? + places)
    };
    parse().filter(|cents| *cents <= UNIT_PRICE_MAX * 100).ok_or_else(|| {
        format!(
            "unit_price must be a number from 0 to {UNIT_PRICE_MAX} with at most 2 decimal places, not {}",
            shown(value)
        )
    })
}

/// Nothing but digits: no sign, no space, no exponent.
fn digits(text: &str) -> Option<i64> {
    // Longer ones don't fit into what is allowed, but for leading zeros.
    let all_digits = (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { text.parse().ok() } else { None }
}

/// A wrong value, in a form that is safe to show: shortened, and without control characters.
pub fn shown(value: &str) -> String {
    let mut shown: String = value.chars().take(SHOWN_CHARACTERS_MAX).flat_map(char::escape_debug).collect();
    if value.chars().count() > SHOWN_CHARACTERS_MAX {
        shown.push('…');
    }
    format!("`{shown}`")
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
