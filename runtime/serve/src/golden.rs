//! Golden requests: made when a model is trained, answered again before it is served.

use std::collections::BTreeSet;

use mlinfra_api::{ColumnBase, Digest, RowExpression, Scalar, Value as SpecValue};
use mlinfra_data::{StepFault, canonical_json, read_object};
use mlinfra_runtime_spec::{ArtifactReference, RequestField};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::predictor::{Predictor, unfit};
use crate::request::Row;

/// The object of a model's artifact that holds the [`Golden`], as JSON.
pub const GOLDEN_OBJECT: &str = "golden.json";

/// How far an answer may be from the recorded one.
pub const DIFFERENCE_MAX: f64 = 1e-6;

/// How many requests are made.
const REQUESTS: usize = 16;

/// How many of them must have an answer: a recipe may be undefined for some of the made-up rows,
/// such as where it divides by a difference.
const SOUND_MIN: usize = 4;

/// The most texts of a category that requests are drawn from.
const TEXTS_MAX: usize = 32;

/// The format of `golden.json`.
const FORMAT: u32 = 1;

/// `golden.json`: requests with their answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// 1.
    pub format: u32,
    /// At least one.
    pub requests: Vec<GoldenRequest>,
}

/// One row and the probability that the model gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenRequest {
    /// The raw fields.
    pub row: Row,
    /// What the model answered when it was trained.
    pub probability: f64,
}

impl Golden {
    /// Reads them from a model's artifact.
    pub fn load(model: &ArtifactReference) -> Result<Self, StepFault> {
        let bytes = read_object(model, GOLDEN_OBJECT)?;
        let golden: Golden = serde_json::from_slice(&bytes)
            .map_err(|_| unfit(format!("`{GOLDEN_OBJECT}` of the model can't be read")))?;
        if golden.format != FORMAT || golden.requests.is_empty() {
            return Err(unfit(format!(
                "`{GOLDEN_OBJECT}` of the model has no requests"
            )));
        }
        Ok(golden)
    }

    /// The bytes of `golden.json`: the same for the same requests.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical_json(&serde_json::to_value(self).expect("plain data serialises"))
    }
}

/// Makes up requests from what the model and its recipe know, and answers them. The same model
/// gives the same bytes. No row of the training data is among them; texts of a category are.
pub fn make_golden(predictor: &Predictor) -> Result<Golden, StepFault> {
    let fields = &predictor.request().fields;
    let candidates: Vec<Vec<Value>> = fields
        .iter()
        .map(|field| candidates(predictor, field))
        .collect();
    let mut requests = Vec::new();
    let mut last_fault = None;
    for index in 0..REQUESTS {
        let pick = |(field, values): (&RequestField, &Vec<Value>)| {
            let value = values[choose(&field.name, index, values.len())].clone();
            (field.name.clone(), value)
        };
        let row: Row = fields.iter().zip(&candidates).map(pick).collect();
        match predictor.predict_json(std::slice::from_ref(&row)) {
            Ok(answer) if answer.first().is_some_and(|p| p.is_finite()) => {
                let probability = answer[0];
                requests.push(GoldenRequest { row, probability });
            }
            Ok(_) => {}
            Err(fault) => last_fault = Some(fault),
        }
    }
    if requests.len() >= SOUND_MIN {
        return Ok(Golden {
            format: FORMAT,
            requests,
        });
    }
    Err(last_fault.unwrap_or_else(|| {
        unfit("the model answers made-up requests with what is no number".into())
    }))
}

/// Answers the golden requests, all at once and one by one, and compares. The text says which was
/// answered how differently; no request stands in it.
pub fn check_golden(predictor: &Predictor, golden: &Golden) -> Result<(), String> {
    let rows: Vec<Row> = golden
        .requests
        .iter()
        .map(|known| known.row.clone())
        .collect();
    let together = predictor
        .predict_json(&rows)
        .map_err(|fault| fault.message)?;
    if together.len() != rows.len() {
        return Err(format!(
            "{} requests got {} answers",
            rows.len(),
            together.len()
        ));
    }
    for (index, (known, answer)) in golden.requests.iter().zip(&together).enumerate() {
        let row = std::slice::from_ref(&known.row);
        let alone = predictor.predict_json(row).map_err(|fault| fault.message)?;
        let number = index + 1;
        if alone.first().map(|p| p.to_bits()) != Some(answer.to_bits()) {
            return Err(format!(
                "request {number} is answered differently alone than with others"
            ));
        }
        let difference = (known.probability - answer).abs();
        // Written so that what is no number fails too.
        let near = difference <= DIFFERENCE_MAX;
        if !near {
            return Err(format!(
                "request {number} of {} is answered {difference:.1e} away from the recorded answer",
                rows.len()
            ));
        }
    }
    Ok(())
}

/// Which of a field's candidates a request takes. Up to as many candidates as requests, each is
/// taken; of more, some at even distances. Where a field begins and how it goes on after a round
/// differs from field to field, so that the requests mix them.
fn choose(field: &str, index: usize, count: usize) -> usize {
    let digest = Digest::of(field.as_bytes());
    let [begin, stride, ..] = digest.bytes().map(usize::from);
    if count > REQUESTS {
        return (index + begin) % REQUESTS * (count - 1) / (REQUESTS - 1);
    }
    let round = index / count;
    (begin + index + round * (1 + stride % count)) % count
}

/// Values that the field may have, never none.
fn candidates(predictor: &Predictor, field: &RequestField) -> Vec<Value> {
    let mut seen = Seen::default();
    for step in &predictor.recipe().steps {
        for (_, value) in &step.entries {
            if let SpecValue::Row(expression) = value {
                seen.visit(expression, &field.name);
            }
        }
    }
    let mut values: Vec<Value> = match field.column_type.base {
        ColumnBase::Category | ColumnBase::String => texts(predictor, field, &seen),
        ColumnBase::Int => whole_numbers(&seen).into_iter().map(Value::from).collect(),
        ColumnBase::Float => whole_numbers(&seen)
            .into_iter()
            .map(|number| Value::from(number as f64 + 0.25))
            .collect(),
        ColumnBase::Bool => vec![Value::from(false), Value::from(true)],
        ColumnBase::Date => ["1970-01-01", "2000-02-29", "2024-12-31"]
            .map(Value::from)
            .into(),
    };
    if field.column_type.nullable {
        values.push(Value::Null);
    }
    values
}

fn texts(predictor: &Predictor, field: &RequestField, seen: &Seen) -> Vec<Value> {
    let mut texts: BTreeSet<&str> = seen.texts.iter().map(String::as_str).collect();
    if passes_unchanged(predictor, &field.name) {
        let known = predictor
            .model()
            .vocabulary(&field.name)
            .unwrap_or_default();
        texts.extend(known.iter().map(String::as_str));
    }
    let mut values: Vec<Value> = texts.into_iter().take(TEXTS_MAX).map(Value::from).collect();
    values.push(Value::from("other"));
    values
}

/// Whether the raw column is the model's feature of the same name: no step made it anew.
fn passes_unchanged(predictor: &Predictor, name: &str) -> bool {
    let mut entries = predictor
        .recipe()
        .steps
        .iter()
        .flat_map(|step| &step.entries);
    entries.all(|(entry, _)| entry != name)
}

/// Around every number that the recipe compares with, and of several sizes.
fn whole_numbers(seen: &Seen) -> Vec<i64> {
    let mut numbers = BTreeSet::from([1, 2, 4, 12, 35, 60, 1_000, 5_000]);
    for number in &seen.numbers {
        numbers.extend([number.saturating_sub(1), *number, number.saturating_add(1)]);
    }
    numbers.into_iter().collect()
}

/// The constants that a field is compared with.
#[derive(Default)]
struct Seen {
    texts: BTreeSet<String>,
    numbers: BTreeSet<i64>,
}

impl Seen {
    fn note(&mut self, scalar: &Scalar) {
        match scalar {
            Scalar::String(text) => {
                self.texts.insert(text.clone());
            }
            Scalar::Int(number) => {
                self.numbers.insert(*number);
            }
            Scalar::Decimal(number) => {
                self.numbers.extend(i64::try_from(number.trunc()).ok());
            }
            Scalar::Bool(_) => {}
        }
    }

    fn visit(&mut self, expression: &RowExpression, field: &str) {
        let reads = |side: &RowExpression| {
            let mut found = false;
            side.for_each_column(&mut |name| found |= name == field);
            found
        };
        match expression {
            RowExpression::Binary { left, right, .. } => {
                match (&**left, &**right) {
                    (side, RowExpression::Literal(scalar))
                    | (RowExpression::Literal(scalar), side)
                        if reads(side) =>
                    {
                        self.note(scalar);
                    }
                    _ => {}
                }
                self.visit(left, field);
                self.visit(right, field);
            }
            RowExpression::In { operand, set } => {
                if reads(operand) {
                    set.iter().for_each(|scalar| self.note(scalar));
                }
                self.visit(operand, field);
            }
            RowExpression::Not(operand) | RowExpression::Negate(operand) => {
                self.visit(operand, field);
            }
            RowExpression::Coalesce(first, second) => {
                self.visit(first, field);
                self.visit(second, field);
            }
            RowExpression::If {
                condition,
                then,
                otherwise,
            } => {
                for part in [condition, then, otherwise] {
                    self.visit(part, field);
                }
            }
            RowExpression::Call { arguments, .. } => {
                arguments
                    .iter()
                    .for_each(|argument| self.visit(argument, field));
            }
            RowExpression::Column(_) | RowExpression::Literal(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_candidate_is_taken_if_there_are_no_more_than_requests() {
        for field in ["color", "size", "a"] {
            for count in 1..=40 {
                let taken: BTreeSet<usize> = (0..REQUESTS)
                    .map(|index| choose(field, index, count))
                    .collect();
                assert_eq!(taken.len(), count.min(REQUESTS), "{field}, {count}");
                let ends = taken.contains(&0) && taken.contains(&(count - 1));
                assert!(ends, "{field}, {count}: {taken:?}");
            }
        }
    }
}
