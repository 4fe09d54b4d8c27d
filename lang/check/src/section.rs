//! Sections of a step's body: settings that belong together.

use std::collections::BTreeMap;

use mlinfra_api::Value;

use crate::block::{missing_field, unknown_field};
use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::schema::Kind;
use crate::step::{Inputs, instantiate, settled};
use crate::tree::{BlockItem, Item, Node};

impl Checker<'_> {
    /// A section as one value; none if it is in error.
    pub(crate) fn section(
        &mut self,
        item: &Item,
        block: &BlockItem,
        kind: &Kind,
        inputs: &Inputs,
        env: Env<'_>,
    ) -> Option<Value> {
        if let Some(name) = &block.name {
            let text = format!("`{}` takes no name", kind.name);
            self.report(
                Diagnostic::error(code::SECTION_NAMED, name.span, text)
                    .help("there is one in each block, so nothing has to tell them apart")
                    .help("take the name out"),
            );
        }
        self.refuse_head(block, &[]);
        let before = self.errors();
        let mut values: BTreeMap<String, Value> = BTreeMap::new();
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        let mut stray = item.broken;
        for entry in block.items() {
            self.refuse_attributes(entry);
            let Node::Field { path, value } = &entry.node else {
                stray = true;
                if !entry.broken && !matches!(entry.node, Node::Bad) {
                    self.report(
                        Diagnostic::error(
                            code::ENTRY_OUT_OF_PLACE,
                            entry.span,
                            "this is no setting",
                        )
                        .help("nothing would read it here")
                        .help("write `name = value`, or move it out of this block"),
                    );
                }
                continue;
            };
            let name = path.text();
            let Some(declared) = kind.fields.get(&name) else {
                stray = true;
                let known: Vec<&str> = kind.fields.keys().map(String::as_str).collect();
                let finding = unknown_field(&name, path.span, &kind.name, &known, kind);
                self.report(finding);
                continue;
            };
            if self.field_twice(&name, path.span, &mut seen) {
                continue;
            }
            let expected = instantiate(&declared.field_type, inputs);
            let term = self.value(value, &expected, env);
            self.lists_some(declared, &term, value.span);
            values.insert(name, term.value);
        }
        for (name, declared) in &kind.fields {
            if seen.contains_key(name) {
                continue;
            }
            if let Some(default) = &declared.default {
                let value = self.default_value(default, &settled(declared));
                values.insert(name.clone(), value);
            } else if declared.required() && !stray {
                let finding = missing_field(name, declared, block.path.span, &kind.name);
                self.report(finding);
            } else {
                values.insert(name.clone(), Value::None);
            }
        }
        let sound = !stray && self.errors() == before;
        sound.then_some(Value::Record(values))
    }
}
