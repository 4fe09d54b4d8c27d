//! `mlinfra completions`: what a shell needs to complete commands and options.

use clap::Args;
use clap_complete::Shell;

use crate::problem::{Exit, Stop};
use crate::view::Screen;

const EXAMPLES: &str = "\
Examples:
  mlinfra completions bash > ~/.local/share/bash-completion/completions/mlinfra
  mlinfra completions zsh > ~/.zfunc/_mlinfra
  mlinfra completions fish > ~/.config/fish/completions/mlinfra.fish
  source <(mlinfra completions bash)         for this shell alone, bash or zsh

The folders must be there (`mkdir -p`); open a new shell afterwards. bash reads
its folder where the package bash-completion is installed. zsh wants one line in
`~/.zshrc`, before `compinit`:
  fpath+=~/.zfunc";

/// The words of `completions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

/// Prints the completions.
pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Stop> {
    let mut command = crate::arguments::Arguments::described();
    let mut out = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "mlinfra", &mut out);
    screen.print(&String::from_utf8_lossy(&out));
    Ok(Exit::Done)
}
