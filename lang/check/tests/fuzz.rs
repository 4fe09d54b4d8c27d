//! Texts made of the corpus by chance, held against what must hold of every text.
//!
//! `MLINFRA_FUZZ_SECONDS` says for how long, all parts together, and `MLINFRA_FUZZ_SEED` where
//! chance begins. A failure prints the seed and the smallest text that was found to fail.

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is a library for the targets beside it")]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A part: its name, what must hold of every text, and its share of the time.
type Part = (&'static str, fn(&[u8]), u32);

/// A check costs much more than a parse.
const PARTS: [Part; 5] = [
    ("lexer", targets::lexer, 1),
    ("parser", targets::parser, 2),
    ("formatter", targets::formatter, 2),
    ("checker", targets::checker, 4),
    ("evaluator", targets::evaluator, 1),
];

/// How long the tests search if nothing else is said.
const SECONDS: u32 = 10;

/// How many texts are tried to make a failing one smaller.
const SMALLER_MAX: usize = 3_000;

/// What a mutant is sprinkled with.
const WORDS: &[&str] = &[
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\"",
    "\"\"\"",
    "${",
    "`",
    "=",
    "==",
    ":",
    "@",
    "/",
    "//",
    "///",
    "\n",
    "\r\n",
    "\r",
    ",",
    ".",
    "..",
    "?",
    "??",
    "|",
    "=>",
    "-",
    "+",
    "*",
    "%",
    "!",
    "&&",
    "\\",
    "\t",
    "\0",
    "\u{202e}",
    "\u{feff}",
    "é",
    "\u{430}",
    "²",
    "if ",
    " then ",
    " else ",
    "for x in ",
    "when ",
    "match ",
    "not ",
    "and ",
    "or ",
    "in ",
    "on ",
    "true",
    "false",
    "none",
    "let ",
    "param ",
    "output ",
    "use ",
    "require ",
    "component ",
    "policy ",
    "test ",
    "step ",
    "pipeline ",
    "target ",
    "storage ",
    "dataset ",
    "columns ",
    "0",
    "1",
    "99999999999999999999",
    "1e9",
    "1.5",
    " GiB",
    " USD",
    "/month",
    "2027-01-01",
    "10.0.0.1/8",
    "#",
    "'",
    "<<<<<<<\n",
    ";",
    "_",
    "@row",
    "count(",
    "join(",
    "max(",
    "all(",
    "[x for x in ",
    "let a = a\n",
    "\"a${\"b${1}\"}\"",
];

/// Chance that is the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).expect("below a usize")
    }
}

/// The texts that mutants are made of: the corpus, the examples and the book's.
fn corpus() -> Vec<String> {
    let lang = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders: Vec<PathBuf> = ["fuzz/corpus", "../examples", "../tests/book/lang"]
        .iter()
        .map(|folder| lang.join(folder))
        .collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder that can be read") {
            let path = entry.expect("an entry that can be read").path();
            let name = path.to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".mlinfra") || name.ends_with(".md") {
                files.push(path);
            }
        }
    }
    files.sort_unstable();
    let texts = files.iter().map(std::fs::read_to_string);
    texts.map(|text| text.expect("a text")).collect()
}

/// A few lines of one text, changed here and there with words and with pieces of another.
fn mutant(random: &mut Random, corpus: &[String]) -> String {
    let lines = |random: &mut Random, most: usize| {
        let text = &corpus[random.below(corpus.len())];
        let all: Vec<&str> = text.split_inclusive('\n').collect();
        let from = random.below(all.len());
        let to = (from + 1 + random.below(most)).min(all.len());
        all[from.min(to)..to].concat()
    };
    let mut text: Vec<char> = lines(random, 40).chars().collect();
    for _ in 0..random.below(9) {
        let at = random.below(text.len() + 1);
        let to = (at + random.below(12)).min(text.len());
        let piece: Vec<char> = match random.below(6) {
            0 | 1 => WORDS[random.below(WORDS.len())].chars().collect(),
            2 => lines(random, 3).chars().collect(),
            3 => text[at..to].repeat(1 + random.below(40)),
            4 => Vec::new(),
            _ => vec![char::from_u32(random.below(0x3000) as u32).unwrap_or('x')],
        };
        let end = if random.below(2) == 0 { at } else { to };
        text.splice(at..end, piece);
    }
    text.into_iter().collect()
}

/// The texts that the search guided by coverage kept for a part.
fn kept(part: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let file = folder.join(part).with_extension("json");
    let texts = std::fs::read_to_string(file).expect("a corpus that can be read");
    serde_json::from_str(&texts).expect("a list of texts")
}

fn fails(part: fn(&[u8]), text: &str) -> bool {
    catch_unwind(AssertUnwindSafe(|| part(text.as_bytes()))).is_err()
}

/// The smallest failing text that leaving out pieces leads to.
fn smallest(part: fn(&[u8]), text: &str) -> String {
    let mut text: Vec<char> = text.chars().collect();
    let mut piece = text.len() / 2;
    let mut tried = 0;
    while piece > 0 && tried < SMALLER_MAX {
        let mut at = 0;
        while at < text.len() && tried < SMALLER_MAX {
            let rest = text.iter().enumerate();
            let rest = rest.filter(|(place, _)| !(at..at + piece).contains(place));
            let smaller: String = rest.map(|(_, one)| *one).collect();
            tried += 1;
            match fails(part, &smaller) {
                true => text = smaller.chars().collect(),
                false => at += piece,
            }
        }
        piece /= 2;
    }
    text.into_iter().collect()
}

fn number(name: &str) -> Option<u32> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_mutant_breaks_what_must_hold() {
    let seed = number("MLINFRA_FUZZ_SEED").unwrap_or(20_260_401);
    let seconds = number("MLINFRA_FUZZ_SECONDS").unwrap_or(SECONDS);
    let named = corpus();
    let shares: u32 = PARTS.iter().map(|(_, _, share)| share).sum();
    for (name, part, share) in PARTS {
        let time = Duration::from_secs(seconds.into()) * share / shares;
        let began = Instant::now();
        let kept = kept(name);
        let mut tried: u64 = 0;
        while began.elapsed() < time || tried < 20 {
            // Each text has a seed of its own, so that one is found again without those before.
            let one = (u64::from(seed) << 32 | tried).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let corpus = if tried.is_multiple_of(2) {
                &named
            } else {
                &kept
            };
            let text = mutant(&mut Random(one | 1), corpus);
            tried += 1;
            assert!(
                !fails(part, &text),
                "{name}, MLINFRA_FUZZ_SEED={seed}, text {tried}: {:?}",
                smallest(part, &text)
            );
        }
        println!(
            "{name}: {tried} texts in {:.1} s, none fails",
            began.elapsed().as_secs_f64()
        );
    }
}

/// What the search guided by coverage kept is gone through whole.
#[test]
fn what_was_kept_for_each_part_holds() {
    for (name, part, _) in PARTS {
        let kept = kept(name);
        assert!(kept.len() > 100, "{} texts for {name}", kept.len());
        for text in kept {
            assert!(!fails(part, &text), "{name}: {text:?}");
        }
    }
}

/// What was found once stays mended: every text of the corpus, and each of its prefixes.
#[test]
fn the_corpus_and_its_prefixes_hold() {
    for text in corpus() {
        for (_, part, _) in PARTS {
            part(text.as_bytes());
        }
        let ends = text.char_indices().map(|(at, _)| at);
        let step = text.len() / 50 + 1;
        for end in ends.step_by(step) {
            targets::parser(&text.as_bytes()[..end]);
            targets::formatter(&text.as_bytes()[..end]);
        }
    }
}
