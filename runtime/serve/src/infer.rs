//! The Open Inference Protocol, version 2: its JSON in and out.

use mlinfra_api::ColumnBase;
use mlinfra_runtime_spec::{RequestField, RequestSchema};
use serde_json::{Value, json};

use crate::codes;
use crate::fault::{RequestFault, shown};
use crate::limits::Limits;
use crate::request::{self, Row};

/// The two tensors of an answer.
const OUTPUTS: [(&str, &str); 2] = [("probability", "FP64"), ("label", "BOOL")];

/// What `infer` was asked.
#[derive(Debug)]
pub(crate) struct Inference {
    /// The client's own name for the request, repeated in the answer.
    pub(crate) id: Option<String>,
    /// One row for each element of the tensors.
    pub(crate) rows: Vec<Row>,
    /// Which outputs are wanted, of [`OUTPUTS`].
    pub(crate) outputs: Vec<&'static str>,
}

fn fault(message: impl Into<String>) -> RequestFault {
    RequestFault::new(400, codes::TENSORS, message)
}

/// The datatype that metadata states for a field.
fn datatype(base: ColumnBase) -> &'static str {
    match base {
        ColumnBase::Int => "INT64",
        ColumnBase::Float => "FP64",
        ColumnBase::Bool => "BOOL",
        ColumnBase::String | ColumnBase::Category | ColumnBase::Date => "BYTES",
    }
}

/// Whether a tensor of this datatype may fill the field. Numbers may come as any number: each is
/// checked on its own, and only those fit that lose nothing.
fn fits(base: ColumnBase, given: &str) -> bool {
    let number = ["INT", "UINT", "FP"].iter().any(|family| {
        let width = given.strip_prefix(family);
        width.is_some_and(|width| matches!(width, "8" | "16" | "32" | "64"))
    });
    match base {
        ColumnBase::Int | ColumnBase::Float => number,
        _ => given == datatype(base),
    }
}

/// The body of `GET /v2/models/{name}`.
pub(crate) fn metadata(name: &str, version: &str, schema: &RequestSchema) -> Value {
    let input = |field: &RequestField| {
        json!({
            "name": field.name,
            "datatype": datatype(field.column_type.base),
            "shape": [-1],
            "parameters": {
                "type": field.column_type.base.word(),
                "nullable": field.column_type.nullable,
            },
        })
    };
    let output = |(name, datatype): &(&str, &str)| {
        let shape = [-1];
        json!({"name": name, "datatype": datatype, "shape": shape})
    };
    json!({
        "name": name,
        "versions": [version],
        "platform": "mlinfra",
        "inputs": schema.fields.iter().map(input).collect::<Vec<_>>(),
        "outputs": OUTPUTS.iter().map(output).collect::<Vec<_>>(),
    })
}

/// Reads the body of `POST /v2/models/{name}/infer` and checks every row against the schema.
pub(crate) fn read(
    schema: &RequestSchema,
    limits: &Limits,
    bytes: &[u8],
) -> Result<Inference, RequestFault> {
    let mut body = match request::read_json(bytes)? {
        Value::Object(body) => body,
        _ => return Err(fault("the body is not an object")),
    };
    let id = match body.remove("id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id),
        Some(_) => return Err(fault("`id` is not a text")),
    };
    let outputs = match body.remove("outputs") {
        None | Some(Value::Null) => OUTPUTS.iter().map(|(name, _)| *name).collect(),
        Some(wanted) => read_outputs(&wanted)?,
    };
    let Some(Value::Array(inputs)) = body.remove("inputs") else {
        return Err(fault("`inputs` is not a list of tensors"));
    };
    let mut rows: Vec<Row> = Vec::new();
    for (index, tensor) in inputs.into_iter().enumerate() {
        let (name, data) = read_tensor(schema, limits, index, tensor)?;
        if index == 0 {
            rows.resize_with(data.len(), Row::new);
        }
        if data.len() != rows.len() {
            let (here, first) = (data.len(), rows.len());
            let text = format!("`{name}` has {here} elements and the first input has {first}");
            return Err(fault(text).at_field(&name));
        }
        for (row, cell) in rows.iter_mut().zip(data) {
            if row.insert(name.clone(), cell).is_some() {
                return Err(fault(format!("the input `{name}` is given twice")).at_field(&name));
            }
        }
    }
    request::check_rows(schema, limits, &mut rows)?;
    Ok(Inference { id, rows, outputs })
}

fn read_outputs(wanted: &Value) -> Result<Vec<&'static str>, RequestFault> {
    let Value::Array(wanted) = wanted else {
        return Err(fault("`outputs` is not a list"));
    };
    let mut out = Vec::new();
    for one in wanted {
        let name = one.get("name").and_then(Value::as_str);
        let name = name.ok_or_else(|| fault("an element of `outputs` has no `name`"))?;
        let known = OUTPUTS.iter().find(|(known, _)| *known == name);
        let Some((known, _)) = known else {
            let text = format!("`{}` is no output of this model", shown(name));
            return Err(fault(text).with_help("it has `probability` and `label`"));
        };
        out.push(*known);
    }
    Ok(out)
}

/// One tensor as its field's name and its flat elements.
fn read_tensor(
    schema: &RequestSchema,
    limits: &Limits,
    index: usize,
    tensor: Value,
) -> Result<(String, Vec<Value>), RequestFault> {
    let Value::Object(mut tensor) = tensor else {
        return Err(fault(format!("input {index} is not an object")));
    };
    let name = match tensor.remove("name") {
        Some(Value::String(name)) => name,
        _ => return Err(fault(format!("input {index} has no `name`"))),
    };
    let at = |message: String| fault(message).at_field(&name);
    let label = shown(&name);
    let given = tensor.get("datatype").and_then(Value::as_str);
    let given = given.ok_or_else(|| at(format!("`{label}` has no `datatype`")))?;
    if let Some(field) = schema.fields.iter().find(|field| field.name == name) {
        let base = field.column_type.base;
        if !fits(base, given) {
            let text = format!("`{label}` takes {}, not {}", datatype(base), shown(given));
            return Err(at(text));
        }
    }
    let count = element_count(tensor.get("shape"))
        .ok_or_else(|| at(format!("the shape of `{label}` is not [rows] or [rows, 1]")))?;
    if count > limits.rows_max {
        request::check_row_count(count, limits)?;
    }
    let Some(data) = tensor.remove("data") else {
        let text = format!("`{label}` has no `data`");
        return Err(at(text).with_help("send it as JSON; binary tensors are not read"));
    };
    let mut flat = Vec::with_capacity(count);
    flatten(data, &mut flat);
    if flat.len() != count {
        let text = format!(
            "`{label}` has {} elements; its shape says {count}",
            flat.len()
        );
        return Err(at(text));
    }
    Ok((name, flat))
}

fn element_count(shape: Option<&Value>) -> Option<usize> {
    let shape: Option<Vec<u64>> = shape?.as_array()?.iter().map(Value::as_u64).collect();
    match shape?.as_slice() {
        [rows] | [rows, 1] => usize::try_from(*rows).ok(),
        _ => None,
    }
}

/// Tensors may be nested lists; their elements in order are the same.
fn flatten(data: Value, out: &mut Vec<Value>) {
    match data {
        Value::Array(parts) => parts.into_iter().for_each(|part| flatten(part, out)),
        cell => out.push(cell),
    }
}

/// The body of the answer.
pub(crate) fn answer(
    name: &str,
    version: &str,
    asked: &Inference,
    probabilities: &[f64],
    labels: &[bool],
) -> Value {
    let tensor = |output: &&str| {
        let (datatype, data) = match *output {
            "probability" => ("FP64", json!(probabilities)),
            _ => ("BOOL", json!(labels)),
        };
        let shape = [probabilities.len()];
        json!({"name": output, "datatype": datatype, "shape": shape, "data": data})
    };
    let mut out = json!({
        "model_name": name,
        "model_version": version,
        "outputs": asked.outputs.iter().map(tensor).collect::<Vec<_>>(),
    });
    if let Some(id) = &asked.id {
        out["id"] = json!(id);
    }
    out
}
