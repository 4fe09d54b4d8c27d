//! The parser's engine: a cursor over lexemes, events, findings, and the tree made of them.

use std::cell::Cell;
use std::ops::Range;

use crate::error::{SyntaxEdit, SyntaxError, edit};
use crate::kind::Kind;
use crate::lexer::{Lexed, Lexeme};
use crate::node::{Element, Tree};
use crate::set::{self, Set};

/// Expressions, types and bodies nest to this depth; operators that follow each other count too,
/// so no consumer's recursion over the tree goes deeper.
pub(crate) const NESTING_DEPTH_MAX: u32 = 200;

/// What the grammar says, in order; the tree is built from it.
struct Event {
    kind: Kind,
    step: Step,
}

enum Step {
    /// A node begins. The second is the event that wraps it, which comes later.
    Open(Option<u32>),
    /// The innermost node ends.
    Close,
    /// The next lexeme, as this kind.
    Take,
}

/// A node that has begun.
#[derive(Clone, Copy)]
pub(crate) struct Mark(u32);

/// A node that has ended; it can still be wrapped.
#[derive(Clone, Copy)]
pub(crate) struct Done(u32);

/// What an enclosing construct says about lines and braces.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings {
    /// Inside `( )` and `[ ]` a line break is free.
    pub(crate) across_lines: bool,
    /// In a head `{` opens the body, never a record.
    pub(crate) no_brace: bool,
    /// The brackets open since the innermost `{` stand on the parser's list from here.
    pub(crate) brackets_from: usize,
    /// The line of the innermost `{`.
    pub(crate) open_line: u32,
    /// Whether something since the innermost `{` goes on at `then` or `else`.
    pub(crate) else_awaited: bool,
}

/// The state of one parse.
pub(crate) struct Parser<'a> {
    pub(crate) text: &'a str,
    lexed: &'a Lexed,
    position: usize,
    events: Vec<Event>,
    findings: Vec<SyntaxError>,
    faults: Vec<u32>,
    pub(crate) around: Surroundings,
    /// The closers that open brackets wait for.
    pub(crate) brackets: Vec<Kind>,
    /// Whether the braces of the file balance: if not, indentation decides.
    pub(crate) balanced: bool,
    pub(crate) depth: u32,
    /// The greatest depth reached in the expression that is being parsed.
    pub(crate) reached: u32,
    /// A lexeme that goes on with the line before although it stands on the next one.
    pub(crate) continued: Option<usize>,
    /// Where nesting was last cut off: the first lexeme skipped, and the one behind the last.
    cut: Option<(usize, usize)>,
    /// How often a lexeme was looked at.
    steps: Cell<u64>,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(text: &'a str, lexed: &'a Lexed) -> Self {
        Parser {
            text,
            lexed,
            position: 0,
            events: Vec::with_capacity(lexed.lexemes.len() * 3),
            findings: Vec::new(),
            faults: Vec::new(),
            around: Surroundings {
                across_lines: false,
                no_brace: false,
                brackets_from: 0,
                open_line: 0,
                else_awaited: false,
            },
            brackets: Vec::new(),
            balanced: braces_balance(&lexed.lexemes),
            depth: 0,
            reached: 0,
            continued: None,
            cut: None,
            steps: Cell::new(0),
        }
    }

    /// How often a lexeme was looked at.
    pub(crate) fn steps(&self) -> u64 {
        self.steps.get()
    }

    // The cursor.

    pub(crate) fn current(&self) -> Lexeme {
        self.steps.set(self.steps.get() + 1);
        self.lexed.lexemes[self.position]
    }

    /// The lexeme `ahead` places on; the last one is the end of the file.
    pub(crate) fn ahead(&self, ahead: usize) -> Lexeme {
        self.steps.set(self.steps.get() + 1);
        let last = self.lexed.lexemes.len() - 1;
        self.lexed.lexemes[(self.position + ahead).min(last)]
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn kind(&self) -> Kind {
        self.current().kind
    }

    pub(crate) fn at(&self, kind: Kind) -> bool {
        self.kind() == kind
    }

    pub(crate) fn at_any(&self, kinds: Set) -> bool {
        kinds.has(self.kind())
    }

    /// Whether this word stands here; for the words that count at one place alone.
    pub(crate) fn at_word(&self, word: &str) -> bool {
        self.at(Kind::Word) && self.text_here() == word
    }

    pub(crate) fn text_here(&self) -> &'a str {
        let at = self.range_here();
        &self.text[at.start as usize..at.end as usize]
    }

    pub(crate) fn range_here(&self) -> Range<u32> {
        self.range_of(self.current())
    }

    pub(crate) fn range_of(&self, lexeme: Lexeme) -> Range<u32> {
        let end = self.text.len() as u32;
        match self.lexed.tokens.get(lexeme.token as usize) {
            Some(token) => token.start..token.end,
            None => end..end,
        }
    }

    /// The lexeme before this one.
    pub(crate) fn previous(&self) -> Option<Lexeme> {
        self.position
            .checked_sub(1)
            .map(|at| self.lexed.lexemes[at])
    }

    /// Where the lexeme before this one ends: there, what is missing is missing.
    pub(crate) fn previous_end(&self) -> u32 {
        self.previous()
            .map_or(0, |lexeme| self.range_of(lexeme).end)
    }

    /// At the start of a line, where lines matter: a value never starts here.
    pub(crate) fn fresh(&self) -> bool {
        self.current().first && !self.around.across_lines && self.continued != Some(self.position)
    }

    pub(crate) fn bump(&mut self) {
        self.bump_as(self.kind());
    }

    /// Takes a lexeme as another kind.
    pub(crate) fn bump_as(&mut self, kind: Kind) {
        if !self.at(Kind::End) {
            self.events.push(Event {
                kind,
                step: Step::Take,
            });
            self.position += 1;
        }
    }

    pub(crate) fn eat(&mut self, kind: Kind) -> bool {
        let here = self.at(kind);
        if here {
            self.bump();
        }
        here
    }

    // Nodes.

    pub(crate) fn open(&mut self) -> Mark {
        let mark = Mark(self.events.len() as u32);
        self.events.push(Event {
            kind: Kind::Error,
            step: Step::Open(None),
        });
        mark
    }

    pub(crate) fn close(&mut self, mark: Mark, kind: Kind) -> Done {
        self.events[mark.0 as usize].kind = kind;
        self.events.push(Event {
            kind,
            step: Step::Close,
        });
        Done(mark.0)
    }

    /// Begins a node around one that has ended.
    pub(crate) fn wrap(&mut self, inner: Done) -> Mark {
        let outer = self.open();
        if let Step::Open(wrapper) = &mut self.events[inner.0 as usize].step {
            debug_assert!(wrapper.is_none(), "a node is wrapped once");
            *wrapper = Some(outer.0);
        }
        outer
    }

    // Findings.

    /// Notes a finding, unless one stands at the same place or nesting was just cut off here.
    pub(crate) fn report(&mut self, finding: SyntaxError) {
        if self
            .cut
            .is_some_and(|cut| cut.1 == self.position && cut.1 > cut.0)
        {
            return;
        }
        self.report_anyway(finding);
    }

    fn report_anyway(&mut self, finding: SyntaxError) {
        self.faults.push(finding.at.start);
        // The list is cut to the limit after sorting; this bounds what a hostile file can pile up.
        let last = self.findings.last().map(|last| last.at.start);
        if last != Some(finding.at.start) && self.findings.len() < FINDINGS_KEPT_MAX {
            self.findings.push(finding);
        }
    }

    /// Something is missing behind the lexeme before this one.
    pub(crate) fn missing(&mut self, code: &'static str, message: impl Into<String>) {
        let end = self.previous_end();
        self.report(SyntaxError::new(code, end..end, message));
    }

    /// Something is wrong with this lexeme.
    pub(crate) fn wrong(&mut self, code: &'static str, message: impl Into<String>) {
        self.report(SyntaxError::new(code, self.range_here(), message));
    }

    /// Something is wrong with this lexeme, and another text mends it.
    pub(crate) fn wrong_word(&mut self, code: &'static str, message: &str, instead: &str) {
        let at = self.range_here();
        let fix = vec![edit(at.clone(), instead)];
        let finding = SyntaxError::new(code, at, message).fix(format!("write `{instead}`"), fix);
        self.report(finding);
    }

    /// A missing closer is reported at its opener.
    pub(crate) fn unclosed(&mut self, opener: Lexeme, position: usize, sign: &str) {
        if self.cut.is_some_and(|cut| cut.0 > position) {
            // What was skipped below holds the closer, or nobody can tell.
            return;
        }
        let at = self.range_of(opener);
        self.report(SyntaxError::new(
            "E0006",
            at,
            format!("this `{sign}` is never closed"),
        ));
    }

    /// What the edits of a fix insert behind the lexeme before this one.
    pub(crate) fn insert_behind(&self, text: &str) -> Vec<SyntaxEdit> {
        let end = self.previous_end();
        vec![edit(end..end, text)]
    }

    /// Too deep: one finding, then everything up to the closer of the innermost bracket.
    pub(crate) fn skip_too_deep(&mut self) -> Done {
        let message = format!("more than {NESTING_DEPTH_MAX} levels are nested here");
        let finding = SyntaxError::new("E0024", self.range_here(), message);
        self.report(finding.help("give a part of it a name with `let`, and refer to that"));
        let mark = self.open();
        let from = self.position;
        let mut level = 0u32;
        while !self.at(Kind::End) {
            let lexeme = self.current();
            let outside = level == 0 && lexeme.first && !self.around.across_lines;
            if (outside && self.position > from)
                || (!self.balanced && lexeme.first && lexeme.column == 0)
            {
                break;
            }
            if set::OPENERS.has(lexeme.kind) || lexeme.kind == Kind::StringStart {
                level += 1;
            } else if set::CLOSERS.has(lexeme.kind) || set::STRING_RESTS.has(lexeme.kind) {
                if level == 0 {
                    break;
                }
                let closes = set::CLOSERS.has(lexeme.kind)
                    || matches!(lexeme.kind, Kind::StringEnd | Kind::StringBreak);
                level -= u32::from(closes);
            }
            self.bump();
        }
        self.cut = Some((from, self.position));
        self.close(mark, Kind::Error)
    }

    /// Builds the tree. Blanks and comments belong to the node around the lexemes they are between.
    pub(crate) fn finish(self) -> (Tree, Vec<SyntaxError>) {
        let mut tree = build(self.text, self.lexed, self.events, self.faults);
        tree.balanced = self.balanced;
        (tree, self.findings)
    }
}

/// More than are reported, so that the first ones in the text are among them.
const FINDINGS_KEPT_MAX: usize = 2 * crate::error::ERRORS_KEPT_MAX;

/// Whether every brace outside strings has its partner.
pub(crate) fn braces_balance(lexemes: &[Lexeme]) -> bool {
    let mut open = 0i64;
    for lexeme in lexemes {
        match lexeme.kind {
            Kind::LeftBrace => open += 1,
            Kind::RightBrace => open -= 1,
            _ => {}
        }
        if open < 0 {
            return false;
        }
    }
    open == 0
}

/// Makes the list of elements from the events.
fn build(text: &str, lexed: &Lexed, mut events: Vec<Event>, mut faults: Vec<u32>) -> Tree {
    let mut builder = Builder {
        lexed,
        elements: Vec::with_capacity(lexed.tokens.len() + events.len() / 2),
        open: Vec::new(),
        token: 0,
    };
    let mut lexeme = 0;
    let mut wrappers = Vec::new();
    for at in 0..events.len() {
        match events[at].step {
            Step::Open(_) => {
                // A node that was wrapped later begins together with its wrappers, outermost first.
                // A wrapper's own event says nothing when its turn comes.
                let mut next = Some(at as u32);
                while let Some(event) = next {
                    let event = &mut events[event as usize];
                    wrappers.push(event.kind);
                    next = match std::mem::replace(&mut event.step, Step::Open(None)) {
                        Step::Open(wrapper) => wrapper,
                        Step::Close | Step::Take => None,
                    };
                    if wrappers.len() > 1 {
                        event.kind = Kind::End;
                    }
                }
                if events[at].kind == Kind::End {
                    wrappers.clear();
                    continue;
                }
                for kind in wrappers.drain(..).rev() {
                    builder.begin(kind);
                }
            }
            Step::Close => builder.end(),
            Step::Take => {
                builder.take_until(lexed.lexemes[lexeme].token);
                builder.take_as(events[at].kind);
                lexeme += 1;
            }
        }
    }
    faults.sort_unstable();
    faults.dedup();
    Tree {
        text: text.into(),
        elements: builder.elements,
        faults,
        documentation: Vec::new(),
        balanced: true,
    }
}

/// The tree under construction.
struct Builder<'a> {
    lexed: &'a Lexed,
    elements: Vec<Element>,
    open: Vec<u32>,
    token: u32,
}

impl Builder<'_> {
    fn begin(&mut self, kind: Kind) {
        // What stands before a node belongs to the node around it; the file has nothing around.
        if !self.open.is_empty() {
            self.take_trivia();
        }
        let start = match self.lexed.tokens.get(self.token as usize) {
            Some(token) => token.start,
            None => self.lexed.tokens.last().map_or(0, |token| token.end),
        };
        let parent = self.open.last().copied().unwrap_or(0);
        self.open.push(self.elements.len() as u32);
        self.elements.push(Element {
            kind,
            start,
            end: start,
            parent,
            next: 0,
        });
    }

    fn end(&mut self) {
        if self.open.len() == 1 {
            self.take_until(self.lexed.tokens.len() as u32);
        }
        let place = self.open.pop().expect("events close what they opened") as usize;
        let last = self
            .elements
            .last()
            .expect("an open element is in the list")
            .end;
        let next = self.elements.len() as u32;
        let element = &mut self.elements[place];
        element.end = element.end.max(last);
        element.next = next;
    }

    fn take_trivia(&mut self) {
        while let Some(token) = self.lexed.tokens.get(self.token as usize)
            && token.kind.is_trivia()
        {
            self.take_as(token.kind);
        }
    }

    fn take_until(&mut self, token: u32) {
        while self.token < token {
            self.take_as(self.lexed.tokens[self.token as usize].kind);
        }
    }

    fn take_as(&mut self, kind: Kind) {
        let token = self.lexed.tokens[self.token as usize];
        let parent = self.open.last().copied().unwrap_or(0);
        let next = self.elements.len() as u32 + 1;
        let (start, end) = (token.start, token.end);
        self.elements.push(Element {
            kind,
            start,
            end,
            parent,
            next,
        });
        self.token += 1;
    }
}
