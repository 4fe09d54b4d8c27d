//! What must hold of every text: one function for each part of the language, which panics if not.
//!
//! The coverage-guided targets of this folder call them, and so do the tests of `lang/check`.

use mlinfra_check::{Checked, Question, World};
use mlinfra_syntax::{Kind, Node, lexer};

/// How often the parser may look at one token.
const STEPS_PER_TOKEN_MAX: u64 = 200;

/// A spec of one file.
struct Only<'t>(&'t str);

impl World for Only<'_> {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        match name {
            "main.mlinfra" => Ok(self.0.as_bytes().to_vec()),
            _ => Err("there is none".to_owned()),
        }
    }

    fn parameter(&self, _: &str) -> Option<String> {
        None
    }

    fn parameter_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Every byte belongs to one token.
pub fn lexer(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut end = 0;
    for token in lexer::tokens(&text) {
        assert_eq!(token.start, end, "tokens follow one another");
        let is_break = token.kind == Kind::StringBreak;
        assert!(token.end > token.start || is_break, "a token has bytes");
        assert!(
            text.is_char_boundary(token.end as usize),
            "no character is cut"
        );
        end = token.end;
    }
    assert_eq!(end as usize, text.len(), "no byte is lost");
}

/// The tree holds the text, its findings and their edits lie in it, and no token is looked at again
/// and again.
pub fn parser(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let parse = mlinfra_syntax::parse(&text);
    assert_eq!(parse.tree.text(), text, "no byte is lost");
    let leaves = parse.tree.descendants().filter(Node::is_token);
    let mut end = 0;
    for leaf in leaves {
        assert_eq!(leaf.range().start, end, "tokens follow one another");
        end = leaf.range().end;
    }
    let tokens = lexer::tokens(&text).len() as u64;
    let steps_max = STEPS_PER_TOKEN_MAX * (tokens + 10);
    assert!(parse.steps <= steps_max, "{} steps", parse.steps);
    let is_in = |start: u32, end: u32| text.get(start as usize..end as usize).is_some();
    for error in &parse.errors {
        assert!(is_in(error.at.start, error.at.end), "{}", error.code);
        let edits = error.fix.iter().flat_map(|fix| &fix.edits);
        for edit in edits {
            assert!(is_in(edit.at.start, edit.at.end), "{}", error.code);
        }
    }
}

/// A laid out text is sound, stays as it is when it is laid out again, and says the same.
pub fn formatter(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Some(once) = mlinfra_syntax::format(&text) else {
        return;
    };
    assert_eq!(mlinfra_syntax::parse(&once).errors, [], "{once:?}");
    assert_eq!(mlinfra_syntax::format(&once).as_deref(), Some(&*once));
    assert_eq!(words(&text), words(&once), "words and comments stay");
}

/// What a text says: its words, numbers and names, and how many comments it has.
fn words(text: &str) -> (Vec<&str>, usize) {
    let tokens = lexer::tokens(text);
    let is_word =
        |kind: Kind| matches!(kind, Kind::Word | Kind::Number | Kind::Quoted | Kind::Date);
    let comments = tokens.iter().filter(|token| token.kind == Kind::Comment);
    let words = tokens.iter().filter(|token| is_word(token.kind));
    let words = words.map(|token| &text[token.start as usize..token.end as usize]);
    (words.collect(), comments.count())
}

/// Checking ends, and its findings and their edits lie in the texts.
pub fn checker(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    in_its_texts(&mlinfra_check::check(&Only(&text), "main.mlinfra"));
}

fn in_its_texts(checked: &Checked) {
    for finding in &checked.diagnostics {
        let edits = finding.fix.iter().flat_map(|fix| &fix.edits);
        let others = finding.others.iter().map(|label| label.span);
        let spans = others.chain(edits.map(|edit| edit.span));
        for span in spans.chain([finding.primary.span]) {
            let file = &checked.files[span.file.0 as usize];
            let range = span.start as usize..span.end as usize;
            assert!(file.text.get(range).is_some(), "{}", finding.code.0);
        }
    }
}

/// Evaluating an expression ends.
pub fn evaluator(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let spec = "param n: int = 3\nlet xs = [1, 2, 3]\nlet r = { a = 1 GiB, b = \"t\" }\n";
    let question = Question {
        definitions: "",
        expression: &text,
    };
    let answer = mlinfra_check::evaluate(&Only(spec), "main.mlinfra", &question);
    assert!(answer.value.is_none() || answer.type_text.is_some());
}
