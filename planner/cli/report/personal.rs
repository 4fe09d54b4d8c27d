//! Categories of columns about people get numbers in place of their names: no page names a cell.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::Reference;
use mlinfra_check::{ModelType, Program};
use mlinfra_runtime_spec::evaluation::Evaluation;
use mlinfra_runtime_spec::profile::{Spread, TableProfile};

/// The class that every class about people implies.
const PERSONAL: &str = "personal";

/// The columns about people among those that a model learned from.
pub(crate) fn features(model: &ModelType) -> BTreeSet<&str> {
    let columns = model.features.columns.iter();
    let personal = columns.filter(|column| column.classes.contains(PERSONAL));
    personal.map(|column| column.name.as_str()).collect()
}

/// The columns about people of a table of the spec.
pub(super) fn columns<'p>(program: &'p Program, table: &Reference) -> BTreeSet<&'p str> {
    let flows = program.flow.iter().filter(|flow| flow.table == *table);
    let columns = flows.flat_map(|flow| &flow.columns);
    let personal = columns.filter(|column| column.classes.contains(PERSONAL));
    personal.map(|column| column.name.as_str()).collect()
}

/// Numbers the categories of these columns where predictions are shown by value. The groups by
/// which the spec itself asks to judge keep their names.
pub(super) fn hide_in_evaluation(evaluation: &mut Evaluation, personal: &BTreeSet<&str>) {
    for shown in &mut evaluation.partial_dependence {
        if !personal.contains(shown.feature.as_str()) {
            continue;
        }
        let categories = shown.points.iter_mut().filter(|point| point.at.is_none());
        let named = categories.filter(|point| point.name != "other");
        for (place, point) in named.enumerate() {
            point.name = numbered(place);
        }
    }
}

/// Numbers the categories of these columns in the profile of a table.
pub(super) fn hide_in_profile(profile: &mut TableProfile, personal: &BTreeSet<&str>) {
    for column in &mut profile.columns {
        if let Spread::Categories { counts, .. } = &mut column.spread
            && personal.contains(column.name.as_str())
        {
            let rows = std::mem::take(counts).into_values().enumerate();
            *counts = rows
                .map(|(place, rows)| (numbered(place), rows))
                .collect::<BTreeMap<_, _>>();
        }
    }
}

/// Two digits, so that the order of the names is that of the numbers: a profile names at most 50.
fn numbered(place: usize) -> String {
    format!("category {:02}", place + 1)
}

#[cfg(test)]
mod tests {
    use mlinfra_api::{ColumnBase, ColumnType};
    use mlinfra_runtime_spec::evaluation::{DependencePoint, PartialDependence};
    use mlinfra_runtime_spec::profile::ColumnProfile;

    use super::*;

    #[test]
    fn what_is_about_people_is_numbered_and_the_rest_keeps_its_names() {
        let spread = || Spread::Categories {
            counts: BTreeMap::from([("A61".to_owned(), 7), ("A62".to_owned(), 5)]),
            other: 3,
        };
        let column = |name: &str| ColumnProfile {
            name: name.to_owned(),
            column_type: ColumnType {
                base: ColumnBase::Category,
                nullable: false,
            },
            missing: 0,
            spread: spread(),
        };
        let mut profile = TableProfile {
            rows: 15,
            columns: vec![column("savings"), column("purpose")],
            ..TableProfile::default()
        };
        let personal = BTreeSet::from(["savings"]);
        hide_in_profile(&mut profile, &personal);
        let Spread::Categories { counts, other } = &profile.columns[0].spread else {
            panic!("it is another spread now");
        };
        let numbered =
            BTreeMap::from([("category 01".to_owned(), 7), ("category 02".to_owned(), 5)]);
        assert_eq!((counts, *other), (&numbered, 3));
        assert_eq!(profile.columns[1].spread, spread());

        let point = |name: &str, at: Option<f64>| DependencePoint {
            at,
            name: name.to_owned(),
            ..DependencePoint::default()
        };
        let shown = |feature: &str| PartialDependence {
            feature: feature.to_owned(),
            points: vec![
                point("A61", None),
                point("20", Some(20.0)),
                point("other", None),
            ],
        };
        let mut evaluation = Evaluation {
            partial_dependence: vec![shown("savings"), shown("purpose")],
            ..Evaluation::default()
        };
        hide_in_evaluation(&mut evaluation, &personal);
        let names = |place: usize| -> Vec<&str> {
            let points = evaluation.partial_dependence[place].points.iter();
            points.map(|point| point.name.as_str()).collect()
        };
        assert_eq!(names(0), ["category 01", "20", "other"]);
        assert_eq!(names(1), ["A61", "20", "other"]);
    }
}
