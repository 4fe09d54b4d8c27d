//! Edits that mend what a policy found: an entry set in a block, a column masked upstream.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Value};

use crate::check::Checker;
use crate::diagnostic::{Edit, Fix, Span};
use crate::facts::Learned;
use crate::program::Step;
use crate::schema::ResultRule;
use crate::source::SourceFile;
use crate::table::{Change, Table};
use crate::tree::{BlockItem, Item, Node};

impl Checker<'_> {
    /// Sets `name = value` in the block at this address: replaced where it is written, else added.
    pub(crate) fn set_edit(
        &self,
        address: &Address,
        entry: &str,
        files: &[SourceFile],
    ) -> Option<Fix> {
        let (name, value) = entry.split_once(" = ")?;
        let node = &self.nodes[*self.addresses.get(address)?];
        let block = node.block?;
        let same = |item: &&Item| match &item.node {
            Node::Field { path, .. } => path.word() == name,
            _ => false,
        };
        if let Some(Node::Field { value: old, .. }) =
            block.items().iter().find(same).map(|item| &item.node)
        {
            return Some(Fix {
                title: format!("{} → {value}", slice(files, old.span)?),
                edits: vec![Edit {
                    span: old.span,
                    text: value.to_owned(),
                }],
            });
        }
        let edit = added(node.item, block, name, value, files)?;
        Some(Fix {
            title: format!("add `{entry}` to `{}`", address.name()),
            edits: vec![edit],
        })
    }

    /// Masks a column in the nearest step upstream that rewrites columns; where there is none,
    /// where something behind it works on the column or needs it, or where no masking is known that
    /// leaves something to learn from, it is excluded from learning instead.
    pub(crate) fn mask_edit(
        &self,
        learned: &Learned,
        masking: Option<&str>,
        files: &[SourceFile],
    ) -> Option<Fix> {
        let column = &learned.column;
        if let Some(masking) = masking
            && let Some(step) = self.rewriting(&learned.table, column)
            && (masking != DROP || !self.is_named_behind(step, column))
        {
            let node = &self.nodes[*self.addresses.get(step)?];
            let edit = added(node.item, node.block?, column, masking, files)?;
            return Some(Fix {
                title: format!("add `{column} = {masking}` to step `{}`", step.name()),
                edits: vec![edit],
            });
        }
        let id = *self.addresses.get(&learned.step)?;
        let step = self.blocks.get(id)?.step.as_ref()?;
        let operation = self.library.operations.get(&step.operation)?;
        let ResultRule::Weights { exclude, .. } = &operation.result else {
            return None;
        };
        let (span, text) = self.exclude_edit(id, exclude.as_deref(), column)?;
        Some(Fix {
            title: format!("exclude {column}"),
            edits: vec![Edit { span, text }],
        })
    }

    /// The nearest step before this table that could rewrite the column too.
    fn rewriting<'t>(&self, table: &'t Table, column: &str) -> Option<&'t Address> {
        let mut current = table;
        loop {
            let origin = current.origin.as_ref()?;
            match &origin.change {
                Change::Rewrite(entries) if !entries.iter().any(|(name, _)| name == column) => {
                    return Some(&current.address);
                }
                Change::Extend(added) => {
                    let mut used = added.iter().any(|(name, _)| name == column);
                    for (_, expression) in added {
                        expression.for_each_column(&mut |name| used |= name == column);
                    }
                    if used {
                        return None;
                    }
                }
                _ => {}
            }
            let id = *self.addresses.get(&current.address)?;
            let step = self.blocks.get(id).and_then(|block| block.step.as_ref());
            if step.is_some_and(|step| names(step, column)) {
                return None;
            }
            current = &origin.from;
        }
    }

    /// The step before this table that dropped the column, and where that is written.
    pub(crate) fn dropped<'t>(&self, table: &'t Table, column: &str) -> Option<(&'t str, Span)> {
        let mut current = table;
        while let Some(origin) = &current.origin {
            if origin.from.column(column).is_some() {
                let node = &self.nodes[*self.addresses.get(&current.address)?];
                let mut items = node.block?.items().iter();
                let item = items.find(|item| match &item.node {
                    Node::Field { path, .. } => path.word() == column,
                    _ => false,
                })?;
                return Some((current.address.name(), item.span));
            }
            current = &origin.from;
        }
        None
    }

    /// Whether a step that rests on this one names the column: it would be missing there.
    fn is_named_behind(&self, step: &Address, column: &str) -> bool {
        let mut readers: BTreeMap<&Address, Vec<(&Address, &Step)>> = BTreeMap::new();
        for block in self.blocks.iter() {
            let Some(step) = block.step.as_deref() else {
                continue;
            };
            let read = step.arguments.values();
            for reference in read.filter_map(|argument| argument.value.as_reference()) {
                let reader = (&block.address, step);
                readers.entry(&reference.address).or_default().push(reader);
            }
        }
        let mut open = vec![step];
        let mut seen = BTreeSet::new();
        while let Some(address) = open.pop() {
            for (reader, step) in readers.get(address).into_iter().flatten() {
                if !seen.insert(*reader) {
                    continue;
                }
                if names(step, column) || settles(step, column) {
                    return true;
                }
                open.push(reader);
            }
        }
        false
    }
}

/// The masking after which a column is gone.
const DROP: &str = "drop";

/// Whether the body of a step names the column: what it compares groups by, for example.
fn settles(step: &Step, column: &str) -> bool {
    let mut found = (step.settings.values()).any(|value| mentions(value, column));
    for (name, value) in &step.entries {
        found |= name == column || mentions(value, column);
    }
    for gate in &step.gates {
        gate.condition.for_each_figure(&mut |figure| {
            found |= (figure.arguments.iter()).any(|value| mentions(value, column));
        });
    }
    found
}

/// Whether a value is the column's name, or has it in it.
fn mentions(value: &Value, column: &str) -> bool {
    match value {
        Value::String(text) => text == column,
        Value::List(elements) => elements.iter().any(|element| mentions(element, column)),
        Value::Record(entries) => entries.values().any(|entry| mentions(entry, column)),
        Value::Row(expression) => {
            let mut found = false;
            expression.for_each_column(&mut |name| found |= name == column);
            found
        }
        _ => false,
    }
}

/// Whether what flows into a step names the column: what it is cut by, for example.
fn names(step: &Step, column: &str) -> bool {
    let is_column = |value: &Value| value.as_text() == Some(column);
    (step.arguments.values()).any(|argument| is_column(&argument.value))
}

/// The text at this place.
fn slice(files: &[SourceFile], span: Span) -> Option<&str> {
    let file = files.get(span.file.0 as usize)?;
    file.text.get(span.start as usize..span.end as usize)
}

/// Adds an entry behind the last one of a block's body, in its layout.
fn added(
    item: &Item,
    block: &BlockItem,
    name: &str,
    value: &str,
    files: &[SourceFile],
) -> Option<Edit> {
    let whole = slice(files, item.span)?;
    if block.body.is_none() {
        return Some(Edit {
            span: item.span.end(),
            text: format!(" {{ {name} = {value} }}"),
        });
    }
    let Some(last) = block.items().last() else {
        if !whole.ends_with('}') {
            return None;
        }
        let end = item.span.end - 1;
        let span = Span {
            start: end,
            end,
            ..item.span
        };
        let text = format!(" {name} = {value} ");
        return Some(Edit { span, text });
    };
    let behind = Span {
        start: last.span.end,
        ..item.span
    };
    let rest = slice(files, behind)?;
    let line = rest.lines().next().unwrap_or("");
    let code = line.split("//").next().unwrap_or("");
    if code.contains('}') {
        return Some(Edit {
            span: last.span.end(),
            text: format!(", {name} = {value}"),
        });
    }
    let at = last.span.end + u32::try_from(line.len()).ok()?;
    let span = Span {
        start: at,
        end: at,
        ..last.span
    };
    let (indent, width) = layout(last, files)?;
    let width = width.max(name.len() + 1);
    let text = format!("\n{indent}{name:<width$}= {value}");
    Some(Edit { span, text })
}

/// How the entry's line is indented, and how far from its start its `=` stands.
fn layout(entry: &Item, files: &[SourceFile]) -> Option<(String, usize)> {
    let file = files.get(entry.span.file.0 as usize)?;
    let before = file.text.get(..entry.span.start as usize)?;
    let line = before.rsplit('\n').next().unwrap_or("");
    let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
    let width = match &entry.node {
        Node::Field { path, value } => {
            let head = Span {
                end: value.span.start,
                ..path.span
            };
            slice(files, head)?.find('=').unwrap_or(0)
        }
        _ => 0,
    };
    Some((indent, width))
}
