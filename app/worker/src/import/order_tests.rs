//! The gallery of rows: each with what is read from it, or the reason word for word.

#![allow(clippy::unwrap_used)]

use super::*;

fn reason(line: &[u8]) -> String {
    Order::parse(line).unwrap_err()
}

#[test]
fn a_row_is_read_with_its_price_in_cents() {
    assert_eq!(
        Order::parse("A-1,2026-02-28,\"Tea, \"\"green\"\" – 100 g\",3,4.5".as_bytes()),
        Ok(Order {
            order_id: "A-1".into(),
            ordered_on: "2026-02-28".into(),
            product: "Tea, \"green\" – 100 g".into(),
            quantity: 3,
            unit_price_cents: 450,
        })
    );
}

#[test]
fn prices_are_exact() {
    for (text, cents) in [("0", 0), ("0.07", 7), ("0.7", 70), ("19.99", 1999), ("1000000", 100_000_000)] {
        let line = format!("A,2026-01-01,p,1,{text}");
        assert_eq!(Order::parse(line.as_bytes()).unwrap().unit_price_cents, cents, "{text}");
    }
}

#[test]
fn each_bad_row_has_its_reason() {
    let gallery: [(&[u8], &str); 30] = [
        (b"A", "1 field instead of 5"),
        (b"A,2026-01-01,p,1", "4 fields instead of 5"),
        (b"A,2026-01-01,p,1,1,", "6 fields instead of 5"),
        (b"A;2026-01-01;p;1;1", "1 field instead of 5"),
        (b",2026-01-01,p,1,1", "order_id is empty"),
        (b"  ,2026-01-01,p,1,1", "order_id is empty"),
        (b"A\x07,2026-01-01,p,1,1", "order_id holds the control character U+0007"),
        (b"A,2026-01-01,,1,1", "product is empty"),
        (b"A,2026-01-01,a\0b,1,1", "product holds the control character U+0000"),
        (b"A,2026-02-29,p,1,1", "ordered_on must be a date such as 2026-11-21, not `2026-02-29`"),
        (b"A,2026-13-01,p,1,1", "ordered_on must be a date such as 2026-11-21, not `2026-13-01`"),
        (b"A,01/02/2026,p,1,1", "ordered_on must be a date such as 2026-11-21, not `01/02/2026`"),
        (b"A,2026-1-1,p,1,1", "ordered_on must be a date such as 2026-11-21, not `2026-1-1`"),
        (
            "A,2026-01-0\u{e9},p,1,1".as_bytes(),
            "ordered_on must be a date such as 2026-11-21, not `2026-01-0é`",
        ),
        (b"A,2026-01-01,p,0,1", "quantity must be a whole number from 1 to 1000000, not `0`"),
        (b"A,2026-01-01,p,1000001,1", "quantity must be a whole number from 1 to 1000000, not `1000001`"),
        (b"A,2026-01-01,p,-1,1", "quantity must be a whole number from 1 to 1000000, not `-1`"),
        (b"A,2026-01-01,p,+1,1", "quantity must be a whole number from 1 to 1000000, not `+1`"),
        (b"A,2026-01-01,p, 1,1", "quantity must be a whole number from 1 to 1000000, not ` 1`"),
        (b"A,2026-01-01,p,1.0,1", "quantity must be a whole number from 1 to 1000000, not `1.0`"),
        (
            b"A,2026-01-01,p,1,1.005",
            "unit_price must be a number from 0 to 1000000 with at most 2 decimal places, not `1.005`",
        ),
        (
            b"A,2026-01-01,p,1,1000000.01",
            "unit_price must be a number from 0 to 1000000 with at most 2 decimal places, not `1000000.01`",
        ),
        (
            b"A,2026-01-01,p,1,1e3",
            "unit_price must be a number from 0 to 1000000 with at most 2 decimal places, not `1e3`",
        ),
        (
            b"A,2026-01-01,p,1,1.",
            "unit_price must be a number from 0 to 1000000 with at most 2 decimal places, not `1.`",
        ),
        (b"A,2026-01-01,caf\xe9,1,1", "not UTF-8 from byte 17 of the line on"),
        (b"A,2026-01-01,\"p,1,1", "a quoted field is not closed on its line"),
        (b"A,2026-01-01,5\" pipe,1,1", "a quote at byte 15 inside a field that does not begin with one"),
        (b"A,2026-01-01,\"p\"x,1,1", "a quoted field goes on after its quote at byte 16"),
        (b"A,2026-01-01,p\rq,1,1", "a carriage return inside the line"),
        (
            b"A,2026-01-01,p,1,123456789012345678901234567890123456789012345",
            "unit_price must be a number from 0 to 1000000 with at most 2 decimal places, \
             not `1234567890123456789012345678901234567890…`",
        ),
    ];
    for (line, expected) in gallery {
        assert_eq!(reason(line), expected, "{}", String::from_utf8_lossy(line));
    }
}

#[test]
fn lengths_are_counted_in_characters() {
    let row = |order_id: &str, product: &str| format!("{order_id},2026-01-01,{product},1,1");
    assert!(Order::parse(row(&"é".repeat(64), &"é".repeat(100)).as_bytes()).is_ok());
    assert_eq!(
        reason(row(&"é".repeat(65), "p").as_bytes()),
        "order_id has 65 characters; at most 64 are taken"
    );
    assert_eq!(
        reason(row("A", &"é".repeat(101)).as_bytes()),
        "product has 101 characters; at most 100 are taken"
    );
}
