//! Permutation importance: Breiman, "Random forests" (Machine Learning 45, 2001), of any model.

use mlinfra_runtime_spec::evaluation::{FeatureImportance, Importance};

use super::cells::{Explained, taken};
use crate::fault::LearnFault;
use crate::stream::Stream;

/// How often each column is shuffled.
pub const REPEATS: u32 = 5;

/// A measure of a model's answers: larger is better.
pub struct Score<'a> {
    /// `auc`.
    pub name: &'a str,
    /// The measure of the answers to all rows, in their order.
    pub of: &'a dyn Fn(&[f64]) -> f64,
}

/// By how much the score falls when the cells of one column are dealt out to the rows anew. What is
/// told by two columns looks unimportant in each: the other one still tells it.
pub fn importance(
    model: &Explained<'_>,
    score: &Score<'_>,
    begin: &mut dyn FnMut(usize),
) -> Result<Importance, LearnFault> {
    let whole = (score.of)(&(model.predict)(model.data)?);
    let mut features = Vec::with_capacity(model.features.columns.len());
    for (place, feature) in model.features.columns.iter().enumerate() {
        begin(place);
        let column = model.column(&feature.name)?;
        let stream = Stream::new(
            model.seed,
            &format!("evaluate.permutation.{}", feature.name),
        );
        let mut falls = Vec::with_capacity(REPEATS as usize);
        for repeat in 0..u64::from(REPEATS) {
            let mut order: Vec<u32> = (0..model.data.num_rows() as u32).collect();
            stream.at(repeat).shuffle(&mut order);
            let answers = model.with(&feature.name, taken(column, order)?)?;
            falls.push(whole - (score.of)(&answers));
        }
        let count = f64::from(REPEATS);
        let mean = falls.iter().sum::<f64>() / count;
        let square: f64 = falls.iter().map(|fall| (fall - mean).powi(2)).sum();
        features.push(FeatureImportance {
            feature: feature.name.clone(),
            mean,
            standard_deviation: (square / (count - 1.0)).sqrt(),
        });
    }
    features.sort_by(|a, b| {
        let by_mean = b.mean.total_cmp(&a.mean);
        by_mean.then_with(|| a.feature.cmp(&b.feature))
    });
    Ok(Importance {
        measure: score.name.to_owned(),
        score: whole,
        repeats: REPEATS,
        features,
    })
}
