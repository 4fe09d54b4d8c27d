//! `mlinfra check`: findings about a spec.

use std::collections::BTreeMap;

use clap::Args;
use mlinfra_check::{Checked, Diagnostic, Edit};
use serde_json::json;

use crate::arguments::{Global, SpecArgument};
use crate::problem::{Exit, Problem, Stop};
use crate::view::layout::counted;
use crate::view::{Screen, diagnostic, json};
use crate::workspace::Workspace;
use crate::world::reason;

const EXAMPLES: &str = "\
Examples:
  mlinfra check                    the spec in this folder
  mlinfra check churn.mlinfra --param replicas=3
  mlinfra check --fix              make the edits that findings offer
  mlinfra check --json | jq '.diagnostics[].code'";

/// The words of `check`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    spec: SpecArgument,
    /// Make the edits that findings offer, then check again
    #[arg(long)]
    fix: bool,
    /// Print findings as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Checks a spec. Errors: exit code 2; warnings alone: 0.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let workspace = Workspace::find(&arguments.spec.spec, &global.param)?;
    let mut checked = workspace.check();
    if arguments.fix {
        let count = fix(&workspace, &checked)?;
        if count > 0 {
            screen.tell(&format!("{} made\n", counted(count, "edit")));
            checked = workspace.check();
        }
    }
    let sources = workspace.sources(&checked);
    if screen.json {
        let findings = checked.diagnostics.iter();
        let findings: Vec<_> = findings.map(|d| json::diagnostic(d, &sources)).collect();
        screen.print_json(&json::envelope("check", json!({ "diagnostics": findings })));
    } else {
        let findings: Vec<_> = checked.diagnostics.iter().map(Into::into).collect();
        screen.print(&diagnostic::findings(&findings, &sources, screen));
        if !findings.is_empty() || !screen.quiet {
            screen.print(&diagnostic::summary(
                &findings,
                &workspace.shown_root(),
                screen,
            ));
        }
    }
    match checked.has_errors() {
        true => Ok(Exit::Usage),
        false => Ok(Exit::Done),
    }
}

/// Writes the edits of all fixes that do not overlap and lie in the spec's own folder.
fn fix(workspace: &Workspace, checked: &Checked) -> Result<usize, Problem> {
    let mut edits: BTreeMap<u32, Vec<&Edit>> = BTreeMap::new();
    let mut count = 0;
    for fix in checked
        .diagnostics
        .iter()
        .filter_map(|d: &Diagnostic| d.fix.as_ref())
    {
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
        std::fs::write(&path, text).map_err(|error| {
            Problem::new(Exit::NotStarted, "E1003", "a spec can't be written").detail(format!(
                "{}: {}",
                path.display(),
                reason(error)
            ))
        })?;
    }
    Ok(count)
}
