//! The checked program as a stated JSON form, for other tools.

use std::collections::BTreeMap;

use mlinfra_api::{TableType, Value};
use mlinfra_check::{Argument, Block, Environment, Field, Gate, ModelType, Program, Span, Step};
use serde_json::{Map, Value as Json, json};

use super::diagnostic::Sources;
use super::json::{self as as_json, line_and_column};

/// The version of this form. It is raised when a reader of the former one would be wrong.
pub(crate) const PROGRAM_VERSION: u32 = 1;

/// The whole program. Values are typed (`{"int": 3}`), amounts exact; a secret is never in it.
pub(crate) fn json(program: &Program, sources: &Sources) -> Json {
    let writer = Writer { sources };
    let outputs = program.outputs.iter().map(|(name, output)| {
        let output = json!({ "value": value(&output.value), "at": writer.place(output.span) });
        (name.clone(), output)
    });
    let parameters = program.parameters.iter().map(|(name, given)| {
        let given = json!({ "value": value(&given.value), "from": given.from });
        (name.clone(), given)
    });
    let moved = program.moves.iter().map(|one| {
        json!({
            "from": one.from.to_string(),
            "to": one.to.to_string(),
            "at": writer.place(one.span),
        })
    });
    let removed = program.removed.iter().map(|one| {
        json!({ "name": one.name.to_string(), "keep": one.keep, "at": writer.place(one.span) })
    });
    json!({
        "program": PROGRAM_VERSION,
        "environment": program.environment.as_ref().map(environment),
        "parameters": Json::Object(parameters.collect()),
        "moved": moved.collect::<Vec<_>>(),
        "removed": removed.collect::<Vec<_>>(),
        "blocks": program.blocks.iter().map(|block| writer.block(block)).collect::<Vec<_>>(),
        "outputs": Json::Object(outputs.collect()),
        "tests": program.tests,
        "policies": program.policies.iter().map(as_json::policy).collect::<Vec<_>>(),
    })
}

fn environment(environment: &Environment) -> Json {
    let targets = environment.targets.as_ref().map(|targets| {
        let targets = targets.iter().map(ToString::to_string);
        targets.collect::<Vec<_>>()
    });
    json!({
        "name": environment.name,
        "targets": targets,
        "protect": environment.protect,
    })
}

struct Writer<'s> {
    sources: &'s Sources,
}

impl Writer<'_> {
    fn block(&self, block: &Block) -> Json {
        let fields = block.fields.iter();
        let fields = fields.map(|(name, field)| (name.clone(), self.field(field)));
        let attributes = block.attributes.iter();
        let attributes = attributes.map(|(name, given)| (name.clone(), entries(given)));
        let wishes = block.wishes.iter().map(|(wish, span)| {
            json!({
                "field": wish.field,
                "operator": wish.operator,
                "value": value(&wish.value),
                "at": self.place(*span),
            })
        });
        json!({
            "address": block.address.to_string(),
            "kind": block.kind,
            "name": block.address.name(),
            "role": block.role,
            "parent": block.parent.as_ref().map(ToString::to_string),
            "on": block.place.as_ref().map(ToString::to_string),
            "after": block.after.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "documentation": block.documentation,
            "fields": Json::Object(fields.collect()),
            "wishes": wishes.collect::<Vec<_>>(),
            "value": block.value.as_ref().map(value),
            "step": block.step.as_ref().map(|step| self.step(step)),
            "table": block.table.as_ref().map(table),
            "attributes": Json::Object(attributes.collect()),
            "holds_data": block.holds_data,
            "replaces": block.replaces,
            "computed": block.computed,
            "at": self.place(block.span),
        })
    }

    fn field(&self, field: &Field) -> Json {
        let shown = match field.secret {
            true if field.value != Value::None => json!({ "secret": true }),
            _ => value(&field.value),
        };
        json!({
            "value": shown,
            "written": field.written,
            "secret": field.secret,
            "at": self.place(field.span),
        })
    }

    fn step(&self, step: &Step) -> Json {
        let arguments = step.arguments.iter();
        let arguments = arguments.map(|(name, one)| (name.clone(), argument(one)));
        let body = step.entries.iter();
        let body = body.map(|(name, entry)| json!({ "name": name, "value": value(entry) }));
        let parts = step
            .parts
            .iter()
            .map(|(name, part)| (name.clone(), table(part)));
        json!({
            "operation": step.operation,
            "version": step.version,
            "each_row": step.each_row,
            "training_only": step.training_only,
            "arguments": Json::Object(arguments.collect()),
            "settings": entries(&step.settings),
            "entries": body.collect::<Vec<_>>(),
            "gates": step.gates.iter().map(|gate| self.gate(gate)).collect::<Vec<_>>(),
            "table": step.table.as_ref().map(table),
            "parts": Json::Object(parts.collect()),
            "model": step.model.as_ref().map(model),
        })
    }

    fn gate(&self, gate: &Gate) -> Json {
        json!({
            "condition": gate.text,
            "message": gate.message,
            "at": self.place(gate.span),
        })
    }

    /// Line and column count from 1; a column is one letter.
    fn place(&self, span: Span) -> Json {
        let Some((file, text)) = self.sources.files.get(span.file.0 as usize) else {
            return Json::Null;
        };
        let (line, column) = line_and_column(text, span.start as usize);
        json!({ "file": file, "line": line, "column": column })
    }
}

fn argument(argument: &Argument) -> Json {
    json!({
        "value": value(&argument.value),
        "table": argument.table.as_ref().map(table),
    })
}

fn model(model: &ModelType) -> Json {
    json!({
        "trained_by": model.trained_by.to_string(),
        "label": model.label,
        "features": table(&model.features),
        "request": table(&model.request),
        "replay": model.replay.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn table(table: &TableType) -> Json {
    let column = |column: &mlinfra_api::Column| {
        json!({
            "name": column.name,
            "type": column.column_type.base.word(),
            "nullable": column.column_type.nullable,
            "classes": column.classes,
        })
    };
    table.columns.iter().map(column).collect()
}

fn entries(of: &BTreeMap<String, Value>) -> Json {
    let entries = of.iter().map(|(name, one)| (name.clone(), value(one)));
    Json::Object(entries.collect::<Map<_, _>>())
}

/// A value with its form as the only key. Values stand at most as deep in one another as the
/// checker lets them.
fn value(of: &Value) -> Json {
    match of {
        Value::None => Json::Null,
        Value::Bool(flag) => json!({ "bool": flag }),
        Value::Int(number) => json!({ "int": number }),
        Value::Decimal(number) => json!({ "decimal": number.normalize().to_string() }),
        Value::String(text) => json!({ "string": text }),
        Value::Date(text) => json!({ "date": text }),
        Value::Quantity(quantity) => json!({ "quantity": {
            "amount": quantity.amount.normalize().to_string(),
            "text": quantity.to_string(),
            "dimension": *quantity.dimension.0,
        } }),
        Value::Range(low, high) => json!({ "range": [value(low), value(high)] }),
        Value::List(elements) => json!({ "list": elements.iter().map(value).collect::<Vec<_>>() }),
        Value::Record(of) => json!({ "record": entries(of) }),
        Value::Case { name, arguments } => {
            json!({ "case": { "name": name, "arguments": entries(arguments) } })
        }
        Value::Reference(reference) => json!({ "reference": {
            "address": reference.address.to_string(),
            "path": reference.path,
        } }),
        Value::Template(parts) => {
            json!({ "template": parts.iter().map(value).collect::<Vec<_>>() })
        }
        Value::Row(row) => json!({ "row": row.to_string() }),
        Value::Condition(condition) => json!({ "condition": condition.to_string() }),
        Value::Secret(_) => json!({ "secret": true }),
        Value::Unknown(origin) => json!({ "unknown": origin }),
    }
}
