//! `mlinfra completions`: what a shell needs to complete commands and options.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::problem::{Exit, Stop};
use crate::view::Screen;

const EXAMPLES: &str = "\
Examples:
  mlinfra completions bash > ~/.local/share/bash-completion/completions/mlinfra
  mlinfra completions fish > ~/.config/fish/completions/mlinfra.fish";

/// The words of `completions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

/// Prints the completions.
pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Stop> {
    let mut command = crate::arguments::Arguments::command();
    let mut out = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "mlinfra", &mut out);
    screen.print(&String::from_utf8_lossy(&out));
    Ok(Exit::Done)
}
