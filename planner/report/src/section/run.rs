//! What ran, by whom, on what, and what was kept.

use minijinja::{Value, context};

use super::list;
use crate::input::{Outcome, Report, Step};
use crate::text::{count, seconds, short_key, time};

/// The section.
pub(crate) fn of(report: &Report) -> Value {
    let operation = report.operation.as_ref().map(|operation| {
        let mut rows = vec![
            ("operation", operation.name.clone()),
            ("command", operation.command.clone()),
            ("by", operation.who.clone()),
            ("began", time(&operation.started)),
        ];
        if let Some(ended) = &operation.ended {
            rows.push(("ended", time(ended)));
        }
        if let Some(took) = operation.seconds {
            rows.push(("took", seconds(took)));
        }
        rows.push(("came to", operation.outcome.clone()));
        list(
            rows.into_iter()
                .map(|(name, text)| context! { name => name, text => text }),
        )
    });
    let resources = report.resources.iter();
    context! {
        operation => operation,
        steps => list(report.steps.iter().map(step)),
        resources => list(resources.map(|fact| {
            context! { name => fact.name.as_str(), text => fact.text.as_str() }
        })),
    }
}

fn step(step: &Step) -> Value {
    let made_in = step.made_in.clone().unwrap_or_default();
    let (state, word, note) = match &step.outcome {
        Outcome::Ran => ("good", "ran".to_owned(), String::new()),
        Outcome::Kept => ("open", format!("kept from {made_in}"), String::new()),
        Outcome::Failed { note } => ("bad", "failed".to_owned(), note.clone()),
        Outcome::Blocked { note } => ("bad", "blocked".to_owned(), note.clone()),
        Outcome::Absent => ("open", "never made".to_owned(), String::new()),
    };
    let word = match step.outcome {
        Outcome::Kept if made_in.is_empty() => "kept".to_owned(),
        _ => word,
    };
    context! {
        address => step.address.as_str(),
        operation => format!("{}, version {}", step.operation, step.version),
        state => state,
        word => word,
        note => note,
        rows => step.rows.map(count).unwrap_or_default(),
        seed => step.seed.map(|seed| seed.to_string()).unwrap_or_default(),
        threads => step.threads.map(|threads| threads.to_string()).unwrap_or_default(),
        key => step.key.as_deref().map(short_key).unwrap_or_default(),
        whole_key => step.key.clone().unwrap_or_default(),
        inexact => step.exact == Some(false),
    }
}
