//! What there is to say of a gate beyond its verdict: intervals, groups, why nothing was measured.

use mlinfra_api::{Figure, ResourceState, Value};
use mlinfra_check::Program;
use mlinfra_plan::JudgedGate;
use mlinfra_runtime_spec::evaluation::{EVALUATION_OBJECT, Evaluation, Fairness, Group, Measure};

use crate::session::Session;

/// A gate, and what is known of its figures.
#[derive(Clone, Debug)]
pub(crate) struct Explained {
    /// The gate, judged.
    pub(crate) gate: JudgedGate,
    /// A line each: intervals, the groups that a figure compares, why one is undefined.
    pub(crate) details: Vec<String>,
}

/// The gates of a recorded step, judged by what it reported.
pub(crate) fn gates_of(
    state: &ResourceState,
    program: &Program,
    session: &Session,
) -> Vec<Explained> {
    let address = &state.resource.address;
    let block = program.block(address);
    let step = block.and_then(|block| block.step.as_ref());
    let gates = step.into_iter().flat_map(|step| &step.gates);
    let judged = gates.map(|gate| JudgedGate::open(address, gate).judged(&state.outputs));
    explained(judged, session)
}

/// Judged gates with what their steps found, as far as that can be read. Nothing is missing without
/// it but these lines.
pub(crate) fn explained(
    gates: impl IntoIterator<Item = JudgedGate>,
    session: &Session,
) -> Vec<Explained> {
    let snapshot = session.store.snapshot();
    let explain = |gate: JudgedGate| {
        let state = snapshot.resources.get(&gate.step);
        let object = state.and_then(|state| session.local.object(state, EVALUATION_OBJECT).ok()?);
        let found = object.and_then(|bytes| serde_json::from_slice::<Evaluation>(&bytes).ok());
        let details = details(&gate, &found.unwrap_or_default());
        Explained { gate, details }
    };
    gates.into_iter().map(explain).collect()
}

fn details(gate: &JudgedGate, found: &Evaluation) -> Vec<String> {
    let mut figures: Vec<&Figure> = Vec::new();
    gate.condition.for_each_figure(&mut |figure| {
        if !figures.contains(&figure) {
            figures.push(figure);
        }
    });
    let several = figures.len() > 1;
    let mut lines = Vec::new();
    for figure in figures {
        let fairness = fairness_of(figure, found);
        let measures = fairness.map_or(&found.quality, |fairness| &fairness.measures);
        let Some(measure) = measures.iter().find(|one| one.name == figure.name) else {
            continue;
        };
        let name = match several {
            true => format!("{figure}: "),
            false => String::new(),
        };
        lines.extend(measure.undefined.iter().map(|why| format!("{name}{why}")));
        let rates = rates_of(&figure.name);
        let of_groups = fairness.into_iter().flat_map(|one| {
            let line = |rate: &&str| groups_line(one, rate);
            rates.iter().filter_map(line).collect::<Vec<_>>()
        });
        lines.extend(of_groups.map(|line| format!("{name}{line}")));
        lines.extend(interval(measure).map(|line| format!("{name}{line}")));
    }
    lines
}

/// What was found of the groups that a figure is asked for.
fn fairness_of<'f>(figure: &Figure, found: &'f Evaluation) -> Option<&'f Fairness> {
    let mut by: Vec<&str> = Vec::new();
    for argument in &figure.arguments {
        match argument {
            Value::List(columns) => by.extend(columns.iter().filter_map(Value::as_text)),
            other => by.extend(other.as_text()),
        }
    }
    found.fairness.iter().find(|fairness| fairness.by == by)
}

/// The rates of groups that a measure between groups compares.
fn rates_of(measure: &str) -> &'static [&'static str] {
    match measure {
        "disparate_impact" | "demographic_parity_difference" => &["selection_rate"],
        "equal_opportunity_difference" | "equal_opportunity_ratio" => &["true_positive_rate"],
        "equalized_odds_difference" | "equalized_odds_ratio" => {
            &["true_positive_rate", "false_positive_rate"]
        }
        _ => &[],
    }
}

/// `selection rate: female 0.52 of 62 · male 0.70 of 138`
fn groups_line(fairness: &Fairness, rate: &str) -> Option<String> {
    let one = |group: &Group| {
        let value = group.rates.iter().find(|one| one.name == rate)?.value;
        let value = value.map_or("undefined".to_owned(), |value| format!("{value:.2}"));
        Some(format!("{} {value} of {}", group.name, group.rows))
    };
    let groups: Vec<String> = fairness.groups.iter().filter_map(one).collect();
    let name = rate.replace('_', " ");
    (!groups.is_empty()).then(|| format!("{name}: {}", groups.join(" · ")))
}

fn interval(measure: &Measure) -> Option<String> {
    let (low, high) = (measure.low?, measure.high?);
    Some(format!("95% interval {low:.2}–{high:.2}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mlinfra_api::{Address, Condition, Verdict};

    use super::*;

    fn gate(figure: Figure) -> JudgedGate {
        JudgedGate {
            step: Address::new("step", "report"),
            condition: Condition::Figure(figure),
            text: String::new(),
            message: None,
            verdict: Verdict::Undefined,
            figures: BTreeMap::new(),
        }
    }

    fn group(name: &str, rows: u64, rate: Option<f64>) -> Group {
        let rate = Measure {
            name: "selection_rate".into(),
            value: rate,
            ..Measure::default()
        };
        Group {
            name: name.into(),
            rows,
            rates: vec![rate],
            ..Group::default()
        }
    }

    #[test]
    fn groups_intervals_and_reasons_are_found_by_the_figure() {
        let reason = "group \"youth\" has 8 rows, at least 10 are required";
        let found = Evaluation {
            quality: vec![Measure {
                name: "auc".into(),
                low: Some(0.7),
                high: Some(0.8),
                ..Measure::default()
            }],
            fairness: vec![Fairness {
                by: vec!["age_band".into()],
                groups: vec![group("adult", 62, Some(0.516)), group("youth", 8, None)],
                measures: vec![Measure {
                    name: "disparate_impact".into(),
                    undefined: Some(reason.into()),
                    ..Measure::default()
                }],
                ..Fairness::default()
            }],
            ..Evaluation::default()
        };
        let asked = |name: &str, by: &[&str]| {
            let by = by.iter().map(|column| Value::text(*column)).collect();
            let figure = Figure {
                name: name.into(),
                arguments: by,
            };
            details(&gate(figure), &found)
        };
        assert_eq!(asked("auc", &[]), ["95% interval 0.70–0.80"]);
        let groups = "selection rate: adult 0.52 of 62 · youth undefined of 8";
        assert_eq!(asked("disparate_impact", &["age_band"]), [reason, groups]);
        assert_eq!(asked("disparate_impact", &["sex"]), Vec::<String>::new());
        assert_eq!(asked("rows", &[]), Vec::<String>::new());
    }
}
