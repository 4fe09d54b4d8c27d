//! How far the requests of the last hour are from what the model was trained on, feature by
//! feature. Only counts in bins are kept, never a cell. What is told has two decimals and is taken
//! anew once a minute at most: from two exact figures around one request, the bins of its cells
//! could be told.
//!
//! The measure is the population stability index (Siddiqi, *Credit Risk Scorecards*, 2006), which
//! is the symmetric divergence of Kullback and Leibler (1951): over the bins, the sum of
//! (q − p) · ln(q / p), where p is a bin's share of the training rows and q its share of the
//! requests. Both counts of a bin are raised by half a row, as by the prior of Jeffreys (1946), so
//! that an empty bin has no infinite share in it.
//!
//! Without any change the index is not 0 but, in the mean, (B − 1) · (1/n + 1/m) for B bins, n
//! requests and m training rows (Yurdakul and Naranjo, 2020). That is why there are at most ten
//! bins and no value below [`DRIFT_ROWS_MIN`] rows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, Schema};
use mlinfra_api::{ColumnBase, TableType};
use mlinfra_runtime_spec::profile::{ColumnProfile, Spread, TableProfile};

use crate::limits::{DRIFT_EVERY, DRIFT_ROWS_MIN, DRIFT_WINDOW_MINUTES};

/// The most bins that a feature is compared in, besides the one for missing cells: deciles are
/// what this index is used with.
const BINS_MAX: usize = 10;

/// Rows that every bin is given before shares are taken.
const PRIOR_ROWS: f64 = 0.5;

/// What is known of the requests to one release.
pub(crate) struct Drift {
    features: Vec<Feature>,
    /// Bins of all features together.
    slots: usize,
    started: Instant,
    window: Mutex<Window>,
    /// What was told last, and how long after the start.
    told: Mutex<Option<(Duration, Drifted)>>,
}

/// One feature: where its cells go, and where they were in training.
struct Feature {
    name: String,
    /// Its column among those that the row steps give.
    column: usize,
    base: ColumnBase,
    bins: Bins,
    /// Its first slot. Its last one is for missing cells.
    first: usize,
    /// Training rows by bin, missing cells last.
    reference: Vec<u64>,
}

/// Which cells share a bin.
enum Bins {
    /// Bin i ends before edge i.
    Numbers(Vec<f64>),
    /// The bin after the last one is for every other text.
    Categories(BTreeMap<String, usize>),
    /// True is 0, false 1.
    Flags,
}

/// The minutes of the window.
struct Window {
    /// Minute m is at m modulo their number.
    minutes: Vec<Minute>,
}

#[derive(Clone)]
struct Minute {
    /// Counted from the start of the release.
    number: u64,
    rows: u64,
    /// One count a slot; empty until the minute's first row.
    counts: Vec<u64>,
}

/// How far requests are from training.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Drifted {
    /// How many rows are in the window.
    pub(crate) rows: u64,
    /// The index by feature, in the model's order; empty while there are too few rows.
    pub(crate) features: Vec<(String, f64)>,
}

impl Drift {
    /// Compares with `profile` those of the model's features that it describes, in rows of this
    /// schema.
    pub(crate) fn new(profile: &TableProfile, features: &TableType, schema: &Schema) -> Self {
        let mut slots = 0;
        let mut known = Vec::new();
        for column in &features.columns {
            let base = column.column_type.base;
            let described = profile
                .columns
                .iter()
                .find(|known| known.name == column.name && known.column_type.base == base);
            let (Some(described), Ok(index)) = (described, schema.index_of(&column.name)) else {
                continue;
            };
            let Some((bins, reference)) = bins_of(described) else {
                continue;
            };
            let first = slots;
            slots += reference.len();
            known.push(Feature {
                name: column.name.clone(),
                column: index,
                base,
                bins,
                first,
                reference,
            });
        }
        let minute = Minute {
            number: 0,
            rows: 0,
            counts: Vec::new(),
        };
        Drift {
            features: known,
            slots,
            started: Instant::now(),
            window: Mutex::new(Window {
                minutes: vec![minute; DRIFT_WINDOW_MINUTES as usize],
            }),
            told: Mutex::new(None),
        }
    }

    /// Counts the rows of an answered request, as the row steps gave them.
    pub(crate) fn count(&self, rows: &RecordBatch) {
        self.count_at(rows, minute(self.started.elapsed()));
    }

    fn count_at(&self, rows: &RecordBatch, minute: u64) {
        // All but the adding up happens before the lock is taken.
        let mut counts = vec![0_u64; self.slots];
        for feature in &self.features {
            let end = feature.first + feature.reference.len();
            feature.count(rows.column(feature.column), &mut counts[feature.first..end]);
        }
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.add(minute, rows.num_rows() as u64, counts);
    }

    /// How far the requests of the window are from training, as it was at most [`DRIFT_EVERY`] ago.
    /// While there are too few rows for an index, their number is that of now.
    pub(crate) fn drifted(&self) -> Drifted {
        self.told_at(self.started.elapsed())
    }

    fn told_at(&self, now: Duration) -> Drifted {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, drifted)) = &*told
            && now < *at + DRIFT_EVERY
        {
            return drifted.clone();
        }
        let drifted = self.drifted_at(minute(now));
        *told = (!drifted.features.is_empty()).then(|| (now, drifted.clone()));
        drifted
    }

    fn drifted_at(&self, minute: u64) -> Drifted {
        let (rows, counts) = {
            let window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
            window.sum(minute, self.slots)
        };
        if rows < DRIFT_ROWS_MIN {
            return Drifted {
                rows,
                features: Vec::new(),
            };
        }
        let index = |feature: &Feature| {
            let end = feature.first + feature.reference.len();
            let index = stability_index(&feature.reference, &counts[feature.first..end]);
            (feature.name.clone(), (index * 100.0).round() / 100.0)
        };
        Drifted {
            rows,
            features: self.features.iter().map(index).collect(),
        }
    }
}

/// The minute that runs so long after the start.
fn minute(since: Duration) -> u64 {
    since.as_secs() / 60
}

impl Feature {
    /// Adds a column's cells to the feature's counts.
    fn count(&self, cells: &ArrayRef, counts: &mut [u64]) {
        let missing = counts.len() - 1;
        counts[missing] += cells.null_count() as u64;
        match (&self.bins, self.base) {
            (Bins::Numbers(edges), ColumnBase::Int) => {
                for cell in cells.as_primitive::<Int64Type>().iter().flatten() {
                    counts[bin_of(edges, cell as f64)] += 1;
                }
            }
            (Bins::Numbers(edges), _) => {
                for cell in cells.as_primitive::<Float64Type>().iter().flatten() {
                    counts[bin_of(edges, cell)] += 1;
                }
            }
            (Bins::Categories(names), _) => {
                for cell in cells.as_string::<i32>().iter().flatten() {
                    counts[names.get(cell).copied().unwrap_or(names.len())] += 1;
                }
            }
            (Bins::Flags, _) => {
                let yes = cells.as_boolean().true_count();
                counts[0] += yes as u64;
                counts[1] += (cells.len() - cells.null_count() - yes) as u64;
            }
        }
    }
}

impl Window {
    fn add(&mut self, minute: u64, rows: u64, counts: Vec<u64>) {
        let place = (minute % self.minutes.len() as u64) as usize;
        let now = &mut self.minutes[place];
        if now.number != minute || now.counts.is_empty() {
            *now = Minute {
                number: minute,
                rows,
                counts,
            };
            return;
        }
        now.rows += rows;
        for (sum, count) in now.counts.iter_mut().zip(counts) {
            *sum += count;
        }
    }

    /// Rows and counts of the minutes that are not over for longer than the window.
    fn sum(&self, minute: u64, slots: usize) -> (u64, Vec<u64>) {
        let mut all = (0, vec![0; slots]);
        let oldest = (minute + 1).saturating_sub(self.minutes.len() as u64);
        for one in self.minutes.iter().filter(|one| one.number >= oldest) {
            all.0 += one.rows;
            for (sum, count) in all.1.iter_mut().zip(&one.counts) {
                *sum += count;
            }
        }
        all
    }
}

fn bin_of(edges: &[f64], cell: f64) -> usize {
    edges.partition_point(|edge| *edge <= cell)
}

/// Whether the profile of a column can be worked with: it comes from a store, and may hold
/// anything.
fn is_sound(column: &ColumnProfile) -> bool {
    let (counts, edges): (Vec<u64>, &[f64]) = match &column.spread {
        Spread::Numbers { edges, counts, .. } => (counts.clone(), edges),
        Spread::Categories { counts, other } => {
            (counts.values().copied().chain([*other]).collect(), &[])
        }
        Spread::Flags { yes, no } => (vec![*yes, *no], &[]),
        Spread::Hidden => (Vec::new(), &[]),
    };
    let all = counts
        .iter()
        .try_fold(column.missing, |sum, count| sum.checked_add(*count));
    let ascend = edges.windows(2).all(|pair| pair[0] < pair[1]);
    all.is_some() && ascend && edges.iter().all(|edge| edge.is_finite())
}

/// A feature's bins and its training rows in each, missing cells last; none if the profile says
/// nothing of its cells, or nothing that can be.
fn bins_of(column: &ColumnProfile) -> Option<(Bins, Vec<u64>)> {
    if !is_sound(column) {
        return None;
    }
    let (bins, mut reference) = match &column.spread {
        Spread::Numbers { edges, counts, .. } if counts.len() == edges.len() + 1 => {
            let (edges, counts) = coarser(edges.clone(), counts.clone());
            (Bins::Numbers(edges), counts)
        }
        Spread::Categories { counts, other } => {
            let mut named: Vec<(&String, u64)> =
                counts.iter().map(|(n, rows)| (n, *rows)).collect();
            named.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
            let rest = named.split_off(named.len().min(BINS_MAX - 1));
            let others = other + rest.iter().map(|(_, rows)| rows).sum::<u64>();
            let places = named.iter().enumerate();
            let names = places.map(|(bin, (name, _))| ((*name).clone(), bin));
            let reference = named.iter().map(|(_, rows)| *rows).chain([others]);
            (Bins::Categories(names.collect()), reference.collect())
        }
        Spread::Flags { yes, no } => (Bins::Flags, vec![*yes, *no]),
        Spread::Numbers { .. } | Spread::Hidden => return None,
    };
    reference.push(column.missing);
    Some((bins, reference))
}

/// Joins the two neighbours with the fewest rows together until there are few enough bins.
fn coarser(mut edges: Vec<f64>, mut counts: Vec<u64>) -> (Vec<f64>, Vec<u64>) {
    while counts.len() > BINS_MAX {
        let edge = (0..edges.len())
            .min_by_key(|edge| counts[*edge] + counts[edge + 1])
            .expect("more bins than one have an edge between them");
        edges.remove(edge);
        counts[edge] += counts.remove(edge + 1);
    }
    (edges, counts)
}

/// The population stability index of two lists of counts over the same bins.
fn stability_index(reference: &[u64], counts: &[u64]) -> f64 {
    let share = |counts: &[u64]| {
        let rows = counts.iter().sum::<u64>() as f64 + PRIOR_ROWS * counts.len() as f64;
        move |count: u64| (count as f64 + PRIOR_ROWS) / rows
    };
    let (trained, asked) = (share(reference), share(counts));
    let term = |(reference, count): (&u64, &u64)| {
        let (p, q) = (trained(*reference), asked(*count));
        (q - p) * (q / p).ln()
    };
    reference.iter().zip(counts).map(term).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Int64Array, StringArray};
    use arrow::datatypes::SchemaRef;
    use mlinfra_api::{Column, ColumnType};
    use mlinfra_data::{profile, schema_of};

    use super::*;

    fn table() -> TableType {
        let column = |(name, base): (&str, ColumnBase)| Column {
            name: name.into(),
            column_type: ColumnType {
                base,
                nullable: true,
            },
            classes: Default::default(),
        };
        let columns = [
            ("age", ColumnBase::Int),
            ("job", ColumnBase::Category),
            ("member", ColumnBase::Bool),
            ("note", ColumnBase::String),
        ];
        TableType {
            columns: columns.map(column).into(),
        }
    }

    fn batch(ages: Vec<Option<i64>>, job: impl Fn(usize) -> String) -> RecordBatch {
        let schema: SchemaRef = schema_of(&table());
        let rows = ages.len();
        let jobs: Vec<String> = (0..rows).map(job).collect();
        let flags: Vec<bool> = (0..rows).map(|row| row % 3 == 0).collect();
        let notes = vec!["text"; rows];
        RecordBatch::try_new(
            schema,
            vec![
                Arc::new(Int64Array::from(ages)),
                Arc::new(StringArray::from(jobs)),
                Arc::new(BooleanArray::from(flags)),
                Arc::new(StringArray::from(notes)),
            ],
        )
        .expect("a batch")
    }

    fn ages(rows: i64, shift: i64) -> Vec<Option<i64>> {
        (0..rows)
            .map(|n| Some(19 + (n * 37) % 57 + shift))
            .collect()
    }

    fn job(row: usize) -> String {
        ["clerk", "cook", "driver"][row % 3].into()
    }

    fn drift() -> Drift {
        let training = batch(ages(700, 0), job);
        let drift = Drift::new(&profile(&training, &table()), &table(), &training.schema());
        let names: Vec<&str> = drift.features.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["age", "job", "member"], "no free text");
        drift
    }

    fn index(drifted: &Drifted, name: &str) -> f64 {
        let found = drifted.features.iter().find(|(known, _)| known == name);
        found.expect("the feature has a value").1
    }

    #[test]
    fn the_index_is_the_one_of_the_books() {
        // Shares of a quarter against 10, 20, 30 and 40 hundredths, without a prior to speak of.
        let (reference, counts) = (
            [25_000_000; 4],
            [10_000_000, 20_000_000, 30_000_000, 40_000_000],
        );
        let found = stability_index(&reference, &counts);
        assert!((found - 0.228_217_4).abs() < 1e-6, "{found}");
        assert_eq!(stability_index(&[3, 4, 0], &[3, 4, 0]), 0.0);
        let empty = stability_index(&[500, 500, 0], &[400, 400, 200]);
        assert!(empty.is_finite() && empty > 1.0, "{empty}");
    }

    #[test]
    fn same_requests_are_near_and_shifted_ones_far() {
        let near = drift();
        near.count_at(&batch(ages(250, 0), job), 0);
        let found = near.drifted_at(0);
        assert_eq!(found.rows, 250);
        for name in ["age", "job", "member"] {
            assert!(index(&found, name) < 0.05, "{name}: {found:?}");
        }
        let far = drift();
        far.count_at(&batch(ages(250, 12), |_| "MARKER-unseen".into()), 0);
        let found = far.drifted_at(0);
        assert!(index(&found, "age") > 0.2, "{found:?}");
        assert!(index(&found, "job") > 2.0, "{found:?}");
        assert!(index(&found, "member") < 0.05, "{found:?}");
        let missing = drift();
        missing.count_at(&batch(vec![None; 250], job), 0);
        assert!(index(&missing.drifted_at(0), "age") > 2.0);
    }

    #[test]
    fn the_window_slides_and_small_ones_say_nothing() {
        let drift = drift();
        drift.count_at(&batch(ages(199, 0), job), 3);
        assert_eq!(drift.drifted_at(3).features, []);
        drift.count_at(&batch(ages(1, 0), job), 7);
        assert_eq!(drift.drifted_at(7).features.len(), 3);
        let last = 3 + DRIFT_WINDOW_MINUTES - 1;
        assert_eq!(drift.drifted_at(last).rows, 200);
        assert_eq!(drift.drifted_at(last + 1).rows, 1);
        assert_eq!(drift.drifted_at(last + 1).features, []);
        // The place of a minute that is over is taken anew.
        drift.count_at(&batch(ages(5, 0), job), 3 + DRIFT_WINDOW_MINUTES);
        assert_eq!(drift.drifted_at(3 + DRIFT_WINDOW_MINUTES).rows, 6);
        assert_eq!(drift.drifted_at(1000).rows, 0);
    }

    /// Two looks around one request tell nothing of it.
    #[test]
    fn what_is_told_has_two_decimals_and_changes_once_a_minute_at_most() {
        let drift = drift();
        let seconds = Duration::from_secs;
        drift.count_at(&batch(ages(199, 0), job), 0);
        assert_eq!(drift.told_at(seconds(1)).rows, 199);
        drift.count_at(&batch(ages(51, 0), job), 0);
        let told = drift.told_at(seconds(2));
        assert_eq!((told.rows, told.features.len()), (250, 3));
        drift.count_at(&batch(ages(250, 12), |_| "MARKER-unseen".into()), 0);
        assert_eq!(drift.told_at(seconds(61)), told);
        let later = drift.told_at(seconds(62));
        assert!(later.rows == 500 && index(&later, "job") > 0.2, "{later:?}");
        for (name, index) in &later.features {
            assert!(index.to_string().len() <= 4, "{name}: {index}");
        }
    }

    #[test]
    fn a_profile_that_nobody_could_have_made_is_left_out() {
        let column = |spread| ColumnProfile {
            name: "age".into(),
            column_type: table().columns[0].column_type,
            missing: 2,
            spread,
        };
        let numbers = |edges: &[f64], counts: &[u64]| Spread::Numbers {
            mean: 0.0,
            standard_deviation: 1.0,
            edges: edges.to_vec(),
            counts: counts.to_vec(),
        };
        assert!(bins_of(&column(numbers(&[1.0, 2.0], &[5, 5, 5]))).is_some());
        for spread in [
            numbers(&[2.0, 1.0], &[5, 5, 5]),
            numbers(&[1.0, 1.0], &[5, 5, 5]),
            numbers(&[f64::NAN, 1.0], &[5, 5, 5]),
            numbers(&[1.0, 2.0], &[5, u64::MAX, 5]),
            numbers(&[1.0], &[5]),
            Spread::Flags {
                yes: u64::MAX,
                no: 0,
            },
            Spread::Categories {
                counts: (0..30).map(|n| (format!("c{n}"), u64::MAX / 9)).collect(),
                other: 3,
            },
        ] {
            assert!(bins_of(&column(spread.clone())).is_none(), "{spread:?}");
        }
    }

    #[test]
    fn counts_of_many_threads_add_up() {
        let drift = drift();
        let rows = batch(ages(10, 0), job);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..50).for_each(|minute| drift.count_at(&rows, minute % 2)));
            }
        });
        assert_eq!(drift.drifted_at(1).rows, 2000);
    }

    #[test]
    fn bins_are_few_and_keep_every_row() {
        let counts: Vec<u64> = vec![0, 6, 28, 30, 26, 28, 30, 25, 30, 29, 25, 30, 29, 5, 0];
        let edges: Vec<f64> = (3..=16).map(|edge| f64::from(edge * 5)).collect();
        let (edges, joined) = coarser(edges, counts.clone());
        assert_eq!((joined.len(), edges.len()), (BINS_MAX, BINS_MAX - 1));
        assert_eq!(joined.iter().sum::<u64>(), counts.iter().sum::<u64>());
        let spread = Spread::Categories {
            counts: (0..30).map(|n| (format!("c{n:02}"), 5 + n)).collect(),
            other: 3,
        };
        let column = ColumnProfile {
            name: "job".into(),
            column_type: table().columns[1].column_type,
            missing: 2,
            spread,
        };
        let (bins, reference) = bins_of(&column).expect("bins");
        let Bins::Categories(names) = bins else {
            panic!("categories");
        };
        assert_eq!(names.len(), BINS_MAX - 1);
        assert!(names.contains_key("c29") && !names.contains_key("c00"));
        assert_eq!(reference.len(), BINS_MAX + 1);
        assert_eq!(reference.iter().sum::<u64>(), (5 + 34) * 15 + 3 + 2);
    }
}
