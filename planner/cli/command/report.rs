//! `mlinfra report`: what stands now, as one page that opens from disk.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use clap::Args;
use mlinfra_check::Program;
use mlinfra_report::Report;
use serde_json::json;

use crate::arguments::{Global, SpecArgument};
use crate::problem::{Exit, Problem, Stop};
use crate::report::gather;
use crate::session::Session;
use crate::view::{Screen, json as json_view};
use crate::workspace::Workspace;
use crate::world::reason;
use crate::write;

const EXAMPLES: &str = "\
Examples:
  mlinfra report                          write the page for what stands now, say where it is
  mlinfra report churn --output churn.html
                                          write it to a file of your own
  mlinfra report --json                   the same as data, for programs

The page is one file: it opens from disk, asks no network, runs no script, and holds no cell of any
table. After an apply that judged a model it is written by itself.";

/// The words of `report`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    spec: SpecArgument,
    /// Where to write the page; an existing file is replaced
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print what the page is made from as JSON, and write no page unless `--output` is given
    #[arg(long)]
    pub(crate) json: bool,
}

/// Writes the page for what stands now.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let workspace = Workspace::find(&arguments.spec.spec, global)?;
    let sound = workspace.sound_of_state("report", screen)?;
    let session = Session::required(&workspace)?;
    let report = gather(&sound.program, &session);
    let file = match &arguments.output {
        Some(file) => Some(file.clone()),
        None if screen.json => None,
        None => Some(page_file(&workspace, &report)),
    };
    if let Some(file) = &file {
        write(&mlinfra_report::render(&report), file)?;
    }
    if screen.json {
        let page = file.map(|file| file.display().to_string());
        let body = json!({ "report": report, "page": page });
        screen.print_json(&json_view::envelope("report", body));
    } else if let Some(file) = file {
        screen.print(&format!("{}\n", file.display()));
    }
    Ok(Exit::Done)
}

/// Writes the page of the newest operation if a model was judged, and says where it is.
pub(crate) fn after(
    workspace: &Workspace,
    program: &Program,
    session: &Session,
) -> Result<Option<PathBuf>, Problem> {
    let report = gather(program, session);
    if report.models.iter().all(|model| model.evaluation.is_none()) {
        return Ok(None);
    }
    let file = page_file(workspace, &report);
    write(&mlinfra_report::render(&report), &file)?;
    Ok(Some(file))
}

/// `.mlinfra/runs/op-3/report.html`.
fn page_file(workspace: &Workspace, report: &Report) -> PathBuf {
    let operation = report.operation.as_ref();
    let operation = operation.map_or("none", |operation| operation.name.as_str());
    let folder = workspace.state_folder().join("runs").join(operation);
    let file = folder.join("report.html");
    // As a person in the current folder would name it.
    file.strip_prefix(".")
        .map_or(file.clone(), Path::to_path_buf)
}

/// Writes the page for its owner alone; a reader sees the old one or the new one, whole.
fn write(page: &str, file: &Path) -> Result<(), Problem> {
    write_whole(page, file).map_err(|error| {
        Problem::new(Exit::Failed, "E1031", "the report can't be written")
            .detail(format!("{}: {}", file.display(), reason(error)))
            .help("check the folder's permissions and the disk's room, or name another `--output`")
    })
}

fn write_whole(page: &str, file: &Path) -> io::Result<()> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    write::whole(file, page, 0o600)
}
