//! The small grammars and the index of lines.

use mlinfra_syntax::literal::{self, Part};
use mlinfra_syntax::{LineColumn, LineIndex};

#[test]
fn quantities_are_read_whole_or_not_at_all() {
    let read = |text: &str| {
        let quantity = literal::quantity(text)?;
        let unit = quantity.unit.unwrap_or_default();
        Some((
            quantity.number,
            quantity.percent,
            unit,
            quantity.per.join("/"),
        ))
    };
    for (text, number, percent, unit, per) in [
        ("5", "5", false, "", ""),
        ("-1_000.5", "-1000.5", false, "", ""),
        ("3e-4", "3e-4", false, "", ""),
        ("5%", "5", true, "", ""),
        ("80GiB", "80", false, "GiB", ""),
        (" 5 GiB ", "5", false, "GiB", ""),
        ("12 USD/h", "12", false, "USD", "h"),
        ("60/min", "60", false, "", "min"),
        ("0.02 USD/GiB/month", "0.02", false, "USD", "GiB/month"),
    ] {
        let expected = (number.to_owned(), percent, unit.to_owned(), per.to_owned());
        assert_eq!(read(text), Some(expected), "{text}");
    }
    for text in [
        "",
        "GiB",
        "5 5",
        "5 GiB x",
        "1__0",
        "5 %",
        "5%GiB",
        ".5",
        "5/",
        "5 GiB / h",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn only_days_that_exist_are_dates() {
    let day = literal::date("2028-02-29").expect("2028 is a leap year");
    assert_eq!(
        (day.year, day.month, day.day, day.time),
        (2028, 2, 29, None)
    );
    let time = literal::date("2027-06-30T23:59:60.25-02:30").and_then(|date| date.time);
    let time = time.expect("the time exists");
    assert_eq!((time.hour, time.minute, time.second), (23, 59, 60));
    assert_eq!((time.nanosecond, time.offset_minutes), (250_000_000, -150));
    assert!(literal::date("2027-06-30T12:00Z").is_some());
    for text in [
        "2027-02-29",
        "2100-02-29",
        "2027-13-01",
        "2027-00-01",
        "2027-04-31",
        "27-04-01",
    ] {
        assert_eq!(literal::date(text), None, "{text}");
    }
    for text in [
        "2027-06-30T24:00:00Z",
        "2027-06-30T12:60Z",
        "2027-06-30T12:00:00",
    ] {
        assert_eq!(literal::date(text), None, "{text}");
    }
}

#[test]
fn only_addresses_in_range_are_addresses() {
    let ip = literal::ip("10.40.0.0/16").expect("it is a network");
    assert_eq!((ip.octets, ip.prefix), ([10, 40, 0, 0], Some(16)));
    assert_eq!(
        literal::ip("255.255.255.255").map(|ip| ip.prefix),
        Some(None)
    );
    for text in [
        "256.0.0.1",
        "1.2.3",
        "1.2.3.4/33",
        "1.2.3.4/",
        "1.2.3.4.5",
        "::1",
    ] {
        assert_eq!(literal::ip(text), None, "{text}");
    }
}

#[test]
fn strings_are_taken_apart() {
    let parts = literal::string_parts(r#""a\t${b["${c}"]}d""#).expect("it is a string");
    let expected = [
        Part::Text("a\t".into()),
        Part::Interpolation(6..15),
        Part::Text("d".into()),
    ];
    assert_eq!(parts, expected);
    assert_eq!(literal::string_parts("\"\""), Some(Vec::new()));
    for text in ["", "a", "\"a", "\"a\" ", "\"a${b\"", "\"a\"\"b\""] {
        assert_eq!(literal::string_parts(text), None, "{text}");
    }
    assert_eq!(literal::unescape(r#"\"\\\u{e9}\q\"#), "\"\\é\\q\\");
}

#[test]
fn lines_and_columns_lead_there_and_back() {
    let text = "a\né𝄞x\r\n\nend";
    let index = LineIndex::new(text);
    assert_eq!(index.lines(), 4);
    let at = |line, column| LineColumn { line, column };
    // Behind the note: two bytes and four, one unit and two, two characters.
    assert_eq!(index.utf8(8), at(1, 6));
    assert_eq!(index.utf16(text, 8), at(1, 3));
    assert_eq!(index.characters(text, 8), at(1, 2));
    assert_eq!(index.utf8(u32::MAX), at(3, 3));
    for (offset, _) in text.char_indices().filter(|(_, c)| *c != '\n') {
        let offset = offset as u32;
        assert_eq!(
            index.offset_of_utf16(text, index.utf16(text, offset)),
            offset
        );
    }
    assert_eq!(index.offset_of_utf16(text, at(1, 99)), 9);
    assert_eq!(index.offset_of_utf16(text, at(99, 0)), text.len() as u32);
    assert_eq!(LineIndex::new("").utf8(0), at(0, 0));
}
