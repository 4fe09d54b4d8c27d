//! Text to a lossless tree with findings, typed views of it, and its layout.
//!
//! Text becomes tokens in nom; tokens become a tree by hand, because a tree must come out of every
//! text. Parsing never fails: [`parse`] returns a tree and what is wrong with it.
//!
//! The grammar stands in `lang/grammar.md`, which a test holds against the parser.
//!
//! A line is an entry. A line break is free inside `( )` and `[ ]`, before an infix operator, `.`,
//! `then` and `else`, and in a head before `on`, `for`, `when`, `=` and `{`: no entry begins with
//! any of these. A word that `=` or `:` follows on its line is a name, whatever it spells.

pub mod ast;
mod documentation;
pub mod error;
mod format;
mod grammar;
mod hidden;
pub mod kind;
pub mod lexer;
pub mod lines;
pub mod literal;
pub mod node;
mod parser;
mod reparse;
mod set;
mod signs;
mod tokens;

use std::sync::Arc;

pub use error::{CODES, SyntaxEdit, SyntaxError, SyntaxFix};
pub use format::format;
pub use kind::Kind;
pub use lines::{LineColumn, LineIndex};
pub use node::Node;
pub use reparse::reparse;

/// A text of more bytes is not read: offsets have 32 bits, and no spec is this long.
pub const TEXT_BYTES_MAX: usize = 64 << 20;

/// What came out of a text.
#[derive(Clone, Debug)]
pub struct Parse {
    /// The whole tree; its text is the text that was parsed.
    pub tree: Node,
    /// What is wrong, in the order of the text; at most [`error::ERRORS_KEPT_MAX`].
    pub errors: Vec<SyntaxError>,
    /// How often a token was looked at: what parsing costs, on whatever machine.
    pub steps: u64,
}

impl Parse {
    /// The typed view of the file.
    pub fn file(&self) -> ast::File {
        ast::File(self.tree.clone())
    }
}

/// Whether a name is written as it is; any other one stands between back quotes.
pub fn is_word(name: &str) -> bool {
    let lexed = lexer::lex(name);
    matches!(lexed.lexemes.as_slice(), [only, _] if only.kind == Kind::Word)
}

/// Parses a text. A tree comes out of every text, in time and memory in proportion to its length.
pub fn parse(text: &str) -> Parse {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("a file holds at most {} MiB", TEXT_BYTES_MAX >> 20);
        let finding = SyntaxError::new("E0031", 0..0, message);
        return Parse {
            errors: vec![finding.help("split it, and `use` the parts")],
            ..parse("")
        };
    }
    let lexed = lexer::lex(text);
    let mut errors = tokens::findings(text, &lexed.tokens);
    let mut parser = parser::Parser::new(text, &lexed);
    grammar::file(&mut parser);
    let steps = parser.steps();
    let (mut tree, findings) = parser.finish();
    errors.extend(findings);
    errors.extend(documentation::attach(&mut tree));
    // Sorting keeps the order of findings at one place: what a token says of itself comes first.
    errors.sort_by_key(|error| error.at.start);
    errors.dedup_by_key(|error| error.at.start);
    tree.faults
        .extend(errors.iter().map(|error| error.at.start));
    tree.faults.sort_unstable();
    errors.truncate(error::ERRORS_KEPT_MAX);
    Parse {
        tree: Node::root(Arc::new(tree)),
        errors,
        steps,
    }
}
