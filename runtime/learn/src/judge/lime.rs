//! Local explanations: Ribeiro, Singh and Guestrin, "“Why should I trust you?” Explaining the
//! predictions of any classifier" (KDD 2016), for tables.
//!
//! Rows are drawn as the table's columns are spread, each column for itself, and the model is asked
//! about them. Around one row, a weighted linear model of these answers is fitted: numbers count in
//! standard deviations, categories by what each of them adds to the row's own. The weight of a
//! drawn row falls with its distance, to which a category adds 1 where it is not the row's own.
//! Every feature stays in, and no number is cut into bins.
//!
//! A category's weight is what the row's own adds to the mean of the others. That is what the
//! authors' program reports, which tells only own from other; with each category for itself the
//! local model follows the model more closely.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use mlinfra_api::Column;
use mlinfra_runtime_spec::evaluation::{Lime, LimeCase, LimeWeight};

use super::cells::{Explained, failed, number_column, numbers, taken, texts};
use crate::fault::{self, LearnFault};
use crate::limits;
use crate::stream::{Draws, Stream};

/// Rows drawn around each row.
pub const SAMPLES: usize = 5000;

/// Over so many seeds a weight's standard deviation is taken.
pub const SEEDS: u64 = 10;

/// An explanation whose local R² is lower is unfaithful.
pub const FAITHFUL_FROM: f64 = 0.5;

/// The most categories of all columns that the local model tells apart; rare ones stand together.
const LEVELS_MAX: usize = 300;

/// The penalty on the square of each weight.
const ALPHA: f64 = 1.0;

/// Explains these rows of the table, each under its name.
pub fn lime(
    model: &Explained<'_>,
    cases: &[(&str, usize)],
    begin: &mut dyn FnMut(u64),
) -> Result<Lime, LearnFault> {
    let count = model.features.columns.len();
    if count > limits::LIME_FEATURES_MAX {
        let limit = limits::LIME_FEATURES_MAX;
        let message = format!("`lime` explains at most {limit} features, and there are {count}.");
        return Err(LearnFault::new(fault::EVALUATION, message)
            .help("Leave `lime` out of `explain`, or exclude columns from training."));
    }
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

/// To three decimals. With all digits, what the weights add up to is the row's own cells times the
/// weights, and these cells could be solved for.
fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3 + 0.0
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
    for one in &mut weights {
        one.weight = rounded(one.weight);
    }
    LimeCase {
        name: name.to_owned(),
        prediction: rounded(prediction),
        local_prediction: rounded(first.local_prediction),
        intercept: rounded(first.intercept),
        r_squared: rounded(first.r_squared),
        instability: rounded(deviations / features.len().max(1) as f64),
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
    /// Each cell as the number of its text, the most frequent text being 0.
    Choices {
        codes: Vec<u32>,
        levels: usize,
        column: ArrayRef,
    },
}

/// A drawn column.
enum Drawn {
    /// In standard deviations; none where it is missing.
    Numbers(Vec<Option<f64>>),
    Choices(Vec<u32>),
}

impl Spread {
    fn of(model: &Explained<'_>, feature: &Column) -> Result<Self, LearnFault> {
        let column = model.column(&feature.name)?.clone();
        let Some(cells) = numbers(model.data, feature)? else {
            let (codes, levels) = coded(texts(model.data, feature)?);
            return Ok(Spread::Choices {
                codes,
                levels,
                column,
            });
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
            Spread::Choices { codes, column, .. } => {
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
}

/// Texts as numbers, by how frequent they are, and how many there are.
fn coded(texts: Vec<Option<String>>) -> (Vec<u32>, usize) {
    let mut counts: BTreeMap<&Option<String>, usize> = BTreeMap::new();
    for text in &texts {
        *counts.entry(text).or_default() += 1;
    }
    let mut order: Vec<(&Option<String>, usize)> = counts.into_iter().collect();
    order.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let known: BTreeMap<&Option<String>, u32> = (0..)
        .zip(&order)
        .map(|(code, (text, _))| (*text, code))
        .collect();
    (texts.iter().map(|text| known[text]).collect(), order.len())
}

/// A column as the local model around one row sees it, and where its inputs are.
enum Seen {
    /// A number that the row has: its slope, and an input for where it is missing.
    Slope {
        slope: usize,
        own: f64,
        missing: usize,
    },
    /// A number that the row does not have: an input for where it is there.
    Absent { present: usize },
    /// A category: from `first`, an input for each code; that of the row's own is never set.
    Levels {
        first: usize,
        count: usize,
        own: u32,
    },
}

/// The columns as seen from a row, and how many inputs they are together.
fn seen_from(columns: &[Spread], row: usize) -> (Vec<Seen>, usize) {
    let each = (LEVELS_MAX / columns.len().max(1)).max(1);
    let mut width = 0;
    let mut seen = Vec::with_capacity(columns.len());
    for column in columns {
        let first = width;
        let (one, inputs) = match column {
            Spread::Numbers { cells, .. } => match cells[row] {
                Some(cell) => {
                    let own = column.scaled(cell);
                    let (slope, missing) = (first, first + 1);
                    (
                        Seen::Slope {
                            slope,
                            own,
                            missing,
                        },
                        2,
                    )
                }
                None => (Seen::Absent { present: first }, 1),
            },
            Spread::Choices { codes, levels, .. } => {
                let (count, own) = ((*levels).min(each), codes[row]);
                (Seen::Levels { first, count, own }, count)
            }
        };
        width += inputs;
        seen.push(one);
    }
    (seen, width)
}

impl Seen {
    /// The input that a drawn cell sets, its value, and the square of its distance.
    fn entry(&self, drawn: &Drawn, sample: usize) -> (Option<(usize, f64)>, f64) {
        match (self, drawn) {
            (
                Seen::Slope {
                    slope,
                    own,
                    missing,
                },
                Drawn::Numbers(numbers),
            ) => {
                match numbers[sample] {
                    Some(number) => (Some((*slope, number)), (number - own).powi(2)),
                    // It stands at the mean, which is 0.
                    None => (Some((*missing, 1.0)), own.powi(2)),
                }
            }
            (Seen::Absent { present }, Drawn::Numbers(numbers)) => match numbers[sample] {
                Some(_) => (Some((*present, 1.0)), 1.0),
                None => (None, 0.0),
            },
            (Seen::Levels { first, count, own }, Drawn::Choices(codes)) => {
                let code = codes[sample];
                let input = first + (code as usize).min(count - 1);
                match code == *own {
                    true => (None, 0.0),
                    false => (Some((input, 1.0)), 1.0),
                }
            }
            _ => unreachable!("a column is drawn as what it is"),
        }
    }

    /// The row's own input.
    fn own(&self) -> Option<(usize, f64)> {
        match self {
            Seen::Slope { slope, own, .. } => Some((*slope, *own)),
            Seen::Absent { .. } | Seen::Levels { .. } => None,
        }
    }

    /// What the column weighs, of the weights of all inputs and the inputs' means.
    fn weight(&self, weights: &[f64], means: &[f64]) -> f64 {
        match self {
            Seen::Slope { slope, .. } => weights[*slope],
            Seen::Absent { present } => -weights[*present],
            Seen::Levels { first, count, .. } => {
                let inputs = *first..first + count;
                let share: f64 = means[inputs.clone()].iter().sum();
                let others = inputs.map(|input| weights[input] * means[input]);
                match share > 0.0 {
                    true => -others.sum::<f64>() / share,
                    false => 0.0,
                }
            }
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
    let (seen, inputs) = seen_from(columns, row);
    let width = 0.75 * (columns.len() as f64).sqrt();
    let mut samples = Samples::default();
    for (sample, answer) in said.iter().enumerate() {
        let mut apart = 0.0;
        for (seen, drawn) in seen.iter().zip(drawn) {
            let (entry, distance) = seen.entry(drawn, sample);
            samples.entries.extend(entry);
            apart += distance;
        }
        samples.push(*answer, (-apart / (width * width)).exp().sqrt());
    }
    // The row itself is one of the samples, at no distance.
    samples.entries.extend(seen.iter().filter_map(Seen::own));
    samples.push(answer, 1.0);
    let line = ridge(&samples, inputs);
    let own = seen.iter().filter_map(Seen::own);
    let local = line.constant
        + own
            .map(|(input, value)| line.weights[input] * value)
            .sum::<f64>();
    let weight = |seen: &Seen| seen.weight(&line.weights, &line.means);
    let weights: Vec<f64> = seen.iter().map(weight).collect();
    let terms = seen
        .iter()
        .zip(&weights)
        .map(|(seen, weight)| match seen.own() {
            Some((_, own)) => weight * own,
            None => *weight,
        });
    Fit {
        local_prediction: local,
        intercept: local - terms.sum::<f64>(),
        weights,
        r_squared: line.r_squared,
    }
}

/// Rows for a regression, with the inputs that are not 0.
#[derive(Default)]
struct Samples {
    entries: Vec<(usize, f64)>,
    /// Where each row's entries end.
    ends: Vec<usize>,
    answers: Vec<f64>,
    kernels: Vec<f64>,
}

impl Samples {
    /// Ends a row.
    fn push(&mut self, answer: f64, kernel: f64) {
        self.ends.push(self.entries.len());
        self.answers.push(answer);
        self.kernels.push(kernel);
    }

    /// Each row's entries, answer and kernel.
    fn rows(&self) -> impl Iterator<Item = (&[(usize, f64)], f64, f64)> {
        (0..self.ends.len()).map(|row| {
            let begin = if row == 0 { 0 } else { self.ends[row - 1] };
            let entries = &self.entries[begin..self.ends[row]];
            (entries, self.answers[row], self.kernels[row])
        })
    }
}

/// What a regression found.
struct Line {
    weights: Vec<f64>,
    /// The weighted mean of each input.
    means: Vec<f64>,
    constant: f64,
    r_squared: f64,
}

/// Weighted linear regression with a penalty of [`ALPHA`] on squared weights and none on the
/// constant: Hoerl and Kennard, "Ridge regression" (Technometrics 12, 1970), and its weighted R².
/// All sums are taken in row order.
fn ridge(samples: &Samples, inputs: usize) -> Line {
    let mut means = vec![0.0; inputs];
    let (mut total, mut answer_mean) = (0.0, 0.0);
    for (entries, answer, kernel) in samples.rows() {
        total += kernel;
        answer_mean += kernel * answer;
        for (input, value) in entries {
            means[*input] += kernel * value;
        }
    }
    answer_mean /= total;
    means.iter_mut().for_each(|mean| *mean /= total);
    let mut matrix = vec![vec![0.0; inputs]; inputs];
    let mut right = vec![0.0; inputs];
    for (entries, answer, kernel) in samples.rows() {
        // Entries stand in the order of the inputs, so this fills the lower half.
        for (place, (a, value)) in entries.iter().enumerate() {
            right[*a] += kernel * value * (answer - answer_mean);
            for (b, other) in &entries[..=place] {
                matrix[*a][*b] += kernel * value * other;
            }
        }
    }
    for (a, line) in matrix.iter_mut().enumerate() {
        for (cell, mean) in line.iter_mut().zip(&means).take(a + 1) {
            *cell -= total * means[a] * mean;
        }
        line[a] += ALPHA;
    }
    let weights = solve(matrix, right);
    let from_means: f64 = means
        .iter()
        .zip(&weights)
        .map(|(mean, weight)| mean * weight)
        .sum();
    let constant = answer_mean - from_means;
    let (mut left, mut all) = (0.0, 0.0);
    for (entries, answer, kernel) in samples.rows() {
        let terms = entries.iter().map(|(input, value)| weights[*input] * value);
        left += kernel * (answer - constant - terms.sum::<f64>()).powi(2);
        all += kernel * (answer - answer_mean).powi(2);
    }
    Line {
        // Answers that are all the same are followed exactly.
        r_squared: if all > 0.0 { 1.0 - left / all } else { 1.0 },
        weights,
        means,
        constant,
    }
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
    for (a, line) in matrix.iter().enumerate() {
        let known = line.iter().zip(&right).take(a);
        let known: f64 = known.map(|(cell, value)| cell * value).sum();
        right[a] = (right[a] - known) / line[a];
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

    fn line(rows: &[(f64, f64)]) -> Line {
        let mut samples = Samples::default();
        for (input, answer) in rows {
            samples.entries.push((0, *input));
            samples.push(*answer, 1.0);
        }
        ridge(&samples, 1)
    }

    #[test]
    fn a_ridge_of_one_input_is_known_in_closed_form() {
        let found = line(&[(1.0, 2.0), (2.0, 4.0), (3.0, 6.0), (4.0, 8.0)]);
        // Centred squares sum to 5 and products to 10: 10 / (5 + 1).
        assert!((found.weights[0] - 10.0 / 6.0).abs() < 1e-12);
        assert!((found.constant - (5.0 - 2.5 * 10.0 / 6.0)).abs() < 1e-12);
        assert!((found.r_squared - (1.0 - 5.0 / 9.0 / 20.0)).abs() < 1e-12);
        let found = line(&[(1.0, 3.0), (2.0, 3.0)]);
        assert_eq!((found.weights[0], found.r_squared), (0.0, 1.0));
    }

    #[test]
    fn texts_are_numbered_by_how_frequent_they_are() {
        let texts = ["b", "a", "c", "c", "a", "c"].map(|text| Some(text.to_owned()));
        let mut texts: Vec<Option<String>> = texts.into();
        texts.extend([None, None, None, None]);
        assert_eq!(coded(texts), (vec![3, 2, 1, 1, 2, 1, 0, 0, 0, 0], 4));
    }
}
