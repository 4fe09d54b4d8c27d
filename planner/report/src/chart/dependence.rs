//! Partial dependence: the mean prediction if every row had one value in a column.

use mlinfra_runtime_spec::evaluation::{DependencePoint, PartialDependence};

use crate::canvas::{Axis, Ink, Mark, Plot};
use crate::text::cut;

/// The mean with the middle four fifths of the rows around it; empty without points.
pub(crate) fn plot(dependence: &PartialDependence) -> String {
    if dependence.points.is_empty() {
        return String::new();
    }
    let is_line = dependence.points.iter().all(|point| point.at.is_some());
    let (x, marks) = match is_line {
        true => along(&dependence.points),
        false => by_category(&dependence.points),
    };
    Plot {
        width: 300.0,
        height: 190.0,
        left: 34.0,
        x,
        y: Axis::over(0.0, 1.0, 2.0, ""),
        marks,
        label: format!(
            "Partial dependence of the prediction on {}",
            dependence.feature
        ),
    }
    .svg()
}

fn along(points: &[DependencePoint]) -> (Axis, Vec<Mark>) {
    let at = |point: &DependencePoint| point.at.unwrap_or_default();
    let low = points.iter().map(at).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(at).fold(f64::NEG_INFINITY, f64::max);
    let band = points.iter().map(|p| (at(p), p.low, p.high)).collect();
    let line = points.iter().map(|p| (at(p), p.mean)).collect();
    let marks = vec![
        Mark::Band {
            points: band,
            ink: Ink::One,
        },
        Mark::line(line, Ink::One),
    ];
    (Axis::over(low, high, 4.0, "").without_grid(), marks)
}

fn by_category(points: &[DependencePoint]) -> (Axis, Vec<Mark>) {
    let mut marks = Vec::new();
    let mut ticks = Vec::new();
    // More letters than fit side by side say nothing.
    let letters = (40 / points.len().max(1)).max(3);
    for (place, point) in points.iter().enumerate() {
        let x = place as f64 + 0.5;
        ticks.push((x, cut(&point.name, letters)));
        marks.push(Mark::Line {
            points: vec![(x, point.low), (x, point.high)],
            ink: Ink::One,
            width: 1.3,
        });
        marks.push(Mark::Dot {
            at: (x, point.mean),
            ink: Ink::One,
            is_hollow: false,
        });
    }
    let axis = Axis {
        low: 0.0,
        high: points.len() as f64,
        ticks,
        title: String::new(),
        has_grid: false,
    };
    (axis, marks)
}
