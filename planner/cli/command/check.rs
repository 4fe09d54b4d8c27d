//! `mlinfra check`: findings about a spec.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use mlinfra_check::Checked;
use serde_json::json;

use crate::arguments::{Global, SpecArgument};
use crate::fix::{self, Fixed};
use crate::problem::{Exit, Problem, Stop};
use crate::view::layout::counted;
use crate::view::place::Places;
use crate::view::{Screen, diagnostic, diff, github, json, policy, sarif};
use crate::workspace::Workspace;
use crate::world::reason;
use crate::write;

const EXAMPLES: &str = "\
Examples:
  mlinfra check                    the spec in this folder
  mlinfra check churn.mlinfra --param replicas=3
  mlinfra check --fix              make the edits that findings offer
  mlinfra check --fix --dry-run    show those edits, make none
  mlinfra check --manual           what the policies say, and what is left for a person
  mlinfra check --json | jq '.diagnostics[].code'
  mlinfra check --format github    in a GitHub workflow: each finding at its line
  mlinfra check --format sarif --output mlinfra.sarif

Exit codes: 0 no errors, 1 `--dry-run` found edits to make, 2 the spec has errors";

/// The words of `check`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    spec: SpecArgument,
    /// Make the edits that findings offer, then check again; those of policies are yours to make
    #[arg(long)]
    fix: bool,
    /// With `--fix`: write nothing, show what would change
    #[arg(long, requires = "fix", conflicts_with_all = ["manual", "format", "json", "output"])]
    dry_run: bool,
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
    let workspace = match Workspace::find(&arguments.spec.spec, global) {
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
    let checked = match arguments.fix {
        false => workspace.check(),
        true => {
            is_spec(&workspace.root)?;
            let fixed = fix::fix(&workspace.world(), &workspace.root, &|name| {
                workspace.owns(name)
            });
            if arguments.dry_run && fixed.made > 0 {
                for (name, (old, new)) in &fixed.files {
                    screen.print(&diff::unified(&workspace.shown(name), old, new, screen));
                }
                screen.tell(&format!("{} would be made\n", counted(fixed.made, "edit")));
                return Ok(Exit::Failed);
            }
            write_edits(&workspace, &fixed)?;
            if fixed.made > 0 {
                screen.tell(&format!("{} made\n", counted(fixed.made, "edit")));
            }
            if fixed.left > 0 {
                let left = counted(fixed.left, "edit");
                screen.tell(&format!(
                    "{left} not made: yours to decide, see `fix:` below\n"
                ));
            }
            fixed.checked
        }
    };
    let text = shown(&workspace, &checked, arguments, screen);
    put(&text, arguments.output.as_deref(), screen)?;
    match checked.has_errors() {
        true => Ok(Exit::Usage),
        false => Ok(Exit::Done),
    }
}

/// Edits are made in specs alone: whatever else was named was named by mistake.
fn is_spec(root: &str) -> Result<(), Stop> {
    if root.ends_with(".mlinfra") {
        return Ok(());
    }
    let problem = Problem::new(Exit::Usage, "E1003", "a file can't be read or written");
    Err(problem
        .detail(format!("{root} is no spec, and nothing in it is changed"))
        .help("name a file that ends in `.mlinfra`")
        .into())
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
    match output {
        None => {
            screen.print(text);
            Ok(())
        }
        Some(path) => write::put(path, text),
    }
}

/// Writes the files that edits change.
fn write_edits(workspace: &Workspace, fixed: &Fixed) -> Result<(), Problem> {
    for (name, (_, new)) in &fixed.files {
        let path = workspace.folder.join(name);
        write::replace(&path, new).map_err(|error| {
            Problem::new(Exit::NotStarted, "E1003", "a spec can't be written").detail(format!(
                "{}: {}",
                path.display(),
                reason(error)
            ))
        })?;
    }
    Ok(())
}
