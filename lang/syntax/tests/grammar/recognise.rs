//! Says whether the productions allow a text, by trying every one of them.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_syntax::Kind;
use mlinfra_syntax::lexer::tokens;

use super::page::{Form, Page, Terminal, bracket};

/// A token as the page describes them.
struct Token<'t> {
    kind: Kind,
    text: &'t str,
    first: bool,
    touches: bool,
    /// Whether a `=` or a `:` follows on its line, so that it is a name, whatever it spells.
    named: bool,
    /// Whether an entry begins here and no `{` follows: `use` and `require` count there alone.
    begins_entry: bool,
    behind_number: bool,
    behind_per: bool,
    behind_dot: bool,
}

const RESERVED: &[&str] = &[
    "and", "or", "not", "in", "if", "then", "else", "match", "for", "when", "on", "true", "false",
    "none",
];

/// Signs and words before which a line break is a blank.
const CONTINUES: &[&str] = &[
    "or", "and", "in", "then", "else", "on", "for", "when", "==", "!=", "<", "<=", ">", ">=", "..",
    "??", "+", "-", "*", "/", ".", "|", "=", "{",
];

/// Behind these a value is due, on the same line.
const DUE: &[&str] = &[
    "or", "and", "not", "in", "if", "then", "else", "on", "for", "when", "==", "!=", "<", "<=",
    ">", ">=", "..", "??", "+", "-", "*", "/", ".", "|", "=", "=>", ":", "@",
];

/// Whether the productions allow this text.
pub(crate) fn allows(page: &Page, text: &str) -> bool {
    let tokens = kept(text);
    let end = tokens.len();
    let mut search = Search {
        page,
        tokens,
        known: BTreeMap::new(),
    };
    search.rule("file", 0, false).contains(&end)
}

/// A line break that parts entries.
const LINE_BREAK: Token<'static> = Token {
    kind: Kind::Newline,
    text: "",
    first: false,
    touches: false,
    named: false,
    begins_entry: false,
    behind_number: false,
    behind_per: false,
    behind_dot: false,
};

/// The tokens without blanks, comments, and the line breaks that say nothing.
fn kept(text: &str) -> Vec<Token<'_>> {
    let all = tokens(text);
    let lexemes: Vec<_> = all
        .iter()
        .filter(|token| !token.kind.is_trivia() || token.kind == Kind::Newline)
        .collect();
    let word = |at: usize| {
        let token = lexemes.get(at)?;
        (token.kind != Kind::Newline).then(|| &text[token.start as usize..token.end as usize])
    };
    let mut kept: Vec<Token<'_>> = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let mut first = true;
    let mut starts = Starts(vec![(true, Start::Here)]);
    for (at, token) in lexemes.iter().enumerate() {
        let here = &text[token.start as usize..token.end as usize];
        if token.kind == Kind::Newline {
            first = true;
            let next = (at..lexemes.len()).find_map(|at| Some((word(at)?, word(at + 1))));
            let goes_on = goes_on(kept.last(), next);
            let free = matches!(open.last(), Some(&"(" | &"[" | &".{")) || goes_on;
            if !free {
                starts.take("\n", false);
                kept.push(LINE_BREAK);
            }
            continue;
        }
        let last = kept.last();
        let was = |kind: Kind| last.is_some_and(|last| last.kind == kind);
        let sign = match here {
            "{" if was(Kind::Dot) => ".{",
            _ => here,
        };
        match sign {
            "(" | "[" | "{" | "${" | ".{" => open.push(sign),
            ")" | "]" | "}" => drop(open.pop()),
            _ => {}
        }
        let touches = at > 0 && lexemes[at - 1].end == token.start;
        let named = matches!(word(at + 1), Some("=" | ":"));
        kept.push(Token {
            kind: token.kind,
            text: here,
            first,
            touches,
            named,
            begins_entry: starts.take(sign, touches) && word(at + 1) != Some("{"),
            behind_number: was(Kind::Number) && !first,
            behind_per: was(Kind::Per),
            behind_dot: was(Kind::Dot),
        });
        first = false;
    }
    kept
}

/// Whether a line goes on behind its break: by the token before it, and the two words after it.
fn goes_on(last: Option<&Token<'_>>, next: Option<(&str, Option<&str>)>) -> bool {
    let continues = next.is_some_and(|(next, behind)| {
        let named = matches!(behind, Some("=" | ":"));
        CONTINUES.contains(&next) && !(named && RESERVED.contains(&next))
            || next == "not" && behind == Some("in")
    });
    let due = last.is_some_and(|last| {
        DUE.contains(&last.text) && !(last.kind == Kind::Word && last.behind_dot)
    });
    continues && !due
}

/// Whether an entry may begin: behind a separator, and behind the attributes that stand there.
#[derive(Clone, Copy)]
enum Start {
    Here,
    /// In the path of an attribute; whether a name is due.
    Attribute(bool),
    No,
}

/// Where entries begin: for each bracket that is open, whether it is a `{`, and what holds in it.
struct Starts(Vec<(bool, Start)>);

impl Starts {
    /// Takes a token in, and says whether an entry begins with it.
    fn take(&mut self, text: &str, touches: bool) -> bool {
        let (braces, start) = *self.0.last().expect("the file itself is never closed");
        let (next, begins) = match (start, text) {
            (_, "," | "\n") if braces => (Start::Here, false),
            (Start::Attribute(true), _) => (Start::Attribute(false), false),
            (Start::Attribute(false), ".") => (Start::Attribute(true), false),
            (Start::Attribute(false), "(") if touches => (Start::Here, false),
            (Start::Attribute(false) | Start::Here, "@") => (Start::Attribute(true), false),
            (Start::Attribute(false) | Start::Here, _) => (Start::No, true),
            (Start::No, _) => (Start::No, false),
        };
        if let Some(last) = self.0.last_mut() {
            last.1 = next;
        }
        match text {
            "{" => self.0.push((true, Start::Here)),
            "(" | "[" | "${" | ".{" => self.0.push((false, Start::No)),
            ")" | "]" | "}" if self.0.len() > 1 => drop(self.0.pop()),
            _ => {}
        }
        begins
    }
}

struct Search<'p, 't> {
    page: &'p Page,
    tokens: Vec<Token<'t>>,
    known: BTreeMap<(&'p str, usize, bool), BTreeSet<usize>>,
}

impl<'p> Search<'p, '_> {
    /// Where a rule that begins here may end.
    fn rule(&mut self, name: &'p str, at: usize, closed: bool) -> BTreeSet<usize> {
        let closed = closed || matches!(name, "closed" | "closed_postfix");
        if let Some(ends) = self.known.get(&(name, at, closed)) {
            return ends.clone();
        }
        let page = self.page;
        let ends = self.form(&page.rules[name], name, at, closed);
        self.known.insert((name, at, closed), ends.clone());
        ends
    }

    fn form(&mut self, form: &'p Form, rule: &str, at: usize, closed: bool) -> BTreeSet<usize> {
        match form {
            Form::Rule(name) => self.rule(name, at, closed),
            Form::Terminal(terminal) => {
                let here = self.tokens.get(at);
                let matches = here.is_some_and(|token| matches(terminal, rule, token));
                matches.then_some(at + 1).into_iter().collect()
            }
            Form::Sequence(forms) => {
                let mut ends = BTreeSet::from([at]);
                let mut level = 0;
                for form in forms {
                    let inner = closed && level == 0;
                    let from = std::mem::take(&mut ends);
                    ends.extend(
                        from.into_iter()
                            .flat_map(|at| self.form(form, rule, at, inner)),
                    );
                    if let Form::Terminal(terminal) = form {
                        level += bracket(terminal);
                    }
                }
                ends
            }
            Form::Choice(_, forms) => {
                let record = |form: &Form| matches!(form, Form::Rule(name) if name == "record");
                let usable = forms.iter().filter(|form| !(closed && record(form)));
                usable
                    .flat_map(|form| self.form(form, rule, at, closed))
                    .collect()
            }
            Form::Optional(_, inner) => {
                let mut ends = self.form(inner, rule, at, closed);
                ends.insert(at);
                ends
            }
            Form::Repeat(_, inner) => {
                let mut ends = BTreeSet::from([at]);
                let mut new = vec![at];
                while let Some(at) = new.pop() {
                    let more = self.form(inner, rule, at, closed);
                    new.extend(more.into_iter().filter(|end| ends.insert(*end)));
                }
                ends
            }
        }
    }
}

/// Whether a token is what a terminal stands for.
fn matches(terminal: &Terminal, rule: &str, token: &Token<'_>) -> bool {
    if terminal.touches && !token.touches {
        return false;
    }
    let word = token.kind == Kind::Word;
    let reserved = RESERVED.contains(&token.text);
    let begins = token.begins_entry && !token.named;
    let keyword = matches!(token.text, "use" | "require") && begins;
    if terminal.literal {
        let same = token.text == terminal.text && !matches!(token.kind, Kind::String | Kind::Text);
        let value = matches!(token.text, "true" | "false" | "none");
        let entry = matches!(token.text, "use" | "require") && !begins;
        let is_name = word && (token.behind_dot || token.named && !value || entry);
        return same && !is_name && token.kind != Kind::Per;
    }
    match terminal.text.as_str() {
        "NEWLINE" => token.kind == Kind::Newline,
        "RESERVED" => word && reserved && (rule == "member_name" || token.named),
        "WORD" if token.behind_per => word,
        "WORD" => word && (!reserved || token.named) && !keyword,
        "UNIT" => word && !reserved && token.behind_number && !token.named,
        "BACKQUOTED" => token.kind == Kind::Quoted,
        "NUMBER" => token.kind == Kind::Number && !token.text.ends_with('%'),
        "PERCENT" => token.kind == Kind::Number && token.text.ends_with('%'),
        "PER" => token.kind == Kind::Per && !token.first,
        "DATE" => token.kind == Kind::Date,
        "IP" => token.kind == Kind::Ip,
        "STRING" => token.kind == Kind::String,
        "STRING_START" => token.kind == Kind::StringStart,
        "STRING_MIDDLE" => token.kind == Kind::StringMiddle,
        "STRING_END" => token.kind == Kind::StringEnd,
        "TEXT" => token.kind == Kind::Text,
        other => panic!("no token is named `{other}`"),
    }
}
