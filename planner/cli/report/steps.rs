//! What ran and what was kept, from the journal and from what it adds up to.

use mlinfra_api::{ResourceState, Snapshot, Value, Verb};
use mlinfra_check::Block;
use mlinfra_report::{Fact, Operation, Outcome, Step};
use mlinfra_state::{ActionState, ActionSummary, OperationEvent, OperationRecord, OperationState};

use super::Sources;

/// The newest operation.
pub(super) fn operation(operations: &[OperationRecord]) -> Option<Operation> {
    let newest = operations.last()?;
    let ended = newest.ended.as_deref();
    Some(Operation {
        name: newest.name(),
        who: newest.who.clone(),
        command: newest.command.clone(),
        started: newest.started.clone(),
        ended: newest.ended.clone(),
        seconds: ended.and_then(|ended| Some(seconds(ended)? - seconds(&newest.started)?)),
        outcome: outcome(newest),
    })
}

fn outcome(operation: &OperationRecord) -> String {
    let ended = match (&operation.state, &operation.outcome) {
        (OperationState::Running, _) => return "it is running".to_owned(),
        (OperationState::Waiting, _) => return "accepted work goes on".to_owned(),
        (OperationState::Interrupted, _) => return "it was interrupted".to_owned(),
        (OperationState::Ended, outcome) => outcome,
    };
    let Some(OperationEvent::Ended {
        ok,
        failed,
        blocked,
    }) = ended
    else {
        return "it ended".to_owned();
    };
    let mut parts = vec![format!("{ok} done")];
    for (count, word) in [(failed, "failed"), (blocked, "blocked")] {
        if *count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    parts.join(", ")
}

/// Seconds since 1970 of an RFC 3339 time in UTC, as the journal writes it.
fn seconds(text: &str) -> Option<f64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, between: char| -> Option<Vec<f64>> {
        text.split(between).map(|part| part.parse().ok()).collect()
    };
    let (date, time) = (numbers(date, '-')?, numbers(time, ':')?);
    let ([year, month, day], [hours, minutes, seconds]) = (date.as_slice(), time.as_slice()) else {
        return None;
    };
    // Years begin in March, so that the leap day is the last one; months then alternate as
    // 153 days in five months do.
    let year = if *month <= 2.0 { year - 1.0 } else { *year };
    let month = (month + 9.0) % 12.0;
    let leaps = (year / 4.0).floor() - (year / 100.0).floor() + (year / 400.0).floor();
    let days = year * 365.0 + leaps + ((153.0 * month + 2.0) / 5.0).floor() + day - 719_469.0;
    Some(days * 86_400.0 + hours * 3600.0 + minutes * 60.0 + seconds)
}

/// Every dataset and step of the spec, and what became of it.
pub(super) fn steps(sources: &Sources<'_>) -> Vec<Step> {
    let blocks = sources.program.blocks.iter();
    let blocks = blocks.filter(|block| block.step.is_some() || block.table.is_some());
    blocks.map(|block| step(block, sources)).collect()
}

fn step(block: &Block, sources: &Sources<'_>) -> Step {
    let state = sources.state(&block.address);
    let property = |name: &str| state.and_then(|state| state.resource.properties.get(name));
    let output = |name: &str| state.and_then(|state| state.outputs.get(name));
    let reserve = || property("bounds")?.as_record()?.get("reserve")?.as_record();
    let settings = property("settings").and_then(Value::as_record);
    let written = block.step.as_ref();
    let operation = property("operation")
        .and_then(Value::as_text)
        .map(str::to_owned);
    let version = property("version").and_then(Value::as_int);
    let version = version.and_then(|version| u32::try_from(version).ok());
    let whole = |value: Option<&Value>| u64::try_from(value?.as_int()?).ok();
    Step {
        address: block.address.to_string(),
        operation: operation
            .or_else(|| written.map(|step| step.operation.clone()))
            .unwrap_or_else(|| "ingest".to_owned()),
        version: version
            .or_else(|| written.map(|step| step.version))
            .unwrap_or_default(),
        outcome: became(block, state, sources),
        made_in: made_in(block, sources),
        key: state.and_then(|state| state.resource.identity.clone()),
        exact: match output("exact") {
            Some(Value::Bool(exact)) => Some(*exact),
            _ => None,
        },
        threads: whole(reserve().and_then(|reserve| reserve.get("cpus"))),
        seed: settings.and_then(|settings| settings.get("seed")?.as_int()),
        rows: whole(output("rows")),
    }
}

/// What an operation did here, if it did something.
fn action<'a>(operation: &'a OperationRecord, block: &Block) -> Option<&'a ActionSummary> {
    let mut actions = operation.actions.values();
    actions.find(|action| action.address == block.address)
}

fn is_made(action: &ActionSummary) -> bool {
    action.state == ActionState::Done && action.verb != Some(Verb::Delete)
}

fn became(block: &Block, state: Option<&ResourceState>, sources: &Sources<'_>) -> Outcome {
    let standing = match state {
        Some(_) => Outcome::Kept,
        None => Outcome::Absent,
    };
    let newest = sources.session.store.operations().last();
    let Some(action) = newest.and_then(|operation| action(operation, block)) else {
        return standing;
    };
    let note = action.note.clone().unwrap_or_default();
    match action.state {
        ActionState::Done if is_made(action) => Outcome::Ran,
        ActionState::Failed | ActionState::Stuck => Outcome::Failed { note },
        ActionState::Blocked => Outcome::Blocked { note },
        ActionState::Done | ActionState::Cancelled | ActionState::Pending => standing,
        ActionState::Begun | ActionState::Running | ActionState::InDoubt => Outcome::Blocked {
            note: "it is still under way".to_owned(),
        },
    }
}

/// The newest operation that made it.
fn made_in(block: &Block, sources: &Sources<'_>) -> Option<String> {
    let operations = sources.session.store.operations().iter().rev();
    let mut made = operations.filter(|one| action(one, block).is_some_and(is_made));
    made.next().map(OperationRecord::name)
}

/// What the steps stand on: everything that is neither a step nor serves a model.
pub(super) fn resources(snapshot: &Snapshot) -> Vec<Fact> {
    let states = snapshot.resources.values();
    let states = states
        .filter(|state| !matches!(state.resource.resource_type.as_str(), "step" | "endpoint"));
    let fact = |state: &ResourceState| Fact {
        name: state.resource.address.to_string(),
        text: state.resource.summary.clone(),
    };
    states.map(fact).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_count_over_months_and_leap_days() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0.0),
            ("2000-02-29T23:59:59Z", 951_868_799.0),
            ("2000-03-01T00:00:00Z", 951_868_800.0),
            ("2026-11-22T11:26:55Z", 1_795_346_815.0),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        assert_eq!(seconds("yesterday"), None);
        assert_eq!(seconds("2026-11Z"), None);
    }
}
