//! What a model looks at: importances, partial dependence, single cases.

use std::collections::BTreeMap;

use minijinja::{Value, context};
use mlinfra_runtime_spec::evaluation::{
    DependencePoint, Evaluation, Importance, Lime, LimeCase, PartialDependence,
};

use super::{figure, list};
use crate::chart;
use crate::text::{self, counted};

/// So many small plots stand open; the rest is folded.
const PLOTS_OPEN: usize = 9;

/// The section; none if nothing was asked for.
pub(crate) fn of(evaluation: &Evaluation) -> Option<Value> {
    let importance = evaluation.importance.as_ref();
    let importance = importance.filter(|found| !found.features.is_empty());
    let dependence = &evaluation.partial_dependence;
    let lime = evaluation
        .lime
        .as_ref()
        .filter(|lime| !lime.cases.is_empty());
    if importance.is_none() && dependence.is_empty() && lime.is_none() {
        return None;
    }
    let plots = ordered(dependence, importance)
        .into_iter()
        .filter_map(dependence_figure);
    let mut plots: Vec<Value> = plots.collect();
    let more = plots.split_off(plots.len().min(PLOTS_OPEN));
    Some(context! {
        importance => importance.map(importance_of),
        dependence => list(plots),
        dependence_more => list(more),
        lime => lime.map(lime_of),
    })
}

fn importance_of(importance: &Importance) -> Value {
    let first = importance
        .features
        .first()
        .map(|feature| feature.feature.clone());
    let caption = format!(
        "By how much {} falls from {} when one column is shuffled, {}. Lines are one standard \
         deviation to each side. The column that matters most is {}; one at or below zero \
         does not help to rank these rows.",
        text::words(&importance.measure),
        text::figure(importance.score),
        counted(u64::from(importance.repeats), "time"),
        first.unwrap_or_default(),
    );
    let rows = importance.features.iter().map(|feature| {
        context! {
            feature => feature.feature.as_str(),
            mean => text::figure(feature.mean),
            deviation => text::figure(feature.standard_deviation),
        }
    });
    context! {
        figure => figure(chart::importance::plot(importance), caption),
        rows => list(rows),
    }
}

/// The features in the order of their importance, those without one behind.
fn ordered<'a>(
    dependence: &'a [PartialDependence],
    importance: Option<&Importance>,
) -> Vec<&'a PartialDependence> {
    let ranks = importance
        .iter()
        .flat_map(|found| found.features.iter().enumerate());
    let ranks: BTreeMap<&str, usize> = ranks.map(|(rank, f)| (f.feature.as_str(), rank)).collect();
    let mut features: Vec<&PartialDependence> = dependence.iter().collect();
    let rank = |one: &PartialDependence| ranks.get(one.feature.as_str()).copied();
    features.sort_by_key(|one| rank(one).unwrap_or(usize::MAX));
    features
}

fn dependence_figure(dependence: &PartialDependence) -> Option<Value> {
    let points = &dependence.points;
    let by_mean = |one: &&DependencePoint, two: &&DependencePoint| one.mean.total_cmp(&two.mean);
    let (low, high) = (
        points.iter().min_by(by_mean)?,
        points.iter().max_by(by_mean)?,
    );
    let caption = format!(
        "lowest {} at {}, highest {} at {}",
        text::figure(low.mean),
        low.name,
        text::figure(high.mean),
        high.name
    );
    Some(context! {
        name => dependence.feature.as_str(),
        figure => figure(chart::dependence::plot(dependence), caption),
    })
}

fn lime_of(lime: &Lime) -> Value {
    context! {
        about => format!(
            "Around each case {} were drawn (seed {}), and a linear model was fitted to what the \
             model says of them. An explanation that follows the model with an R² below {} is \
             called unfaithful: do not read it.",
            counted(u64::from(lime.samples), "sample"),
            lime.seed,
            text::figure(lime.faithful_from),
        ),
        cases => list(lime.cases.iter().map(|case| case_of(case, lime.faithful_from))),
    }
}

fn case_of(case: &LimeCase, faithful_from: f64) -> Value {
    let caption = format!(
        "The model says {}, the linear model {}; R² {}, instability {}.",
        text::figure(case.prediction),
        text::figure(case.local_prediction),
        text::figure(case.r_squared),
        text::figure(case.instability),
    );
    let weights = case.weights.iter().map(|weight| {
        context! { feature => weight.feature.as_str(), weight => text::figure(weight.weight) }
    });
    // Not a number is unfaithful too.
    let is_faithful = case.r_squared >= faithful_from;
    context! {
        name => case.name.as_str(),
        unfaithful => !is_faithful,
        figure => figure(chart::lime::plot(case), caption),
        weights => list(weights),
    }
}
