//! The house rules that a machine can check: one walk over the files that git knows.
//!
//! Each message says what to do. A rule that fires wrongly twice is deleted. What rustfmt, clippy
//! or the compiler can check is not here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

#[path = "tidy/documents.rs"]
mod documents;

/// Files and functions that may break a size rule for now, as `rule path[:function]`. A line that
/// is no longer needed fails the test, so this list only gets shorter.
const DEBTS: &[&str] = &[];

const COLUMNS_MAX: usize = 100;
const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const FILE_BYTES_MAX: usize = 256 * 1024;

/// The endings that a file may have; whole names for files without one.
const FILE_TYPES: &[&str] = &[
    "rs",
    "toml",
    "md",
    "mlinfra",
    "csv",
    "json",
    "js",
    "html",
    "css",
    "lua",
    "gitignore",
    "lock",
    "LICENSE",
    "run",
];

struct File {
    path: String,
    text: String,
    bytes: usize,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The text in front of the unit tests: tests may read files and print.
    fn program(&self) -> &str {
        let end = self.text.find("#[cfg(test)]\nmod ");
        &self.text[..end.unwrap_or(self.text.len())]
    }

    fn is_test(&self) -> bool {
        self.path
            .split('/')
            .any(|part| part == "tests" || part == "benches")
    }
}

static ROOT: LazyLock<PathBuf> = LazyLock::new(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));

/// Every file that is tracked, or is new and not ignored.
static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .args(["--cached", "--others", "--exclude-standard"])
        .current_dir(&*ROOT)
        .output()
        .expect("git is installed");
    assert!(
        output.status.success(),
        "git ls-files failed: is this a clone?"
    );
    let names = String::from_utf8(output.stdout).expect("file names are UTF-8");
    let names: BTreeSet<&str> = names.split('\0').filter(|name| !name.is_empty()).collect();
    let read = |name: &&str| {
        let bytes = std::fs::read(ROOT.join(name)).ok()?;
        let length = bytes.len();
        let text = String::from_utf8(bytes).unwrap_or_default();
        Some(File {
            path: (*name).to_owned(),
            text,
            bytes: length,
        })
    };
    names.iter().filter_map(read).collect()
});

fn read(path: &str) -> &'static str {
    let file = FILES.iter().find(|file| file.path == path);
    &file.unwrap_or_else(|| panic!("{path} is missing")).text
}

#[track_caller]
fn report(complaints: Vec<String>, advice: &str) {
    assert!(
        complaints.is_empty(),
        "\n\n{}\n\n{advice}\n",
        complaints.join("\n")
    );
}

/// Like [`report`] for a rule with debts: a breach that is listed passes, an outdated line fails.
#[track_caller]
fn report_new(rule: &str, breaches: BTreeMap<String, String>, advice: &str) {
    let debts = DEBTS
        .iter()
        .filter_map(|debt| debt.strip_prefix(rule)?.strip_prefix(' '));
    let debts: BTreeSet<&str> = debts.collect();
    let mut complaints: Vec<String> = breaches
        .iter()
        .filter(|(place, _)| !debts.contains(place.as_str()))
        .map(|(place, what)| format!("{place}: {what}"))
        .collect();
    let outdated = debts.iter().filter(|debt| !breaches.contains_key(**debt));
    complaints.extend(outdated.map(|debt| format!("{debt}: keeps `{rule}` now, strike the debt")));
    report(complaints, advice);
}

#[test]
fn every_rust_file_says_its_subject() {
    let silent = FILES
        .iter()
        .filter(|file| file.is_rust() && !file.text.starts_with("//! "));
    let complaints = silent.map(|file| file.path.clone()).collect();
    report(
        complaints,
        "begin with `//!`: what is this file's one subject?",
    );
}

#[test]
fn lines_are_short_and_clean() {
    let mut complaints = Vec::new();
    for file in FILES.iter() {
        if [".csv", ".lock", "LICENSE", ".json"]
            .iter()
            .any(|end| file.path.ends_with(end))
        {
            continue;
        }
        for (index, line) in file.text.lines().enumerate() {
            let place = format!("{}:{}", file.path, index + 1);
            // A row of a table, a mark of the book and a dependency can't be broken; JSON in a
            // transcript is one line.
            let table = line.trim_start_matches("//!").trim_start().starts_with('|');
            let mark = line.contains("^ error[") || line.contains("^ warning[");
            let json = line.starts_with("{\"command\":");
            // What the program prints of a spec is as long as the spec's line; XML is not broken.
            let printed = line.contains(['│', '·']) || line.trim_start().starts_with('<');
            let shown = printed && file.path.starts_with("tests/book/");
            let table = table || mark || json || shown || file.path.ends_with("Cargo.toml");
            if line.chars().count() > COLUMNS_MAX && !table {
                complaints.push(format!("{place}: longer than {COLUMNS_MAX} columns"));
            }
            if line.ends_with([' ', '\t', '\r']) {
                complaints.push(format!("{place}: white space at its end"));
            }
        }
        if !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
            complaints.push(format!("{}: does not end in one line break", file.path));
        }
    }
    report(complaints, "see STYLE.md");
}

#[test]
fn files_are_of_known_types_and_small() {
    let mut complaints = Vec::new();
    for file in FILES.iter() {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let ending = name.rsplit('.').next().unwrap_or_default();
        if !FILE_TYPES.contains(&ending) {
            complaints.push(format!("{}: unexpected type of file", file.path));
        }
        if file.bytes > FILE_BYTES_MAX {
            complaints.push(format!("{}: larger than {FILE_BYTES_MAX} bytes", file.path));
        }
        if file.text.is_empty() && file.bytes > 0 {
            complaints.push(format!("{}: is not UTF-8", file.path));
        }
    }
    report(
        complaints,
        "a repository holds text that people wrote; make the rest from it",
    );
}

#[test]
fn files_keep_to_one_subject() {
    let long = |file: &&File| file.is_rust() && file.text.lines().count() > FILE_LINES_MAX;
    let breaches = FILES.iter().filter(long).map(|file| {
        let count = file.text.lines().count();
        (
            file.path.clone(),
            format!("{count} lines, at most {FILE_LINES_MAX}"),
        )
    });
    report_new(
        "long-file",
        breaches.collect(),
        "split it by noun (STYLE.md, 13)",
    );
}

#[test]
fn functions_fit_on_a_screen() {
    let mut breaches = BTreeMap::new();
    for file in FILES.iter().filter(|file| file.is_rust()) {
        for (name, lines) in functions(&file.text) {
            if lines > FUNCTION_LINES_MAX {
                let what = format!("{lines} lines, at most {FUNCTION_LINES_MAX}");
                breaches.insert(format!("{}:{name}", file.path), what);
            }
        }
    }
    let advice = "keep the control flow in the parent, move pure work to leaves (STYLE.md, 13)";
    report_new("long-function", breaches, advice);
}

/// Name and line count of each function; relies on rustfmt: the closing brace stands under the
/// line's first letter.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let Some(name) = function_name(line.trim_start()) else {
            continue;
        };
        if line.ends_with(';') || line.ends_with("{}") {
            continue;
        }
        let closer = format!("{}}}", " ".repeat(indent));
        let rest = lines[start..].iter();
        if let Some(length) = rest.take(10_000).position(|line| *line == closer) {
            found.push((name.to_owned(), length + 1));
        }
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let words = [
        "pub ",
        "pub(crate) ",
        "pub(super) ",
        "const ",
        "async ",
        "unsafe ",
    ];
    let mut rest = line;
    while let Some(word) = words.iter().find(|word| rest.starts_with(**word)) {
        rest = &rest[word.len()..];
    }
    let rest = rest.strip_prefix("fn ")?;
    rest.find(['(', '<']).map(|end| &rest[..end])
}

/// What must not stand where: a part of the path, the words, why.
type Ban = (fn(&File) -> bool, &'static [&'static str], &'static str);

fn is_pure(file: &File) -> bool {
    let pure = file.path.starts_with("lang/") || file.path.starts_with("planner/plan/");
    // What gathers the corpus of the search is a program of its own.
    pure && file.path.contains("/src/") && !file.path.starts_with("lang/fuzz/src/bin/")
}

fn must_not_print(file: &File) -> bool {
    // The runtime's program talks to whoever started it.
    let program = file.path.starts_with("runtime/") && !file.path.contains("/src/");
    let may = file.path.starts_with("planner/cli/view/") || program;
    !may && !file.is_test()
}

const BANS: &[Ban] = &[
    (
        is_pure,
        &["tokio"],
        "the language and the planner are synchronous",
    ),
    (
        is_pure,
        &[
            "std::fs",
            "std::env",
            "std::net",
            "SystemTime::now",
            "Instant::now",
        ],
        "the language and the planner do no IO and know no clock: take it as an argument",
    ),
    (
        must_not_print,
        &["println!", "eprintln!", "print!(", "eprint!("],
        "only `planner/cli/view` prints: return data",
    ),
    (
        |file| !file.path.starts_with("planner/cli/"),
        &["miette", "indicatif", "anstyle"],
        "only the command line knows colour and width: return data",
    ),
    (
        |file| !file.path.starts_with("runtime/"),
        &["candle_core", "datafusion::"],
        "only the runtime computes: ask it",
    ),
];

#[test]
fn words_stand_where_they_belong() {
    let mut complaints = Vec::new();
    let sources = FILES
        .iter()
        .filter(|file| file.is_rust() && !file.path.starts_with("tests/tidy"));
    for file in sources {
        for (_, words, why) in BANS.iter().filter(|(place, ..)| place(file)) {
            for (index, line) in file.program().lines().enumerate() {
                for word in words.iter().filter(|word| line.contains(**word)) {
                    let place = format!("{}:{}", file.path, index + 1);
                    complaints.push(format!("{place}: `{word}`: {why}"));
                }
            }
        }
    }
    report(complaints, "see ARCHITECTURE.md, \"The rooms\"");
}

#[test]
fn the_language_names_no_kind() {
    let kind = "pool";
    let is_word = |line: &str| {
        line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .any(|word| word == kind)
    };
    let mut complaints = Vec::new();
    for file in FILES.iter() {
        if !file.path.starts_with("lang/") || !file.path.contains("/src/") {
            continue;
        }
        for (index, line) in file
            .text
            .lines()
            .enumerate()
            .filter(|(_, line)| is_word(line))
        {
            complaints.push(format!("{}:{}: {}", file.path, index + 1, line.trim()));
        }
    }
    report(
        complaints,
        "kinds are declared in `stdlib/`; the language knows forms only",
    );
}

#[test]
fn one_cipher_library() {
    let ring = read("Cargo.lock").contains("name = \"ring\"\n");
    assert!(
        !ring,
        "`ring` is in Cargo.lock beside aws-lc-rs: two providers in one graph panic"
    );
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    let fix = concat!("FIX", "ME");
    let later = concat!("TO", "DO");
    let off = [concat!("#[ign", "ore"), concat!("#[should_", "panic")];
    let home = [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
    ];
    let mut complaints = Vec::new();
    for file in FILES.iter().filter(|file| file.path != "Cargo.lock") {
        for (index, line) in file.text.lines().enumerate() {
            let place = format!("{}:{}", file.path, index + 1);
            if line.contains(fix) {
                complaints.push(format!("{place}: fix it now"));
            }
            if file.is_rust() && line.contains(later) && !line.contains(&format!("{later}: ")) {
                complaints.push(format!("{place}: say after a colon what has to come first"));
            }
            if file.is_rust() && off.iter().any(|word| line.contains(word)) {
                complaints.push(format!(
                    "{place}: a test that is off, or passes by any panic"
                ));
            }
            if home.iter().any(|word| line.contains(word)) {
                complaints.push(format!("{place}: a path of one machine"));
            }
        }
    }
    report(complaints, "see STYLE.md, 24");
}
