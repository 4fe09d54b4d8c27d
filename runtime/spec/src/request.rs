//! What an endpoint wants in a request: the fewest raw columns that its model needs.

use mlinfra_api::{ColumnBase, ColumnType, TableType};
use serde::{Deserialize, Serialize};

/// The columns of a request, in the order of the dataset. Derived when the spec is checked, shown
/// by the plan, and kept in the model's artifact.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequestSchema {
    /// One entry a column.
    pub fields: Vec<RequestField>,
}

/// One column of a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequestField {
    /// The raw column's name.
    pub name: String,
    /// Its type; a nullable one may be left out or `null`.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
}

impl RequestSchema {
    /// The schema that asks for all of these columns.
    pub fn of(table: &TableType) -> Self {
        let field = |c: &mlinfra_api::Column| RequestField {
            name: c.name.clone(),
            column_type: c.column_type,
        };
        RequestSchema {
            fields: table.columns.iter().map(field).collect(),
        }
    }

    /// The body of a request with every column, as JSON in the order of the schema. `known` gives a
    /// column's value as JSON; where it gives none, a placeholder of the right type stands.
    pub fn example(&self, known: &dyn Fn(&RequestField) -> Option<String>) -> String {
        let entry = |field: &RequestField| {
            let value = known(field).unwrap_or_else(|| placeholder(field.column_type.base).into());
            format!("{}: {value}", serde_json::Value::from(field.name.as_str()))
        };
        let entries: Vec<String> = self.fields.iter().map(entry).collect();
        format!("{{{}}}", entries.join(", "))
    }
}

/// A value of this type that is of no one, as JSON.
fn placeholder(base: ColumnBase) -> &'static str {
    match base {
        ColumnBase::Int => "1",
        ColumnBase::Float => "1.0",
        ColumnBase::Bool => "true",
        ColumnBase::Date => "\"2026-01-01\"",
        ColumnBase::String | ColumnBase::Category => "\"A\"",
    }
}
