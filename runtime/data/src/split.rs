//! Split: parts of a table by ratio, the same share of every stratum, by keyed hash of the row id.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::UInt64Type;
use arrow::row::{RowConverter, SortField};
use mlinfra_api::{Digest, Value};
use rust_decimal::Decimal;

use crate::table::ROW_COLUMN;
use crate::{StepFault, codes};

/// The parts of a split, by name, in the order written.
pub(crate) type Ratios = Vec<(String, Decimal)>;

/// Reads the parts of a split.
///
/// # Errors
/// E0613 if a ratio is not above 0, or all of them are above 1 together.
pub(crate) fn ratios(entries: &[(String, Value)]) -> Result<Ratios, StepFault> {
    let ratio = |(name, value): &(String, Value)| match value {
        Value::Decimal(ratio) => Ok((name.clone(), *ratio)),
        Value::Int(ratio) => Ok((name.clone(), Decimal::from(*ratio))),
        _ => Err(StepFault::unknown(format!("the part `{name}` is no ratio"))),
    };
    let ratios: Ratios = entries.iter().map(ratio).collect::<Result<_, _>>()?;
    if let Some((name, _)) = ratios.iter().find(|(_, ratio)| *ratio <= Decimal::ZERO) {
        return Err(StepFault::new(
            codes::SPLIT_RATIOS,
            format!("the ratio of the part `{name}` is not above 0"),
        ));
    }
    let sum = ratios
        .iter()
        .try_fold(Decimal::ZERO, |sum, (_, ratio)| sum.checked_add(*ratio));
    match sum.is_some_and(|sum| sum <= Decimal::ONE) {
        true => Ok(ratios),
        false => Err(StepFault::new(
            codes::SPLIT_RATIOS,
            "the ratios of the parts are more than 100% together",
        )
        .with_help("make them 100%, or less to leave rows out")),
    }
}

/// Cuts a table into parts, each with its rows in order. No row is in two parts; every row is in
/// one if the ratios make 1. In every stratum each part has its share of the rows, rounded up or
/// down.
pub(crate) fn split(
    table: &RecordBatch,
    ratios: &Ratios,
    stratify: Option<&str>,
    seed: i64,
) -> Result<Vec<RecordBatch>, StepFault> {
    let rows = table
        .column_by_name(ROW_COLUMN)
        .and_then(|rows| rows.as_primitive_opt::<UInt64Type>())
        .ok_or_else(|| StepFault::engine("a table has no row ids"))?;
    let strata = strata(table, stratify)?;
    let mut part_of: Vec<usize> = vec![usize::MAX; table.num_rows()];
    let mut owed = vec![Decimal::ZERO; ratios.len() + 1];
    for mut members in strata.into_values() {
        members.sort_by_cached_key(|&index| (rank(seed, rows.value(index)), rows.value(index)));
        let counts = apportion(members.len(), ratios, &mut owed);
        let mut rest = members.as_slice();
        for (part, count) in counts.into_iter().enumerate() {
            let (taken, left) = rest.split_at(count);
            taken.iter().for_each(|&index| part_of[index] = part);
            rest = left;
        }
    }
    let part = |part: usize| {
        let mask: BooleanArray = part_of.iter().map(|&of| Some(of == part)).collect();
        filter_record_batch(table, &mask)
            .map_err(|_| StepFault::engine("a part of a table could not be taken"))
    };
    (0..ratios.len()).map(part).collect()
}

/// Where a row stands among those of its stratum.
fn rank(seed: i64, row: u64) -> [u8; 32] {
    *Digest::of_parts([seed.to_le_bytes().as_slice(), &row.to_le_bytes()]).bytes()
}

/// The indices of the rows of each stratum, strata in the order of their values, a missing value
/// being one.
fn strata(
    table: &RecordBatch,
    stratify: Option<&str>,
) -> Result<BTreeMap<Vec<u8>, Vec<usize>>, StepFault> {
    let Some(name) = stratify else {
        return Ok(BTreeMap::from([(
            Vec::new(),
            (0..table.num_rows()).collect(),
        )]));
    };
    let column = table
        .column_by_name(name)
        .ok_or_else(|| StepFault::unknown(format!("there is no column `{name}` to stratify by")))?;
    let encoded = RowConverter::new(vec![SortField::new(column.data_type().clone())])
        .and_then(|converter| converter.convert_columns(std::slice::from_ref(column)))
        .map_err(|_| StepFault::engine(format!("the column `{name}` could not be encoded")))?;
    let mut strata: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
    for (index, key) in encoded.iter().enumerate() {
        strata.entry(key.as_ref().to_vec()).or_default().push(index);
    }
    Ok(strata)
}

/// How many of `count` rows each part gets: its share rounded down, and one more for those with
/// the largest remainders until the shares of all parts are given out. What a part got too little
/// in one stratum (`owed`) counts as remainder in the next, so that the sums hold too. The last
/// entry of `owed` is of the rows that no part gets.
fn apportion(count: usize, ratios: &Ratios, owed: &mut [Decimal]) -> Vec<usize> {
    let total = Decimal::from(count);
    let used: Decimal = ratios.iter().map(|(_, ratio)| *ratio).sum();
    let shares: Vec<Decimal> = ratios
        .iter()
        .map(|(_, ratio)| *ratio)
        .chain([Decimal::ONE - used])
        .map(|ratio| ratio * total)
        .collect();
    let mut counts: Vec<usize> = shares.iter().map(whole).collect();
    let left = count - counts.iter().sum::<usize>();
    // Only a share with a fraction can be rounded up.
    let mut order: Vec<usize> = (0..shares.len())
        .filter(|&part| !shares[part].fract().is_zero())
        .collect();
    order.sort_by_key(|&part| (-(shares[part].fract() + owed[part]), part));
    order.iter().take(left).for_each(|&part| counts[part] += 1);
    for (part, share) in shares.iter().enumerate() {
        owed[part] += share - Decimal::from(counts[part]);
    }
    counts.truncate(ratios.len());
    counts
}

fn whole(share: &Decimal) -> usize {
    usize::try_from(share.trunc()).expect("a share of a count is at most the count")
}
