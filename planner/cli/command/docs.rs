//! `mlinfra docs`: the reference of all declared words.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mlinfra_check::{Word, own_words, vocabulary};

use crate::problem::{Exit, Problem, Stop};
use crate::view::{Screen, ending, json, reference};
use crate::world::reason;
use crate::write;

const EXAMPLES: &str = "\
Examples:
  mlinfra docs pool                one word, here
  mlinfra docs evaluate.fairness   a word inside another
  mlinfra docs param               a word of the language itself
  mlinfra docs -o reference        all: `reference.md` and `reference.html` in a folder
  mlinfra docs --format html > words.html

The page of HTML is one file: it works from disk, and `/` searches it.

Exit codes: 0 printed or written, 2 there is no such word";

/// The words of `docs`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A kind, operation, type, case, function, unit, class, attribute or field; all if left out
    word: Option<String>,
    /// How to write all words; both with `-o`, Markdown otherwise
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with = "word")]
    format: Option<Format>,
    /// Write into a folder, which is made if it is not there
    #[arg(long, short, value_name = "FOLDER", conflicts_with = "word")]
    output: Option<PathBuf>,
    /// Print as JSON; of all words, as `mlinfra schema` does
    #[arg(long, conflicts_with_all = ["format", "output"])]
    pub(crate) json: bool,
}

/// How the reference is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One page of Markdown.
    Markdown,
    /// One page that opens in a browser.
    Html,
}

impl Format {
    fn file(self) -> &'static str {
        match self {
            Format::Markdown => "reference.md",
            Format::Html => "reference.html",
        }
    }

    fn text(self) -> String {
        match self {
            Format::Markdown => reference::markdown(vocabulary()),
            Format::Html => reference::html(vocabulary()),
        }
    }
}

/// Prints one word, or prints or writes all.
pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Exit, Stop> {
    if let Some(word) = &arguments.word {
        return tell(word, screen);
    }
    if arguments.json {
        screen.print_json(&json::envelope("docs", reference::json(vocabulary())));
        return Ok(Exit::Done);
    }
    let Some(folder) = &arguments.output else {
        screen.print(&arguments.format.unwrap_or(Format::Markdown).text());
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(folder).map_err(|error| {
        Problem::new(Exit::Usage, "E1003", "a file can't be read or written")
            .detail(format!("{}: {}", folder.display(), reason(error)))
            .help("name a folder that you may write to")
    })?;
    let all = [Format::Markdown, Format::Html];
    let wanted = all.into_iter();
    let wanted = wanted.filter(|format| arguments.format.is_none_or(|asked| asked == *format));
    for format in wanted {
        let file = folder.join(format.file());
        write::put(&file, &format.text())?;
        screen.tell(&format!("{}\n", file.display()));
    }
    Ok(Exit::Done)
}

/// Prints what is declared by this name.
pub(crate) fn tell(name: &str, screen: &Screen) -> Result<Exit, Stop> {
    let name = name.trim().trim_start_matches('@');
    let found = find(name);
    if found.is_empty() {
        return Err(unknown(name).into());
    }
    match screen.json {
        true => screen.print_json(&json::envelope("docs", reference::json(found))),
        false => screen.print(&reference::text(&found, screen)),
    }
    Ok(Exit::Done)
}

/// Whether something is declared by this name.
pub(crate) fn is_word(name: &str) -> bool {
    !find(name).is_empty()
}

/// The words of this name; otherwise those inside others, otherwise those with such a field.
fn find(name: &str) -> Vec<&'static Word> {
    let all = || vocabulary().iter();
    let own = own_words().iter();
    let outer = own.chain(all()).filter(|word| word.name == name);
    let outer: Vec<&Word> = outer.collect();
    if !outer.is_empty() {
        return outer;
    }
    let units = all().filter(|word| word.form == "unit" && format!("{}s", word.name) == name);
    let units: Vec<&Word> = units.collect();
    if !units.is_empty() {
        return units;
    }
    let inside = all().flat_map(Word::with_nested);
    let named = inside.filter(|word| word.path() == name || word.name == name);
    let named: Vec<&Word> = named.collect();
    if !named.is_empty() {
        return named;
    }
    let (of, member) = name.rsplit_once('.').unwrap_or(("", name));
    let holds = |word: &&Word| {
        let mut members = word.members.iter().chain(&word.parameters);
        (of.is_empty() || word.path() == of) && members.any(|one| one.name == member)
    };
    all().flat_map(Word::with_nested).filter(holds).collect()
}

fn unknown(name: &str) -> Problem {
    let program = ending::program();
    let problem = Problem::new(Exit::Usage, "E1034", "there is no such word")
        .detail(format!("the standard library declares no `{name}`"));
    match mlinfra_check::nearest_word(name) {
        Some(meant) => problem.help(format!("`{program} docs {meant}` is a similar one")),
        None => problem.help(format!("`{program} docs` lists all words")),
    }
}
