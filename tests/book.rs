//! Runs the book: every Markdown case under `tests/book/`, through the `mlinfra` binary.
//!
//! A heading starts a case; its fenced blocks are the case, run in an empty folder:
//!
//! - `mlinfra`: a spec. A line `` `name.mlinfra`: `` before it names its file, blocks without one
//!   join to `main.mlinfra`. Findings are marked under their text: `// ^^^ error[E0203]: label`.
//! - any other language after such a line: a file with that content.
//! - `errors`: what `mlinfra check` prints. `plan`: what `mlinfra plan` prints.
//! - `console`: a transcript: `$ command`, its output, `[exit 2]` where it is not 0.
//!
//! The tour of the language is read in the same way. Under `lang/rules/` a heading names the rule
//! of the language that its case obeys or breaks; the table there names every rule.
//!
//! `UPDATE=1 cargo test --test book` rewrites marks and outputs: read the difference.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Trial};
use serde_json::Value;

#[path = "book/rules.rs"]
mod rules;

/// One fenced block, by its place in the Markdown file.
#[derive(Clone, Debug)]
struct Block {
    language: String,
    name: Option<String>,
    /// The lines between the fences, from the first to behind the last.
    lines: std::ops::Range<usize>,
    body: String,
}

/// One heading with its blocks.
#[derive(Clone, Debug)]
struct Case {
    name: String,
    path: PathBuf,
    blocks: Vec<Block>,
}

/// New contents of blocks, by file and first line.
type Updates = Arc<Mutex<BTreeMap<PathBuf, BTreeMap<usize, (usize, String)>>>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cases = Vec::new();
    let mut paths = markdown_files(&root.join("tests/book"));
    paths.push(root.join("lang/tour.md"));
    for path in paths {
        let text = fs::read_to_string(&path).expect("a file of the book is UTF-8");
        cases.extend(read_cases(&path, &text));
    }
    let updates: Updates = Arc::default();
    let update = std::env::var_os("UPDATE").is_some();
    let table = rules::table(&cases, &root.join("tests/book/lang/rules"));
    let trials = cases.into_iter().map(|case| {
        let updates = update.then(|| updates.clone());
        Trial::test(case.name.clone(), move || {
            Ok(run_case(&case, updates.as_ref())?)
        })
    });
    let table = Trial::test("every rule has its cases", move || Ok(table?));
    let conclusion = libtest_mimic::run(&arguments, trials.chain([table]).collect());
    write_updates(&updates.lock().expect("no case panics while it holds this"));
    conclusion.exit_code()
}

fn markdown_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).expect("the book's folder can be read");
    for entry in entries {
        let path = entry.expect("the book's folder can be read").path();
        if path.is_dir() {
            files.extend(markdown_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "md") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The cases of one file. A name is the file's stem and the heading.
fn read_cases(path: &Path, text: &str) -> Vec<Case> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let lines: Vec<&str> = text.lines().collect();
    let mut cases: Vec<Case> = Vec::new();
    let mut name = None;
    let mut index = 0;
    while index < lines.len() {
        let line = lines[index];
        index += 1;
        if let Some(heading) = line.strip_prefix('#') {
            let heading = heading.trim_start_matches('#').trim();
            let name = format!("{stem}: {heading}");
            let twin = cases.iter().any(|case| case.name == name);
            assert!(!twin, "{}: two cases are named `{heading}`", path.display());
            cases.push(Case {
                name,
                path: path.to_owned(),
                blocks: Vec::new(),
            });
        } else if let Some(file) = line.strip_suffix(':').and_then(quoted) {
            name = Some(file.to_owned());
        } else if let Some(language) = line.strip_prefix("```") {
            let length = lines[index..].iter().position(|line| *line == "```");
            let end = index + length.expect("every fence is closed");
            let body = lines[index..end]
                .iter()
                .map(|line| format!("{line}\n"))
                .collect();
            let block = Block {
                language: language.trim().to_owned(),
                name: name.take(),
                lines: index..end,
                body,
            };
            let case = cases
                .last_mut()
                .expect("a heading stands before the first block");
            case.blocks.push(block);
            index = end + 1;
        }
    }
    cases.retain(|case| !case.blocks.is_empty());
    cases
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('`')?.strip_suffix('`')
}

/// A case under way: its folder and what its blocks should read.
struct Run<'a> {
    case: &'a Case,
    folder: tempfile::TempDir,
    /// The wanted content of blocks, by their number.
    wanted: BTreeMap<usize, String>,
}

fn run_case(case: &Case, updates: Option<&Updates>) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut run = Run {
        case,
        folder,
        wanted: BTreeMap::new(),
    };
    let specs = write_files(&run);
    let judges = |block: &Block| ["errors", "plan", "console"].contains(&&*block.language);
    let marked = specs.iter().any(|spec| spec.marked);
    if !specs.is_empty() && (marked || !case.blocks.iter().any(judges)) {
        mark(&mut run, &specs)?;
    }
    for (number, block) in case.blocks.iter().enumerate() {
        let output = match &*block.language {
            "errors" => transcript(&run, "mlinfra check").0,
            "plan" => transcript(&run, "mlinfra plan").0,
            "console" => console(&run, &block.body),
            _ => continue,
        };
        run.wanted.insert(number, output);
    }
    compare(&run, updates)
}

fn compare(run: &Run<'_>, updates: Option<&Updates>) -> Result<(), String> {
    let mut differences = String::new();
    for (number, wanted) in &run.wanted {
        let block = &run.case.blocks[*number];
        if block.body == *wanted {
            continue;
        }
        if let Some(updates) = updates {
            let mut updates = updates.lock().expect("no case panics while it holds this");
            let file = updates.entry(run.case.path.clone()).or_default();
            file.insert(block.lines.start, (block.lines.end, wanted.clone()));
            continue;
        }
        let place = format!("{}:{}", run.case.path.display(), block.lines.start + 1);
        differences += &format!("{place}: `{}` differs\n", block.language);
        differences += &difference(&block.body, wanted);
    }
    if differences.is_empty() {
        Ok(())
    } else {
        Err(differences)
    }
}

fn write_updates(updates: &BTreeMap<PathBuf, BTreeMap<usize, (usize, String)>>) {
    for (path, blocks) in updates {
        let text = fs::read_to_string(path).expect("it was read before");
        let lines: Vec<&str> = text.lines().collect();
        let mut out = String::new();
        let mut next = 0;
        for (start, (end, content)) in blocks {
            lines[next..*start]
                .iter()
                .for_each(|line| out += &format!("{line}\n"));
            out += content;
            next = *end;
        }
        lines[next..]
            .iter()
            .for_each(|line| out += &format!("{line}\n"));
        fs::write(path, out).expect("the book can be written");
    }
}

/// One spec block: the text without marks.
struct Spec {
    block: usize,
    file: String,
    /// The line of the file where this block begins.
    first_line: usize,
    lines: Vec<String>,
    marked: bool,
}

/// Writes the case's files and gives back its specs.
fn write_files(run: &Run<'_>) -> Vec<Spec> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut specs = Vec::new();
    for (number, block) in run.case.blocks.iter().enumerate() {
        let spec = block.language == "mlinfra";
        let file = match &block.name {
            Some(name) => name.clone(),
            None if spec => "main.mlinfra".to_owned(),
            None => continue,
        };
        let content = files.entry(file.clone()).or_default();
        if !spec {
            content.push_str(&block.body);
            continue;
        }
        let lines = block.body.lines().filter(|line| !is_mark(line));
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        let first_line = content.lines().count();
        lines
            .iter()
            .for_each(|line| *content += &format!("{line}\n"));
        let marked = lines.len() != block.body.lines().count();
        specs.push(Spec {
            block: number,
            file,
            first_line,
            lines,
            marked,
        });
    }
    for (name, content) in files {
        let path = run.folder.path().join(name);
        let parent = path.parent().expect("it is inside the case's folder");
        fs::create_dir_all(parent).expect("a folder of a case can be made");
        fs::write(path, content).expect("a file of a case can be written");
    }
    specs
}

/// Whether a line is `// ^^^ error[E0203]: label`, with or without the slashes.
fn is_mark(line: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("//").unwrap_or(line).trim_start();
    let rest = line.trim_start_matches('^');
    rest.len() < line.len() && (rest.starts_with(" error[") || rest.starts_with(" warning["))
}

/// One finding of `mlinfra check --json`; lines and columns count from 0, columns in letters.
struct Finding {
    file: String,
    line: usize,
    columns: std::ops::Range<usize>,
    text: String,
}

/// Checks the case's spec and says how its blocks read with every finding marked.
fn mark(run: &mut Run<'_>, specs: &[Spec]) -> Result<(), String> {
    let output = command(run, "mlinfra check --json").output();
    let output = output.expect("the shell starts");
    let report: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
        let problem = String::from_utf8_lossy(&output.stderr);
        format!("`mlinfra check --json` printed no JSON ({error}):\n{problem}")
    })?;
    let findings = report["diagnostics"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mut findings = findings.iter().map(finding).collect::<Option<Vec<_>>>();
    let findings = findings.as_mut().ok_or("a finding has no place")?;
    for spec in specs {
        let mut out = String::new();
        for (index, line) in spec.lines.iter().enumerate() {
            out += &format!("{line}\n");
            let here = spec.first_line + index;
            let length = line.chars().count();
            findings.retain(|finding| {
                let hit = finding.file == spec.file && finding.line == here;
                if hit {
                    out += &mark_line(finding, length);
                }
                !hit
            });
        }
        run.wanted.insert(spec.block, out);
    }
    match findings.first() {
        None => Ok(()),
        Some(stray) => Err(format!("{}:{}: {}", stray.file, stray.line + 1, stray.text)),
    }
}

fn finding(json: &Value) -> Option<Finding> {
    let label = &json["primary"];
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok()?.checked_sub(1);
    let line = number(&label["start"]["line"])?;
    let start = number(&label["start"]["column"])?;
    let last = number(&label["end"]["line"])?;
    let end = number(&label["end"]["column"])?;
    let severity = json["severity"].as_str()?;
    let code = json["code"].as_str()?;
    let text = label["text"].as_str()?;
    Some(Finding {
        file: label["file"].as_str()?.to_owned(),
        line,
        columns: start..if last > line { usize::MAX } else { end },
        text: format!("{severity}[{code}]: {text}"),
    })
}

fn mark_line(finding: &Finding, line_length: usize) -> String {
    let start = finding.columns.start;
    let end = finding.columns.end.min(line_length.max(start));
    let carets = "^".repeat(end.saturating_sub(start).max(1));
    let lead = match start {
        0 | 1 => " ".repeat(start),
        _ => format!("//{}", " ".repeat(start - 2)),
    };
    format!("{lead}{carets} {}\n", finding.text)
}

/// A shell command in the case's folder, where `mlinfra` is the binary under test.
fn command(run: &Run<'_>, line: &str) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_mlinfra"));
    let folder = binary.parent().expect("a binary lies in a folder");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display());
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(run.folder.path());
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", run.folder.path());
    command.env("COLUMNS", "80").env("LANG", "C.UTF-8");
    command
}

/// What a command prints, both streams as they come, and its exit code.
fn transcript(run: &Run<'_>, line: &str) -> (String, i32) {
    let (mut reader, writer) = std::io::pipe().expect("a pipe can be made");
    let mut command = command(run, line);
    let second = writer.try_clone().expect("a pipe can be shared");
    let mut child = command
        .stdout(second)
        .stderr(writer)
        .spawn()
        .expect("the shell starts");
    // The command's own ends of the pipe must go, or reading never ends.
    drop(command);
    let mut output = Vec::new();
    reader.read_to_end(&mut output).expect("a pipe can be read");
    let status = child.wait().expect("the shell can be waited for");
    let text = String::from_utf8_lossy(&output);
    (
        normalise(&text, run.folder.path()),
        status.code().unwrap_or(-1),
    )
}

fn console(run: &Run<'_>, body: &str) -> String {
    let mut out = String::new();
    for line in body.lines() {
        let Some(line) = line.strip_prefix("$ ") else {
            continue;
        };
        let (output, exit) = transcript(run, line);
        out += &format!("$ {line}\n{output}");
        if !output.is_empty() && !output.ends_with('\n') {
            out += "\n";
        }
        if exit != 0 {
            out += &format!("[exit {exit}]\n");
        }
    }
    out
}

/// The same text without what differs from run to run: the folder and durations.
fn normalise(text: &str, folder: &Path) -> String {
    let text = text.replace(&*folder.to_string_lossy(), "FOLDER");
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while let Some(place) = rest
            .find(" s")
            .filter(|place| ends_word(&rest[place + 2..]))
        {
            let (before, after) = rest.split_at(place);
            let number = before.rfind(' ').map_or(0, |space| space + 1);
            let digits = &before[number..];
            let duration = digits.split_once('.').is_some_and(|(whole, part)| {
                [whole, part]
                    .iter()
                    .all(|d| d.bytes().all(|b| b.is_ascii_digit()))
            });
            out.push_str(&before[..number]);
            out.push_str(if duration { "0.0" } else { digits });
            out.push_str(" s");
            rest = &after[2..];
        }
        out.push_str(rest);
    }
    out
}

fn ends_word(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// The lines of two texts side by side: `-` as written, `+` as it is.
fn difference(old: &str, new: &str) -> String {
    let old: Vec<&str> = old.lines().collect();
    let new: Vec<&str> = new.lines().collect();
    // common[i][j]: the longest common run of lines of old[i..] and new[j..].
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut out = String::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            out += &format!("    {}\n", old[i]);
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            out += &format!("  - {}\n", old[i]);
            i += 1;
        } else {
            out += &format!("  + {}\n", new[j]);
            j += 1;
        }
    }
    out
}
