//! What an editor shows of the word under the pointer: its declaration and its documentation.
//!
//! The answer comes from the lossless tree and the declarations of the standard library, and takes
//! from the checked program what only checking knows: the columns of tables. So it answers in files
//! with errors too, with what is still understood.

mod complete;
mod declared;
mod define;
mod names;
mod offers;
mod render;

use std::ops::Range;

use mlinfra_syntax::ast::{Argument, Attribute, Block, Expr, Field, Item, Member, Name, Param};
use mlinfra_syntax::{Kind, Node};

use crate::diagnostic::FileId;
use crate::world::World;
use crate::{Checked, Trees, source};
pub use complete::{Completion, Offer, complete};
use declared::{Declaration, Words};
pub use define::{Definition, definition};
use names::{Names, Target, block_around, entry_of, inside, is_function};
use render::{card, collapsed};

/// What is said of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// The word's bytes.
    pub span: Range<u32>,
    /// What there is to say, in Markdown.
    pub markdown: String,
}

/// What is said of the word at a byte of a file; nothing if there is no word or nothing is known.
/// The trees may be newer than what was checked.
pub fn hover(checked: &Checked, trees: &Trees, file: FileId, offset: u32) -> Option<Hover> {
    let name = &checked.files.get(file.0 as usize)?.name;
    let tree = trees.get(name)?.tree.clone();
    let token = word_at(&tree, offset)?;
    let reader = Reader {
        words: Words::standard(),
        names: Names::new(checked, trees, tree),
    };
    let markdown = reader.says(&token)?;
    Some(Hover {
        span: token.range(),
        markdown,
    })
}

/// The names of all files of the spec with this root, the root first.
pub fn files_of(world: &dyn World, root: &str) -> Vec<String> {
    let loaded = source::load(world, root);
    loaded.files.into_iter().map(|file| file.name).collect()
}

/// The word that holds this byte, or ends before it.
fn word_at(tree: &Node, offset: u32) -> Option<Node> {
    let is_word = |node: &Node| is_keyword(node) || Name::cast(node.clone()).is_some();
    let near = tree.tokens_back_from(offset);
    let near = near.take_while(|node| node.range().end >= offset);
    let words: Vec<Node> = near.filter(is_word).collect();
    let inside = words.iter().find(|word| word.range().contains(&offset));
    inside.or(words.first()).cloned()
}

/// Whether this is a word of the language that something is said of.
fn is_keyword(token: &Node) -> bool {
    matches!(token.kind(), Kind::Keyword | Kind::For | Kind::When)
}

struct Reader<'a> {
    words: &'static Words,
    names: Names<'a>,
}

impl Reader<'_> {
    fn says(&self, token: &Node) -> Option<String> {
        if is_keyword(token) {
            return form(token.text());
        }
        let name = Name::cast(token.clone())?;
        let parent = token.parent()?;
        match parent.kind() {
            Kind::Path => self.path_word(&name, &parent),
            Kind::Block => self.block(&Block::cast(parent)?),
            Kind::NameExpression => self.reference(name.text(), &parent),
            Kind::MemberExpression => self.member(&parent),
            Kind::QuantityExpression => self.words.unit(name.text()).map(Declaration::card),
            Kind::Argument => self.argument(name.text(), &parent),
            Kind::Pattern => self.case(name.text(), ""),
            Kind::UseNames => match self.names.elsewhere(name.text()) {
                Some(block) => self.block(&block),
                None => match self.names.component_elsewhere(name.text()) {
                    Some(component) => self.component(&component),
                    None => self.function(&self.names.function(name.text())?),
                },
            },
            Kind::Param => self.parameter(&Param::cast(parent)?),
            _ => None,
        }
    }

    /// A function that a file declares, with its documentation.
    fn function(&self, function: &Block) -> Option<String> {
        let own = entry_of(function.syntax()).and_then(|entry| entry.documentation());
        Some(card(&declared::head(function), own))
    }

    /// A parameter of a function that a file declares.
    fn parameter(&self, parameter: &Param) -> Option<String> {
        let said = parameter.documentation();
        let mut above = std::iter::successors(parameter.syntax().parent(), Node::parent);
        let function = above.find_map(Block::cast).map(|one| declared::head(&one));
        let about = function.map(|head| format!("A parameter of `{head}`."));
        Some(card(
            &collapsed(parameter.syntax().text()),
            said.into_iter().chain(about),
        ))
    }

    fn path_word(&self, name: &Name, path: &Node) -> Option<String> {
        let owner = path.parent()?;
        match owner.kind() {
            Kind::Block => {
                let block = Block::cast(owner)?;
                let word = block.path()?.joined();
                let declared = self.words.of_block(&block).map(Declaration::card);
                declared
                    .or_else(|| form(&word))
                    .or_else(|| self.component(&self.names.component_of(&block)?))
            }
            Kind::Field | Kind::Requirement => self.key(name.text(), &owner),
            Kind::Column => self.column(name.text(), &owner),
            Kind::Attribute => self.attribute(&Attribute::cast(owner)?),
            Kind::TypeAtom => self.type_word(name.text()),
            _ => None,
        }
    }

    /// What stands behind a point: of a block, or of a section that is known here alone.
    fn member(&self, expression: &Node) -> Option<String> {
        if let Some(target) = self.names.target(self.words, expression) {
            return self.target(&target);
        }
        let member = Member::cast(expression.clone())?;
        let section = member.base()?.as_name()?;
        let around = self.bodies_around(expression).into_iter();
        let mut sections = around.filter_map(|body| body.nested.get(section.text()));
        let name = member.name()?;
        sections.find_map(|section| Some(section.members.get(name.text())?.card()))
    }

    /// A component with its documentation and its parameters.
    fn component(&self, component: &Block) -> Option<String> {
        let own = entry_of(component.syntax()).and_then(|entry| entry.documentation());
        let entries = component.body().into_iter().flat_map(|body| body.entries());
        let blocks = entries.filter_map(|entry| as_block(entry.item()));
        let is_parameter =
            |block: &Block| block.path().is_some_and(|path| path.joined() == "param");
        let parameters = blocks.filter(is_parameter);
        let lines = parameters.map(|block| format!("\n  {}", declared::head(&block)));
        let lines: String = lines.collect();
        let end = if lines.is_empty() { "" } else { "\n" };
        let head = format!("{} {{{lines}{end}}}", declared::head(component));
        Some(card(&head, own))
    }

    /// A block with its documentation, its kind's, and what its table holds.
    fn block(&self, block: &Block) -> Option<String> {
        if is_function(block) {
            return self.function(block);
        }
        let head = declared::head(block);
        let own = entry_of(block.syntax()).and_then(|entry| entry.documentation());
        let of_kind = self.words.of_body(block);
        let of_kind = of_kind.filter(|kind| !kind.documentation.is_empty());
        let of_kind = of_kind.map(|kind| format!("`{}`: {}", kind.name, kind.documentation));
        let table = self.names.table_line(block);
        let more = [own, of_kind, table];
        Some(card(&head, more.into_iter().flatten()))
    }

    fn target(&self, target: &Target) -> Option<String> {
        match target {
            Target::Block(block) => self.block(block),
            Target::Part(block, part) => {
                let about = format!("A part of `{}`.", declared::head(block));
                let table = self.names.part_line(block, part);
                Some(card(part, [about].into_iter().chain(table)))
            }
            Target::Member(member) => Some(card(&member.0, Some(member.1.clone()))),
        }
    }

    /// The key of a field or a requirement: a declared one, or an entry of an open body.
    fn key(&self, key: &str, owner: &Node) -> Option<String> {
        let block = block_around(owner)?;
        if block.path()?.joined() == "params" {
            return self.block(&self.names.block(key, owner)?);
        }
        let Some(body) = self.words.of_body(&block) else {
            let component = self.names.component_of(&block)?;
            return self.block(&inside(&component, "param", key)?);
        };
        if let Some(member) = body.members.get(key) {
            return Some(member.card());
        }
        body.members.get("each")?;
        self.names.column(&block, key, true).or_else(|| {
            let text = collapsed(Field::cast(owner.clone())?.value()?.syntax().text());
            let each = body.members.get("each")?;
            let said = Some(each.documentation.clone()).filter(|text| !text.is_empty());
            Some(card(&format!("{key} = {text}"), said))
        })
    }

    fn column(&self, name: &str, column: &Node) -> Option<String> {
        let entry = entry_of(column)?;
        let section = block_around(column)?;
        let owner = block_around(section.syntax());
        let documentation = entry.documentation();
        let known = owner
            .as_ref()
            .and_then(|owner| self.names.column_of(owner, name));
        let mut head = collapsed(column.text());
        for attribute in entry.attributes() {
            head += " ";
            head += attribute.syntax().text();
        }
        let classes = known.and_then(|column| render::implied(&head, &column.classes));
        Some(card(&head, documentation.into_iter().chain(classes)))
    }

    fn attribute(&self, attribute: &Attribute) -> Option<String> {
        let word = attribute.path()?.joined();
        let class = self.words.get("data_class", &word);
        class
            .or_else(|| self.words.get("attribute", &word))
            .map(Declaration::card)
    }

    fn type_word(&self, word: &str) -> Option<String> {
        let declared = self.words.get("type", word).map(Declaration::card);
        declared.or_else(|| built_in(word)).or_else(|| {
            let kind = self.words.get("kind", word);
            kind.map(Declaration::card)
        })
    }

    /// The name of an argument: a parameter of what is called.
    fn argument(&self, name: &str, argument: &Node) -> Option<String> {
        let call = argument.parent()?.parent()?;
        let callee = match call.kind() {
            Kind::CallExpression => call.parts().next()?.text().to_owned(),
            _ => Attribute::cast(call)?.path()?.joined(),
        };
        let called = self.callable(&callee, argument);
        let mut found = called.iter().filter_map(|one| one.parameters.get(name));
        let declared = found.next().map(declared::Member::card);
        declared.or_else(|| {
            let function = self.names.function(&callee)?;
            self.parameter(&parameter_of(&function, name)?)
        })
    }

    /// A name in an expression: a figure of the step, a column, a block, a call, a case.
    fn reference(&self, word: &str, expression: &Node) -> Option<String> {
        let expected = self.expected(expression);
        let called = expression.parent().filter(|parent| {
            parent.kind() == Kind::CallExpression
                && parent.parts().next().as_ref() == Some(expression)
        });
        if called.is_some() {
            let here = self.said_here(word, expression);
            let known = here.or_else(|| self.called(word, &expected));
            return known.or_else(|| self.function(&self.names.function(word)?));
        }
        if let Some(parameter) = parameter_seen(word, expression) {
            return self.parameter(&parameter);
        }
        if let Some(said) = self.said_here(word, expression) {
            return Some(said);
        }
        let around = block_around(expression);
        let column = || self.names.column(around.as_ref()?, word, false);
        if expected.contains("column(") || expected.contains("row(") {
            let column = column();
            if column.is_some() {
                return column;
            }
        }
        let block = self.names.block(word, expression);
        let block = block.or_else(|| self.names.elsewhere(word));
        if let Some(block) = block.filter(|_| !self.words.has_case(word, &expected)) {
            return self.block(&block);
        }
        self.case(word, &expected)
            .or_else(|| self.called(word, &expected))
            .or_else(|| self.words.get("kind", word).map(Declaration::card))
            .or_else(column)
    }

    /// What the declarations of the blocks around make known inside of them alone: figures, and
    /// functions of figures.
    fn said_here(&self, word: &str, node: &Node) -> Option<String> {
        let figure = |body: &&Declaration| {
            let member = body.members.get(word);
            member.is_some_and(|member| member.head.contains("@here"))
        };
        let mut around = self.bodies_around(node);
        if let Some(body) = around.iter().find(|body| figure(body)) {
            return body.members.get(word).map(declared::Member::card);
        }
        around.retain(|body| body.nested.contains_key(word));
        let inner = around.first()?.nested.get(word)?;
        matches!(inner.form.as_str(), "function" | "kind").then(|| inner.card())
    }

    /// What declares the bodies around a node, the innermost first.
    fn bodies_around(&self, node: &Node) -> Vec<&Declaration> {
        let first = block_around(node);
        let blocks = std::iter::successors(first, |block| block_around(block.syntax()));
        blocks
            .filter_map(|block| self.words.of_body(&block))
            .collect()
    }

    /// Everything that can be called by this name at a place.
    fn callable(&self, name: &str, node: &Node) -> Vec<&Declaration> {
        let around = self.bodies_around(node).into_iter();
        let here = around.filter_map(|body| body.nested.get(name));
        let mut all = self.words.callable(name);
        all.extend(here.filter(|inner| inner.form == "function"));
        all
    }

    /// What is called: an operation, a function, or a case with arguments.
    fn called(&self, word: &str, expected: &str) -> Option<String> {
        let is_case = self.words.has_case(word, expected);
        let named = || {
            let operation = self.words.get("op", word);
            operation.or_else(|| self.words.get("function", word))
        };
        match named().filter(|_| !is_case) {
            Some(named) => Some(named.card()),
            None => self.case(word, expected),
        }
    }

    /// A case: of the type that is expected here, otherwise of every type that has one.
    fn case(&self, word: &str, expected: &str) -> Option<String> {
        let all = self.words.cases(word);
        let here = all.iter().find(|(of, _)| has_word(expected, &of.name));
        let shown: Vec<_> = match here {
            Some(one) => vec![*one],
            None => all,
        };
        let text = |(of, case): &(&Declaration, &Declaration)| {
            let about = format!("A case of `{}`.", of.name);
            let said = Some(case.documentation.clone()).filter(|said| !said.is_empty());
            card(&case.head, said.into_iter().chain([about]))
        };
        let shown: Vec<String> = shown.iter().map(text).collect();
        (!shown.is_empty()).then(|| shown.join("\n\n---\n\n"))
    }

    /// The type, as declared, of the field or parameter that an expression stands for.
    fn expected(&self, expression: &Node) -> String {
        let mut inner = expression.clone();
        while let Some(node) = inner.parent() {
            match node.kind() {
                Kind::Argument => {
                    if let Some(found) = self.expected_argument(&inner, &node) {
                        return found;
                    }
                }
                Kind::Field => return self.expected_field(&node).unwrap_or_default(),
                Kind::Block | Kind::Require => return self.expected_value(&node),
                _ => {}
            }
            inner = node;
        }
        String::new()
    }

    fn expected_argument(&self, value: &Node, node: &Node) -> Option<String> {
        let argument = Argument::cast(node.clone())?;
        let arguments = node.parent()?;
        let call = arguments.parent()?;
        let callee = call.parts().next()?.text().to_owned();
        let place = arguments
            .children()
            .filter(|child| child.kind() == Kind::Argument)
            .position(|child| child == *node)?;
        let called = self.callable(&callee, node);
        let name = argument.name().filter(|name| name.syntax() != value);
        let found = called.iter().find_map(|one| match &name {
            Some(name) => one.parameters.get(name.text()),
            None => one.parameters.get(one.order.get(place)?),
        })?;
        // A function of a row takes cells: what is around it says which.
        let is_cell = called.iter().all(|one| one.form == "function");
        (!is_cell || found.head.contains("column(")).then(|| found.head.clone())
    }

    fn expected_field(&self, node: &Node) -> Option<String> {
        let block = block_around(node)?;
        let body = self.words.of_body(&block)?;
        let key = Field::cast(node.clone())?.key()?.text()?;
        let member = body.members.get(&key).or_else(|| body.members.get("each"));
        member.map(|member| member.head.clone())
    }

    fn expected_value(&self, node: &Node) -> String {
        let kind = Block::cast(node.clone()).and_then(|block| self.words.of_block(&block));
        kind.map_or_else(String::new, |kind| kind.head.clone())
    }
}

/// Whether a text holds this word, whole.
fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|part| part == word)
}

/// The words that are the language's own, not declared.
fn form(word: &str) -> Option<String> {
    let (head, text) = match word {
        "param" => (
            "param name: type = default",
            "A value from outside: `--param name=value`. Without a default it must be given.",
        ),
        "let" => ("let name = value", "A name for a value."),
        "component" => (
            "component name on kind { … }",
            "Blocks under one word: `name main on place { … }` makes them all, with values for its \
             parameters.",
        ),
        "for" => (
            "for key, value in map",
            "One block for each element, at an address of its own: `kind.name[key]`. The name \
             alone is a map of all.",
        ),
        "when" => (
            "when condition",
            "The block is there only if the condition holds: a reference to it may be absent.",
        ),
        "output" => (
            "output name = value",
            "A value that `mlinfra output` prints after an apply.",
        ),
        "use" => (
            "use \"file.mlinfra\".{names}",
            "Takes names from another file of the spec.",
        ),
        "require" => (
            "require condition else message",
            "What must hold. In a step: its result is judged, and nothing that depends on it is \
             made unless this holds.",
        ),
        "function" => (
            "function name(parameter: type): type = value",
            "A value that is computed from others wherever it is called: `name(value)`. It sees \
             its parameters and other functions alone.",
        ),
        "params" => (
            "params { name = value }",
            "The values of parameters in this test.",
        ),
        "policy" => (
            "policy name for thing in all(kind) { … }",
            "A rule of this spec: what must hold of each thing, and what to do where it does not.",
        ),
        "test" => (
            "test \"name\" { … }",
            "Conditions on this spec with other parameters: `mlinfra test` judges them.",
        ),
        _ => return None,
    };
    Some(card(head, Some(text.to_owned())))
}

/// The types that are the language's own, not declared.
fn built_in(word: &str) -> Option<String> {
    let text = match word {
        "int" => "A whole number.",
        "decimal" => "A number, exact to the last digit.",
        "float" => "A number as machines compute with it.",
        "bool" => "`true` or `false`.",
        "string" => "A text in quotes.",
        "category" => "One of a few texts.",
        "date" => "A day: `2030-12-31`.",
        "list" => "Several values of one type: `[1, 2]`.",
        "map" => "Values by name: `{ a = 1 }`.",
        _ => return None,
    };
    Some(card(word, Some(text.to_owned())))
}

/// The call of an operation that a block is, by the operation's name.
fn operation_of(block: &Block) -> Option<String> {
    match block.value()? {
        Expr::Call(call) => Some(call.callee()?.as_name()?.text().to_owned()),
        _ => None,
    }
}

/// The parameter of this name that a function declares.
fn parameter_of(function: &Block, name: &str) -> Option<Param> {
    let mut all = function.params();
    all.find(|one| one.name().is_some_and(|found| found.text() == name))
}

/// The parameter of this name of the function in whose head or value a node stands.
fn parameter_seen(name: &str, node: &Node) -> Option<Param> {
    let function = block_around(node).filter(is_function)?;
    parameter_of(&function, name)
}

/// The block that an entry holds.
fn as_block(item: Option<Item>) -> Option<Block> {
    match item {
        Some(Item::Block(block)) => Some(block),
        _ => None,
    }
}
