//! Prints the shape of the texts named on the command line: what stands where, one node a line;
//! with `--mutants FOLDER`, writes the texts there that `tests/shapes.rs` holds against a second
//! parser.

#[path = "../tests/common/mod.rs"]
pub(crate) mod common;

use std::io::Write;
use std::path::Path;

use common::{FORMS, Random, SPEC, mutant};
use mlinfra_syntax::{Kind, parse};

/// How many texts are made of each of the two specs.
const MUTANTS_PER_SPEC: u64 = 1_000;

/// What is put between tokens.
const PIECES: [&str; 28] = [
    "{", "}", "(", ")", "[", "]", "\"", "\"\"\"", "${", "`", "=", ":", "@", "/", "\n", ",", ".",
    "if", "match", "for", "when", "..", "1", "%", "-", "|", "=>", "?",
];

fn main() {
    let mut output = std::io::stdout().lock();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--mutants" {
            let folder = words.next().expect("a folder behind `--mutants`");
            write_mutants(Path::new(&folder));
            continue;
        }
        let bytes = std::fs::read(&word).expect("a file that can be read");
        let text = String::from_utf8_lossy(&bytes);
        let written = write!(output, "# {word}\n{}", shape(&text));
        written.expect("an output that can be written");
    }
}

fn write_mutants(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder that can be made");
    for (place, mutant) in mutants().enumerate() {
        let file = folder.join(format!("{place:04}"));
        std::fs::write(file, mutant).expect("a file that can be written");
    }
}

/// The kind and the first byte of each entry, body, list, call, `if` and `match`.
pub(crate) fn shape(text: &str) -> String {
    use Kind::{Arguments, Block, Body, Column, Field, Require, Requirement, Use};
    use Kind::{IfExpression, ListExpression, MatchExpression};
    let is_shown = |kind: Kind| {
        let is_item = matches!(kind, Use | Require | Field | Requirement | Column | Block);
        let is_value = matches!(kind, IfExpression | ListExpression | MatchExpression);
        is_item || is_value || matches!(kind, Arguments | Body)
    };
    let nodes = parse(text).tree.descendants();
    let nodes = nodes.filter(|node| !node.is_token() && is_shown(node.kind()));
    let lines = nodes.map(|node| format!("{} {:?}\n", node.range().start, node.kind()));
    lines.collect()
}

/// The two specs, each many times with a few of its tokens changed.
pub(crate) fn mutants() -> impl Iterator<Item = String> {
    let specs = [FORMS, SPEC].into_iter().enumerate();
    specs.flat_map(|(place, spec)| {
        (0..MUTANTS_PER_SPEC).map(move |turn| {
            // Each text has a seed of its own, so that one is found again without those before.
            let seed = (2 * turn + place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mutant(&mut Random(seed | 1), spec, 3, &PIECES)
        })
    })
}
