//! The documents that must agree with the code: rooms, codes, examples, changelog, code map.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{FILES, File, ROOT, read, report};

/// Each room's crate and what it may use, from ARCHITECTURE.md. `None`: everything.
fn rooms() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let rows = read("ARCHITECTURE.md")
        .lines()
        .filter(|line| line.starts_with("| `"));
    let mut rooms = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, room, _, may, _, _] = cells[..] else {
            continue;
        };
        let room = room.trim_matches('`').trim_end_matches('/').to_owned();
        let words = may.split(',').map(str::trim).filter(|word| *word != "–");
        let names = words.map(|word| word.rsplit('/').next().unwrap_or(word).to_owned());
        let all = may.starts_with("all");
        rooms.insert(room, (!all).then(|| names.collect()));
    }
    rooms
}

/// The short names of the crates of ours that a manifest's `[dependencies]` lists.
fn uses(manifest: &str) -> BTreeSet<String> {
    let section = manifest
        .split("\n[")
        .find(|part| part.starts_with("dependencies]"));
    let lines = section.unwrap_or_default().lines();
    let ours = lines.filter_map(|line| line.strip_prefix("mlinfra-"));
    let names = ours.filter_map(|line| line.split(['.', ' ', '=']).next());
    names
        .map(|name| name.trim_start_matches("runtime-").to_owned())
        .collect()
}

/// It names every shared crate, so that features never flip between builds, and holds no code.
const FEATURES: &str = "runtime/features";

/// Crates that only these manifests may name: an empty path is the root's.
const HOMES: &[(&str, &[&str])] = &[
    ("miette", &[""]),
    ("indicatif", &[""]),
    ("clap", &["", "runtime"]),
    ("rusqlite", &["planner/state"]),
    ("candle-core", &["runtime/learn"]),
    ("datafusion", &["runtime/data"]),
    ("axum", &["runtime/serve", "runtime/agent"]),
    ("lsp-server", &["lang/lsp"]),
    ("lsp-types", &["lang/lsp"]),
    ("minijinja", &["planner/report"]),
    ("plotters", &["planner/report"]),
    ("serde_yaml", &["providers/local"]),
    ("reqwest", &["providers/local"]),
];

#[test]
fn heavy_crates_stay_at_home() {
    let mut complaints = Vec::new();
    for file in FILES
        .iter()
        .filter(|file| file.path.ends_with("Cargo.toml"))
    {
        let room = file
            .path
            .trim_end_matches("Cargo.toml")
            .trim_end_matches('/');
        if room == FEATURES {
            continue;
        }
        for (name, homes) in HOMES.iter().filter(|(_, homes)| !homes.contains(&room)) {
            let named = format!("\n{name}.workspace");
            if file.text.contains(&named) {
                complaints.push(format!("{}: `{name}` belongs to {homes:?}", file.path));
            }
        }
    }
    report(
        complaints,
        "crates are cut by weight of dependencies (ARCHITECTURE.md)",
    );
}

#[test]
fn dependencies_run_one_way() {
    let rooms = rooms();
    let mut complaints = Vec::new();
    // What is no member of the workspace is no room: nothing can depend on it.
    let is_member = |text: &str| !text.contains("\n[workspace]\n");
    for file in FILES
        .iter()
        .filter(|file| file.path.ends_with("/Cargo.toml") && is_member(&file.text))
    {
        let room = file.path.trim_end_matches("/Cargo.toml");
        if room == FEATURES {
            continue;
        }
        let Some(may) = rooms.get(room) else {
            complaints.push(format!("{room}: is not in the table"));
            continue;
        };
        let Some(may) = may else { continue };
        for name in uses(&file.text)
            .difference(may)
            .filter(|name| *name != "features")
        {
            complaints.push(format!(
                "{room}: uses `{name}`, which the table does not allow"
            ));
        }
    }
    for room in rooms.keys().filter(|room| *room != "planner/cli") {
        if !FILES
            .iter()
            .any(|file| file.path == format!("{room}/Cargo.toml"))
        {
            complaints.push(format!("{room}: is in the table and has no Cargo.toml"));
        }
    }
    for name in ["data", "learn", "serve", "agent"] {
        if uses(read("Cargo.toml")).contains(name) {
            complaints.push(format!("planner/cli: uses `{name}` of the runtime"));
        }
    }
    report(
        complaints,
        "the table \"The rooms\" in ARCHITECTURE.md says what may use what",
    );
}

/// The codes, `"E0203"`, in the program text of a file.
fn codes_in(text: &str) -> BTreeSet<&str> {
    let is_code = |part: &&str| {
        part.len() == 5 && part.starts_with('E') && part[1..].bytes().all(|b| b.is_ascii_digit())
    };
    text.split('"').filter(is_code).collect()
}

/// The list of codes: each with its page, and with a name where the checker raises it by that.
const CODES: &str = "lang/check/src/code.rs";

/// The codes that [`CODES`] lists: `"E0101" = FILE_UNREADABLE,` or `"E0901",`.
fn listed() -> BTreeMap<&'static str, Option<&'static str>> {
    let lines = read(CODES)
        .lines()
        .map(|line| line.trim().trim_end_matches(','));
    let entries = lines.filter_map(|line| {
        let (code, rest) = line.strip_prefix('"')?.split_once('"')?;
        let name = rest.strip_prefix(" = ");
        codes_in(line).contains(code).then_some((code, name))
    });
    entries.collect()
}

#[test]
fn every_code_has_a_page_and_an_emitter() {
    let folder = "lang/check/codes/";
    let pages = FILES
        .iter()
        .filter_map(|file| file.path.strip_prefix(folder));
    let pages: BTreeSet<&str> = pages.map(|name| name.trim_end_matches(".md")).collect();
    let listed = listed();
    let sources = FILES
        .iter()
        .filter(|file| file.is_rust() && !file.is_test());
    let sources: Vec<&File> = sources.filter(|file| file.path != CODES).collect();
    let mut raised: BTreeMap<&str, &str> = BTreeMap::new();
    for file in &sources {
        raised.extend(
            codes_in(file.program())
                .into_iter()
                .map(|code| (code, &*file.path)),
        );
    }
    // The policies of a pack name the codes that they raise.
    let packs = FILES
        .iter()
        .filter(|file| file.path.starts_with("stdlib/compliance/"));
    for file in packs {
        let codes = codes_in(&file.text).into_iter();
        raised.extend(codes.map(|code| (code, &*file.path)));
    }
    let mut complaints = Vec::new();
    for (code, path) in raised.iter().filter(|(code, _)| !pages.contains(**code)) {
        complaints.push(format!("{path}: {code} has no page {folder}{code}.md"));
    }
    for code in &pages {
        let named = listed
            .get(code)
            .copied()
            .flatten()
            .map(|name| format!("code::{name}"));
        let is_named = |name: &String| sources.iter().any(|file| file.text.contains(name));
        if !raised.contains_key(code) && !named.as_ref().is_some_and(is_named) {
            complaints.push(format!("{folder}{code}.md: nothing raises this code"));
        }
        if !listed.contains_key(code) {
            complaints.push(format!(
                "{folder}{code}.md: {CODES} does not list this code"
            ));
        }
    }
    report(
        complaints,
        "a code is a contract: a page, and something that raises it",
    );
}

#[test]
fn every_example_is_explained_and_tested() {
    let folders = FILES
        .iter()
        .filter_map(|file| file.path.strip_prefix("examples/"));
    let folders: BTreeSet<&str> = folders.filter_map(|path| path.split('/').next()).collect();
    let tests = FILES
        .iter()
        .filter(|file| file.is_test() && !file.path.starts_with("tests/tidy"));
    let tests: Vec<&File> = tests.collect();
    let mut complaints = Vec::new();
    for folder in folders {
        let readme = format!("examples/{folder}/README.md");
        if !FILES.iter().any(|file| file.path == readme) {
            complaints.push(format!("{readme} is missing"));
        }
        let name = format!("examples/{folder}");
        if !tests.iter().any(|file| file.text.contains(&name)) {
            complaints.push(format!("no test names {name}"));
        }
    }
    report(complaints, "an example is read, run and tested");
}

#[test]
fn the_changelog_is_well_formed() {
    let mut complaints = Vec::new();
    let text = read("CHANGELOG.md");
    if !text.starts_with("# Changelog\n\n## Unreleased\n") {
        complaints.push("it begins with `# Changelog` and `## Unreleased`".to_owned());
    }
    for (index, line) in text.lines().enumerate() {
        let version = line.strip_prefix("## ");
        let right = match line.strip_prefix("### ") {
            Some(name) => ["Added", "Changed", "Fixed", "Removed"].contains(&name),
            None if line.starts_with("# ") => line == "# Changelog",
            None => version
                .is_none_or(|v| v == "Unreleased" || v.starts_with(|c: char| c.is_ascii_digit())),
        };
        let known = line.is_empty() || [' ', '-', '#'].iter().any(|c| line.starts_with(*c));
        if !right || !known {
            complaints.push(format!("CHANGELOG.md:{}: {line}", index + 1));
        }
    }
    report(
        complaints,
        "versions as `##`, kinds of change as `###`, changes as `- `",
    );
}

/// The first sentence of a file's `//!`.
fn subject(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = lines.map(str::trim).take_while(|line| !line.is_empty());
    let paragraph = lines.collect::<Vec<_>>().join(" ");
    match paragraph.find(". ") {
        Some(end) => paragraph[..=end].to_owned(),
        None => paragraph,
    }
}

fn code_map() -> String {
    let mut map = String::new();
    let mut last = "";
    let sources = FILES.iter().filter(|file| file.is_rust());
    for file in sources {
        let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        if folder != last {
            map.push_str(&format!("\n| `{folder}` | |\n|---|---|\n"));
            last = folder;
        }
        map.push_str(&format!(
            "| `{name}` | {} |\n",
            subject(&file.text).replace('|', "\\|")
        ));
    }
    map
}

#[test]
fn the_code_map_is_true() {
    let open = "<!-- code map: written by `UPDATE=1 cargo test --test tidy` -->\n";
    let close = "\n<!-- end of code map -->";
    let text = read("ARCHITECTURE.md");
    let (before, rest) = text
        .split_once(open)
        .expect("ARCHITECTURE.md has a code map");
    let (_, after) = rest
        .split_once(&close[1..])
        .expect("the code map has an end");
    let wanted = format!("{before}{open}{}{close}{after}", code_map());
    if std::env::var_os("UPDATE").is_some() {
        let path = Path::new(&*ROOT).join("ARCHITECTURE.md");
        std::fs::write(path, wanted).expect("ARCHITECTURE.md can be written");
    } else {
        let advice = "the code map is out of date: run `UPDATE=1 cargo test --test tidy`";
        assert!(text == wanted, "{advice}");
    }
}
