//! What is checked when a state is opened: chain, head, place, key, and what it adds up to.

use std::collections::BTreeMap;
use std::path::Path;

use mlinfra_seal::SealKey;

use crate::disk::{Content, Link, Row};
use crate::fault::{StateFault, changed, cut};
use crate::integrity;
use crate::journal::Record;
use crate::place::Mark;
use crate::replay::Replayed;
use crate::secret;

/// The code of a folder that is not the one its state was made in.
pub(crate) const COPIED: &str = "E0705";

pub(crate) fn key_fault(fault: &impl std::fmt::Display) -> StateFault {
    StateFault::new(
        "E0711",
        format!("the key that seals the secrets of this state can't be used: {fault}"),
    )
    .with_help("put back `.mlinfra/secret.key` (mode 0600) from where you keep a copy")
}

pub(crate) fn refuse_copy(
    folder: &Path,
    meta: &BTreeMap<String, String>,
) -> Result<(), StateFault> {
    let made_in = meta.get("folder").and_then(|text| Mark::from_text(text));
    let here = Mark::of(folder).ok();
    match (made_in, here) {
        (Some(made_in), Some(here)) if made_in.is_same(&here) => Ok(()),
        _ => Err(StateFault::new(
            COPIED,
            "this state folder is a copy, or was moved: it was made in another folder",
        )
        .with_help(
            "`mlinfra state fork` makes it a state of its own; all that it describes stays \
             with the original",
        )),
    }
}

pub(crate) fn link_of(row: &Row) -> Link {
    Link {
        sequence: row.sequence,
        hash: row.hash,
    }
}

pub(crate) fn check_chain(base: Link, rows: &[Row]) -> Result<(), StateFault> {
    let mut before = base;
    for row in rows {
        let wanted = before.then(&row.body);
        if wanted != link_of(row) {
            return Err(changed(wanted.sequence));
        }
        before = wanted;
    }
    Ok(())
}

pub(crate) fn check_head(head: Link, base: Link, rows: &[Row]) -> Result<(), StateFault> {
    let last = rows.last().map(link_of).unwrap_or(base);
    if head.sequence > last.sequence {
        return Err(cut(head.sequence - last.sequence));
    }
    let there = std::iter::once(base).chain(rows.iter().map(link_of));
    match there.into_iter().any(|link| link == head) {
        true => Ok(()),
        false => Err(changed(head.sequence)),
    }
}

/// Replays rows, from the last checkpoint on, and returns how many came after it.
pub(crate) fn replay_all(
    replayed: &mut Replayed,
    content: &Content,
    key: Option<&SealKey>,
    lineage: &str,
    faults: &mut Vec<StateFault>,
) -> u64 {
    let is_checkpoint = |row: &Row| row.body.starts_with("{\"checkpoint\":");
    let first = content.rows.iter().rposition(is_checkpoint).unwrap_or(0);
    for row in &content.rows[first..] {
        let mut record: Record = match serde_json::from_str(&row.body) {
            Ok(record) => record,
            Err(_) => {
                faults.push(changed(row.sequence));
                continue;
            }
        };
        if !secret::open_record(&mut record, key, lineage) && key.is_some() {
            faults.push(key_fault(&"it does not open what was sealed"));
        }
        if let Err(why) = replayed.add(&record) {
            faults.push(broken_state(&why));
        }
    }
    (content.rows.len() - first) as u64
}

pub(crate) fn integrity_fault(replayed: &Replayed) -> Option<StateFault> {
    let found = integrity::check(replayed);
    let first = found.first()?;
    let more = match found.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    Some(broken_state(&format!("{first}{more}")))
}

pub(crate) fn broken_state(why: &str) -> StateFault {
    StateFault::new("E0710", format!("the state contradicts itself: {why}")).with_help(
        "nothing was started; `mlinfra show` still shows it; put back `state.db` and `head` of \
         the newest sound backup",
    )
}
