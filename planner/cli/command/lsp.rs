//! `mlinfra lsp`: the checker for editors, over standard input and output.

use std::io::{BufWriter, IsTerminal};
use std::path::Path;

use clap::Args;
use mlinfra_check::World;
use mlinfra_lsp::{Ended, Outside};

use crate::arguments::Global;
use crate::bug;
use crate::problem::{Exit, Stop};
use crate::view::Screen;
use crate::world::{Disk, Parameters};

const EXAMPLES: &str = "\
Examples:
  mlinfra lsp                      what an editor's settings name as the server
  mlinfra lsp --param replicas=3   check with this parameter

Helix, in languages.toml:
  [language-server.mlinfra]
  command = \"mlinfra\"
  args = [\"lsp\"]";

/// The words of `lsp`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Some editors say how they talk; this is the only way
    #[arg(long, hide = true)]
    stdio: bool,
}

/// Serves one editor. Exit code 1 if it went away without saying so.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let parameters = Parameters::read(global)?;
    if std::io::stdin().is_terminal() && !arguments.stdio {
        screen.tell("waiting for an editor on standard input; Ctrl-D ends, `--help` explains\n");
    }
    bug::install_telling_hook();
    let mut output = BufWriter::new(std::io::stdout());
    let ended = mlinfra_lsp::serve(&ThisMachine { parameters }, std::io::stdin(), &mut output);
    match ended {
        Ended::Properly => Ok(Exit::Done),
        Ended::Abandoned => Ok(Exit::Failed),
    }
}

/// The disk, as `check` sees it.
struct ThisMachine {
    parameters: Parameters,
}

impl Outside for ThisMachine {
    fn world(&self, folder: &Path) -> Box<dyn World> {
        Box::new(Disk::new(folder, self.parameters.clone()))
    }

    fn specs_in(&self, folder: &Path) -> Vec<String> {
        // A folder that can't be read has no spec that could use a file.
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let is_spec = |name: &String| name.ends_with(".mlinfra") && !name.starts_with('.');
        let mut names: Vec<String> = names.filter(is_spec).collect();
        names.sort();
        names
    }
}
