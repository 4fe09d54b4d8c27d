//! A request to try an endpoint with: typical of what its model was trained on, and of no one.

use std::collections::BTreeSet;

use mlinfra_api::{ColumnBase, ResourceState, Value};
use mlinfra_check::Program;
use mlinfra_runtime_spec::profile::{ColumnProfile, PROFILE_OBJECT, Spread, TableProfile};
use mlinfra_runtime_spec::{RequestField, RequestSchema, stored};

use crate::report::personal;
use crate::session::Session;

/// The body of a request to this endpoint: for each column the mean or the most frequent category
/// in training; a placeholder for a category of a column about people. None if that is not known;
/// the endpoint's own example has placeholders then.
pub(crate) fn request(
    state: &ResourceState,
    program: &Program,
    session: &Session,
) -> Option<String> {
    let model = state.resource.properties.get("model")?.as_record()?;
    let schema: RequestSchema = serde_json::from_str(model.get("request")?.as_text()?).ok()?;
    let key = model.get("model")?.as_text()?;
    let trained = session
        .store
        .snapshot()
        .resources
        .values()
        .find(|state| state.resource.identity.as_deref() == Some(key))?;
    let profile = session.local.object(trained, PROFILE_OBJECT).ok()??;
    // One of another format says as little as none.
    let profile: TableProfile = stored::read(&profile).ok()?;
    let fitted = program.block(&trained.resource.address);
    let fitted = fitted.and_then(|block| block.step.as_ref()?.model.as_ref());
    let personal = fitted.map(personal::features).unwrap_or_default();
    Some(body(&schema, &profile, &personal))
}

fn body(schema: &RequestSchema, profile: &TableProfile, personal: &BTreeSet<&str>) -> String {
    schema.example(&|field| {
        // A category of a column about people is a cell of somebody, however many share it.
        let is_category = field.column_type.base == ColumnBase::Category;
        if is_category && personal.contains(field.name.as_str()) {
            return None;
        }
        let column = profile.columns.iter().find(|c| c.name == field.name)?;
        typical(field, column)
    })
}

/// A typical value, as JSON; none if a column of this name holds something else by then.
fn typical(field: &RequestField, column: &ColumnProfile) -> Option<String> {
    match (&column.spread, field.column_type.base) {
        (Spread::Numbers { mean, .. }, ColumnBase::Int) => Some(format!("{:.0}", mean.round())),
        (Spread::Numbers { mean, .. }, ColumnBase::Float) => Some(format!("{mean:?}")),
        (Spread::Flags { yes, no }, ColumnBase::Bool) => Some((yes >= no).to_string()),
        (Spread::Categories { counts, .. }, ColumnBase::Category) => {
            // Of several that are as frequent, the first by name.
            let most = counts.values().max()?;
            let (name, _) = counts.iter().find(|(_, count)| *count == most)?;
            Some(serde_json::Value::from(name.as_str()).to_string())
        }
        _ => None,
    }
}

/// Whether this resource answers requests.
pub(crate) fn is_asked(state: &ResourceState) -> bool {
    matches!(state.outputs.get("example"), Some(Value::String(_)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mlinfra_api::ColumnType;

    use super::*;

    fn column(name: &str, base: ColumnBase) -> (RequestField, ColumnType) {
        let column_type = ColumnType {
            base,
            nullable: false,
        };
        let field = RequestField {
            name: name.to_owned(),
            column_type,
        };
        (field, column_type)
    }

    #[test]
    fn it_is_typical_where_that_is_known_and_of_the_right_type_elsewhere() {
        let known = [
            (
                column("age", ColumnBase::Int),
                Spread::Numbers {
                    mean: 35.5,
                    standard_deviation: 11.0,
                    edges: Vec::new(),
                    counts: vec![100],
                },
            ),
            (
                column("job", ColumnBase::Category),
                Spread::Categories {
                    counts: BTreeMap::from([("b \"x\"".to_owned(), 7), ("c".to_owned(), 7)]),
                    other: 90,
                },
            ),
            (column("text", ColumnBase::String), Spread::Hidden),
        ];
        let fields = known.iter().map(|((field, _), _)| field.clone());
        let schema = RequestSchema {
            fields: fields
                .chain([column("member", ColumnBase::Bool).0])
                .collect(),
        };
        let columns = known.map(|((field, column_type), spread)| ColumnProfile {
            name: field.name,
            column_type,
            missing: 0,
            spread,
        });
        let profile = TableProfile {
            rows: 104,
            columns: columns.into(),
            ..TableProfile::default()
        };
        assert_eq!(
            body(&schema, &profile, &BTreeSet::new()),
            r#"{"age": 36, "job": "b \"x\"", "text": "A", "member": true}"#
        );
        assert_eq!(
            body(&schema, &profile, &BTreeSet::from(["age", "job"])),
            r#"{"age": 36, "job": "A", "text": "A", "member": true}"#
        );
    }
}
