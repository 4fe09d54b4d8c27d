//! Entries: what a file and a body hold, and how the parser finds back after a fault.

mod arms;
mod expr;
mod foreign;
mod head;
mod list;

use crate::error::{SyntaxError, edit};
use crate::kind::Kind;
use crate::lexer::Lexeme;
use crate::parser::{Done, Mark, NESTING_DEPTH_MAX, Parser, Surroundings};
use crate::set::{self, Set};

use expr::expression;
use list::{argument, arguments};

/// Parses the whole file.
pub(crate) fn file(p: &mut Parser) {
    let mark = p.open();
    entries(p, None);
    p.close(mark, Kind::File);
}

/// What decides whether a `}` closes the innermost `{`.
#[derive(Clone, Copy)]
struct Braces {
    /// The indentation of what the braces belong to.
    indent: u32,
    /// The indentation of the line with the `{`; greater if a head goes over several lines.
    opener_indent: u32,
}

/// What stands where an entry may begin.
enum Turn {
    Entry,
    /// The innermost `{` ends here, with a `}` or without.
    End,
    /// This `}` closes nothing.
    Stray,
}

impl Braces {
    fn new(opener: Lexeme) -> Braces {
        Braces {
            indent: opener.indent,
            opener_indent: opener.indent,
        }
    }

    /// R5: if the braces of the file do not balance, indentation decides.
    fn turn(self, p: &Parser) -> Turn {
        let here = p.current();
        let closes = here.kind == Kind::RightBrace;
        if here.kind == Kind::End || set::STRING_RESTS.has(here.kind) {
            return Turn::End;
        }
        if p.balanced {
            return if closes { Turn::End } else { Turn::Entry };
        }
        if !closes {
            let shallow = here.first && here.column <= self.indent;
            return if shallow { Turn::End } else { Turn::Entry };
        }
        let one_line = here.line == p.around.open_line;
        let shallow = here.column <= self.indent || here.column == self.opener_indent;
        if one_line || here.first && shallow {
            Turn::End
        } else {
            Turn::Stray
        }
    }

    /// Takes the `}` if it is the right one.
    fn close(self, p: &mut Parser, opener: Lexeme, position: usize) {
        let here = p.current();
        let own = here.column == self.indent || here.column == self.opener_indent;
        let right = p.balanced || !here.first || own;
        if here.kind == Kind::RightBrace && right {
            p.bump();
        } else {
            p.unclosed(opener, position, "{");
        }
    }
}

/// Entries up to what closes them; `None` is the file, which nothing closes.
fn entries(p: &mut Parser, braces: Option<Braces>) {
    loop {
        while p.eat(Kind::Comma) {}
        let turn = match braces {
            Some(braces) => braces.turn(p),
            None if p.at(Kind::End) => Turn::End,
            None if p.at(Kind::RightBrace) => Turn::Stray,
            None => Turn::Entry,
        };
        match turn {
            Turn::End => return,
            Turn::Stray => stray(p),
            Turn::Entry => {
                let before = p.position();
                entry(p);
                if p.position() == before {
                    stray(p);
                }
            }
        }
    }
}

/// A lexeme that nothing wants, alone in an error node.
fn stray(p: &mut Parser) {
    if p.at_any(set::CLOSERS) {
        let message = format!("this `{}` closes nothing", p.text_here());
        let finding = SyntaxError::new("E0007", p.range_here(), message);
        p.report(finding.help("take it out, or open what it is to close"));
    } else {
        unexpected(p);
    }
    let mark = p.open();
    p.bump();
    p.close(mark, Kind::Error);
}

/// Whether what follows can't belong to the entry before.
fn entry_is_over(p: &Parser) -> bool {
    p.current().first || p.at(Kind::Comma) || p.at_any(set::HARD_ENDS)
}

/// R2: after an entry, the rest of its line is one error node, which is a part of it: nobody knows
/// what the entry would say with it.
fn end_of_entry(p: &mut Parser) {
    if entry_is_over(p) {
        return;
    }
    if begins_entry(p) {
        let end = p.previous_end();
        let finding = SyntaxError::new("E0009", end..end, "a comma or a new line is missing here");
        let fix = p.insert_behind(",");
        p.report(finding.fix("insert `,`", fix));
        return;
    }
    unexpected(p);
    let mark = p.open();
    rest_of_line(p);
    p.close(mark, Kind::Error);
}

fn begins_field(p: &Parser) -> bool {
    p.at_any(set::NAMES) && p.ahead(1).kind == Kind::Equal
}

/// Whether an entry surely begins here, on the line of the one before it.
fn begins_entry(p: &Parser) -> bool {
    let behind_body = p.previous().is_some_and(|it| it.kind == Kind::RightBrace);
    p.at_any(set::NAMES)
        && match p.ahead(1).kind {
            Kind::Equal | Kind::Colon => true,
            Kind::LeftBrace => behind_body,
            kind => behind_body && set::NAMES.or(set::STRINGS).has(kind) && !p.ahead(1).first,
        }
}

/// What can be said of a lexeme that does not fit.
fn unexpected(p: &mut Parser) {
    let here = p.current();
    let at = p.range_here();
    if matches!(here.kind, Kind::LeftParen | Kind::LeftBracket) && here.apart {
        let finding = SyntaxError::new("E0009", at, "nothing can be called or indexed here");
        let help = "what is called or indexed touches its bracket: `f(x)`, `list[0]`";
        return p.report(finding.help(help));
    }
    if matches!(here.kind, Kind::RightParen | Kind::RightBracket) {
        let message = format!("this `{}` closes nothing", p.text_here());
        return p.wrong("E0007", message);
    }
    if set::STRINGS.has(here.kind) && p.previous().is_some_and(|it| set::STRINGS.has(it.kind)) {
        let finding = SyntaxError::new("E0009", at, "a block has one name");
        let help = "a block is written `kind name on place { … }`, without quotes";
        return p.report(finding.help(help));
    }
    let finding = SyntaxError::new("E0009", at, "this does not belong to the entry before it");
    if matches!(here.kind, Kind::On | Kind::For | Kind::When) {
        let word = p.text_here();
        let help = format!("`{word}` stands in the head of a block, before its `=` and its `{{`");
        return p.report(finding.help(help));
    }
    p.report(finding.help("begin a new line, or put a comma between two entries"));
}

/// Skips to the end of the line; a `{` still opens a body, so that its `}` closes nothing else.
fn rest_of_line(p: &mut Parser) {
    while !p.current().first && !p.at_any(set::HARD_ENDS) {
        if p.at(Kind::LeftBrace) {
            let goes_on = p.ahead(1).first;
            body(p);
            if goes_on {
                return;
            }
        } else {
            p.bump();
        }
    }
}

/// `{ entries }`: a body, or a record where a value stands.
fn body(p: &mut Parser) -> Done {
    let opener = p.current();
    body_at(p, opener.indent)
}

/// The body of what is indented like this.
fn body_at(p: &mut Parser, indent: u32) -> Done {
    let opener = p.current();
    let position = p.position();
    if p.depth >= NESTING_DEPTH_MAX {
        return p.skip_too_deep();
    }
    let mark = p.open();
    let outer = enter_braces(p, opener);
    let braces = Braces {
        indent: indent.min(opener.indent),
        ..Braces::new(opener)
    };
    entries(p, Some(braces));
    braces.close(p, opener, position);
    leave_braces(p, outer);
    p.close(mark, Kind::Body)
}

/// Takes a `{`: inside, lines matter and nothing outside is waited for.
fn enter_braces(p: &mut Parser, opener: Lexeme) -> Surroundings {
    p.bump();
    p.depth += 1;
    p.reached = p.reached.max(p.depth);
    let inner = Surroundings {
        across_lines: false,
        no_brace: false,
        brackets_from: p.brackets.len(),
        open_line: opener.line,
        else_awaited: false,
    };
    std::mem::replace(&mut p.around, inner)
}

fn leave_braces(p: &mut Parser, outer: Surroundings) {
    p.around = outer;
    p.depth -= 1;
}

/// Attributes, an item, attributes on its line.
fn entry(p: &mut Parser) {
    let mark = p.open();
    let before = p.position();
    while p.at(Kind::At) {
        attribute(p);
    }
    if p.position() > before && (p.at(Kind::Comma) || p.at_any(set::HARD_ENDS)) {
        p.missing(
            "E0010",
            "an attribute stands before or behind an entry, and there is none",
        );
    } else {
        item(p);
    }
    while p.at(Kind::At) && !p.current().first {
        attribute(p);
    }
    if p.position() > before {
        end_of_entry(p);
    }
    p.close(mark, Kind::Entry);
}

/// `@path(arguments)`
fn attribute(p: &mut Parser) {
    let mark = p.open();
    p.bump();
    let missing = "an attribute's name is missing behind `@`";
    if p.fresh() {
        p.missing("E0011", missing);
    } else {
        path(p, "E0011", missing);
    }
    if p.at(Kind::LeftParen) && !p.current().apart {
        arguments(p, argument);
    }
    p.close(mark, Kind::Attribute);
}

/// `a.b.c`; a `.` on the next line does not go on with it.
fn path(p: &mut Parser, code: &'static str, otherwise: &str) -> Option<Done> {
    if !p.at_any(set::NAMES) {
        p.missing(code, otherwise);
        return None;
    }
    let mark = p.open();
    p.bump();
    while p.at(Kind::Dot) && !p.current().first && set::MEMBERS.has(p.ahead(1).kind) {
        p.bump();
        member_name(p);
    }
    Some(p.close(mark, Kind::Path))
}

/// A name behind a `.`, where nothing is reserved.
fn member_name(p: &mut Parser) {
    let reserved = p.at_any(set::RESERVED);
    p.bump_as(if reserved { Kind::Word } else { p.kind() });
}

/// A name, or a finding that it is missing.
fn name(p: &mut Parser, what: &str) -> bool {
    let here = p.at_any(set::NAMES) && !p.fresh();
    if here {
        p.bump();
    } else {
        p.missing("E0011", what);
    }
    here
}

/// One item: two lexemes decide.
fn item(p: &mut Parser) {
    let next = p.ahead(1);
    if p.at_any(set::STRINGS) {
        return string_field(p);
    }
    let declares = matches!(next.kind, Kind::Equal | Kind::Colon) && !next.first;
    if !declares && next.kind != Kind::LeftBrace {
        if p.at_word("use") {
            return head::use_item(p);
        }
        if p.at_word("require") {
            return require(p);
        }
    }
    if p.at_any(Set::of(&[Kind::For, Kind::When, Kind::On])) {
        return nameless(p);
    }
    if !p.at_any(set::NAMES) {
        return no_item(p);
    }
    let mark = p.open();
    let indent = p.current().indent;
    path(p, "E0011", "a name is missing here");
    hyphen(p);
    match p.kind() {
        Kind::Equal => field(p, mark),
        Kind::Colon => column(p, mark),
        kind if set::COMPARISONS.has(kind) || kind == Kind::In => {
            p.bump();
            expression(p);
            p.close(mark, Kind::Requirement);
        }
        _ => block(p, mark, indent),
    }
}

/// A head without a kind and a name before it.
fn nameless(p: &mut Parser) {
    let mark = p.open();
    let (at, word) = (p.range_here(), p.text_here());
    let indent = p.current().indent;
    head::head(p, indent);
    let makes_map = word == "for" && p.at(Kind::Colon) && !p.fresh();
    let finding = match makes_map {
        true => SyntaxError::new("E0014", at, "a record holds no loop")
            .help("a map is made of two lists: `zip([k for k, v in m], [v for k, v in m])`"),
        false => {
            let message = format!("a kind and a name are missing before `{word}`");
            SyntaxError::new("E0014", at, message)
                .help("a block is written `kind name on place { … }`")
        }
    };
    p.report(finding);
    if makes_map {
        let rest = p.open();
        rest_of_line(p);
        p.close(rest, Kind::Error);
    }
    p.close(mark, Kind::Block);
}

/// `"key" = value`
fn string_field(p: &mut Parser) {
    let mark = p.open();
    expr::string(p);
    if p.at(Kind::EqualEqual) {
        p.wrong_word("E0020", "a field takes one `=`", "=");
    } else if !p.at(Kind::Equal) {
        p.missing("E0013", "a `=` and a value are missing behind this string");
        p.close(mark, Kind::Error);
        return;
    }
    p.bump();
    expression(p);
    p.close(mark, Kind::Field);
}

fn field(p: &mut Parser, mark: Mark) {
    p.bump();
    if p.at(Kind::Equal) && !p.fresh() {
        let at = p.range_here();
        let finding = SyntaxError::new("E0020", at.clone(), "a field takes one `=`");
        p.report(finding.fix("take this one out", vec![edit(at, "")]));
        let second = p.open();
        p.bump();
        p.close(second, Kind::Error);
    }
    expr::condition(p);
    if !p.fresh() && (p.at(Kind::If) || p.at(Kind::Question)) {
        foreign_choice(p);
    }
    p.close(mark, Kind::Field);
}

/// `a if b else c` and `b ? a : c`, as other languages write a choice.
fn foreign_choice(p: &mut Parser) {
    let finding = SyntaxError::new("E0009", p.range_here(), "a choice is not written like this");
    p.report(finding.help("write the condition first: `if condition then value else value`"));
    let mark = p.open();
    rest_of_line(p);
    p.close(mark, Kind::Error);
}

/// `name: type = default`
fn column(p: &mut Parser, mark: Mark) {
    let next = p.ahead(1);
    let begins_value = set::LITERALS.has(next.kind) || next.kind == Kind::LeftBracket;
    if begins_value && !next.first {
        p.wrong_word("E0012", "a type follows `:`, a value follows `=`", "=");
        return field(p, mark);
    }
    p.bump();
    head::type_(p);
    head::value(p);
    p.close(mark, Kind::Column);
}

/// `require condition else "message"`
fn require(p: &mut Parser) {
    let mark = p.open();
    p.bump_as(Kind::Keyword);
    expr::before_else(p, |p| {
        expr::condition(p);
    });
    if p.at(Kind::Else) {
        p.bump();
        expression(p);
    }
    p.close(mark, Kind::Require);
}

/// What is left once the path of a block is taken.
fn block(p: &mut Parser, mark: Mark, indent: u32) {
    let here = p.current();
    if !here.first && set::NAMES.has(here.kind) {
        p.bump();
        hyphen(p);
    } else if !here.first && set::RESERVED_IN_VALUES.has(here.kind) {
        let message = format!("`{}` means something to the language", p.text_here());
        let finding = SyntaxError::new("E0011", p.range_here(), message);
        p.report(finding.help("choose another name, or put this one between back quotes"));
        p.bump_as(Kind::Word);
    } else if !here.first && set::STRINGS.has(here.kind) {
        expr::string(p);
    } else if matches!(here.kind, Kind::On | Kind::For | Kind::When) {
        p.missing("E0011", "the block's name is missing here");
    } else if here.kind != Kind::LeftBrace {
        let end = p.previous_end();
        let message = "a `=`, a `:`, a name or a `{` is missing here";
        let finding = SyntaxError::new("E0013", end..end, message);
        let help = "an entry is a field `name = value`, a column `name: type`, \
                    or a block `kind name { … }`";
        p.report(finding.help(help));
    }
    head::head(p, indent);
    p.close(mark, Kind::Block);
}

/// `a-b` where a name is declared: the rest up to the next blank is taken into an error node.
fn hyphen(p: &mut Parser) {
    if !p.at(Kind::Minus) || p.current().apart {
        return;
    }
    let next = p.ahead(1);
    if next.apart || !(set::MEMBERS.has(next.kind) || next.kind == Kind::Number) {
        return;
    }
    let at = p.range_here();
    let finding = SyntaxError::new("E0025", at.clone(), "a name holds no `-`");
    p.report(finding.fix("write `_`", vec![edit(at, "_")]));
    let mark = p.open();
    while !p.current().apart && (p.at(Kind::Minus) || p.at(Kind::Number) || p.at_any(set::MEMBERS))
    {
        p.bump();
    }
    p.close(mark, Kind::Error);
}

/// Nothing here begins an entry.
fn no_item(p: &mut Parser) {
    let at = p.range_here();
    if p.at_any(set::RESERVED) {
        let message = format!("no entry begins with `{}`", p.text_here());
        let help = "a field may have this name: write `=` or `:` behind it";
        p.report(SyntaxError::new("E0010", at, message).help(help));
    } else if matches!(p.kind(), Kind::RightParen | Kind::RightBracket) {
        let message = format!("this `{}` closes nothing", p.text_here());
        p.wrong("E0007", message);
    } else if p.at(Kind::Slash) && p.ahead(1).kind == Kind::Star && !p.ahead(1).apart {
        let finding = SyntaxError::new("E0018", at, "a comment begins with `//`");
        p.report(finding.help("it ends with its line: put `//` before each line of it"));
    } else {
        let finding = SyntaxError::new("E0010", at, "an entry begins with a name");
        let help = "an entry is a field `name = value`, a column `name: type`, \
                    or a block `kind name { … }`";
        p.report(finding.help(help));
    }
    if p.at(Kind::LeftBrace) {
        // Its entries are still read: most often a name before it is what is missing.
        body(p);
        return;
    }
    // What can be read behind it is: an entry behind a comma, or a field.
    let mark = p.open();
    p.bump();
    if !begins_field(p) && !p.at(Kind::Comma) {
        rest_of_line(p);
    }
    p.close(mark, Kind::Error);
    if begins_field(p) && !p.current().first {
        item(p);
    }
}
