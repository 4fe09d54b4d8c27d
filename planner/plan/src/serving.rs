//! How an endpoint turns a raw request into features, cut down to what the features need.

use std::collections::BTreeSet;

use mlinfra_api::{TableType, Value};
use mlinfra_check::{ModelType, Program, Step};
use mlinfra_runtime_spec::{RequestField, RequestSchema, RowStep, ServingRecipe};

/// The recipe for a model: the row steps between the dataset and the features, in order, each
/// without the entries that no feature needs, and the raw columns that are then left to ask for.
pub(crate) fn serving_recipe(program: &Program, model: &ModelType) -> ServingRecipe {
    let steps: Vec<&Step> = model
        .replay
        .iter()
        .filter_map(|address| program.block(address)?.step.as_ref())
        .collect();
    let mut needed: BTreeSet<String> = model
        .features
        .columns
        .iter()
        .map(|column| column.name.clone())
        .collect();
    let mut replay = Vec::new();
    for step in steps.iter().rev() {
        let kept: Vec<(String, Value)> = step
            .entries
            .iter()
            .filter(|(name, _)| needed.contains(name))
            .cloned()
            .collect();
        let result = cut(step.table.as_ref(), &needed);
        for (name, value) in &kept {
            if let Value::Row(expression) = value {
                needed.remove(name);
                expression.for_each_column(&mut |column| {
                    needed.insert(column.to_owned());
                });
            }
        }
        if !kept.is_empty() {
            replay.push(RowStep {
                operation: step.operation.clone(),
                entries: kept,
                result,
            });
        }
    }
    replay.reverse();
    ServingRecipe {
        request: request_schema(model, steps.first().copied()),
        steps: replay,
    }
}

fn cut(table: Option<&TableType>, needed: &BTreeSet<String>) -> TableType {
    let columns = table
        .map(|table| table.columns.as_slice())
        .unwrap_or_default();
    let kept = columns
        .iter()
        .filter(|column| needed.contains(&column.name));
    TableType {
        columns: kept.cloned().collect(),
    }
}

/// A request's columns have the types that reach the first replayed step: a column whose missing
/// rows were dropped before must not be missing in a request either.
fn request_schema(model: &ModelType, first: Option<&Step>) -> RequestSchema {
    let before: Vec<&TableType> = match first {
        Some(step) => step
            .arguments
            .values()
            .filter_map(|a| a.table.as_ref())
            .collect(),
        None => vec![&model.features],
    };
    let field = |raw: &mlinfra_api::Column| RequestField {
        name: raw.name.clone(),
        column_type: before
            .iter()
            .find_map(|table| table.column(&raw.name))
            .map_or(raw.column_type, |column| column.column_type),
    };
    RequestSchema {
        fields: model.request.columns.iter().map(field).collect(),
    }
}
