//! Where what a word stands for is written: a block, a parameter, a column, a part, a function.
//!
//! What the standard library declares has no place in a spec, so no answer is given for it.

use std::collections::BTreeSet;
use std::ops::Range;

use mlinfra_syntax::ast::{Argument, Attribute, Block, Call, Expr, Item, Loop, Name, Param, Use};
use mlinfra_syntax::{Kind, Node};

use super::declared::Words;
use super::names::{Names, Target, block_around, inside};
use super::{Reader, parameter_of, parameter_seen, word_at};
use crate::diagnostic::FileId;
use crate::source::join;
use crate::{Checked, Trees};

/// How many tables are followed back to where a column begins.
const TABLES_MAX: usize = 200;

/// A place in a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The file.
    pub file: FileId,
    /// The bytes of the name there; empty at the start for a file as a whole.
    pub span: Range<u32>,
}

/// Where what the word at a byte stands for is written; nothing if that is not in the spec. The
/// trees may be newer than what was checked.
pub fn definition(
    checked: &Checked,
    trees: &Trees,
    file: FileId,
    offset: u32,
) -> Option<Definition> {
    let name = &checked.files.get(file.0 as usize)?.name;
    let tree = trees.get(name)?.tree.clone();
    let id = |place: usize| u32::try_from(place).ok().map(FileId);
    let Some(token) = word_at(&tree, offset) else {
        let used = join(name, &used_file(&tree, offset)?);
        let place = checked.files.iter().position(|file| file.name == used)?;
        return Some(Definition {
            file: id(place)?,
            span: 0..0,
        });
    };
    let reader = Reader {
        words: Words::standard(),
        names: Names::new(checked, trees, tree),
    };
    let found = reader.defined(&token)?;
    let mut files = trees.in_order(checked);
    let (place, _) = files.find(|(_, tree)| tree.is_beside(&found))?;
    Some(Definition {
        file: id(place)?,
        span: found.range(),
    })
}

/// The file that is used where this byte lies in its name.
fn used_file(tree: &Node, offset: u32) -> Option<String> {
    let token = tree.tokens_back_from(offset).next()?;
    let above = std::iter::successors(Some(token), Node::parent).find_map(Use::cast)?;
    match above.source()? {
        mlinfra_syntax::ast::UseSource::File(text) if text.range().contains(&offset) => {
            text.plain()
        }
        _ => None,
    }
}

impl Reader<'_> {
    /// The name where it is declared what a word stands for.
    fn defined(&self, token: &Node) -> Option<Node> {
        let name = Name::cast(token.clone())?;
        let word = name.text();
        let parent = token.parent()?;
        match parent.kind() {
            Kind::Path => self.path_defined(word, token, &parent),
            Kind::Block | Kind::Param | Kind::Loop => Some(token.clone()),
            Kind::NameExpression => self.reference_defined(word, &parent),
            Kind::MemberExpression => self.member_defined(word, &parent),
            Kind::Argument => self.argument_defined(word, &parent),
            Kind::UseNames => {
                let names = &self.names;
                let block = names.elsewhere(word);
                let block = block.or_else(|| names.component_elsewhere(word));
                name_of(&block.or_else(|| names.function(word))?)
            }
            _ => None,
        }
    }

    fn path_defined(&self, word: &str, token: &Node, path: &Node) -> Option<Node> {
        let owner = path.parent()?;
        match owner.kind() {
            Kind::Block => name_of(&self.names.component_of(&Block::cast(owner)?)?),
            Kind::Column => Some(token.clone()),
            Kind::Field => {
                let block = block_around(&owner)?;
                if block.path()?.joined() == "params" {
                    return name_of(&self.names.block(word, &owner)?);
                }
                let component = self.names.component_of(&block)?;
                name_of(&inside(&component, "param", word)?)
            }
            _ => None,
        }
    }

    fn argument_defined(&self, word: &str, argument: &Node) -> Option<Node> {
        let call = argument.parent()?.parent()?;
        if Attribute::cast(call.clone()).is_some() {
            return None;
        }
        let callee = call.parts().next()?.text().to_owned();
        let function = self.names.function(&callee)?;
        parameter_name(&parameter_of(&function, word)?)
    }

    fn reference_defined(&self, word: &str, expression: &Node) -> Option<Node> {
        let is_called = expression.parent().is_some_and(|parent| {
            parent.kind() == Kind::CallExpression
                && parent.parts().next().as_ref() == Some(expression)
        });
        if is_called {
            return name_of(&self.names.function(word)?);
        }
        if let Some(parameter) = parameter_seen(word, expression) {
            return parameter_name(&parameter);
        }
        if let Some(name) = loop_name(word, expression) {
            return Some(name);
        }
        let expected = self.expected(expression);
        let is_column = expected.contains("column(") || expected.contains("row(");
        let column = || self.column_defined(word, self.tables_near(expression));
        let first = is_column.then(column).flatten();
        first
            .or_else(|| {
                let block = self.names.block(word, expression);
                let block = block.or_else(|| self.names.elsewhere(word));
                name_of(&block.filter(|_| !self.words.has_case(word, &expected))?)
            })
            .or_else(|| if is_column { None } else { column() })
    }

    fn member_defined(&self, word: &str, expression: &Node) -> Option<Node> {
        match self.names.target(self.words, expression) {
            Some(Target::Block(block)) => name_of(&block),
            Some(Target::Part(block, part)) => key_of(&block, &part),
            Some(Target::Member(_)) => None,
            None => {
                let base = mlinfra_syntax::ast::Member::cast(expression.clone())?.base()?;
                let table = self.table(&base)?;
                self.column_defined(word, vec![table])
            }
        }
    }

    /// The block that an expression names, or of which it names a part.
    fn table(&self, expression: &Expr) -> Option<Block> {
        match expression {
            Expr::Name(name) => {
                let word = name.name()?;
                let block = self.names.block(word.text(), expression.syntax());
                block.or_else(|| self.names.elsewhere(word.text()))
            }
            Expr::Member(member) => match self.names.target(self.words, member.syntax())? {
                Target::Block(block) | Target::Part(block, _) => Some(block),
                Target::Member(_) => None,
            },
            _ => None,
        }
    }

    /// What flows into the calls around an expression, and into the steps around it.
    fn tables_near(&self, expression: &Node) -> Vec<Block> {
        let above = std::iter::successors(expression.parent(), Node::parent);
        let calls = above.filter_map(|node| match node.kind() {
            Kind::CallExpression => Call::cast(node),
            Kind::Block => call_of(&Block::cast(node)?),
            _ => None,
        });
        calls.flat_map(|call| self.flows_into(&call)).collect()
    }

    fn flows_into(&self, call: &Call) -> Vec<Block> {
        let values = call.arguments().filter_map(|one: Argument| one.value());
        values.filter_map(|value| self.table(&value)).collect()
    }

    /// Where a column of one of these tables begins: where a dataset declares it, otherwise the
    /// first step that makes it.
    fn column_defined(&self, word: &str, mut open: Vec<Block>) -> Option<Node> {
        let mut seen = BTreeSet::new();
        let mut made = None;
        open.reverse();
        while let Some(table) = open.pop() {
            if seen.len() >= TABLES_MAX || !seen.insert(table.range().start) {
                continue;
            }
            if let Some(column) = column_in(&table, word) {
                return Some(column);
            }
            // The farther back, the later it is seen.
            made = key_of(&table, word).or(made);
            let call = call_of(&table);
            open.extend(call.iter().flat_map(|call| self.flows_into(call)));
        }
        made
    }
}

fn call_of(block: &Block) -> Option<Call> {
    match block.value()? {
        Expr::Call(call) => Some(call),
        _ => None,
    }
}

fn name_of(block: &Block) -> Option<Node> {
    Some(block.name()?.syntax().clone())
}

fn parameter_name(parameter: &Param) -> Option<Node> {
    Some(parameter.name()?.syntax().clone())
}

/// The name of a loop around an expression.
fn loop_name(word: &str, expression: &Node) -> Option<Node> {
    let above = std::iter::successors(expression.parent(), Node::parent);
    let loops = above.flat_map(|node| node.children().filter_map(Loop::cast));
    let mut names = loops.flat_map(|one| one.names());
    let found = names.find(|name| name.text() == word)?;
    Some(found.syntax().clone())
}

/// The key of an entry of a block's body.
fn key_of(block: &Block, word: &str) -> Option<Node> {
    let mut entries = block.body()?.entries();
    entries.find_map(|entry| match entry.item()? {
        Item::Field(field) => {
            let key = field
                .key()
                .filter(|key| key.text().as_deref() == Some(word))?;
            let mut parts = field.syntax().children();
            parts.find(|part| part.range() == key.range())
        }
        _ => None,
    })
}

/// The column of this name that a section of a block declares.
fn column_in(block: &Block, word: &str) -> Option<Node> {
    let sections = block
        .body()?
        .entries()
        .filter_map(|entry| match entry.item()? {
            Item::Block(section) => section.body(),
            _ => None,
        });
    let mut entries = sections.flat_map(|body| body.entries());
    entries.find_map(|entry| match entry.item()? {
        Item::Column(column) => {
            let name = column.name().filter(|name| name.text() == word)?;
            Some(name.syntax().clone())
        }
        _ => None,
    })
}
