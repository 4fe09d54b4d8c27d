//! The forms that texts of checked types have, and where a text breaks its form.

use std::ops::Range;

use crate::functions::{parse_address, parse_network};

/// Where a text breaks its form, and how it would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Break {
    /// The bytes of the text that are wrong.
    pub(crate) at: Range<usize>,
    pub(crate) what: String,
    pub(crate) advice: String,
    /// What belongs in the place of those bytes, where that is sure.
    pub(crate) instead: Option<String>,
}

/// Holds a text against its form.
pub(crate) type TextForm = fn(&str) -> Option<Break>;

/// Every form, by the word that `@form` names it with.
const FORMS: &[(&str, TextForm)] = &[
    ("cidr", network),
    ("digest", digest),
    ("ip", address),
    ("time", time),
    ("url", url),
    ("version", version),
    ("zone", zone),
];

/// The form of this name.
pub(crate) fn form(name: &str) -> Option<TextForm> {
    let found = FORMS.iter().find(|(known, _)| *known == name);
    found.map(|(_, form)| *form)
}

fn broken(at: Range<usize>, what: impl Into<String>, advice: &str) -> Option<Break> {
    Some(Break {
        at,
        what: what.into(),
        advice: advice.to_owned(),
        instead: None,
    })
}

const ADDRESS: &str = "an address is written `10.0.0.1` or `2001:db8::1`";
const NETWORK: &str = "a network is written `10.0.0.0/16` or `2001:db8::/32`";

fn address(text: &str) -> Option<Break> {
    if parse_address(text).is_some() {
        return None;
    }
    if let Some((_, prefix)) = text.split_once('/') {
        let at = text.len() - prefix.len() - 1..text.len();
        return broken(at, "this makes a network of it", ADDRESS);
    }
    part_of_address(text, ADDRESS).or_else(|| broken(0..text.len(), "this is no address", ADDRESS))
}

/// The part of an address of version 4 that is wrong, if only one is.
fn part_of_address(text: &str, advice: &str) -> Option<Break> {
    let mut begin = 0;
    let parts: Vec<&str> = text.split('.').collect();
    for part in &parts {
        let at = begin..begin + part.len();
        begin = at.end + 1;
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if parts.len() != 4 || !digits {
            continue;
        }
        if part.parse::<u16>().map_or(true, |number| number > 255) {
            return broken(at, "a part of an address goes up to 255", advice);
        }
        if part.len() > 1 && part.starts_with('0') {
            let number = part.trim_start_matches('0');
            let instead = if number.is_empty() { "0" } else { number };
            return Some(Break {
                at,
                what: "a part of an address does not begin with 0".to_owned(),
                advice: "some programs read such a number to the base 8".to_owned(),
                instead: Some(instead.to_owned()),
            });
        }
    }
    None
}

fn network(text: &str) -> Option<Break> {
    let Some((address, prefix)) = text.split_once('/') else {
        return broken(0..text.len(), "this has no prefix", NETWORK);
    };
    if parse_address(address).is_none() {
        let whole = || broken(0..address.len(), "this is no address", NETWORK);
        return part_of_address(address, NETWORK).or_else(whole);
    }
    let Some(network) = parse_network(text) else {
        let most = if address.contains(':') { 128 } else { 32 };
        let at = text.len() - prefix.len()..text.len();
        return broken(at, format!("a prefix goes from 0 to {most}"), NETWORK);
    };
    let first = network.trunc().addr();
    if first != network.addr() {
        return Some(Break {
            at: 0..address.len(),
            what: "this lies inside the network, it is not its first address".to_owned(),
            advice: "the bits behind the prefix are zero".to_owned(),
            instead: Some(first.to_string()),
        });
    }
    None
}

fn url(text: &str) -> Option<Break> {
    const URL: &str = "an address of the net is written `https://example.com/path`";
    let Some((scheme, rest)) = text.split_once("://") else {
        return broken(0..text.len(), "this has no scheme", URL);
    };
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let begins = scheme
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic());
    if !begins || !scheme.bytes().all(letter) {
        return broken(0..scheme.len().max(1), "this is no scheme", URL);
    }
    let begin = scheme.len() + 3;
    if rest.is_empty() || rest.starts_with(['/', '?', '#']) {
        return broken(begin..text.len().max(begin), "the host is missing", URL);
    }
    let odd = |letter: char| {
        letter.is_whitespace() || letter.is_control() || "<>\"{}|\\^`".contains(letter)
    };
    if let Some((place, letter)) = rest.char_indices().find(|(_, letter)| odd(*letter)) {
        let at = begin + place..begin + place + letter.len_utf8();
        return broken(
            at,
            "this stands in no address",
            "write it as `%20` and the like",
        );
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority
        .rsplit_once(':')
        .filter(|(_, port)| !port.contains(']'));
    let end = port.map_or(authority.len(), |(before, _)| before.len());
    let user = authority[..end].rfind('@').map_or(0, |at| at + 1);
    if user == end {
        let at = begin..begin + authority.len();
        return broken(at, "the host is missing", URL);
    }
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    if port.is_some_and(|(_, port)| !is_port(port)) {
        let at = begin + end + 1..begin + authority.len();
        return broken(at, "a port lies between 1 and 65535", URL);
    }
    None
}

const VERSION: &str = "a version is written `1.2.0`, before a release `1.2.0-rc.1`";

fn version(text: &str) -> Option<Break> {
    if let Some(rest) = text
        .strip_prefix(['v', 'V'])
        .filter(|rest| version_alone(rest).is_none())
    {
        return Some(Break {
            at: 0..text.len(),
            what: "a version is its numbers alone".to_owned(),
            advice: VERSION.to_owned(),
            instead: Some(rest.to_owned()),
        });
    }
    version_alone(text)
}

/// A version without a letter before it: three numbers, what comes before the release behind a
/// `-`, and how it was built behind a `+`.
fn version_alone(text: &str) -> Option<Break> {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let mut begin = 0;
    for part in core.split('.') {
        let at = begin..begin + part.len();
        begin = at.end + 1;
        if !is_number_of_version(part) || part.parse::<u64>().is_err() {
            return broken(at, "this is no number of a version", VERSION);
        }
    }
    if core.split('.').count() != 3 {
        return broken(0..core.len(), "a version has three numbers", VERSION);
    }
    let rest = &text[core.len()..];
    let (before, build) = match rest.split_once('+') {
        Some((before, build)) => (before, Some(build)),
        None => (rest, None),
    };
    let before = before.strip_prefix('-');
    let of_before = before.and_then(|before| parts_of_version(before, core.len() + 1, true));
    of_before.or_else(|| {
        let build = build?;
        parts_of_version(build, text.len() - build.len(), false)
    })
}

/// Whether a part is a number as a version has it: digits, without a zero before them.
fn is_number_of_version(part: &str) -> bool {
    let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits && (part.len() == 1 || !part.starts_with('0'))
}

/// What is wrong with the parts behind a `-` or a `+`, which begin at this byte. Those behind a
/// `-` are ordered, so a number among them has one spelling.
fn parts_of_version(parts: &str, begin: usize, is_ordered: bool) -> Option<Break> {
    let mut begin = begin;
    for part in parts.split('.') {
        let at = begin..begin + part.len();
        begin = at.end + 1;
        if part.is_empty() {
            // What it stands behind shows where it is missing.
            let at = at.start - 1..at.end;
            return broken(at, "a part of this is empty", VERSION);
        }
        let odd = |letter: char| !letter.is_ascii_alphanumeric() && letter != '-';
        if let Some((place, letter)) = part.char_indices().find(|(_, letter)| odd(*letter)) {
            let start = at.start + place;
            let at = start..start + letter.len_utf8();
            return broken(at, "this stands in no version", VERSION);
        }
        let is_digits = part.bytes().all(|byte| byte.is_ascii_digit());
        if is_ordered && is_digits && !is_number_of_version(part) {
            return broken(at, "a number of a version begins with no 0", VERSION);
        }
    }
    None
}

fn digest(text: &str) -> Option<Break> {
    const DIGEST: &str = "a digest is written `sha256:` and 64 hexadecimal digits";
    let Some(digits) = text.strip_prefix("sha256:") else {
        let end = text.find(':').unwrap_or(text.len());
        return broken(0..end, "this says not which digest it is", DIGEST);
    };
    let begin = text.len() - digits.len();
    let odd = |letter: char| !matches!(letter, '0'..='9' | 'a'..='f');
    if let Some((place, letter)) = digits.char_indices().find(|(_, letter)| odd(*letter)) {
        let at = begin + place..begin + place + letter.len_utf8();
        return broken(at, "this is no hexadecimal digit in small letters", DIGEST);
    }
    let count = digits.len();
    (count != 64)
        .then(|| {
            broken(
                begin..text.len(),
                format!("these are {count} digits"),
                DIGEST,
            )
        })
        .flatten()
}

fn time(text: &str) -> Option<Break> {
    const TIME: &str = "a time is written with hours and minutes: `02:00`, `23:30`";
    let Some((hours, minutes)) = text.split_once(':') else {
        return broken(0..text.len(), "this is no time of the day", TIME);
    };
    for (at, part, most) in [
        (0..hours.len(), hours, 23),
        (hours.len() + 1..text.len(), minutes, 59),
    ] {
        let number = match part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()) {
            true => part.parse::<u8>().ok(),
            false => None,
        };
        match number {
            Some(number) if number <= most => {}
            Some(_) => return broken(at, format!("this goes from 00 to {most}"), TIME),
            None => return broken(at, "this has not two digits", TIME),
        }
    }
    None
}

fn zone(text: &str) -> Option<Break> {
    const ZONE: &str = "a zone has its name in the tz database: `Europe/Berlin`, `UTC`";
    if text.parse::<chrono_tz::Tz>().is_ok() {
        return None;
    }
    let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let meant = names.clone().find(|name| name.eq_ignore_ascii_case(text));
    let meant = meant.or_else(|| crate::suggest::nearest(text, names)?.sure());
    Some(Break {
        at: 0..text.len(),
        what: "there is no such time zone".to_owned(),
        advice: ZONE.to_owned(),
        instead: meant.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of the text that breaks the form.
    fn wrong<'t>(of: &str, text: &'t str) -> Option<&'t str> {
        let broken = form(of).expect("a form")(text)?;
        Some(&text[broken.at])
    }

    #[test]
    fn a_text_breaks_its_form_where_it_does() {
        for (of, text, part) in [
            ("ip", "10.0.0.1", None),
            ("ip", "2001:db8::1", None),
            ("ip", "10.0.300.1", Some("300")),
            ("ip", "10.0.00.1", Some("00")),
            ("ip", "10.0.0.0/8", Some("/8")),
            ("ip", "localhost", Some("localhost")),
            ("cidr", "10.0.0.0/16", None),
            ("cidr", "2001:db8::/32", None),
            ("cidr", "10.0.0.0/33", Some("33")),
            ("cidr", "10.0.1.0/16", Some("10.0.1.0")),
            ("cidr", "10.0.0.0", Some("10.0.0.0")),
            ("cidr", "10.256.0.0/16", Some("256")),
            ("url", "https://example.com:8443/a?b=c", None),
            ("url", "http://[::1]:80/", None),
            ("url", "example.com", Some("example.com")),
            ("url", "https://a b", Some(" ")),
            ("url", "https://a:b/", Some("b")),
            ("url", "https:///a", Some("/a")),
            ("url", "https://user@a:1/", None),
            ("url", "https://:80/", Some(":80")),
            ("url", "https://user@:80", Some("user@:80")),
            ("url", "https://a:0", Some("0")),
            ("url", "https://a:", Some("")),
            ("version", "1.2.0", None),
            ("version", "1.2.0-rc.1+x", None),
            ("version", "1.2", Some("1.2")),
            ("version", "v1.2.3", Some("v1.2.3")),
            ("version", "1.02.0", Some("02")),
            ("version", "1.2.0-", Some("-")),
            ("version", "1.2.0-0.x-y+01.a", None),
            ("version", "1.2.0-01", Some("01")),
            ("version", "1.2.0-rc.", Some(".")),
            ("version", "1.2.0+a+b", Some("+")),
            ("version", "1.2.0-+", Some("-")),
            ("version", "1.2.0-a+", Some("+")),
            ("version", "vv1.2.3", Some("vv1")),
            ("time", "02:00", None),
            ("time", "24:00", Some("24")),
            ("time", "2:00", Some("2")),
            ("time", "2 am", Some("2 am")),
            ("zone", "Europe/Berlin", None),
            ("zone", "Europe/Berln", Some("Europe/Berln")),
            ("digest", "md5:00", Some("md5")),
            ("digest", "sha256:0g", Some("g")),
            ("digest", "sha256:00", Some("00")),
        ] {
            assert_eq!(wrong(of, text), part, "{of} {text}");
        }
        let digest = format!("sha256:{}", "0f".repeat(32));
        assert_eq!(wrong("digest", &digest), None);
    }

    #[test]
    fn a_long_text_is_read_once() {
        let text = "v".repeat(100_000);
        assert_eq!(wrong("version", &text), Some(text.as_str()));
    }

    #[test]
    fn what_is_put_in_its_place_is_right() {
        for (of, text) in [
            ("cidr", "10.0.1.0/16"),
            ("ip", "10.0.00.1"),
            ("version", "v1.2.3"),
            ("zone", "europe/berlin"),
        ] {
            let form = form(of).expect("a form");
            let broken = form(text).expect("it is wrong");
            let mut mended = text.to_owned();
            mended.replace_range(broken.at, &broken.instead.expect("something else"));
            assert_eq!(form(&mended), None, "{mended}");
        }
    }
}
