//! Any one token of the example taken out: the findings of every other block stay as they were.

use std::ops::Range;

use crate::world::{CREDIT, check_text};

/// The tokens of a text that mean something: words, numbers, strings and signs.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut all = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b' ' | b'\n' | b'\t' => {
                at += 1;
                continue;
            }
            b'/' if text[at..].starts_with("//") => {
                at += text[at..].find('\n').unwrap_or(text.len() - at);
                continue;
            }
            b'"' => at += 2 + text[at + 1..].find('"').expect("a closed string"),
            byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
                let more = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                at += bytes[at..].iter().take_while(|byte| more(byte)).count();
                at += usize::from(bytes.get(at) == Some(&b'%'));
            }
            _ if [">=", "==", "..", "<="]
                .iter()
                .any(|sign| text[at..].starts_with(sign)) =>
            {
                at += 2
            }
            _ => at += 1,
        }
        all.push(start..at);
    }
    all
}

/// The blocks of the top level: from the first line of each to the first of the next.
fn blocks(text: &str) -> Vec<Range<usize>> {
    let mut starts = Vec::new();
    let mut at = 0;
    for line in text.lines() {
        let begins = line.starts_with(|c: char| c.is_ascii_alphabetic());
        if begins {
            starts.push(at);
        }
        at += line.len() + 1;
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .copied()
        .zip(ends)
        .map(|(start, end)| start..end)
        .collect()
}

#[test]
fn one_token_less_changes_the_findings_of_its_own_block_alone() {
    let blocks = blocks(CREDIT);
    let mut faults = Vec::new();
    let all = tokens(CREDIT);
    for token in &all {
        let mut text = CREDIT.to_owned();
        text.replace_range(token.clone(), "");
        let own = blocks
            .iter()
            .find(|block| block.contains(&token.start))
            .expect("its block");
        let length = token.end - token.start;
        for finding in check_text(&text).diagnostics {
            let at = finding.primary.span.start as usize;
            // Data with one purpose less may not be used for that one: its pipeline is told so.
            let is_purpose =
                finding.code.0 == "E0516" && &CREDIT[token.clone()] == "\"credit scoring\"";
            if is_purpose {
                continue;
            }
            if at < own.start || at > own.end - length {
                let line = CREDIT[..token.start].matches('\n').count() + 1;
                faults.push(format!(
                    "without `{}` in line {line}: {} at byte {at}: {}",
                    &CREDIT[token.clone()],
                    finding.code.0,
                    finding.primary.text
                ));
            }
        }
    }
    assert!(all.len() > 500, "{}", all.len());
    assert!(
        faults.is_empty(),
        "{} of {}:\n{}",
        faults.len(),
        all.len(),
        faults.join("\n")
    );
}

#[test]
fn no_mutant_of_the_example_makes_it_panic() {
    let all = tokens(CREDIT);
    let mut random: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).expect("below a usize")
    };
    let mut checked = 0;
    for _ in 0..400 {
        let mut text = CREDIT.to_owned();
        let (from, to) = (&all[next(all.len())], &all[next(all.len())]);
        let word = CREDIT[from.clone()].to_owned();
        match next(4) {
            0 => text.replace_range(to.clone(), &word),
            1 => text.insert_str(to.start, &format!("{word} ")),
            2 => text.truncate(to.start),
            _ => {
                let (low, high) = (from.start.min(to.start), from.start.max(to.start));
                text.replace_range(low..high, "");
            }
        }
        checked += usize::from(!check_text(&text).files.is_empty());
    }
    assert_eq!(checked, 400);
}
