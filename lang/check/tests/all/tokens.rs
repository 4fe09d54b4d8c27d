//! Any one token of an example taken out: the findings of every other block stay as they were.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use mlinfra_check::check;

use crate::world::{CREDIT, Memory, check_text, findings, shown};

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
            b'"' if text[at..].starts_with("\"\"\"") => {
                at += 6 + text[at + 3..].find("\"\"\"").expect("a closed text");
            }
            b'"' => at += 2 + text[at + 1..].find('"').expect("a closed string"),
            byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
                let more = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                at += bytes[at..].iter().take_while(|byte| more(byte)).count();
                at += usize::from(bytes.get(at) == Some(&b'%'));
            }
            _ if [">=", "==", "..", "<=", "=>", "!=", "??"]
                .iter()
                .any(|sign| text[at..].starts_with(sign)) =>
            {
                at += 2
            }
            _ => at += text[at..].chars().next().map_or(1, char::len_utf8),
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

/// Every spec of the examples, with the files that stand beside it.
fn examples() -> Vec<(String, Memory)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("the examples are readable") {
        let place = entry.expect("the examples are readable").path();
        let mut world = Memory::default();
        read_specs(&place, "", &mut world);
        if let Some(root) = world.files.keys().find(|name| !name.contains('/')) {
            all.push((root.clone(), world));
        }
    }
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}

fn read_specs(folder: &Path, before: &str, world: &mut Memory) {
    for entry in std::fs::read_dir(folder).expect("an example is readable") {
        let entry = entry.expect("an example is readable");
        let name = format!("{before}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            read_specs(&entry.path(), &format!("{name}/"), world);
        } else if name.ends_with(".mlinfra") {
            let text = std::fs::read(entry.path()).expect("a spec is readable");
            world.files.insert(name, text);
        }
    }
}

/// A text that is taken out, and the finding about another block that rightly follows: each of them
/// leaves an example that has no fault of form, and says something else.
const CONSEQUENCES: [(&str, &str); 3] = [
    // An enum has a case less, and a comparison elsewhere names it.
    ("gpu", "E0315"),
    // A dataset was collected for no purpose, and a pipeline elsewhere has one.
    ("\"credit scoring\"", "E0516"),
    ("\"fraud detection\"", "E0516"),
];

/// What is told of an example without one of its tokens.
struct Cut {
    /// The text that is taken out, and its line.
    text: String,
    line: usize,
    /// Findings about other blocks that are not there with it: their codes, and all they say.
    elsewhere: Vec<(String, String)>,
}

/// Takes each of these tokens out, and gathers what is told of other blocks.
fn cuts(root: &str, world: &Memory, tokens: &[Range<usize>]) -> Vec<Cut> {
    let text = String::from_utf8(world.files[root].clone()).expect("a spec is UTF-8");
    let before: BTreeSet<String> = findings(&check(world, root)).into_iter().collect();
    let blocks = blocks(&text);
    let mut world = world.clone();
    let cut = |token: &Range<usize>| {
        let own = blocks.iter().find(|block| block.contains(&token.start))?;
        let mut left = text.clone();
        left.replace_range(token.clone(), "");
        world.files.insert(root.to_owned(), left.into_bytes());
        let checked = check(&world, root);
        let length = token.end - token.start;
        let mut elsewhere = Vec::new();
        for finding in &checked.diagnostics {
            let span = finding.primary.span;
            let at = span.start as usize;
            let is_own = span.file.0 == 0 && (own.start..=own.end - length).contains(&at);
            let told = shown(&checked, finding);
            if !is_own && !before.contains(&told) {
                elsewhere.push((finding.code.0.to_owned(), told));
            }
        }
        Some(Cut {
            text: text[token.clone()].to_owned(),
            line: text[..token.start].matches('\n').count() + 1,
            elsewhere,
        })
    };
    tokens.iter().filter_map(cut).collect()
}

/// A token less is told where it is missing: no check panics, and nothing else is told of other
/// blocks, because what refers to a broken block is left alone.
#[test]
fn one_token_less_of_any_example_is_told_in_its_own_block() {
    let mut deletions = 0;
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for (root, world) in examples() {
        let text = String::from_utf8(world.files[&root].clone()).expect("a spec is UTF-8");
        let all = tokens(&text);
        let share = all.len() / 4 + 1;
        let found: Vec<Cut> = std::thread::scope(|scope| {
            let (root, world) = (&root, &world);
            let shares = all.chunks(share);
            let running = shares.map(|share| scope.spawn(move || cuts(root, world, share)));
            let running: Vec<_> = running.collect();
            let found = running.into_iter().map(|share| share.join());
            found
                .flat_map(|found| found.expect("no check panics"))
                .collect()
        });
        deletions += found.len();
        for cut in found {
            for (code, told) in cut.elsewhere {
                let is_it = |(text, of): &&(&str, &str)| cut.text == *text && code == *of;
                match CONSEQUENCES.iter().find(is_it) {
                    Some(known) => drop(seen.insert(known)),
                    None => {
                        let (text, line) = (&cut.text, cut.line);
                        faults.push(format!("{root} without `{text}` in line {line}: {told}"));
                    }
                }
            }
        }
    }
    assert!(deletions > 2_000, "{deletions}");
    assert_eq!(seen.len(), CONSEQUENCES.len(), "{seen:?} were found");
    assert!(
        faults.is_empty(),
        "{} of {deletions}:\n{}",
        faults.len(),
        faults.join("\n")
    );
}
