//! Lines typed at a terminal, with completion and what was typed before.

use std::cell::RefCell;
use std::rc::Rc;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Context, Editor, Helper};

use super::Screen;

/// How many lines can be called back; they are kept in memory alone.
const LINES_KEPT_MAX: usize = 1_000;

/// What a person did.
pub(crate) enum Typed {
    /// Typed a line, or several that are one expression.
    Line(String),
    /// Gave one up with Ctrl-C.
    Nothing,
    /// Ended with Ctrl-D, or the terminal is gone.
    End,
}

/// A prompt at the terminal.
pub(crate) struct Prompt {
    editor: Editor<Names, MemHistory>,
    names: Rc<RefCell<Vec<String>>>,
}

impl Prompt {
    /// A prompt; none where the terminal can't be used.
    pub(crate) fn new(screen: &Screen) -> Option<Self> {
        let config = Config::builder()
            .max_history_size(LINES_KEPT_MAX)
            .ok()?
            .auto_add_history(true)
            .build();
        let mut editor = Editor::with_history(config, MemHistory::new());
        if let Err(error) = &editor {
            screen.warn(&format!("this terminal can't be used: {error}\n"));
        }
        let names = Rc::new(RefCell::new(Vec::new()));
        if let Ok(editor) = &mut editor {
            editor.set_helper(Some(Names(Rc::clone(&names))));
        }
        let editor = editor.ok()?;
        Some(Prompt { editor, names })
    }

    /// What Tab completes from now on; sorted.
    pub(crate) fn names(&mut self, names: Vec<String>) {
        *self.names.borrow_mut() = names;
    }

    /// The next line.
    pub(crate) fn read(&mut self) -> Typed {
        match self.editor.readline("> ") {
            Ok(line) => Typed::Line(line),
            Err(ReadlineError::Interrupted) => Typed::Nothing,
            Err(_) => Typed::End,
        }
    }
}

/// The names that Tab completes.
struct Names(Rc<RefCell<Vec<String>>>);

impl Completer for Names {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        place: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let start = start_of_name(line, place);
        Ok((start, completed(&self.0.borrow(), &line[start..place])))
    }
}

impl Hinter for Names {
    type Hint = String;
}

impl Highlighter for Names {}

impl Validator for Names {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match is_open(context.input()) {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}

impl Helper for Names {}

/// Where the name that ends at this place begins: letters, digits, `_`, and points between them.
fn start_of_name(line: &str, place: usize) -> usize {
    let before = line.get(..place).unwrap_or_default();
    let part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '.';
    before.trim_end_matches(part).len()
}

/// The names that begin so, up to their next point: blocks first, then what is in them.
fn completed(names: &[String], start: &str) -> Vec<String> {
    let begins = names.iter().filter(|name| name.starts_with(start));
    let mut found: Vec<String> = begins
        .map(|name| match name[start.len()..].find('.') {
            Some(point) => name[..start.len() + point].to_owned(),
            None => name.clone(),
        })
        .collect();
    found.dedup();
    found
}

/// Whether a bracket is open at the end: the line goes on.
fn is_open(text: &str) -> bool {
    let mut depth = 0_i64;
    let mut quoted = false;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if quoted => {
                letters.next();
            }
            '"' => quoted = !quoted,
            '\n' => quoted = false,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            _ => {}
        }
    }
    depth > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_up_to_the_next_point() {
        let names = ["pool", "pool.cpus", "pool.memory", "port"].map(str::to_owned);
        assert_eq!(completed(&names, "po"), ["pool", "port"]);
        assert_eq!(completed(&names, "pool."), ["pool.cpus", "pool.memory"]);
        assert_eq!(completed(&names, "x"), Vec::<String>::new());
        assert_eq!(start_of_name("2 * pool.c", 10), 4);
        assert_eq!(start_of_name("max(po", 6), 4);
        assert_eq!(start_of_name("é", 2), 2);
    }

    #[test]
    fn a_line_with_an_open_bracket_goes_on() {
        assert!(is_open("[1,"));
        assert!(!is_open("[1]"));
        assert!(!is_open("\"[\""));
        assert!(!is_open("1)"));
    }
}
