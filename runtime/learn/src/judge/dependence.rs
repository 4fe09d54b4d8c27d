//! Partial dependence: Friedman, "Greedy function approximation: a gradient boosting machine"
//! (Annals of Statistics 29, 2001), with how far single rows lie around the mean.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use mlinfra_api::Column;
use mlinfra_runtime_spec::evaluation::{DependencePoint, PartialDependence};
use mlinfra_runtime_spec::profile::{CATEGORIES_MAX, CATEGORY_ROWS_MIN, PRESENT_CELLS_MIN};

use super::cells::{Explained, number_column, numbers, taken, texts};
use super::interval::percentile;
use crate::fault::LearnFault;

/// The most points along a number.
const POINTS_MAX: f64 = 20.0;

/// What the model would answer on average if every row had one and the same value in a column, for
/// several values of it: round numbers from the 5th to the 95th percentile, or each category. None
/// lies beyond the fifth smallest or the fifth largest number.
///
/// Categories of fewer than five rows are joined as `other`: there, the rows take turns in having
/// each of them.
pub fn partial_dependence(
    model: &Explained<'_>,
    feature: &Column,
) -> Result<PartialDependence, LearnFault> {
    let points = match numbers(model.data, feature)? {
        Some(cells) => along_numbers(model, feature, &cells)?,
        None => over_categories(model, feature)?,
    };
    Ok(PartialDependence {
        feature: feature.name.clone(),
        points,
    })
}

fn along_numbers(
    model: &Explained<'_>,
    feature: &Column,
    cells: &[Option<f64>],
) -> Result<Vec<DependencePoint>, LearnFault> {
    let like = model.column(&feature.name)?.data_type().clone();
    let mut sorted: Vec<f64> = cells.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let mut points = Vec::new();
    for at in grid(&sorted, like.is_integer()) {
        points.push(DependencePoint {
            at: Some(at),
            ..asked_numbers(model, feature, Some(at), &like)?
        });
    }
    if (cells.len() - sorted.len()) as u64 >= CATEGORY_ROWS_MIN {
        points.push(asked_numbers(model, feature, None, &like)?);
    }
    Ok(points)
}

fn asked_numbers(
    model: &Explained<'_>,
    feature: &Column,
    at: Option<f64>,
    like: &DataType,
) -> Result<DependencePoint, LearnFault> {
    let column = number_column(vec![at; model.data.num_rows()], like)?;
    let name = at.map_or_else(|| MISSING.to_owned(), |at| at.to_string());
    Ok(point(name, model.with(&feature.name, column)?))
}

const MISSING: &str = "missing";

fn over_categories(
    model: &Explained<'_>,
    feature: &Column,
) -> Result<Vec<DependencePoint>, LearnFault> {
    let column = model.column(&feature.name)?;
    let mut rows_of: BTreeMap<Option<String>, Vec<u32>> = BTreeMap::new();
    for (row, text) in texts(model.data, feature)?.into_iter().enumerate() {
        rows_of.entry(text).or_default().push(row as u32);
    }
    let missing = rows_of.remove(&None).unwrap_or_default();
    let mut named: Vec<(String, Vec<u32>)> = rows_of
        .into_iter()
        .map(|(text, rows)| (text.unwrap_or_default(), rows))
        .collect();
    // The most frequent ones keep their names, and stand in the order of these.
    named.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    let large = |(_, rows): &&(String, Vec<u32>)| rows.len() as u64 >= CATEGORY_ROWS_MIN;
    let kept = named.iter().take(CATEGORIES_MAX).filter(large).count();
    let rest = named.split_off(kept);
    named.sort();
    let mut other: Vec<u32> = rest.into_iter().flat_map(|(_, rows)| rows).collect();
    other.sort_unstable();
    named.push(("other".to_owned(), other));
    named.push((MISSING.to_owned(), missing));
    let mut points = Vec::new();
    for (name, donors) in named {
        if (donors.len() as u64) < CATEGORY_ROWS_MIN {
            continue;
        }
        let donor = |row| donors[row % donors.len()];
        let places = (0..model.data.num_rows()).map(donor).collect();
        let answers = model.with(&feature.name, taken(column, places)?)?;
        points.push(point(name, answers));
    }
    Ok(points)
}

fn point(name: String, mut answers: Vec<f64>) -> DependencePoint {
    let mean = answers.iter().sum::<f64>() / answers.len() as f64;
    answers.sort_by(f64::total_cmp);
    DependencePoint {
        at: None,
        name,
        mean,
        low: percentile(&answers, 0.1),
        high: percentile(&answers, 0.9),
    }
}

/// Round numbers between the 5th and the 95th percentile: multiples of 1, 2 or 5 times a power of
/// ten, at most [`POINTS_MAX`]. Where nearly all cells are equal, up to the outermost numbers that
/// at least [`PRESENT_CELLS_MIN`] rows reach, and never beyond these: of few cells, the percentiles
/// would be somebody's own. Empty where no number has so many rows on either side.
fn grid(sorted: &[f64], whole: bool) -> Vec<f64> {
    let edge = PRESENT_CELLS_MIN as usize - 1;
    if sorted.len() <= 2 * edge {
        return Vec::new();
    }
    let (fifth, fifth_last) = (sorted[edge], sorted[sorted.len() - 1 - edge]);
    let (mut low, mut high) = (percentile(sorted, 0.05), percentile(sorted, 0.95));
    if low == high {
        (low, high) = (fifth, fifth_last);
    }
    (low, high) = (low.max(fifth), high.min(fifth_last));
    if low == high {
        return vec![rounded(low)];
    }
    let finest = ((high - low) / POINTS_MAX).log10().floor() as i32;
    let mut power = if whole { finest.max(0) } else { finest };
    loop {
        for factor in [1.0, 2.0, 5.0] {
            // Dividing by a power of ten is exact to the last digit, multiplying by 0.1 is not.
            let at = |step: f64| match power {
                0.. => step * factor * 10_f64.powi(power),
                _ => step * factor / 10_f64.powi(-power),
            };
            let (first, last) = ((low / at(1.0)).ceil(), (high / at(1.0)).floor());
            let count = last - first + 1.0;
            if count <= POINTS_MAX {
                let points = (0..count.max(0.0) as u64).map(|step| at(first + step as f64) + 0.0);
                let points: Vec<f64> = points.collect();
                return match points.is_empty() {
                    true => vec![rounded(low)],
                    false => points,
                };
            }
        }
        power += 1;
    }
}

/// To two digits.
fn rounded(number: f64) -> f64 {
    if number == 0.0 {
        return 0.0;
    }
    let power = number.abs().log10().floor() as i32 - 1;
    match power {
        0.. => (number / 10_f64.powi(power)).round() * 10_f64.powi(power),
        _ => (number * 10_f64.powi(-power)).round() / 10_f64.powi(-power),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_round_and_inside() {
        let numbers = |from: i32, to: i32, by: f64| -> Vec<f64> {
            (from..=to).map(|n| f64::from(n) * by).collect()
        };
        assert_eq!(grid(&numbers(1, 12, 1.0), true), [5.0, 6.0, 7.0, 8.0]);
        assert_eq!(grid(&numbers(4, 72, 1.0), true).first(), Some(&10.0));
        let amounts = grid(&numbers(250, 18_424, 1.0), true);
        assert_eq!((amounts[0], amounts[1]), (2000.0, 3000.0));
        assert_eq!(amounts.len(), 16);
        let shares = grid(&numbers(0, 1000, 0.001_234_5), false);
        assert!(
            shares.iter().all(|at| at.to_string().len() <= 4),
            "{shares:?}"
        );
        assert_eq!(grid(&[4567.0; 30], true), [4600.0]);
        for count in 0..9 {
            let few = grid(&numbers(1, count, 1.0), true);
            assert_eq!(few, Vec::<f64>::new(), "{count} cells");
        }
        let mut outer = [100.0; 40];
        (outer[0], outer[1]) = (3.0, 7.0);
        (outer[38], outer[39]) = (777.0, 999.0);
        assert_eq!(grid(&outer, true), [100.0], "two of forty are more than 5%");
        let mut mostly = vec![0.0; 990];
        mostly.extend([7.0; 6]);
        mostly.extend([99_999.0; 4]);
        assert_eq!(
            grid(&mostly, true),
            [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
        );
        let wide = grid(&numbers(-1000, 1000, 1e300), false);
        assert!(wide.len() > 5 && wide.iter().all(|at| at.is_finite()));
        let odd = grid(&numbers(1, 100, 1e-9), false);
        assert!(
            odd.len() > 5 && odd.windows(2).all(|pair| pair[0] < pair[1]),
            "{odd:?}"
        );
    }
}
