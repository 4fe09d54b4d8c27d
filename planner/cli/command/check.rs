//! `mlinfra check`: findings about a spec.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use mlinfra_check::{Checked, Diagnostic, Edit};
use serde_json::json;

use crate::arguments::{Global, SpecArgument};
use crate::problem::{Exit, Problem, Stop};
use crate::view::layout::counted;
use crate::view::place::Places;
use crate::view::{Screen, diagnostic, github, json, policy, sarif};
use crate::workspace::Workspace;
use crate::world::reason;
use crate::write;

const EXAMPLES: &str = "\
Examples:
  mlinfra check                    the spec in this folder
  mlinfra check churn.mlinfra --param replicas=3
  mlinfra check --fix              make the edits that findings offer
  mlinfra check --manual           what the policies say, and what is left for a person
  mlinfra check --json | jq '.diagnostics[].code'
  mlinfra check --format github    in a GitHub workflow: each finding at its line
  mlinfra check --format sarif --output mlinfra.sarif";

/// The words of `check`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    spec: SpecArgument,
    /// Make the edits that findings offer, then check again; those of policies are yours to make
    #[arg(long)]
    fix: bool,
    /// List what the policies say of the spec, and what a person must look at
    #[arg(long, conflicts_with_all = ["format", "json", "output"])]
    manual: bool,
    /// How to print findings
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    format: Format,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write the findings into a file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For scripts.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of a GitHub workflow.
    Github,
}

impl Arguments {
    /// The format that was asked for.
    pub(crate) fn format(&self) -> Format {
        match self.json {
            true => Format::Json,
            false => self.format,
        }
    }
}

/// Checks a spec. Errors: exit code 2; warnings alone: 0.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let workspace = match Workspace::find(&arguments.spec.spec, &global.param) {
        Ok(workspace) => workspace,
        Err(problem) => {
            // Whoever reads the log of a failed check finds the reason in it.
            let said = match arguments.format() {
                Format::Sarif => format!("{:#}\n", sarif::problem(&problem)),
                Format::Github => github::problem(&problem),
                Format::Text | Format::Json => String::new(),
            };
            put(&said, arguments.output.as_deref(), screen)?;
            return Err(problem.into());
        }
    };
    let mut checked = workspace.check();
    if arguments.fix {
        // Edits that meet are made one after the other: each round ends with fewer findings, or
        // is the last.
        let mut made = 0;
        loop {
            let before = checked.found;
            let count = fix(&workspace, &checked)?;
            made += count;
            if count == 0 {
                break;
            }
            checked = workspace.check();
            if checked.found >= before {
                break;
            }
        }
        if made > 0 {
            screen.tell(&format!("{} made\n", counted(made, "edit")));
        }
    }
    let text = shown(&workspace, &checked, arguments, screen);
    put(&text, arguments.output.as_deref(), screen)?;
    match checked.has_errors() {
        true => Ok(Exit::Usage),
        false => Ok(Exit::Done),
    }
}

/// The findings in the format that was asked for. Every format is made from the same list.
fn shown(
    workspace: &Workspace,
    checked: &Checked,
    arguments: &Arguments,
    screen: &Screen,
) -> String {
    let sources = workspace.sources(checked);
    let places = || {
        let here = std::env::current_dir().unwrap_or_default();
        let top = source_root(&here);
        let is_ours = |file| workspace.is_ours(checked, file);
        Places::new(checked, &sources, is_ours, &here, &top)
    };
    match arguments.format() {
        Format::Sarif => format!("{:#}\n", sarif::findings(&places())),
        Format::Github => github::findings(&places()),
        Format::Json => {
            let findings = checked.diagnostics.iter();
            let findings: Vec<_> = findings.map(|d| json::diagnostic(d, &sources)).collect();
            let policies = checked.program.policies.iter();
            let policies: Vec<_> = policies.map(json::policy).collect();
            let body = json!({ "diagnostics": findings, "policies": policies });
            format!("{}\n", json::envelope("check", body))
        }
        Format::Text => {
            let findings: Vec<_> = checked.diagnostics.iter().map(Into::into).collect();
            let mut text = diagnostic::findings(&findings, &sources, screen);
            if !findings.is_empty() || !screen.quiet {
                text += &diagnostic::summary(&findings, &workspace.shown_root(), screen);
            }
            if arguments.manual {
                text += &policy::list(&checked.program.policies, screen);
            }
            text
        }
    }
}

/// The folder that paths in reports are from: the top of the checkout, otherwise this folder.
fn source_root(here: &Path) -> PathBuf {
    let mut above = here.ancestors();
    let top = above.find(|folder| folder.join(".git").exists());
    top.unwrap_or(here).to_owned()
}

/// Prints a result, or writes it into the file that was named for it.
fn put(text: &str, output: Option<&Path>, screen: &Screen) -> Result<(), Problem> {
    let Some(path) = output else {
        screen.print(text);
        return Ok(());
    };
    std::fs::write(path, text).map_err(|error| {
        Problem::new(Exit::Usage, "E1003", "a file can't be read or written")
            .detail(format!("{}: {}", path.display(), reason(error)))
            .help("name a file in a folder that you may write to")
    })
}

/// Writes the edits of all fixes that do not overlap and lie in the spec's own folder.
fn fix(workspace: &Workspace, checked: &Checked) -> Result<usize, Problem> {
    let mut edits: BTreeMap<u32, Vec<&Edit>> = BTreeMap::new();
    let mut count = 0;
    // What happens to people's data is decided by a person, not by an edit that happens to be
    // first.
    let by_policy = |diagnostic: &&Diagnostic| {
        let mut policies = checked.program.policies.iter();
        policies.any(|finding| finding.code == diagnostic.code.0)
    };
    let mendable = checked.diagnostics.iter().filter(|d| !by_policy(d));
    for fix in mendable.filter_map(|diagnostic| diagnostic.fix.as_ref()) {
        let free = fix.edits.iter().all(|edit| {
            let taken = edits.get(&edit.span.file.0).map_or(&[][..], Vec::as_slice);
            let apart = |other: &&Edit| {
                edit.span.end < other.span.start || other.span.end < edit.span.start
            };
            taken.iter().all(apart)
        });
        let ours = fix
            .edits
            .iter()
            .all(|edit| workspace.is_ours(checked, edit.span.file));
        if free && ours {
            count += 1;
            for edit in &fix.edits {
                edits.entry(edit.span.file.0).or_default().push(edit);
            }
        }
    }
    for (file, mut edits) in edits {
        let source = &checked.files[file as usize];
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
        let mut text = source.text.clone();
        for edit in edits {
            text.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
        }
        let path = workspace.folder.join(&source.name);
        write::replace(&path, &text).map_err(|error| {
            Problem::new(Exit::NotStarted, "E1003", "a spec can't be written").detail(format!(
                "{}: {}",
                path.display(),
                reason(error)
            ))
        })?;
    }
    Ok(count)
}
