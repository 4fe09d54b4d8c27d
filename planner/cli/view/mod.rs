//! All that people and scripts are shown: the only place that prints, knows colour and width.

pub(crate) mod advance;
pub(crate) mod answer;
pub(crate) mod diagnostic;
pub(crate) mod diff;
pub(crate) mod drawing;
pub(crate) mod ending;
pub(crate) mod flow;
pub(crate) mod github;
pub(crate) mod graph;
pub(crate) mod json;
pub(crate) mod layout;
pub(crate) mod page;
pub(crate) mod place;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod program;
pub(crate) mod progress;
pub(crate) mod prompt;
pub(crate) mod queue;
pub(crate) mod reference;
pub(crate) mod sarif;
pub(crate) mod state;
pub(crate) mod test;
pub(crate) mod theme;

use std::io::{BufRead, IsTerminal, Write};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::arguments::{Global, When};
use crate::interrupt::Watch;
use crate::problem::Problem;

use layout::wrapped;
use theme::{Ink, Theme};

/// Lines longer than this are hard to read, however wide the terminal is.
const COLUMNS_MAX: usize = 100;
/// While a person is asked, Ctrl-C is looked for this often.
const LOOK_EVERY: Duration = Duration::from_millis(30);
/// Where there is no terminal.
const COLUMNS_DEFAULT: usize = 80;

/// The two streams and what is known of their reader.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    /// Paints for standard output.
    pub(crate) theme: Theme,
    /// Paints for standard error.
    pub(crate) error_theme: Theme,
    /// Columns.
    pub(crate) width: usize,
    /// Whether more than letters, digits and ASCII signs can be shown.
    pub(crate) unicode: bool,
    /// Whether only results and problems are shown.
    pub(crate) quiet: bool,
    /// The command's name, for results in JSON.
    pub(crate) command: &'static str,
    /// Whether results are JSON.
    pub(crate) json: bool,
    /// Whether standard error is a terminal where lines can be redrawn.
    pub(crate) live: bool,
}

impl Screen {
    /// Looks at the streams and the options.
    pub(crate) fn new(global: &Global, command: &'static str, json: bool) -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let dumb = variable("TERM") == "dumb";
        let colour = |terminal: bool| match global.color {
            When::Always => true,
            When::Never => false,
            When::Auto => terminal && !dumb && variable("NO_COLOR").is_empty(),
        };
        let error_terminal = std::io::stderr().is_terminal();
        Screen {
            theme: Theme::new(colour(std::io::stdout().is_terminal())),
            error_theme: Theme::new(colour(error_terminal)),
            width: columns(),
            unicode: !dumb && variable("TERM") != "linux",
            quiet: global.quiet,
            command,
            json,
            live: error_terminal && !dumb && !json && !global.quiet,
        }
    }

    /// Prints a result.
    pub(crate) fn print(&self, text: &str) {
        write_to(&mut std::io::stdout().lock(), text);
    }

    /// Prints a result in JSON, one line.
    pub(crate) fn print_json(&self, value: &serde_json::Value) {
        self.print(&format!("{value}\n"));
    }

    /// Prints what is no result: news, advice. Not with `--quiet`.
    pub(crate) fn tell(&self, text: &str) {
        if !self.quiet && !self.json {
            write_to(&mut std::io::stderr().lock(), text);
        }
    }

    /// Prints a warning or an error beside the result.
    pub(crate) fn warn(&self, text: &str) {
        write_to(&mut std::io::stderr().lock(), text);
    }

    /// Shows why a command could not do what was asked.
    pub(crate) fn problem(&self, problem: &Problem) {
        if self.json {
            self.print_json(&json::problem(self.command, problem));
            return;
        }
        let theme = self.error_theme;
        let word = match &problem.code {
            Some(code) => format!("error[{code}]"),
            None => "error".to_owned(),
        };
        let head = format!("{word}: {}", problem.title);
        let mut out = wrapped(&head, self.width, "", "  ");
        out = out.replacen(&word, &theme.paint(Ink::Bad, &word), 1);
        for detail in &problem.details {
            out += &wrapped(detail, self.width, "  ", "  ");
        }
        for help in &problem.help {
            out += &wrapped(help, self.width, "  = help: ", "          ");
        }
        self.warn(&out);
    }

    /// Asks a question that is answered by `yes`; everything else is no, and so is Ctrl-C.
    pub(crate) fn confirm(&self, question: &str, watch: &Watch) -> bool {
        write_to(
            &mut std::io::stderr().lock(),
            &format!("{question} [yes/no] "),
        );
        // A read from a terminal goes on after a signal, so it waits elsewhere: whoever pressed
        // Ctrl-C does not wait for it.
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut answer = String::new();
            let read = std::io::stdin().lock().read_line(&mut answer);
            drop(sender.send(read.map(|_| answer)));
        });
        watch.set_asking(true);
        let answer = loop {
            match receiver.recv_timeout(LOOK_EVERY) {
                Ok(read) => break read.ok(),
                Err(RecvTimeoutError::Disconnected) => break None,
                Err(RecvTimeoutError::Timeout) if watch.interrupt.is_raised() => {
                    self.warn("\n");
                    break None;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
        watch.set_asking(false);
        let agreed = |answer: String| matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
        !watch.interrupt.is_raised() && answer.is_some_and(agreed)
    }

    /// Whether a person can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        !self.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// A sign, or its replacement where only ASCII can be shown.
    pub(crate) fn sign(&self, sign: &'static str) -> &'static str {
        if self.unicode {
            return sign;
        }
        match sign {
            "▶" => ">",
            "±" => "+/-",
            "∓" => "-/+",
            "✔" => "ok",
            "✖" => "x",
            "●" => "*",
            "○" => "o",
            "→" => "->",
            "·" => "-",
            other => other,
        }
    }
}

/// A reader that went away is no failure of ours.
fn write_to(stream: &mut dyn Write, text: &str) {
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.flush();
}

fn columns() -> usize {
    let asked = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse::<usize>().ok());
    let terminal = || rustix::termios::tcgetwinsize(std::io::stderr()).ok();
    let seen = asked.or_else(|| terminal().map(|size| usize::from(size.ws_col)));
    match seen {
        Some(columns) if columns >= 40 => columns.min(COLUMNS_MAX),
        _ => COLUMNS_DEFAULT,
    }
}

/// Reports a bug of ours, without anything that may be damaged.
pub(crate) fn bug(report: &str) {
    let mut text = String::from("error: this is a bug in mlinfra, not in your spec\n\n");
    for line in report.lines() {
        text += &format!("  {line}\n");
    }
    text += "\n  Please report it with the lines above, the command, and the spec if you may.\n";
    text += "  Nothing is lost: what was done is in the journal, and `mlinfra apply` goes on.\n";
    text += "  RUST_BACKTRACE=1 adds where it happened.\n";
    write_to(&mut std::io::stderr().lock(), &text);
}
