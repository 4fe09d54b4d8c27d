//! The files of a program: the root, and every file that is used from it.

use std::collections::{BTreeMap, BTreeSet};

use ahash::HashMap;
use mlinfra_syntax::Parse;

use crate::code;
use crate::diagnostic::{Diagnostic, FileId, Severity, Span};
use crate::foreign;
use crate::lower::lower_parsed;
use crate::parallel;
use crate::tree::{Item, Node, Use, UseTarget};
use crate::trees::Trees;
use crate::world::World;

/// How many files one program may have.
const FILES_MAX: usize = 10_000;

/// How many bytes of files are parsed on several cores; fewer are done before a thread has begun.
const PARALLEL_BYTES_MIN: usize = 64 << 10;

/// One text that findings point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path from the root file's folder; `--param name` for what was given for a parameter.
    pub name: String,
    /// Its text; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// A parsed file.
pub(crate) struct Parsed {
    pub(crate) items: Vec<Item>,
    /// Whether it has a syntax error.
    pub(crate) broken: bool,
    /// For each `use` of a file, by its place among the items: the file.
    pub(crate) uses: BTreeMap<usize, usize>,
    /// Whether it could not be read: everything in it fits.
    pub(crate) missing: bool,
}

/// All files of a program.
pub(crate) struct Sources {
    pub(crate) files: Vec<SourceFile>,
    pub(crate) parsed: Vec<Parsed>,
    pub(crate) findings: Vec<Diagnostic>,
}

/// A file that is to be read: its path, and who asks for it.
struct Wanted {
    name: String,
    span: Span,
}

/// Reads the root and all that is used from it, each file once. Files that are found together are
/// parsed together, each on any core.
pub(crate) fn load(world: &dyn World, root: &str) -> Sources {
    load_with(world, root, None)
}

/// The same with what the files were parsed to before. The trees are those of these files then.
pub(crate) fn load_again(world: &dyn World, root: &str, trees: &mut Trees) -> Sources {
    let sources = load_with(world, root, Some(trees));
    let names: BTreeSet<&str> = (sources.files.iter())
        .map(|file| file.name.as_str())
        .collect();
    trees.keep(|name| names.contains(name));
    sources
}

fn load_with(world: &dyn World, root: &str, mut trees: Option<&mut Trees>) -> Sources {
    let mut sources = Sources {
        files: Vec::new(),
        parsed: Vec::new(),
        findings: Vec::new(),
    };
    let start = Span {
        file: FileId(0),
        start: 0,
        end: 0,
    };
    let mut by_name: HashMap<String, usize> = HashMap::from_iter([(root.to_owned(), 0)]);
    let mut wanted = vec![Wanted {
        name: root.to_owned(),
        span: start,
    }];
    while !wanted.is_empty() {
        let first = sources.parsed.len();
        let texts = (wanted.drain(..).enumerate())
            .map(|(place, wanted)| {
                let text = read(world, wanted, first + place);
                let known = trees
                    .as_ref()
                    .and_then(|trees| trees.get(&text.name).cloned());
                (text, known)
            })
            .collect();
        let keeps = trees.is_some();
        // What was parsed before costs little now.
        let cost = |(text, known): &(Text, Option<Parse>)| match known {
            Some(_) => text.text.len() / 4,
            None => text.text.len(),
        };
        let work = |(text, known): (Text, Option<Parse>)| parse(text, known.as_ref(), keeps);
        for (made, tree) in parallel::map(texts, cost, PARALLEL_BYTES_MIN, work) {
            let (file, parsed, findings) = made;
            if let (Some(trees), Some(tree)) = (&mut trees, tree) {
                trees.put(&file.name, tree);
            }
            sources.files.push(file);
            sources.parsed.push(parsed);
            sources.findings.extend(findings);
        }
        for file in first..sources.parsed.len() {
            follow(&mut sources, &mut by_name, &mut wanted, file);
        }
    }
    let cycles = use_cycles(&sources);
    sources.findings.extend(cycles);
    sources
}

/// Finds the files that one uses: those that are there, and those that are still to be read.
fn follow(
    sources: &mut Sources,
    by_name: &mut HashMap<String, usize>,
    wanted: &mut Vec<Wanted>,
    from: usize,
) {
    let mut uses = BTreeMap::new();
    for (place, item) in sources.parsed[from].items.iter().enumerate() {
        let Some(used) = as_use(item) else { continue };
        let UseTarget::File(path) = &used.target else {
            continue;
        };
        let name = join(&sources.files[from].name, path);
        let span = used.target_span;
        let file = match by_name.get(&name) {
            Some(file) => *file,
            None if by_name.len() >= FILES_MAX => {
                let text = format!("more than {FILES_MAX} files");
                let finding = Diagnostic::error(code::LIMIT, span, text)
                    .help("every limit is there so that checking always ends, and soon")
                    .help("put several of them into one");
                sources.findings.push(finding);
                continue;
            }
            None => {
                let file = by_name.len();
                by_name.insert(name.clone(), file);
                wanted.push(Wanted { name, span });
                file
            }
        };
        uses.insert(place, file);
    }
    sources.parsed[from].uses = uses;
}

/// The `use` that an entry is.
pub(crate) fn as_use(item: &Item) -> Option<&Use> {
    match &item.node {
        Node::Use(used) => Some(used),
        _ => None,
    }
}

/// A file as it was read, before it is parsed.
struct Text {
    id: FileId,
    name: String,
    text: String,
    missing: bool,
    findings: Vec<Diagnostic>,
}

fn read(world: &dyn World, wanted: Wanted, place: usize) -> Text {
    let Wanted { name, span } = wanted;
    let id = FileId(u32::try_from(place).expect("FILES_MAX is below 2^32"));
    let (text, fault) = match world.read(&name) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let bytes = error.into_bytes();
                let finding = not_utf8(&bytes, valid, id);
                (String::from_utf8_lossy(&bytes).into_owned(), Some(finding))
            }
        },
        Err(reason) => {
            let text = format!("`{name}` can't be read: {reason}");
            let finding = Diagnostic::error(code::FILE_UNREADABLE, span, text)
                .help("nothing can be said of a spec that can't be read")
                .help("check the path and who may read it");
            (String::new(), Some(finding))
        }
    };
    Text {
        id,
        name,
        text,
        missing: fault.is_some(),
        findings: fault.into_iter().collect(),
    }
}

/// A file with what was found in it.
type Made = (SourceFile, Parsed, Vec<Diagnostic>);

/// Parses a file, around what changed if it is known. Gives what it was parsed to if that is kept.
fn parse(read: Text, known: Option<&Parse>, keeps: bool) -> (Made, Option<Parse>) {
    let Text {
        id: file,
        name,
        text,
        missing,
        mut findings,
    } = read;
    let mut parsed = Parsed {
        items: Vec::new(),
        broken: false,
        uses: BTreeMap::new(),
        missing,
    };
    let tree = match known {
        Some(known) if known.tree.file_text() == text => known.clone(),
        Some(known) => mlinfra_syntax::reparse(known, &text),
        None => mlinfra_syntax::parse(&text),
    };
    let foreign = foreign::finding(&text, file).filter(|_| !parsed.missing);
    parsed.missing |= foreign.is_some();
    findings.extend(foreign);
    if !parsed.missing {
        let lowered = lower_parsed(&tree, file);
        let is_error = |finding: &Diagnostic| finding.severity == Severity::Error;
        parsed.broken = lowered.findings.iter().any(is_error);
        if lowered.items.is_empty() && !parsed.broken {
            let at = Span {
                file,
                start: 0,
                end: 0,
            };
            findings.push(
                Diagnostic::error(code::FILE_EMPTY, at, "there is no entry in this file")
                    .help("an empty spec would mean: remove everything")
                    .help("`mlinfra init` writes one to begin with"),
            );
        }
        findings.extend(lowered.findings);
        parsed.items = lowered.items;
    }
    let made = (SourceFile { name, text }, parsed, findings);
    (made, keeps.then_some(tree))
}

fn not_utf8(bytes: &[u8], valid: usize, file: FileId) -> Diagnostic {
    let line = 1 + bytes[..valid].iter().filter(|byte| **byte == b'\n').count();
    let at = u32::try_from(valid).unwrap_or(u32::MAX);
    let span = Span {
        file,
        start: at,
        end: at,
    };
    Diagnostic::error(
        code::FILE_NOT_UTF8,
        span,
        format!("line {line} holds a byte that is no text"),
    )
    .help("a spec is UTF-8, so that every reader sees the same")
    .help("save the file as UTF-8")
}

/// A path as written in a file, from the root's folder.
pub(crate) fn join(from: &str, path: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A finding for each `use` that leads back to its own file.
fn use_cycles(sources: &Sources) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    // 0: not seen, 1: on the path, 2: done.
    let mut state = vec![0_u8; sources.parsed.len()];
    for root in 0..sources.parsed.len() {
        if state[root] != 0 {
            continue;
        }
        state[root] = 1;
        let mut path: Vec<(usize, Vec<(usize, usize)>)> = vec![(root, uses_of(sources, root))];
        while let Some((file, uses)) = path.last_mut() {
            let file = *file;
            match uses.pop() {
                None => {
                    state[file] = 2;
                    path.pop();
                }
                Some((_, to)) if state[to] == 0 => {
                    state[to] = 1;
                    path.push((to, uses_of(sources, to)));
                }
                Some((item, to)) if state[to] == 1 => {
                    let used = as_use(&sources.parsed[file].items[item]);
                    let from = path.iter().position(|(file, _)| *file == to).unwrap_or(0);
                    let names: Vec<&str> = path[from..]
                        .iter()
                        .map(|(file, _)| sources.files[*file].name.as_str())
                        .collect();
                    let text = format!("{} → {}", names.join(" → "), sources.files[to].name);
                    findings.extend(used.map(|used| {
                        Diagnostic::error(code::USE_CYCLE, used.target_span, text)
                            .help("each of these files would have to be read before the others")
                            .help("put what they share into a file of its own")
                    }));
                }
                Some(_) => {}
            }
        }
    }
    findings
}

fn uses_of(sources: &Sources, file: usize) -> Vec<(usize, usize)> {
    let mut uses: Vec<(usize, usize)> = sources.parsed[file]
        .uses
        .iter()
        .map(|(item, to)| (*item, *to))
        .collect();
    uses.reverse();
    uses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_file_that_uses_them() {
        for (from, path, joined) in [
            ("main.mlinfra", "parts/a.mlinfra", "parts/a.mlinfra"),
            ("parts/a.mlinfra", "b.mlinfra", "parts/b.mlinfra"),
            ("parts/a.mlinfra", "../c.mlinfra", "c.mlinfra"),
            ("parts/a.mlinfra", "./x/../d.mlinfra", "parts/d.mlinfra"),
            ("main.mlinfra", "../shared/e.mlinfra", "../shared/e.mlinfra"),
        ] {
            assert_eq!(join(from, path), joined);
        }
    }
}
