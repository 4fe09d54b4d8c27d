//! Local explanations: Ribeiro, Singh and Guestrin, "“Why should I trust you?” Explaining the
//! predictions of any classifier" (KDD 2016), for tables.
//!
//! Rows are drawn as the table's columns are spread, each column for itself, and the model is asked
//! about them. Around one row, a weighted linear model of these answers is fitted: numbers count in
//! standard deviations, a category by whether it is the row's own. The weight of a drawn row falls
//! with its distance. Every feature stays in, and none is cut into bins.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use mlinfra_api::Column;
use mlinfra_runtime_spec::evaluation::{Lime, LimeCase, LimeWeight};

use super::cells::{Explained, failed, number_column, numbers, taken, texts};
use crate::fault::LearnFault;
use crate::stream::{Draws, Stream};

/// Rows drawn around each row.
pub const SAMPLES: usize = 5000;

/// Over so many seeds a weight's standard deviation is taken.
pub const SEEDS: u64 = 10;

/// An explanation whose local R² is lower is unfaithful.
pub const FAITHFUL_FROM: f64 = 0.5;

/// The penalty on the square of each weight.
const ALPHA: f64 = 1.0;

/// Explains these rows of the table, each under its name.
pub fn lime(
    model: &Explained<'_>,
    cases: &[(&str, usize)],
    begin: &mut dyn FnMut(u64),
) -> Result<Lime, LearnFault> {
    let columns: Vec<Spread> = model
        .features
        .columns
        .iter()
        .map(|feature| Spread::of(model, feature))
        .collect::<Result<_, _>>()?;
    let answers = (model.predict)(model.data)?;
    let stream = Stream::new(model.seed, "evaluate.lime");
    let mut fits: Vec<Vec<Fit>> = vec![Vec::new(); cases.len()];
    for seed in 0..SEEDS {
        begin(seed);
        let (drawn, said) = sample(model, &columns, &mut stream.at(seed))?;
        for ((_, row), fits) in cases.iter().zip(&mut fits) {
            fits.push(fit(&columns, &drawn, &said, *row, answers[*row]));
        }
    }
    let explained = cases.iter().zip(&fits);
    Ok(Lime {
        samples: SAMPLES as u32,
        seed: model.seed.cast_signed(),
        faithful_from: FAITHFUL_FROM,
        cases: explained
            .map(|((name, row), fits)| case(model, name, answers[*row], fits))
            .collect(),
    })
}

fn case(model: &Explained<'_>, name: &str, prediction: f64, fits: &[Fit]) -> LimeCase {
    let first = &fits[0];
    let deviation = |place: usize| {
        let count = fits.len() as f64;
        let of = || fits.iter().map(|fit| fit.weights[place]);
        let mean = of().sum::<f64>() / count;
        (of().map(|weight| (weight - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt()
    };
    let features = &model.features.columns;
    let deviations: f64 = (0..features.len()).map(deviation).sum();
    let named = features.iter().zip(&first.weights);
    let mut weights: Vec<LimeWeight> = named
        .map(|(feature, weight)| LimeWeight {
            feature: feature.name.clone(),
            weight: *weight,
        })
        .collect();
    weights.sort_by(|a, b| {
        let by_size = b.weight.abs().total_cmp(&a.weight.abs());
        by_size.then_with(|| a.feature.cmp(&b.feature))
    });
    LimeCase {
        name: name.to_owned(),
        prediction,
        local_prediction: first.local_prediction,
        intercept: first.intercept,
        r_squared: first.r_squared,
        instability: deviations / features.len().max(1) as f64,
        weights,
    }
}

/// How a column's cells are spread, to draw from and to compare with.
enum Spread {
    Numbers {
        cells: Vec<Option<f64>>,
        mean: f64,
        /// 0 of a constant column.
        deviation: f64,
        range: (f64, f64),
        whole: bool,
        like: ArrayRef,
    },
    /// Each cell as the number of its text.
    Choices { codes: Vec<u32>, column: ArrayRef },
}

/// A drawn column: as the local model sees it.
enum Drawn {
    /// In standard deviations; none where it is missing.
    Numbers(Vec<Option<f64>>),
    Choices(Vec<u32>),
}

impl Spread {
    fn of(model: &Explained<'_>, feature: &Column) -> Result<Self, LearnFault> {
        let column = model.column(&feature.name)?.clone();
        let Some(cells) = numbers(model.data, feature)? else {
            let mut known: BTreeMap<Option<String>, u32> = BTreeMap::new();
            let mut codes = Vec::with_capacity(model.data.num_rows());
            for text in texts(model.data, feature)? {
                let next = known.len() as u32;
                codes.push(*known.entry(text).or_insert(next));
            }
            return Ok(Spread::Choices { codes, column });
        };
        let present = || cells.iter().flatten();
        let count = present().count().max(1) as f64;
        let mean = present().sum::<f64>() / count;
        let square: f64 = present().map(|cell| (cell - mean).powi(2)).sum();
        let deviation = (square / count).sqrt();
        let constant = deviation <= mean.abs() * 1e-12 || !deviation.is_finite();
        let low = present().copied().fold(f64::INFINITY, f64::min);
        let high = present().copied().fold(f64::NEG_INFINITY, f64::max);
        Ok(Spread::Numbers {
            mean,
            deviation: if constant { 0.0 } else { deviation },
            range: (low, high),
            whole: column.data_type().is_integer(),
            like: column,
            cells,
        })
    }

    /// Draws the cells of new rows, as a column and as the local model sees them.
    fn draw(&self, draws: &mut Draws) -> Result<(ArrayRef, Drawn), LearnFault> {
        match self {
            Spread::Choices { codes, column } => {
                let rows = codes.len() as u32;
                let places: Vec<u32> = (0..SAMPLES).map(|_| draws.below(rows)).collect();
                let drawn = places.iter().map(|place| codes[*place as usize]).collect();
                Ok((taken(column, places)?, Drawn::Choices(drawn)))
            }
            Spread::Numbers {
                cells,
                mean,
                deviation,
                range,
                whole,
                like,
            } => {
                let has_missing = cells.iter().any(Option::is_none);
                let mut cell = || {
                    let missing =
                        has_missing && cells[draws.below(cells.len() as u32) as usize].is_none();
                    let number = mean + deviation * draws.normal();
                    // Beyond what there is, the model was never asked to be right.
                    let number = number.max(range.0).min(range.1);
                    let number = if *whole { number.round() } else { number };
                    (!missing).then_some(number)
                };
                let numbers: Vec<Option<f64>> = (0..SAMPLES).map(|_| cell()).collect();
                let scaled = numbers.iter().map(|number| number.map(|n| self.scaled(n)));
                let drawn = Drawn::Numbers(scaled.collect());
                Ok((number_column(numbers, like.data_type())?, drawn))
            }
        }
    }

    fn scaled(&self, number: f64) -> f64 {
        match self {
            Spread::Numbers {
                mean, deviation, ..
            } if *deviation > 0.0 => (number - mean) / deviation,
            _ => 0.0,
        }
    }

    /// The row's own cell, as the local model sees it.
    fn own(&self, row: usize) -> f64 {
        match self {
            Spread::Numbers { cells, .. } => cells[row].map_or(1.0, |cell| self.scaled(cell)),
            Spread::Choices { .. } => 1.0,
        }
    }

    /// A drawn column as the local model around this row sees it: whether the cell is the row's
    /// own, and of a number that the row has, the number (0, its mean, where it is missing).
    fn seen_from(&self, row: usize, drawn: &Drawn) -> Vec<f64> {
        let flag = |is: bool| f64::from(u8::from(is));
        match (self, drawn) {
            (Spread::Choices { codes, .. }, Drawn::Choices(drawn)) => {
                drawn.iter().map(|code| flag(*code == codes[row])).collect()
            }
            (Spread::Numbers { cells, .. }, Drawn::Numbers(drawn)) => match cells[row] {
                Some(_) => drawn.iter().map(|number| number.unwrap_or(0.0)).collect(),
                None => drawn.iter().map(|number| flag(number.is_none())).collect(),
            },
            _ => unreachable!("a column is drawn as what it is"),
        }
    }
}

/// New rows, and what the model says of them.
fn sample(
    model: &Explained<'_>,
    columns: &[Spread],
    draws: &mut Draws,
) -> Result<(Vec<Drawn>, Vec<f64>), LearnFault> {
    let (mut fields, mut arrays, mut drawn) = (Vec::new(), Vec::new(), Vec::new());
    for (feature, spread) in model.features.columns.iter().zip(columns) {
        let (array, seen) = spread.draw(draws)?;
        fields.push(Field::new(&feature.name, array.data_type().clone(), true));
        arrays.push(array);
        drawn.push(seen);
    }
    let schema = std::sync::Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema, arrays).map_err(|_| failed())?;
    Ok((drawn, (model.predict)(&batch)?))
}

/// A local linear model.
#[derive(Clone)]
struct Fit {
    weights: Vec<f64>,
    intercept: f64,
    local_prediction: f64,
    r_squared: f64,
}

fn fit(columns: &[Spread], drawn: &[Drawn], said: &[f64], row: usize, answer: f64) -> Fit {
    let own: Vec<f64> = columns.iter().map(|column| column.own(row)).collect();
    let mut inputs: Vec<Vec<f64>> = columns
        .iter()
        .zip(drawn)
        .map(|(column, drawn)| column.seen_from(row, drawn))
        .collect();
    // The row itself is one of the samples, at no distance.
    for (input, own) in inputs.iter_mut().zip(&own) {
        input.push(*own);
    }
    let answers: Vec<f64> = said.iter().copied().chain([answer]).collect();
    let width = 0.75 * (columns.len() as f64).sqrt();
    let kernel = |sample: usize| {
        let apart = inputs
            .iter()
            .zip(&own)
            .map(|(input, own)| (input[sample] - own).powi(2));
        (-apart.sum::<f64>() / (width * width)).exp().sqrt()
    };
    let kernels: Vec<f64> = (0..answers.len()).map(kernel).collect();
    let (weights, intercept, r_squared) = ridge(&inputs, &answers, &kernels);
    let moved: f64 = weights
        .iter()
        .zip(&own)
        .map(|(weight, own)| weight * own)
        .sum();
    Fit {
        local_prediction: intercept + moved,
        weights,
        intercept,
        r_squared,
    }
}

/// Weighted linear regression with a penalty of [`ALPHA`] on squared weights and none on the
/// constant: Hoerl and Kennard, "Ridge regression" (Technometrics 12, 1970). Gives the weights, the
/// constant, and the weighted R². `inputs` are columns; all sums are taken in row order.
fn ridge(inputs: &[Vec<f64>], answers: &[f64], kernels: &[f64]) -> (Vec<f64>, f64, f64) {
    let total: f64 = kernels.iter().sum();
    let mean = |values: &[f64]| {
        let weighted = values
            .iter()
            .zip(kernels)
            .map(|(value, kernel)| value * kernel);
        weighted.sum::<f64>() / total
    };
    let means: Vec<f64> = inputs.iter().map(|input| mean(input)).collect();
    let answer_mean = mean(answers);
    let centered: Vec<Vec<f64>> = inputs
        .iter()
        .zip(&means)
        .map(|(input, mean)| input.iter().map(|value| value - mean).collect())
        .collect();
    let product = |a: &[f64], b: &dyn Fn(usize) -> f64| -> f64 {
        let rows = a.iter().zip(kernels).enumerate();
        rows.map(|(row, (value, kernel))| value * kernel * b(row))
            .sum()
    };
    let size = inputs.len();
    let mut matrix = vec![vec![0.0; size]; size];
    let mut right = vec![0.0; size];
    for a in 0..size {
        for b in 0..=a {
            let column = &centered[b];
            matrix[a][b] = product(&centered[a], &|row| column[row]);
        }
        matrix[a][a] += ALPHA;
        right[a] = product(&centered[a], &|row| answers[row] - answer_mean);
    }
    let weights = solve(matrix, right);
    let moved = |row: usize| -> f64 {
        let terms = centered.iter().zip(&weights);
        terms.map(|(column, weight)| column[row] * weight).sum()
    };
    let (mut left, mut all) = (0.0, 0.0);
    for (row, (answer, kernel)) in answers.iter().zip(kernels).enumerate() {
        let apart = answer - answer_mean;
        all += kernel * apart * apart;
        left += kernel * (apart - moved(row)).powi(2);
    }
    // Answers that are all the same are followed exactly.
    let r_squared = if all > 0.0 { 1.0 - left / all } else { 1.0 };
    let from_means: f64 = means
        .iter()
        .zip(&weights)
        .map(|(mean, weight)| mean * weight)
        .sum();
    (weights, answer_mean - from_means, r_squared)
}

/// Solves a symmetric positive definite system, given by its lower half, by Cholesky's method.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let size = right.len();
    for a in 0..size {
        for b in 0..=a {
            let known: f64 = (0..b).map(|c| matrix[a][c] * matrix[b][c]).sum();
            let rest = matrix[a][b] - known;
            // With the penalty on the diagonal it is never 0; rounding is kept from making it so.
            matrix[a][b] = match a == b {
                true => rest.max(f64::MIN_POSITIVE).sqrt(),
                false => rest / matrix[b][b],
            };
        }
    }
    for a in 0..size {
        let known: f64 = (0..a).map(|b| matrix[a][b] * right[b]).sum();
        right[a] = (right[a] - known) / matrix[a][a];
    }
    for a in (0..size).rev() {
        let known: f64 = (a + 1..size).map(|b| matrix[b][a] * right[b]).sum();
        right[a] = (right[a] - known) / matrix[a][a];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        let matrix = vec![
            vec![4.0, 0.0, 0.0],
            vec![2.0, 5.0, 0.0],
            vec![1.0, 3.0, 6.0],
        ];
        let found = solve(matrix, vec![9.0, 15.0, 20.0]);
        // 4a + 2b + c = 9, 2a + 5b + 3c = 15, a + 3b + 6c = 20.
        let check = [
            4.0 * found[0] + 2.0 * found[1] + found[2] - 9.0,
            2.0 * found[0] + 5.0 * found[1] + 3.0 * found[2] - 15.0,
            found[0] + 3.0 * found[1] + 6.0 * found[2] - 20.0,
        ];
        assert!(check.iter().all(|rest| rest.abs() < 1e-12), "{found:?}");
    }

    #[test]
    fn a_ridge_of_one_input_is_known_in_closed_form() {
        let input = vec![1.0, 2.0, 3.0, 4.0];
        let answers = [2.0, 4.0, 6.0, 8.0];
        let (weights, intercept, r_squared) = ridge(&[input], &answers, &[1.0; 4]);
        // Centred squares sum to 5 and products to 10: 10 / (5 + 1).
        assert!((weights[0] - 10.0 / 6.0).abs() < 1e-12);
        assert!((intercept - (5.0 - 2.5 * 10.0 / 6.0)).abs() < 1e-12);
        assert!((r_squared - (1.0 - 5.0 / 9.0 / 20.0)).abs() < 1e-12);
        let (weights, _, r_squared) = ridge(&[vec![1.0, 2.0]], &[3.0, 3.0], &[1.0, 1.0]);
        assert_eq!((weights[0], r_squared), (0.0, 1.0));
    }
}
