//! What a table looks like, without a cell of it: counts in round bins, and of categories that
//! many rows share.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use mlinfra_api::{ColumnBase, TableType};
use mlinfra_runtime_spec::profile::{
    BIN_ROWS_MIN, BINS_MAX, CATEGORIES_MAX, CATEGORY_ROWS_MIN, ColumnProfile, PRESENT_CELLS_MIN,
    Spread, TableProfile,
};

/// Digits of a mean and of a deviation: with all of them, one cell could be told from the others.
const DIGITS: usize = 4;

/// The profile of a table's columns. A column that the batch does not have, or has in another
/// type, is taken as missing throughout.
pub fn profile(data: &RecordBatch, table: &TableType) -> TableProfile {
    profile_of_batches(std::slice::from_ref(data), table)
}

/// As [`profile`], of a table in pieces: how it is cut changes nothing.
pub(crate) fn profile_of_batches(data: &[RecordBatch], table: &TableType) -> TableProfile {
    let rows = data.iter().map(RecordBatch::num_rows).sum::<usize>() as u64;
    let column = |column: &mlinfra_api::Column| {
        let kind = column.column_type;
        let wanted = crate::arrow_type(kind.base);
        let found: Vec<&ArrayRef> = data
            .iter()
            .filter_map(|batch| batch.column_by_name(&column.name))
            .filter(|cells| *cells.data_type() == wanted)
            .collect();
        let present: usize = found.iter().map(|c| c.len() - c.null_count()).sum();
        ColumnProfile {
            name: column.name.clone(),
            column_type: kind,
            missing: rows - present as u64,
            spread: spread(&found, kind.base),
        }
    };
    TableProfile {
        rows,
        columns: table.columns.iter().map(column).collect(),
        ..TableProfile::default()
    }
}

fn spread(pieces: &[&ArrayRef], base: ColumnBase) -> Spread {
    match base {
        ColumnBase::Int => {
            let cells = pieces.iter().map(|cells| cells.as_primitive::<Int64Type>());
            numbers(cells.flatten().flatten().map(|n| n as f64).collect(), true)
        }
        ColumnBase::Float => {
            let cells = pieces.iter().map(|c| c.as_primitive::<Float64Type>());
            numbers(cells.flatten().flatten().collect(), false)
        }
        ColumnBase::Bool => {
            let cells = pieces.iter().map(|cells| cells.as_boolean());
            let present = cells.clone().map(|cells| cells.len() - cells.null_count());
            let yes = cells.map(BooleanArray::true_count).sum::<usize>() as u64;
            let no = present.sum::<usize>() as u64 - yes;
            Spread::Flags { yes, no }
        }
        ColumnBase::Category => categories(pieces),
        ColumnBase::String | ColumnBase::Date => Spread::Hidden,
    }
}

/// Rare categories, and those after the [`CATEGORIES_MAX`] most frequent, are joined.
fn categories(pieces: &[&ArrayRef]) -> Spread {
    let mut all: BTreeMap<&str, u64> = BTreeMap::new();
    let cells = pieces.iter().map(|cells| cells.as_string::<i32>());
    for text in cells.flatten().flatten() {
        *all.entry(text).or_default() += 1;
    }
    let total: u64 = all.values().sum();
    let frequent = |(_, rows): &(&str, u64)| *rows >= CATEGORY_ROWS_MIN;
    let mut named: Vec<(&str, u64)> = all.into_iter().filter(frequent).collect();
    // Stable, so that of equally frequent ones the first by name stay.
    named.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    named.truncate(CATEGORIES_MAX);
    let counts: BTreeMap<String, u64> = named
        .into_iter()
        .map(|(text, rows)| (text.to_owned(), rows))
        .collect();
    Spread::Categories {
        other: total - counts.values().sum::<u64>(),
        counts,
    }
}

fn numbers(cells: Vec<f64>, whole: bool) -> Spread {
    if (cells.len() as u64) < PRESENT_CELLS_MIN {
        return Spread::Hidden;
    }
    let (mean, standard_deviation) = moments(&cells);
    let mut sorted = cells;
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len() - 1;
    // Neither the outermost hundredth nor the outermost four cells decide where edges lie.
    let outer = (last / 100).max(BIN_ROWS_MIN as usize - 1).min(last / 2);
    let (low, high) = (sorted[outer], sorted[last - outer]);
    let mut edges = round_edges(low, high, whole);
    let mut counts = vec![0; edges.len() + 1];
    for cell in sorted {
        counts[edges.partition_point(|edge| *edge <= cell)] += 1;
    }
    join_small(&mut edges, &mut counts, BIN_ROWS_MIN);
    Spread::Numbers {
        mean: rounded(mean),
        standard_deviation: rounded(standard_deviation),
        edges,
        counts,
    }
}

/// Mean and standard deviation, added up in row order and scaled so that no sum overflows.
fn moments(cells: &[f64]) -> (f64, f64) {
    let count = cells.len() as f64;
    let mean: f64 = cells.iter().map(|cell| cell / count).sum();
    let scale = cells
        .iter()
        .fold(0.0_f64, |most, cell| most.max((cell - mean).abs()));
    if scale == 0.0 || !scale.is_finite() {
        return (mean, 0.0);
    }
    let squares: f64 = cells
        .iter()
        .map(|cell| ((cell - mean) / scale) * ((cell - mean) / scale))
        .sum();
    (mean, scale * (squares / count).sqrt())
}

/// The number with [`DIGITS`] digits.
fn rounded(number: f64) -> f64 {
    let text = format!("{number:.*e}", DIGITS - 1);
    text.parse::<f64>().map_or(0.0, |number| number + 0.0)
}

/// Edges at multiples of 1, 2, 2.5 or 5 × 10^k that cover `low` to `high` with at most
/// [`BINS_MAX`] bins, the two outer ones included; none where no such step exists.
fn round_edges(low: f64, high: f64, whole: bool) -> Vec<f64> {
    let range = high - low;
    let spread = match range > 0.0 {
        true => range / BINS_MAX as f64,
        // All the same: a step that says roughly how large they are.
        false => (low.abs() / 10.0).max(f64::from(u8::from(low == 0.0))),
    };
    if !spread.is_finite() || spread <= 0.0 {
        return Vec::new();
    }
    let first = libm::floor(libm::log10(spread)) as i32;
    // Beyond these exponents a power of ten is not exact any more.
    for exponent in first.max(-20)..=(first + 2).min(20) {
        // Tenths, so that 2.5 is a whole number too.
        for tenths in [10.0, 20.0, 25.0, 50.0] {
            if let Some(edges) = edges_at(low, high, tenths, exponent - 1, whole) {
                return edges;
            }
        }
    }
    Vec::new()
}

/// The multiples of `mantissa` × 10^`exponent` from the last one at or below `low` to the first
/// one above `high`, if they are few enough and distinct.
fn edges_at(low: f64, high: f64, mantissa: f64, exponent: i32, whole: bool) -> Option<Vec<f64>> {
    let power = 10_f64.powi(exponent.abs());
    let at = |index: f64| match exponent < 0 {
        true => index * mantissa / power,
        false => index * mantissa * power,
    };
    let step = at(1.0);
    if whole && (step < 1.0 || step.fract() != 0.0) {
        return None;
    }
    let (mut first, mut last) = ((low / step).floor(), (high / step).floor() + 1.0);
    // The quotient is rounded, so it may be off by one.
    if at(first) > low {
        first -= 1.0;
    }
    if at(last) <= high {
        last += 1.0;
    }
    let steps = last - first;
    if !(steps >= 1.0 && steps + 2.0 <= BINS_MAX as f64) {
        return None;
    }
    let edges: Vec<f64> = (0..=steps as usize)
        .map(|index| at(first + index as f64) + 0.0)
        .collect();
    let is_ascending = edges.windows(2).all(|pair| pair[0] < pair[1]);
    (is_ascending && edges[0] <= low && edges[edges.len() - 1] > high).then_some(edges)
}

/// Joins every bin that has fewer than `least` cells with its larger neighbour, from the left. One
/// that is empty stays, if it lies between others: next to an empty outer bin, the edge would be
/// the smallest or the largest cell, rounded.
fn join_small(edges: &mut Vec<f64>, counts: &mut Vec<u64>, least: u64) {
    let is_small = |counts: &[u64], bin: usize| {
        let is_outer = bin == 0 || bin + 1 == counts.len();
        counts[bin] < least && (counts[bin] > 0 || is_outer)
    };
    while let Some(small) = (0..counts.len())
        .find(|bin| is_small(counts, *bin))
        .filter(|_| !edges.is_empty())
    {
        let left = small.checked_sub(1).map(|left| counts[left]);
        let right = counts.get(small + 1).copied();
        // The edge between two bins has the number of the left one.
        let edge = match left >= right {
            true => small - 1,
            false => small,
        };
        edges.remove(edge);
        counts[edge] += counts[edge + 1];
        counts.remove(edge + 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Date32Array, Float64Array, Int64Array, StringArray};
    use arrow::datatypes::{Field, Schema};
    use mlinfra_api::{Column, ColumnType};

    use super::*;

    fn column(name: &str, base: ColumnBase) -> Column {
        Column {
            name: name.into(),
            column_type: ColumnType {
                base,
                nullable: true,
            },
            classes: Default::default(),
        }
    }

    fn spread_of(base: ColumnBase, cells: ArrayRef) -> ColumnProfile {
        let field = Field::new("x", cells.data_type().clone(), true);
        let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![cells]);
        let table = TableType {
            columns: vec![column("x", base)],
        };
        let mut found = profile(&batch.expect("a batch"), &table);
        found.columns.remove(0)
    }

    /// A stream of numbers that look random, for shapes that nobody thought of.
    fn noise(seed: u64) -> impl Iterator<Item = f64> {
        let mut state = seed.wrapping_mul(2_862_933_555_777_941_757).max(1);
        std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        })
    }

    fn check(cells: &[f64], whole: bool) -> (Vec<f64>, Vec<u64>) {
        let array: ArrayRef = match whole {
            true => Arc::new(Int64Array::from_iter_values(
                cells.iter().map(|cell| *cell as i64),
            )),
            false => Arc::new(Float64Array::from_iter_values(cells.iter().copied())),
        };
        let base = match whole {
            true => ColumnBase::Int,
            false => ColumnBase::Float,
        };
        let Spread::Numbers { edges, counts, .. } = spread_of(base, array).spread else {
            panic!("no numbers of {} cells", cells.len());
        };
        assert_eq!(counts.len(), edges.len() + 1);
        assert!(counts.len() <= BINS_MAX, "{edges:?}");
        assert_eq!(counts.iter().sum::<u64>(), cells.len() as u64);
        assert!(edges.windows(2).all(|pair| pair[0] < pair[1]), "{edges:?}");
        let sound = |count: &u64| *count == 0 || *count >= BIN_ROWS_MIN;
        assert!(counts.iter().all(sound), "{counts:?}");
        for (bin, count) in counts.iter().enumerate() {
            let low = bin.checked_sub(1).map_or(f64::NEG_INFINITY, |b| edges[b]);
            let high = edges.get(bin).copied().unwrap_or(f64::INFINITY);
            let found = cells.iter().filter(|c| **c >= low && **c < high).count();
            assert_eq!(*count, found as u64, "bin {bin} of {edges:?}");
        }
        let mut sorted = cells.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (fifth, fifth_last) = (sorted[4], sorted[sorted.len() - 5]);
        let inside = |edge: &f64| *edge >= fifth && *edge <= fifth_last;
        assert!(edges.iter().all(inside), "{edges:?} of {sorted:?}");
        (edges, counts)
    }

    #[test]
    fn edges_are_round_and_cover_the_middle() {
        let ages: Vec<f64> = (0..700_u32)
            .map(|n| f64::from(19 + (n * 37) % 57))
            .collect();
        let (edges, _) = check(&ages, true);
        let by_five: Vec<f64> = (4..=15).map(|n| f64::from(n * 5)).collect();
        assert_eq!(edges, by_five);
        let shares: Vec<f64> = (0..1000).map(|n| f64::from(n) / 1000.0).collect();
        let (edges, _) = check(&shares, false);
        assert_eq!(edges[..3], [0.1, 0.2, 0.3]);
        let few: Vec<f64> = (0..100_u32).map(|n| f64::from(1 + n % 4)).collect();
        let (edges, counts) = check(&few, true);
        assert_eq!(edges, [2.0, 3.0, 4.0]);
        assert_eq!(counts, [25, 25, 25, 25]);
        let apart: Vec<f64> = (0..20_u32).map(|n| f64::from(n % 2 * 9)).collect();
        let (edges, counts) = check(&apart, true);
        assert_eq!((counts[0], edges[0]), (10, 1.0), "empty ones between stay");
    }

    #[test]
    fn the_smallest_and_the_largest_cell_are_not_told() {
        let mut cells: Vec<f64> = (0..94_u32).map(|n| f64::from(1 + n % 7 / 6)).collect();
        cells.push(17.0);
        let (edges, counts) = check(&cells, true);
        assert_eq!((edges, counts), (vec![2.0], vec![81, 14]));
        for rows in [5, 9, 10, 40, 95, 400] {
            let mut cells: Vec<f64> = (0..rows).map(|n| f64::from(500 + n % 100)).collect();
            (cells[0], cells[1]) = (3.0, 77_777.0);
            let (edges, _) = check(&cells, true);
            let near = |edge: &f64| (500.0..=600.0).contains(edge);
            assert!(edges.iter().all(near), "{rows} rows: {edges:?}");
        }
        let alike = check(&[42.0; 60], true);
        assert_eq!(alike, (Vec::new(), vec![60]));
    }

    #[test]
    fn whatever_the_numbers_the_bins_are_sound() {
        for seed in 1..60 {
            let mut stream = noise(seed);
            let mut next = || stream.next().expect("it has no end");
            let count = 5 + (next() * 400.0) as usize;
            let (size, shift) = (10_f64.powf(next() * 24.0 - 12.0), next() * 2.0 - 1.0);
            let cells: Vec<f64> = (0..count)
                .map(|_| {
                    let bulk = (next() - 0.5) * size + shift * size * 50.0;
                    if next() < 0.02 { bulk * 1e4 } else { bulk }
                })
                .collect();
            check(&cells, false);
            let whole: Vec<f64> = cells.iter().map(|cell| cell.round()).collect();
            check(&whole, true);
        }
        for cells in [
            vec![f64::MAX, f64::MIN],
            vec![0.0],
            vec![-7.25],
            vec![1e-300],
        ] {
            let many: Vec<f64> = cells.iter().copied().cycle().take(40).collect();
            check(&many, false);
        }
    }

    #[test]
    fn an_outlier_has_no_bin_of_its_own() {
        let mut cells: Vec<f64> = (0..300_u32).map(|n| f64::from(n % 50)).collect();
        cells.push(1_234_567.0);
        let (edges, counts) = check(&cells, true);
        assert!(edges.iter().all(|edge| *edge <= 50.0), "{edges:?}");
        assert!(counts.last().is_some_and(|count| *count > 1));
    }

    #[test]
    fn a_few_numbers_are_not_described() {
        let four = Int64Array::from(vec![Some(1), Some(2), None, Some(3), Some(4)]);
        let found = spread_of(ColumnBase::Int, Arc::new(four));
        assert_eq!((found.missing, found.spread), (1, Spread::Hidden));
        let (edges, counts) = check(&[1234.0, 2345.0, 3456.0, 4567.0, 5678.0], true);
        assert_eq!((edges, counts), (Vec::new(), vec![5]));
    }

    #[test]
    fn means_are_rounded() {
        let cells = Float64Array::from(vec![1.0, 2.0, 3.0, 4.0, 1_234.567_89]);
        let Spread::Numbers {
            mean,
            standard_deviation,
            ..
        } = spread_of(ColumnBase::Float, Arc::new(cells)).spread
        else {
            panic!("five are described");
        };
        assert_eq!((mean, standard_deviation), (248.9, 492.8));
    }

    #[test]
    fn rare_categories_are_joined_and_texts_hidden() {
        let mut texts = vec![Some("common"); 12];
        texts.extend(vec![Some("five"); 5]);
        texts.extend(vec![Some("MARKER-rare"); 4]);
        texts.push(None);
        let array: ArrayRef = Arc::new(StringArray::from(texts));
        let found = spread_of(ColumnBase::Category, Arc::clone(&array));
        let counts = BTreeMap::from([("common".to_owned(), 12), ("five".to_owned(), 5)]);
        assert_eq!(found.spread, Spread::Categories { counts, other: 4 });
        assert_eq!(found.missing, 1);
        assert_eq!(spread_of(ColumnBase::String, array).spread, Spread::Hidden);
        let days: ArrayRef = Arc::new(Date32Array::from(vec![1; 9]));
        assert_eq!(spread_of(ColumnBase::Date, days).spread, Spread::Hidden);
        let flags = BooleanArray::from(vec![Some(true), Some(false), None, Some(true)]);
        let found = spread_of(ColumnBase::Bool, Arc::new(flags));
        assert_eq!(found.spread, Spread::Flags { yes: 2, no: 1 });
    }

    #[test]
    fn of_many_categories_the_most_frequent_are_named() {
        let texts = (0..60).flat_map(|n| vec![format!("c{n:02}"); 5 + n % 3]);
        let texts: Vec<String> = texts.collect();
        let array: ArrayRef = Arc::new(StringArray::from(texts));
        let Spread::Categories { counts, other } = spread_of(ColumnBase::Category, array).spread
        else {
            panic!("categories");
        };
        assert_eq!(counts.len(), CATEGORIES_MAX);
        assert_eq!(other, 50, "the ten rarest, the last by name");
        assert!(!counts.contains_key("c57") && counts.contains_key("c27"));
    }
}
