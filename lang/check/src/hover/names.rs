//! What the names of a file stand for, as an editor needs it: found in the tree, whatever is wrong.

use mlinfra_api::{Column as ColumnType, TableType};
use mlinfra_syntax::ast::{Block, Entry, Expr, File, Item, Member, Use};
use mlinfra_syntax::{Kind, Node};

use super::as_block;
use super::declared::{Words, is_component};
use super::offers::blocks_of;
use super::render::{card, implied, table_line};
use crate::user_function::FUNCTION;
use crate::{Checked, Trees, program};

/// A file among those of its program.
pub(crate) struct Names<'a> {
    checked: &'a Checked,
    trees: &'a Trees,
    tree: Node,
}

/// What a path such as `risk.parts.train` ends in.
pub(crate) enum Target {
    Block(Block),
    /// A part of a step's result: the step and the part's name.
    Part(Block, String),
    /// A declared field: its head and documentation.
    Member((String, String)),
}

/// The entry that an item or a block stands in.
pub(crate) fn entry_of(item: &Node) -> Option<Entry> {
    item.parent().and_then(Entry::cast)
}

/// The block in whose body or head a node stands; a record's fields have none.
pub(crate) fn block_around(node: &Node) -> Option<Block> {
    let mut inside = node.clone();
    while let Some(above) = inside.parent() {
        let is_record = above.kind() != Kind::Block && inside.kind() == Kind::Body;
        if is_record && node.kind() == Kind::Field {
            return None;
        }
        if above.kind() == Kind::Block {
            return Block::cast(above);
        }
        inside = above;
    }
    None
}

impl<'a> Names<'a> {
    pub(crate) fn new(checked: &'a Checked, trees: &'a Trees, tree: Node) -> Self {
        Names {
            checked,
            trees,
            tree,
        }
    }

    /// The block of this name that is seen from a node: the nearest one.
    pub(crate) fn block(&self, name: &str, from: &Node) -> Option<Block> {
        let mut above = from.parent();
        while let Some(node) = above {
            if matches!(node.kind(), Kind::Body | Kind::File)
                && let Some(found) = named(&node, name)
            {
                return Some(found);
            }
            above = node.parent();
        }
        None
    }

    /// The block of this name at the top of another file of the program, if this one uses any.
    pub(crate) fn elsewhere(&self, name: &str) -> Option<Block> {
        self.uses().next()?;
        self.others().find_map(|tree| named(tree, name))
    }

    /// The trees of the other files.
    fn others(&self) -> impl Iterator<Item = &'a Node> {
        let all = self.trees.in_order(self.checked).map(|(_, tree)| tree);
        all.filter(move |tree| !tree.is_beside(&self.tree))
    }

    /// The function of this name that this file declares, or another one of the program if this
    /// one uses any.
    pub(crate) fn function(&self, name: &str) -> Option<Block> {
        let own = function(&self.tree, name);
        own.or_else(|| {
            self.uses().next()?;
            self.others().find_map(|tree| function(tree, name))
        })
    }

    /// The functions that this file sees.
    pub(crate) fn functions(&self) -> Vec<Block> {
        let used = self
            .uses()
            .flat_map(|used| used.names().collect::<Vec<_>>());
        let used = used.filter_map(|name| self.function(name.text()));
        let own = blocks_of(&self.tree).into_iter().filter(is_function);
        own.chain(used).collect()
    }

    /// The component that a block is made of.
    pub(crate) fn component_of(&self, block: &Block) -> Option<Block> {
        let path = block.path()?.joined();
        let word = path.rsplit('.').next()?;
        component(&self.tree, word).or_else(|| self.component_elsewhere(word))
    }

    /// The component of this name in another file of the program, if this one uses any.
    pub(crate) fn component_elsewhere(&self, word: &str) -> Option<Block> {
        self.uses().next()?;
        self.others().find_map(|tree| component(tree, word))
    }

    /// This file's tree.
    pub(crate) fn tree(&self) -> &Node {
        &self.tree
    }

    fn uses(&self) -> impl Iterator<Item = Use> + use<> {
        let file = File::cast(self.tree.clone());
        let entries = file.into_iter().flat_map(|file| file.entries());
        entries.filter_map(|entry| match entry.item() {
            Some(Item::Use(used)) => Some(used),
            _ => None,
        })
    }

    /// What `a.b.c` stands for, `c` being the member's name.
    pub(crate) fn target(&self, words: &Words, member: &Node) -> Option<Target> {
        let member = Member::cast(member.clone())?;
        let name = member.name()?.text().to_owned();
        let outer = match member.base()? {
            Expr::Name(base) => {
                let base = base.name()?.text().to_owned();
                let is_alias = |used: Use| used.alias().is_some_and(|alias| alias.text() == base);
                if self.uses().any(is_alias) {
                    return self.elsewhere(&name).map(Target::Block);
                }
                let found = self.block(&base, member.syntax());
                found.or_else(|| self.elsewhere(&base))?
            }
            Expr::Member(base) => match self.target(words, base.syntax())? {
                Target::Block(block) => block,
                _ => return None,
            },
            Expr::Index(base) => match base.base()? {
                Expr::Name(base) => {
                    let base = base.name()?.text().to_owned();
                    self.block(&base, member.syntax())?
                }
                _ => return None,
            },
            _ => return None,
        };
        let body = outer.body();
        if let Some(component) = self.component_of(&outer) {
            return inside(&component, "output", &name).map(Target::Block);
        }
        if let Some(inner) = body.as_ref().and_then(|body| named(body.syntax(), &name)) {
            return Some(Target::Block(inner));
        }
        let declared = words.of_body(&outer);
        if let Some(field) = declared.and_then(|declared| declared.members.get(&name)) {
            let pair = (field.head.clone(), field.documentation.clone());
            return Some(Target::Member(pair));
        }
        let is_key = |entry: Entry| match entry.item() {
            Some(Item::Field(field)) => {
                field.key().and_then(|key| key.text()).as_deref() == Some(&name)
            }
            _ => false,
        };
        let is_part = body.is_some_and(|body| body.entries().any(is_key));
        is_part.then_some(Target::Part(outer, name))
    }

    /// The checked block that this one became when it was checked last, if it was understood: by
    /// the names that lead to it, in a component by its place.
    pub(crate) fn checked_block(&self, block: &Block) -> Option<&'a program::Block> {
        let mut names = Vec::new();
        let mut at = Some(block.clone());
        while let Some(one) = at {
            names.push(one.name()?.text().to_owned());
            at = block_around(one.syntax());
        }
        let names = || names.iter().rev().map(String::as_str);
        let mut blocks = self.checked.program.blocks.iter();
        let named = blocks.find(|known| {
            let parents = known.address.parents.iter();
            let path = parents.map(|segment| segment.name.as_str());
            path.chain([known.address.name()]).eq(names())
        });
        named.or_else(|| self.block_at(block))
    }

    /// The first checked block whose name stands where this one's does.
    fn block_at(&self, block: &Block) -> Option<&'a program::Block> {
        let start = block.name_range()?.start;
        let text = block.syntax().file_text();
        let files = &self.checked.files;
        let here = |span: crate::Span| {
            let file = files.get(span.file.0 as usize);
            span.start == start && file.is_some_and(|file| file.text == text)
        };
        let mut blocks = self.checked.program.blocks.iter();
        blocks.find(|one| here(one.name_span))
    }

    /// The column of this name that a dataset declares or a step's result has.
    pub(crate) fn column_of(&self, block: &Block, name: &str) -> Option<&'a ColumnType> {
        let known = self.checked_block(block)?;
        let of_step = known.step.as_ref().and_then(|step| step.table.as_ref());
        known.table.as_ref().or(of_step)?.column(name)
    }

    /// A column that is seen in a step: of what flows in, or (`result` first) of what comes out.
    pub(crate) fn column(&self, block: &Block, name: &str, result: bool) -> Option<String> {
        let known = self.checked_block(block).and_then(|one| one.step.as_ref());
        let tables: Vec<&TableType> = known.map_or_else(Vec::new, |step| {
            let inputs = step.arguments.values().filter_map(|one| one.table.as_ref());
            let outputs = step.table.iter().chain(step.parts.values());
            match result {
                true => outputs.chain(inputs).collect(),
                false => inputs.chain(outputs).collect(),
            }
        });
        // A step with an error has no type: then every table of the program is looked at.
        let everywhere = || {
            let blocks = self.checked.program.blocks.iter();
            let mut tables = blocks.filter_map(|one| {
                let step = one.step.as_ref().and_then(|step| step.table.as_ref());
                one.table.as_ref().or(step)
            });
            tables.find_map(|table| table.column(name))
        };
        let mut here = tables.iter().filter_map(|table| table.column(name));
        let column = match here.next() {
            Some(column) => column,
            None if known.is_none() => everywhere()?,
            None => return None,
        };
        let mut head = format!("{}: {}", column.name, column.column_type);
        for class in &column.classes {
            head += &format!(" @{class}");
        }
        let paragraphs = self.written_about(name).into_iter();
        Some(card(
            &head,
            paragraphs.chain(implied(&head, &column.classes)),
        ))
    }

    /// What is written about a column where it is declared.
    fn written_about(&self, name: &str) -> Option<String> {
        let trees = self.trees.in_order(self.checked).map(|(_, tree)| tree);
        let mut trees = std::iter::once(&self.tree).chain(trees);
        trees.find_map(|tree| {
            let columns = tree
                .descendants()
                .filter(|node| node.kind() == Kind::Column);
            let mut entries = columns.filter_map(|column| {
                let path = column.parts().next()?;
                (path.text() == name).then(|| entry_of(&column))?
            });
            entries.find_map(|entry| entry.documentation())
        })
    }

    /// Which columns the table has that a block is or makes.
    pub(crate) fn table_line(&self, block: &Block) -> Option<String> {
        let known = self.checked_block(block)?;
        let of_step = known.step.as_ref().and_then(|step| step.table.as_ref());
        let table = known.table.as_ref().or(of_step)?;
        let columns = table.columns.iter();
        Some(table_line(columns.map(|column| column.name.as_str())))
    }

    /// Which columns a part of a step's result has.
    pub(crate) fn part_line(&self, block: &Block, part: &str) -> Option<String> {
        let step = self.checked_block(block)?.step.as_ref()?;
        let columns = step.parts.get(part)?.columns.iter();
        Some(table_line(columns.map(|column| column.name.as_str())))
    }
}

/// The component of this name that a file declares.
fn component(file: &Node, name: &str) -> Option<Block> {
    let entries = file.children().filter_map(Entry::cast);
    let mut blocks = entries.filter_map(|entry| as_block(entry.item()));
    blocks
        .find(|block| is_component(block) && block.name().is_some_and(|found| found.text() == name))
}

/// Whether a block declares a function.
pub(crate) fn is_function(block: &Block) -> bool {
    block.path().is_some_and(|path| path.joined() == FUNCTION)
}

/// The function of this name that a file declares.
fn function(file: &Node, name: &str) -> Option<Block> {
    let mut all = blocks_of(file).into_iter().filter(is_function);
    all.find(|block| block.name().is_some_and(|found| found.text() == name))
}

/// What a component declares by this form and name.
pub(crate) fn inside(component: &Block, form: &str, name: &str) -> Option<Block> {
    let mut all = inside_all(component, form).into_iter();
    all.find(|block| block.name().is_some_and(|found| found.text() == name))
}

/// Everything that a component declares by this form.
pub(crate) fn inside_all(component: &Block, form: &str) -> Vec<Block> {
    let entries = component.body().into_iter().flat_map(|body| body.entries());
    let blocks = entries.filter_map(|entry| as_block(entry.item()));
    let is_form = |block: &Block| block.path().is_some_and(|path| path.joined() == form);
    blocks.filter(is_form).collect()
}

/// The block of this name among the entries of a body or a file. What nothing can refer to has no
/// name here.
fn named(node: &Node, name: &str) -> Option<Block> {
    let entries = node.children().filter_map(Entry::cast);
    let mut blocks = entries.filter_map(|entry| as_block(entry.item()));
    blocks.find(|block| {
        let is_named = block.name().is_some_and(|found| found.text() == name);
        let form = block.path().map(|path| path.joined());
        is_named
            && !matches!(
                form.as_deref(),
                Some("output" | "test" | "policy" | "component" | FUNCTION)
            )
    })
}
