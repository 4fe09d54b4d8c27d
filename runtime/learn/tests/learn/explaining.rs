//! Importance, dependence and local explanations against models whose answers are known in closed
//! form.

use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Float64Type, Int64Type};
use mlinfra_api::{ColumnBase, TableType};
use mlinfra_learn::LearnFault;
use mlinfra_learn::judge::Explained;
use mlinfra_learn::judge::dependence::partial_dependence;
use mlinfra_learn::judge::importance::{Score, importance};
use mlinfra_learn::judge::lime::{SAMPLES, lime};
use mlinfra_learn::stream::Stream;

use crate::support::{column, table};

/// What the linear model learned of `x1`, `x2` and `x3`.
const SLOPES: [(&str, f64); 3] = [("x1", 3.0), ("x2", 1.0), ("x3", 0.0)];

/// Three independent columns with standard deviations of about 1, 2 and 1.
fn normals(rows: usize) -> (RecordBatch, TableType) {
    let mut draws = Stream::new(1, "normals").at(0);
    let mut drawn = |scale: f64| -> Float64Array {
        (0..rows)
            .map(|_| Some(10.0 + scale * draws.normal()))
            .collect()
    };
    let data = table(vec![
        ("x1", Arc::new(drawn(1.0))),
        ("x2", Arc::new(drawn(2.0))),
        ("x3", Arc::new(drawn(1.0))),
    ]);
    let columns = SLOPES.map(|(name, _)| column(name, ColumnBase::Float, false));
    (
        data,
        TableType {
            columns: columns.into(),
        },
    )
}

fn linear(data: &RecordBatch) -> Result<Vec<f64>, LearnFault> {
    let row = |row| {
        let term = |(name, slope): (&str, f64)| {
            slope * data[name].as_primitive::<Float64Type>().value(row)
        };
        SLOPES.map(term).iter().sum()
    };
    Ok((0..data.num_rows()).map(row).collect())
}

/// The variance of a column, by the count of its rows.
fn variance(data: &RecordBatch, name: &str) -> f64 {
    let cells = data[name].as_primitive::<Float64Type>().values();
    let mean = cells.iter().sum::<f64>() / cells.len() as f64;
    cells.iter().map(|cell| (cell - mean).powi(2)).sum::<f64>() / cells.len() as f64
}

#[test]
fn shuffling_a_column_of_a_linear_model_costs_twice_its_share_of_the_variance() {
    let (data, features) = normals(4000);
    let truth = linear(&data).unwrap();
    let error = |answers: &[f64]| {
        let squares = answers.iter().zip(&truth).map(|(a, b)| (a - b).powi(2));
        -squares.sum::<f64>() / truth.len() as f64
    };
    let model = Explained {
        predict: &linear,
        data: &data,
        features: &features,
        seed: 3,
    };
    let score = Score {
        name: "mse",
        of: &error,
    };
    let mut begun = Vec::new();
    let found = importance(&model, &score, &mut |place| begun.push(place)).unwrap();
    assert_eq!(
        (found.score, found.measure.as_str(), begun),
        (0.0, "mse", vec![0, 1, 2])
    );
    let names: Vec<&str> = found
        .features
        .iter()
        .map(|one| one.feature.as_str())
        .collect();
    assert_eq!(names, ["x1", "x2", "x3"]);
    for (one, (name, slope)) in found.features.iter().zip(SLOPES) {
        let exact = 2.0 * slope * slope * variance(&data, name);
        assert!(
            (one.mean - exact).abs() <= 0.03 * exact,
            "{name}: {} {exact}",
            one.mean
        );
        assert!(one.standard_deviation <= 0.05 * exact);
    }
    let again = importance(&model, &score, &mut |_| {}).unwrap();
    assert_eq!(again, found);
    // A column's own stream: leaving another one out changes nothing here.
    let fewer = TableType {
        columns: features.columns[1..].to_vec(),
    };
    let model = Explained {
        features: &fewer,
        ..model
    };
    let part = importance(&model, &score, &mut |_| {}).unwrap();
    assert_eq!(part.features[..], found.features[1..]);
}

#[test]
fn the_dependence_of_a_linear_model_is_a_line_and_its_rows_are_parallel() {
    let (data, features) = normals(500);
    let model = Explained {
        predict: &linear,
        data: &data,
        features: &features,
        seed: 3,
    };
    for (feature, (name, slope)) in features.columns.iter().zip(SLOPES) {
        let found = partial_dependence(&model, feature).unwrap();
        assert!(found.feature == name && found.points.len() > 5);
        let cells = data[name].as_primitive::<Float64Type>().values();
        for pair in found.points.windows(2) {
            let run = pair[1].at.unwrap() - pair[0].at.unwrap();
            for rise in [
                pair[1].mean - pair[0].mean,
                pair[1].low - pair[0].low,
                pair[1].high - pair[0].high,
            ] {
                assert!(
                    (rise / run - slope).abs() < 1e-9,
                    "{name}: {rise} over {run}"
                );
            }
            let at = pair[0].at.unwrap();
            assert!(!cells.contains(&at) && pair[0].name == at.to_string());
            assert!(pair[0].low < pair[0].mean && pair[0].mean < pair[0].high);
        }
    }
}

#[test]
fn around_any_row_of_a_linear_model_its_slopes_are_found_in_standard_deviations() {
    let (data, features) = normals(1000);
    let model = Explained {
        predict: &linear,
        data: &data,
        features: &features,
        seed: 3,
    };
    let found = lime(&model, &[("one", 17), ("two", 900)], &mut |_| {}).unwrap();
    assert_eq!((found.samples as usize, found.seed), (SAMPLES, 3));
    let answers = linear(&data).unwrap();
    for (case, row) in found.cases.iter().zip([17, 900]) {
        assert!(case.r_squared > 0.999, "{}", case.r_squared);
        assert!((case.prediction - answers[row]).abs() <= 0.0005 + 1e-12);
        let all = case.weights.iter().map(|one| one.weight);
        for number in all.chain([case.prediction, case.local_prediction, case.intercept]) {
            let thousandths = number * 1e3;
            assert!((thousandths - thousandths.round()).abs() < 1e-9, "{number}");
        }
        assert!((case.local_prediction - case.prediction).abs() < 0.05);
        assert!(case.instability < 0.005, "{}", case.instability);
        assert_eq!(case.weights[2].feature, "x3");
        for (name, slope) in SLOPES {
            let of =
                |weight: &&mlinfra_runtime_spec::evaluation::LimeWeight| weight.feature == name;
            let weight = case.weights.iter().find(of).unwrap().weight;
            let exact = slope * variance(&data, name).sqrt();
            assert!(
                (weight - exact).abs() < 0.01 * exact.max(0.5),
                "{name}: {weight} {exact}"
            );
        }
    }
    assert_eq!(
        lime(&model, &[("one", 17)], &mut |_| {}).unwrap().cases[0],
        found.cases[0]
    );
}

/// A town (one of them rare), a missing or whole number, and a flag.
fn kinds() -> (RecordBatch, TableType) {
    let town = |row: usize| match row % 100 {
        0 => "zqmarkerqz",
        at => ["a", "b", "c"][at % 3],
    };
    let size = |row: usize| (!row.is_multiple_of(4)).then_some((row % 7) as i64);
    let data = table(vec![
        (
            "town",
            Arc::new(StringArray::from_iter_values((0..300).map(town))),
        ),
        ("size", Arc::new((0..300).map(size).collect::<Int64Array>())),
        (
            "flag",
            Arc::new(
                (0..300)
                    .map(|row| Some(row % 5 < 2))
                    .collect::<BooleanArray>(),
            ),
        ),
    ]);
    let columns = vec![
        column("town", ColumnBase::Category, false),
        column("size", ColumnBase::Int, true),
        column("flag", ColumnBase::Bool, false),
    ];
    (data, TableType { columns })
}

/// 2 in town `b` and 9 in the rare one, half the size or 5 without one, minus 1 with the flag.
fn odd(data: &RecordBatch) -> Result<Vec<f64>, LearnFault> {
    let sizes = data["size"].as_primitive::<Int64Type>();
    let row = |row: usize| {
        let town = match data["town"].as_string::<i32>().value(row) {
            "b" => 2.0,
            "zqmarkerqz" => 9.0,
            _ => 0.0,
        };
        let size = match sizes.iter().nth(row).unwrap() {
            Some(size) => size as f64 / 2.0,
            None => 5.0,
        };
        town + size - f64::from(u8::from(data["flag"].as_boolean().value(row)))
    };
    Ok((0..data.num_rows()).map(row).collect())
}

#[test]
fn categories_flags_and_missing_cells_are_points_of_their_own_and_rare_ones_have_no_name() {
    let (data, features) = kinds();
    let model = Explained {
        predict: &odd,
        data: &data,
        features: &features,
        seed: 0,
    };
    let points = |at: usize| {
        let found = partial_dependence(&model, &features.columns[at]).unwrap();
        let named = found
            .points
            .into_iter()
            .map(|point| (point.name, point.mean));
        named.collect::<Vec<_>>()
    };
    let towns = points(0);
    let names: Vec<&str> = towns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["a", "b", "c"],
        "three rows of the rare town are too few for a point"
    );
    assert!((towns[1].1 - towns[0].1 - 2.0).abs() < 1e-9);
    assert!((towns[2].1 - towns[0].1).abs() < 1e-9);
    let sizes = points(1);
    let names: Vec<&str> = sizes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["0", "1", "2", "3", "4", "5", "6", "missing"]);
    assert!((sizes[6].1 - sizes[0].1 - 3.0).abs() < 1e-9);
    assert!((sizes[7].1 - sizes[0].1 - 5.0).abs() < 1e-9);
    let flags = points(2);
    assert_eq!(
        (flags[0].0.as_str(), flags[1].0.as_str()),
        ("false", "true")
    );
    assert!((flags[1].1 - flags[0].1 + 1.0).abs() < 1e-9);
}

#[test]
fn around_a_row_its_own_category_and_its_own_missing_cell_have_weights() {
    let (data, features) = kinds();
    let model = Explained {
        predict: &odd,
        data: &data,
        features: &features,
        seed: 0,
    };
    // Row 28 is in town b without a size, row 1 in town b with one.
    let found = lime(&model, &[("without", 28), ("with", 1)], &mut |_| {}).unwrap();
    let weight = |case: usize, name: &str| {
        let weights = &found.cases[case].weights;
        weights
            .iter()
            .find(|one| one.feature == name)
            .unwrap()
            .weight
    };
    // Three of a hundred others are in the rare town: 2 - 9 * 0.01 / 0.67 or so.
    assert!((weight(0, "town") - 1.87).abs() < 0.1, "{found:?}");
    assert!((weight(0, "size") - 3.5).abs() < 0.1, "{found:?}");
    assert!((weight(1, "flag") + 1.0).abs() < 0.01, "{found:?}");
    // Half of the standard deviation of 0 to 6.
    assert!((weight(1, "size") - 1.0).abs() < 0.03, "{found:?}");
    for case in &found.cases {
        assert!(
            (case.local_prediction - case.prediction).abs() < 0.1,
            "{case:?}"
        );
    }
    // With a size all that it adds is a line; without one, it is there or not.
    assert!(
        found.cases[1].r_squared > 0.999 && found.cases[0].r_squared > 0.7,
        "{found:?}"
    );
    let bytes = format!("{found:?}");
    assert!(!bytes.contains("zqmarkerqz"));
}

#[test]
fn more_features_than_can_be_explained_are_refused() {
    let names: Vec<String> = (0..501).map(|place| format!("x{place}")).collect();
    let cells = |_: &String| Arc::new(Int64Array::from(vec![1, 2])) as arrow::array::ArrayRef;
    let data = table(
        names
            .iter()
            .map(|name| (name.as_str(), cells(name)))
            .collect(),
    );
    let columns = names
        .iter()
        .map(|name| column(name, ColumnBase::Int, false));
    let features = TableType {
        columns: columns.collect(),
    };
    let constant = |data: &RecordBatch| Ok(vec![0.5; data.num_rows()]);
    let model = Explained {
        predict: &constant,
        data: &data,
        features: &features,
        seed: 0,
    };
    let fault = lime(&model, &[("one", 0)], &mut |_| {}).unwrap_err();
    assert_eq!(fault.code, "E0661");
    assert!(fault.message.contains("500"), "{fault}");
}
