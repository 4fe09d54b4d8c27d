//! `mlinfra console`: expressions, one after the other, as they are typed.

use std::io::{BufRead, IsTerminal};

use clap::Args;
use mlinfra_check::Question;
use serde_json::json;

use super::eval::{self, Scope};
use crate::arguments::{Global, SpecOption};
use crate::problem::{Exit, Problem, Stop};
use crate::view::prompt::{Prompt, Typed};
use crate::view::{Screen, answer as view, json};

const EXAMPLES: &str = "\
Examples:
  mlinfra console                  the names of the spec in this folder
  mlinfra console --spec churn
  echo '2 * 3 GiB' | mlinfra console

Each line is an expression; its value and type follow. `let half = 50%` names a
value for the rest of the session, Tab completes names. `:type EXPRESSION` prints
the type alone, `:names [START]` lists names, `:help`, `:quit`. The spec is read
anew for each line; nothing that is typed is kept on disk.

Exit codes: 0 at the end, 2 where standard input is no terminal and a line is wrong";

/// What `:help` says.
const HELP: &str = "\
EXPRESSION         its value and type, by the names of the spec
let NAME = VALUE   names a value until you leave
:type EXPRESSION   its type alone
:names [START]     what an expression may begin with
:quit              ends; so does Ctrl-D
";

/// The words of `console`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    spec: SpecOption,
    /// Print each answer as JSON, one a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// A session under way.
struct Session<'s> {
    scope: Scope,
    screen: &'s Screen,
    /// What was named so far: the name and its `let`.
    definitions: Vec<(String, String)>,
    wrong: bool,
}

/// Whether the session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Line,
    End,
}

/// Reads lines until they end; where nobody types them, a wrong one shows in the exit code.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let mut session = Session {
        scope: Scope::find(&arguments.spec.spec, global)?,
        screen,
        definitions: Vec::new(),
        wrong: false,
    };
    if std::io::stdin().is_terminal() {
        session.interactive();
        return Ok(Exit::Done);
    }
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| {
            Problem::new(Exit::Usage, "E1003", "a file can't be read or written")
                .detail(format!("standard input: {}", crate::world::reason(error)))
        })?;
        if session.line(&line) == Next::End {
            break;
        }
    }
    match session.wrong {
        true => Ok(Exit::Usage),
        false => Ok(Exit::Done),
    }
}

impl Session<'_> {
    fn interactive(&mut self) {
        self.screen
            .tell("`:help` says what can be typed, `:quit` ends\n");
        let Some(mut prompt) = Prompt::new(self.screen) else {
            return;
        };
        loop {
            prompt.names(self.scope.names());
            match prompt.read() {
                Typed::Line(line) if self.line(&line) == Next::End => break,
                Typed::Line(_) | Typed::Nothing => {}
                Typed::End => break,
            }
        }
    }

    fn line(&mut self, line: &str) -> Next {
        let line = line.trim();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match word {
            "" => {}
            _ if line.starts_with("//") => {}
            ":quit" | ":q" | ":exit" => return Next::End,
            ":help" | ":h" | ":?" => self.screen.print(HELP),
            ":names" => self.names(rest.trim()),
            ":type" | ":t" => self.type_of(rest.trim()),
            "let" => self.define(line),
            _ if word.starts_with(':') => self.unknown(word),
            _ => self.evaluate(line),
        }
        Next::Line
    }

    fn evaluate(&mut self, expression: &str) {
        let (answer, sources) = self.scope.ask(&Question {
            definitions: &text_of(&self.definitions),
            expression,
        });
        let exit = eval::told("console", expression, &answer, &sources, self.screen);
        self.wrong |= exit != Exit::Done;
    }

    fn type_of(&mut self, expression: &str) {
        if expression.is_empty() {
            return self.unknown(":type");
        }
        let (answer, sources) = self.scope.ask(&Question {
            definitions: &text_of(&self.definitions),
            expression,
        });
        if self.screen.json {
            self.wrong |= answer.type_text.is_none();
            let answer = view::json("console", expression, &answer, &sources);
            return self.screen.print_json(&answer);
        }
        self.screen
            .warn(&view::findings(&answer, &sources, self.screen));
        match answer.type_text {
            Some(text) => self.screen.print(&format!("{text}\n")),
            None => self.wrong = true,
        }
    }

    /// Keeps a definition that is right; one of the same name is replaced.
    fn define(&mut self, line: &str) {
        let rest = line.strip_prefix("let").unwrap_or_default().trim_start();
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let (name, _) = rest.split_at(end.unwrap_or(rest.len()));
        let mut definitions = self.definitions.clone();
        definitions.retain(|(known, _)| known != name);
        definitions.push((name.to_owned(), line.to_owned()));
        let (answer, sources) = self.scope.ask(&Question {
            definitions: &text_of(&definitions),
            expression: name,
        });
        match eval::told("console", name, &answer, &sources, self.screen) {
            Exit::Done => self.definitions = definitions,
            _ => self.wrong = true,
        }
    }

    fn names(&self, start: &str) {
        let names = self.scope.names();
        let wanted = names.iter().filter(|name| name.starts_with(start));
        if self.screen.json {
            let body = json!({ "names": wanted.collect::<Vec<_>>() });
            return self.screen.print_json(&json::envelope("console", body));
        }
        self.screen
            .print(&wanted.map(|name| format!("{name}\n")).collect::<String>());
    }

    fn unknown(&mut self, word: &str) {
        self.wrong = true;
        self.screen.warn(&format!(
            "`{word}` is not known here; `:help` says what is\n"
        ));
    }
}

fn text_of(definitions: &[(String, String)]) -> String {
    let lines = definitions.iter().map(|(_, line)| format!("{line}\n"));
    lines.collect()
}
