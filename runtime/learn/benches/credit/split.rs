//! The example's split, as the `split` step makes it.

use arrow::array::{AsArray, RecordBatch};
use mlinfra_api::Digest;

use crate::credit::rows;

/// The parts to train and to test: of either label, the 80% of the rows with the lowest hash of
/// seed and row id to train, the others to test.
pub(crate) fn split(data: &RecordBatch, seed: i64) -> (RecordBatch, RecordBatch) {
    let labels = data["good"].as_boolean();
    let mut in_train = vec![false; data.num_rows()];
    for label in [true, false] {
        let mut members: Vec<usize> = (0..labels.len())
            .filter(|row| labels.value(*row) == label)
            .collect();
        members.sort_by_cached_key(|row| {
            let row = *row as u64;
            *Digest::of_parts([seed.to_le_bytes().as_slice(), &row.to_le_bytes()]).bytes()
        });
        let share = members.len() * 4 / 5;
        members[..share]
            .iter()
            .for_each(|row| in_train[*row] = true);
    }
    let part = |wanted: bool| {
        rows(
            data,
            (0..data.num_rows()).filter(|row| in_train[*row] == wanted),
        )
    };
    (part(true), part(false))
}
