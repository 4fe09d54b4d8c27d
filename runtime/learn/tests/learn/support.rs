//! Small tables with a planted truth, and a keeper of checkpoints in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use mlinfra_api::{Column, ColumnBase, ColumnType, TableType};
use mlinfra_learn::stream::Stream;
use mlinfra_learn::{
    Architecture, Checkpoints, Continue, EvaluateTask, LearnFault, Model, NoCheckpoints, TrainTask,
    Trained, evaluate, train,
};
use mlinfra_runtime_spec::evaluation::Evaluation;

/// A column of a feature table.
pub(crate) fn column(name: &str, base: ColumnBase, nullable: bool) -> Column {
    Column {
        name: name.to_owned(),
        column_type: ColumnType { base, nullable },
        classes: Default::default(),
    }
}

/// A table of these columns; a column is nullable if a cell of it is missing.
pub(crate) fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let field = |(name, array): &(&str, ArrayRef)| {
        Field::new(*name, array.data_type().clone(), array.null_count() > 0)
    };
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(schema), arrays).unwrap()
}

/// A table with every kind of feature, missing cells among them, whose label follows from them
/// with noise.
pub(crate) fn mixed(rows: usize, seed: u64) -> (RecordBatch, TableType) {
    let mut draws = Stream::new(seed, "mixed").at(0);
    let (mut city, mut age, mut income) = (Vec::new(), Vec::new(), Vec::new());
    let (mut member, mut label) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let place = draws.below(4);
        let years = i64::from(18 + draws.below(60));
        let money = f64::from(draws.unit()) * 9e4;
        let is_member = draws.below(2) == 0;
        let missing = draws.below(10) == 0;
        let score = f64::from(place) - 1.5
            + (years as f64 - 48.0) / 20.0
            + if missing { 1.0 } else { money / 3e4 - 1.5 }
            + if is_member { 0.5 } else { -0.5 };
        city.push((place < 3).then(|| ["Berlin", "Äarau", "aachen"][place as usize]));
        age.push(years);
        income.push((!missing).then_some(money));
        member.push(is_member);
        label.push(f64::from(draws.unit()) < 1.0 / (1.0 + (-2.0 * score).exp()));
    }
    let data = table(vec![
        ("city", Arc::new(StringArray::from(city))),
        ("age", Arc::new(Int64Array::from(age))),
        ("income", Arc::new(Float64Array::from(income))),
        ("member", Arc::new(BooleanArray::from(member))),
        ("good", Arc::new(BooleanArray::from(label))),
    ]);
    let columns = vec![
        column("city", ColumnBase::Category, true),
        column("age", ColumnBase::Int, false),
        column("income", ColumnBase::Float, true),
        column("member", ColumnBase::Bool, false),
    ];
    (data, TableType { columns })
}

/// A short training of these features for the label `good`.
pub(crate) fn task(features: &TableType, architecture: Architecture) -> TrainTask {
    TrainTask {
        features: features.clone(),
        label: "good".to_owned(),
        architecture,
        epochs: 6,
        batch_size: 16,
        learning_rate: 0.01,
        weight_decay: 0.01,
        seed: 7,
        checkpoint_every_epochs: None,
        checkpoint_every_seconds: None,
        threads: 1,
    }
}

/// A small network with dropout.
pub(crate) fn mlp() -> Architecture {
    Architecture::Mlp {
        hidden: vec![8, 4],
        dropout: 0.2,
    }
}

/// Trains to the end without checkpoints.
pub(crate) fn finish(task: &TrainTask, data: &RecordBatch) -> Result<Trained, LearnFault> {
    train(task, data, None, &mut NoCheckpoints, &mut |_| Continue::Go)
}

/// Judges a model.
pub(crate) fn judge(
    model: &Model,
    data: &RecordBatch,
    task: &EvaluateTask,
) -> Result<Evaluation, LearnFault> {
    evaluate(model, data, task, &mut |_| {})
}

/// The figures that a model has on a table, without those that are undefined.
pub(crate) fn figures(model: &Model, data: &RecordBatch) -> BTreeMap<String, f64> {
    let found = judge(model, data, &EvaluateTask::default()).unwrap();
    let figures = found.figures().into_iter();
    figures
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// Keeps every checkpoint, and can refuse one as if the disk were full or the power had gone.
#[derive(Clone, Default)]
pub(crate) struct Kept {
    pub(crate) saved: Vec<(u32, Vec<u8>)>,
    pub(crate) refuse_at: Option<u32>,
    pub(crate) unreadable: bool,
}

impl Checkpoints for Kept {
    fn save(&mut self, epoch: u32, bytes: &[u8]) -> Result<(), String> {
        if self.refuse_at == Some(epoch) {
            return Err("no space is left".to_owned());
        }
        self.saved.push((epoch, bytes.to_vec()));
        Ok(())
    }

    fn newest_first(&mut self) -> Result<Vec<(u32, Vec<u8>)>, String> {
        if self.unreadable {
            return Err("permission denied".to_owned());
        }
        Ok(self.saved.iter().rev().cloned().collect())
    }
}
