//! How the cells of one column are spread, in bins and categories of several rows.

use mlinfra_runtime_spec::profile::{ColumnProfile, Spread};

use super::{NAME_LETTERS_MAX, room_for};
use crate::canvas::{Axis, Ink, Mark, Plot, at_row};
use crate::text::tick;

/// So many categories are drawn, the largest ones; the text beside the plot counts all of them.
const BARS_MAX: usize = 8;

/// A histogram; empty for a column of which nothing is kept, and for one without cells.
pub(crate) fn plot(column: &ColumnProfile) -> String {
    match &column.spread {
        Spread::Numbers { edges, counts, .. } if counts.iter().any(|count| *count > 0) => {
            numbers(&column.name, edges, counts)
        }
        Spread::Categories { counts, other } => {
            let named = counts.iter().map(|(name, rows)| (name.clone(), *rows));
            let mut bars: Vec<(String, u64)> = named.collect();
            // Largest first; equal ones by name.
            bars.sort_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.cmp(&two.0)));
            let rest: u64 = bars.iter().skip(BARS_MAX).map(|(_, rows)| rows).sum();
            bars.truncate(BARS_MAX);
            if rest + other > 0 {
                bars.push(("(others)".to_owned(), rest + other));
            }
            named_bars(&column.name, &bars)
        }
        Spread::Flags { yes, no } => {
            let bars = [("true".to_owned(), *yes), ("false".to_owned(), *no)];
            named_bars(&column.name, &bars)
        }
        Spread::Numbers { .. } | Spread::Hidden => String::new(),
    }
}

/// Bins side by side, all drawn equally wide; an edge stands between its bins.
fn numbers(name: &str, edges: &[f64], counts: &[u64]) -> String {
    let highest = counts.iter().copied().max().unwrap_or(0) as f64;
    let bar = |(place, count): (usize, &u64)| Mark::Bar {
        from: (place as f64 + 0.06, 0.0),
        to: (place as f64 + 0.94, *count as f64),
        ink: Ink::One,
    };
    let marks = counts.iter().enumerate().map(bar).collect();
    // Edge i stands between bins i and i+1; about five of them are named.
    let every = edges.len().div_ceil(5).max(1);
    let ticks = edges.iter().enumerate().step_by(every);
    let ticks = ticks.map(|(place, edge)| (place as f64 + 1.0, tick(*edge)));
    Plot {
        width: 260.0,
        height: 130.0,
        left: 40.0,
        x: Axis {
            low: 0.0,
            high: counts.len() as f64,
            ticks: ticks.collect(),
            title: String::new(),
            has_grid: false,
        },
        y: Axis::over(0.0, highest.max(1.0), 2.0, ""),
        marks,
        label: format!("Histogram of {name} in {} bins", counts.len()),
    }
    .svg()
}

fn named_bars(name: &str, bars: &[(String, u64)]) -> String {
    if bars.iter().all(|(_, rows)| *rows == 0) {
        return String::new();
    }
    let names: Vec<String> = bars.iter().map(|(name, _)| name.clone()).collect();
    let rows = names.len();
    let highest = bars.iter().map(|(_, count)| *count).max().unwrap_or(0) as f64;
    let bar = |(row, (_, count)): (usize, &(String, u64))| Mark::Bar {
        from: (0.0, at_row(row, rows) - 0.34),
        to: (*count as f64, at_row(row, rows) + 0.34),
        ink: Ink::One,
    };
    Plot {
        width: 260.0,
        height: 40.0 + 18.0 * rows as f64,
        left: room_for(&names),
        x: Axis::over(0.0, highest.max(1.0), 3.0, ""),
        y: Axis::names(&names, NAME_LETTERS_MAX),
        marks: bars.iter().enumerate().map(bar).collect(),
        label: format!("Bar plot of the rows by {name}"),
    }
    .svg()
}
