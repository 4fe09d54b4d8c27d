//! What a model of a block takes of memory, asked for in the spec: `smollm.memory(batch = 16)`.

use std::collections::BTreeMap;

use mlinfra_api::{Address, Quantity, Value};

use super::header::{Facts, HeaderFault};
use super::model_file;
use super::sum::{self, Line};
use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::program::Block;
use crate::schema::Kind;
use crate::scope::NodeId;

/// The field of this kind that is declared as this part of what memory is reckoned from:
/// `@memory(weights)`.
pub(crate) fn part_of<'k>(kind: &'k Kind, part: &str) -> Option<&'k str> {
    let mut fields = kind.fields.iter();
    fields
        .find_map(|(name, field)| (field.memory.as_deref() == Some(part)).then_some(name.as_str()))
}

/// The value of that field, if the block has one.
pub(crate) fn value_of<'b>(block: &'b Block, kind: &Kind, part: &str) -> Option<&'b Value> {
    let value = &block.fields.get(part_of(kind, part)?)?.value;
    (*value != Value::None).then_some(value)
}

/// A count that is at least one.
pub(crate) fn count(value: Option<&Value>) -> Option<u64> {
    value
        .and_then(Value::as_int)
        .and_then(|count| u64::try_from(count).ok())
}

impl Checker<'_> {
    /// The bytes that the model of a block takes; none if that is not known, which is reported.
    pub(crate) fn model_memory(
        &mut self,
        id: NodeId,
        kind: &Kind,
        arguments: &BTreeMap<String, Value>,
    ) -> Option<Value> {
        let block = self.blocks.get(id).cloned()?;
        let batch = count(arguments.get("batch"))?;
        let lines = self.serving_lines(&block, kind, batch)?;
        Some(Value::Quantity(Quantity::bytes(sum::total(&lines))))
    }

    /// What serving the model of this block takes, line by line; none if that is not known, which
    /// is reported once for each model.
    pub(crate) fn serving_lines(
        &mut self,
        block: &Block,
        kind: &Kind,
        batch: u64,
    ) -> Option<Vec<Line>> {
        let weights = part_of(kind, "weights")?;
        let span = block.fields.get(weights)?.span;
        let facts = self.model_facts(block, kind, span)?;
        let context = count(value_of(block, kind, "context"));
        match sum::serving(&facts, context, batch) {
            Ok(lines) => Some(lines),
            Err(missing) => {
                self.size_unknown(
                    &block.address,
                    &format!("its files do not say {missing}"),
                    span,
                );
                None
            }
        }
    }

    /// What the files of this block's model say, read once.
    fn model_facts(&mut self, block: &Block, kind: &Kind, span: Span) -> Option<Facts> {
        if let Some(known) = self.models.get(&block.address) {
            return known.clone();
        }
        let known = match (value_of(block, kind, "weights"), self.world) {
            (Some(Value::Case { arguments, .. }), Some(world)) => {
                match arguments.get("path").and_then(Value::as_text) {
                    Some(path) if is_file(path) => Some(model_file::of_file(world, path)),
                    Some(path) => Some(model_file::of_folder(world, path)),
                    None => None,
                }
            }
            _ => None,
        };
        let facts = match known {
            None => None,
            Some(Ok(facts)) => Some(facts),
            Some(Err(fault)) => {
                self.header_fault(&block.address, &fault, span);
                None
            }
        };
        self.models.insert(block.address.clone(), facts.clone());
        facts
    }

    fn header_fault(&mut self, model: &Address, fault: &HeaderFault, span: Span) {
        match fault {
            HeaderFault::Unread(why) => self.size_unknown(model, why, span),
            HeaderFault::Broken(why) => self.report(
                Diagnostic::error(code::MODEL_FILE_BROKEN, span, why.clone())
                    .help("nothing could load it, and how much memory it takes is not known")
                    .help("fetch it again, and compare its digest with the one that it came with"),
            ),
        }
    }

    /// Warns that what a model takes is not known: what rests on it is neither held nor refused.
    fn size_unknown(&mut self, model: &Address, why: &str, span: Span) {
        if !self.sizeless.insert(model.clone()) {
            return;
        }
        self.report(
            Diagnostic::warning(code::MODEL_SIZE_UNKNOWN, span, why)
                .help(
                    "how much memory the model takes is not known, so nothing holds it against a \
                     machine",
                )
                .help(
                    "put its files where the spec says they are; a folder has `config.json` and \
                     `model.safetensors`",
                ),
        );
    }
}

/// Whether the path names one file that has a header.
fn is_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.contains('.') && (name.ends_with(".gguf") || name.ends_with(".safetensors"))
}
