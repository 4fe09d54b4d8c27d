//! The lines of a layout, before anything is aligned.

use std::collections::BTreeSet;

use super::continues;
use super::spaces::{Place, between};
use crate::kind::Kind;
use crate::node::Node;

/// Blanks of one level of indentation.
const INDENT: usize = 2;

/// One line of the layout.
#[derive(Default)]
pub(super) struct Line {
    pub(super) indent: usize,
    /// Without the indentation.
    pub(super) text: String,
    pub(super) blank_before: bool,
    /// The body and the sort of the entry, if exactly one begins here and at the line's start.
    pub(super) entry: Option<(u32, String)>,
    /// Whether only a comment stands here.
    pub(super) is_comment: bool,
    /// Where in the text the operator begins and ends: `=`, `>=`, `:`.
    pub(super) operator: Option<(usize, usize)>,
    /// Where the inline body begins.
    pub(super) body: Option<usize>,
    /// Where the attributes behind the item begin.
    pub(super) attributes: Option<usize>,
    /// Where the second of those begins.
    pub(super) second_attribute: Option<usize>,
    /// Where the comment behind the entry begins.
    pub(super) tail: Option<usize>,
    /// The outermost body that begins and ends here, by the place of its `{` in the text.
    pub(super) inline_body: Option<u32>,
}

impl Line {
    /// How many columns it takes.
    pub(super) fn columns(&self) -> usize {
        self.indent + self.text.chars().count()
    }
}

/// What is open.
struct Frame {
    /// The indentation of the line with the opener.
    line_indent: usize,
    /// The indentation of what stands inside.
    indent: usize,
    /// Whether entries or arms stand inside, each on its line.
    in_lines: bool,
    /// Whether it is `( )` or `[ ]`, where a line break means nothing.
    is_bracket: bool,
    /// The line with the opener.
    line: usize,
    /// The opener's place in the text, of a body.
    body: Option<u32>,
    /// Whether something was written inside.
    begun: bool,
}

/// The state of laying out.
struct Layout<'a> {
    broken: &'a BTreeSet<u32>,
    lines: Vec<Line>,
    frames: Vec<Frame>,
    before: Option<Place>,
    /// Line breaks since the last token or comment.
    breaks: usize,
    /// A comma between two entries, written if both stay on one line.
    comma: bool,
    /// The entry that begins the line.
    line_entry: Option<Node>,
}

/// Lays a tree without errors out. `broken` are the bodies that do not fit on one line.
pub(super) fn lay_out(tree: &Node, broken: &BTreeSet<u32>) -> Vec<Line> {
    let file = Frame {
        line_indent: 0,
        indent: 0,
        in_lines: true,
        is_bracket: false,
        line: 0,
        body: None,
        begun: false,
    };
    let mut layout = Layout {
        broken,
        lines: Vec::new(),
        frames: vec![file],
        before: None,
        breaks: 1,
        comma: false,
        line_entry: None,
    };
    layout.node(tree);
    layout.lines
}

impl Layout<'_> {
    /// Trees are at most as deep as the parser lets them be, so this may recurse.
    fn node(&mut self, node: &Node) {
        for child in node.children() {
            match child.kind() {
                Kind::Space => {}
                Kind::Newline => self.breaks += 1,
                kind if kind.is_trivia() => self.comment(&child),
                Kind::StringExpression => self.token(&child, node),
                kind if kind.is_token() => self.token(&child, node),
                Kind::Entry | Kind::Arm => {
                    self.begin(&child);
                    self.node(&child);
                }
                kind => {
                    self.begin_item(node, kind);
                    self.node(&child);
                }
            }
        }
    }

    fn frame(&mut self) -> &mut Frame {
        self.frames
            .last_mut()
            .expect("the file's frame is never closed")
    }

    fn new_line(&mut self, indent: usize, blank: bool) {
        let blank_before = blank && !self.lines.is_empty();
        self.lines.push(Line {
            indent,
            blank_before,
            ..Line::default()
        });
        self.before = None;
        self.line_entry = None;
        self.breaks = 0;
    }

    /// A blank line stays, except before the first thing in something.
    fn blank_here(&mut self) -> bool {
        let breaks = self.breaks;
        let frame = self.frame();
        let begun = std::mem::replace(&mut frame.begun, true);
        begun && breaks > 1
    }

    fn line(&mut self) -> &mut Line {
        if self.lines.is_empty() {
            self.new_line(0, false);
        }
        self.lines.last_mut().expect("a line was just begun")
    }

    fn comment(&mut self, comment: &Node) {
        let text = comment.text().trim_end().to_owned();
        if self.breaks > 0 {
            let blank = self.blank_here();
            let indent = self.frame().indent;
            self.new_line(indent, blank);
            let line = self.line();
            line.is_comment = true;
            line.text = text;
        } else {
            let line = self.line();
            if line.tail.is_none() {
                line.tail = Some(line.text.len());
            }
            line.text.push_str(&text);
        }
        self.comma = false;
    }

    /// An entry or an arm begins.
    fn begin(&mut self, entry: &Node) {
        let forced = self.frame().in_lines;
        let first = !self.frame().begun;
        let broken = forced
            && self
                .frame()
                .body
                .is_some_and(|body| self.broken.contains(&body));
        if self.breaks > 0 || forced && (first || broken) {
            let blank = self.blank_here();
            let indent = self.frame().indent;
            self.new_line(indent, blank);
            self.comma = false;
            let sort = sort_of(entry);
            let body = entry.parent().map_or(0, |parent| parent.range().start);
            self.line().entry = sort.map(|sort| (body, sort));
            self.line_entry = Some(entry.clone());
        } else {
            self.frame().begun = true;
            if self.line_entry.as_ref().and_then(Node::parent) == entry.parent() {
                // Two entries on one line: nothing in it is aligned.
                self.line().entry = None;
            }
            if std::mem::take(&mut self.comma) {
                self.line().text.push(',');
            }
        }
    }

    /// Something of an entry begins. What follows attributes on a new line is indented like them,
    /// and an attribute before a block has its own line.
    fn begin_item(&mut self, parent: &Node, kind: Kind) {
        if parent.kind() != Kind::Entry || self.before.is_none() {
            return;
        }
        let own_line = self.line_entry.as_ref() == Some(parent);
        if self.breaks > 0 || kind == Kind::Block && own_line {
            // Attributes alone on a line are no member of a run.
            self.line().entry = None;
            let indent = self.frame().indent;
            self.new_line(indent, false);
            let body = parent.parent().map_or(0, |parent| parent.range().start);
            self.line().entry = sort_of(parent).map(|sort| (body, sort));
            self.line_entry = Some(parent.clone());
        }
    }

    fn token(&mut self, token: &Node, parent: &Node) {
        let kind = token.kind();
        let place = Place {
            kind,
            parent: parent.kind(),
        };
        let separates = matches!(
            parent.kind(),
            Kind::Body | Kind::File | Kind::MatchExpression
        );
        if kind == Kind::Comma && separates {
            self.comma = self.frame().begun;
            return;
        }
        let closes = matches!(
            kind,
            Kind::RightBrace | Kind::RightParen | Kind::RightBracket
        );
        let frame = if closes { self.frames.pop() } else { None };
        let after_comment = self
            .lines
            .last()
            .is_some_and(|line| line.tail.is_some() || line.is_comment);
        let must = match &frame {
            Some(frame) => self.breaks > 0 && !frame.in_lines || frame.in_lines && frame.begun,
            None => self.breaks > 0 && !stays(kind, parent),
        };
        if must || self.breaks > 0 && after_comment {
            self.break_before(kind, frame.as_ref());
        } else {
            self.breaks = 0;
        }
        if let Some(frame) = &frame {
            self.close_inline(frame);
        }
        self.comma = false;
        self.write(token, place);
        self.mark(token, parent);
        if matches!(kind, Kind::LeftBrace | Kind::LeftParen | Kind::LeftBracket) {
            self.open(token, parent);
        }
    }

    fn break_before(&mut self, kind: Kind, closed: Option<&Frame>) {
        if let Some(frame) = closed {
            let indent = frame.line_indent;
            self.new_line(indent, false);
            return;
        }
        let blank = self.frame().is_bracket && self.blank_here();
        let frame = self.frame();
        let further = !frame.is_bracket || continues(kind);
        let indent = frame.indent + if further { INDENT } else { 0 };
        self.new_line(indent, blank);
    }

    fn write(&mut self, token: &Node, place: Place) {
        let apart = self.before.is_some_and(|before| between(before, place));
        let mut text = token.text().to_owned();
        if matches!(place.kind, Kind::Text) {
            text = shifted(token, self.line().indent);
        }
        self.frame().begun = true;
        let line = self.line();
        if apart && !line.text.is_empty() {
            line.text.push(' ');
        }
        line.text.push_str(&text);
        self.before = Some(place);
    }

    /// Notes what can be aligned, if it belongs to the entry that begins the line.
    fn mark(&mut self, token: &Node, parent: &Node) {
        let Some(entry) = &self.line_entry else {
            return;
        };
        let item = parent.parent();
        let of_entry = |node: Option<&Node>| node.and_then(Node::parent).as_ref() == Some(entry);
        let direct = of_entry(Some(parent));
        let width = token.text().len();
        let operator = match parent.kind() {
            Kind::Field | Kind::Requirement => direct && is_operator(token.kind()),
            Kind::Column => direct && token.kind() == Kind::Colon,
            Kind::Arm => parent == entry && token.kind() == Kind::Arrow,
            Kind::Value => {
                let block = item.as_ref().filter(|item| item.kind() == Kind::Block);
                let untyped = block.is_some_and(|block| block.child(Kind::Type).is_none());
                token.kind() == Kind::Equal && untyped && of_entry(block)
            }
            _ => false,
        };
        let body = token.kind() == Kind::LeftBrace
            && parent.kind() == Kind::Body
            && item.as_ref().is_some_and(|item| item.kind() == Kind::Block)
            && of_entry(item.as_ref());
        // An attribute before the item is no column.
        let attribute = token.kind() == Kind::At
            && item.as_ref() == Some(entry)
            && entry
                .parts()
                .take_while(|part| part != parent)
                .any(|part| part.kind() != Kind::Attribute);
        let line = self.line();
        let end = line.text.len();
        let start = end - width.min(end);
        if operator && line.operator.is_none() {
            line.operator = Some((start, end));
        }
        if body {
            line.body = Some(start);
        }
        if attribute && line.attributes.is_none() {
            line.attributes = Some(start);
        } else if attribute && line.second_attribute.is_none() {
            line.second_attribute = Some(start);
        }
    }

    fn open(&mut self, token: &Node, parent: &Node) {
        let mut line_indent = self.line().indent;
        if parent
            .parent()
            .is_some_and(|block| block.kind() == Kind::Block)
        {
            // A body is indented like its block, however many lines the head takes.
            line_indent = line_indent.min(self.frame().indent);
        }
        let is_bracket = token.kind() != Kind::LeftBrace || parent.kind() == Kind::UseNames;
        let start = token.range().start;
        let in_lines = !is_bracket && (has_line_breaks(parent) || self.broken.contains(&start));
        let frame = Frame {
            line_indent,
            indent: line_indent + INDENT,
            in_lines,
            is_bracket,
            line: self.lines.len(),
            body: (!is_bracket).then_some(start),
            begun: false,
        };
        if in_lines {
            // What is aligned is a body on one line.
            self.line().body = None;
        }
        self.frames.push(frame);
    }

    /// Notes a body that ends on the line where it began.
    fn close_inline(&mut self, frame: &Frame) {
        let same_line = frame.line == self.lines.len();
        if let Some(body) = frame.body
            && same_line
            && frame.begun
        {
            let line = self.line();
            line.inline_body = Some(line.inline_body.map_or(body, |outer| outer.min(body)));
        } else if frame.body.is_some() && !same_line {
            self.line().body = None;
        }
    }
}

fn is_operator(kind: Kind) -> bool {
    crate::set::COMPARISONS.has(kind) || matches!(kind, Kind::Equal | Kind::In)
}

/// Whether a line break before this token is taken away: before a comma, and before the `{` of a
/// block's body.
fn stays(kind: Kind, parent: &Node) -> bool {
    kind == Kind::Comma
        || kind == Kind::LeftBrace
            && (parent.kind() == Kind::MatchExpression
                || parent
                    .parent()
                    .is_some_and(|block| block.kind() == Kind::Block))
}

/// Whether the entries or arms in these braces are on lines of their own.
fn has_line_breaks(braces: &Node) -> bool {
    let mut inside = braces
        .children()
        .skip_while(|child| child.kind() != Kind::LeftBrace);
    inside.any(|child| child.kind() == Kind::Newline)
}

/// What an entry is aligned with: entries of the same sort. `None` for those that never are.
fn sort_of(entry: &Node) -> Option<String> {
    if entry.kind() == Kind::Arm {
        return Some("=>".to_owned());
    }
    let item = entry.parts().find(|part| part.kind() != Kind::Attribute)?;
    match item.kind() {
        Kind::Field | Kind::Requirement => Some("=".to_owned()),
        Kind::Column => Some(":".to_owned()),
        Kind::Block => item.child(Kind::Path).map(|path| path.text().to_owned()),
        _ => None,
    }
}

/// A `"""…"""` moved with its line, so that it still means the same and still ends where it ends.
fn shifted(token: &Node, indent: usize) -> String {
    let file = token.file_text();
    let start = token.range().start as usize;
    let line_start = file[..start].rfind('\n').map_or(0, |at| at + 1);
    let blanks = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let old = blanks(&file[line_start..]);
    let (first, rest) = token.text().split_once('\n').unwrap_or((token.text(), ""));
    let is_blank = |line: &&str| line.trim().is_empty();
    let room = rest
        .split('\n')
        .filter(|line| !is_blank(line))
        .map(blanks)
        .min()
        .unwrap_or(0);
    let less = old.saturating_sub(indent).min(room);
    let more = " ".repeat(indent.saturating_sub(old));
    let mut text = first.trim_end_matches('\r').to_owned();
    if token.text().contains('\n') {
        for line in rest.split('\n').map(|line| line.trim_end_matches('\r')) {
            text.push('\n');
            if is_blank(&line) {
                text.push_str(line);
            } else {
                text.push_str(&more);
                text.push_str(&line[less..]);
            }
        }
    }
    text
}
