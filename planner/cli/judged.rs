//! What there is to say of a gate beyond its verdict: intervals, groups, why nothing was measured.

use mlinfra_api::{Figure, ResourceState, Value};
use mlinfra_check::Program;
use mlinfra_plan::{JudgedGate, Plan, PlanFinding};
use mlinfra_runtime_spec::evaluation::{EVALUATION_OBJECT, Evaluation, Fairness, Group, Measure};
use mlinfra_runtime_spec::stored;

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
    let explain = |gate: JudgedGate| {
        let details = details(&gate, &found_by(&gate, session));
        Explained { gate, details }
    };
    gates.into_iter().map(explain).collect()
}

/// What a plan found; where a gate rests on a figure that is undefined, with why it is.
pub(crate) fn findings(plan: &Plan, session: &Session) -> Vec<PlanFinding> {
    let gates: Vec<(&JudgedGate, Evaluation)> = plan
        .failing_gates()
        .map(|gate| (gate, found_by(gate, session)))
        .collect();
    let findings = plan.findings.iter();
    findings
        .map(|finding| with_reasons(finding, &gates))
        .collect()
}

fn with_reasons(finding: &PlanFinding, gates: &[(&JudgedGate, Evaluation)]) -> PlanFinding {
    // A gate has no other name: its finding says its step, its text and its sentence.
    let of = gates.iter().find(|(gate, _)| {
        finding.address.as_ref() == Some(&gate.step)
            && finding.field.as_ref() == Some(&gate.text)
            && finding.message == gate.sentence()
    });
    let reasons = of.map(|(gate, found)| reasons(gate, found));
    let mut finding = finding.clone();
    if let Some(reasons) = reasons.filter(|reasons| !reasons.is_empty()) {
        finding.message += &format!(": {}", reasons.join("; "));
    }
    finding
}

/// What the step of a gate found; nothing if that can't be read.
fn found_by(gate: &JudgedGate, session: &Session) -> Evaluation {
    let state = session.store.snapshot().resources.get(&gate.step);
    let object = state.and_then(|state| session.local.object(state, EVALUATION_OBJECT).ok()?);
    let found = object.and_then(|bytes| stored::read(&bytes).ok());
    found.unwrap_or_default()
}

/// The figures of a gate, each once, with what to call each in a line about it: nothing if it is
/// the only one.
fn figures_of(gate: &JudgedGate) -> Vec<(&Figure, String)> {
    let mut figures: Vec<&Figure> = Vec::new();
    gate.condition.for_each_figure(&mut |figure| {
        if !figures.contains(&figure) {
            figures.push(figure);
        }
    });
    let several = figures.len() > 1;
    let named = |figure: &Figure| match several {
        true => format!("{figure}: "),
        false => String::new(),
    };
    let named = |figure| (figure, named(figure));
    figures.into_iter().map(named).collect()
}

/// Why figures of a gate are undefined.
fn reasons(gate: &JudgedGate, found: &Evaluation) -> Vec<String> {
    let reason = |(figure, name): (&Figure, String)| {
        let why = undefined(figure, measure_of(figure, found)?)?;
        Some(format!("{name}{why}"))
    };
    figures_of(gate).into_iter().filter_map(reason).collect()
}

/// Why a figure is undefined: its measure is, or it asks for a bound that its measure lacks.
pub(crate) fn undefined(figure: &Figure, measure: &Measure) -> Option<String> {
    if let Some(why) = &measure.undefined {
        return Some(why.clone());
    }
    let bound = match figure.name.strip_prefix(&measure.name)? {
        "_low" => measure.low,
        "_high" => measure.high,
        _ => measure.value,
    };
    match (bound, measure.value) {
        (None, Some(value)) => Some(format!(
            "{} is {value:.2}, with no interval: these rows are too few, or too well told apart",
            measure.name
        )),
        _ => None,
    }
}

/// The measure behind a figure: of `auc_low` it is `auc`, of `disparate_impact_low(sex)` the
/// `disparate_impact` between the groups of `sex`.
pub(crate) fn measure_of<'f>(figure: &Figure, found: &'f Evaluation) -> Option<&'f Measure> {
    let measures = match figure.arguments.is_empty() {
        true => &found.quality,
        false => &fairness_of(figure, found)?.measures,
    };
    let named = |name: &str| measures.iter().find(|measure| measure.name == name);
    let bounded = || {
        let name = figure.name.strip_suffix("_low");
        named(name.or_else(|| figure.name.strip_suffix("_high"))?)
    };
    named(&figure.name).or_else(bounded)
}

fn details(gate: &JudgedGate, found: &Evaluation) -> Vec<String> {
    let mut lines = Vec::new();
    for (figure, name) in figures_of(gate) {
        let Some(measure) = measure_of(figure, found) else {
            continue;
        };
        let why = undefined(figure, measure);
        lines.extend(why.map(|why| format!("{name}{why}")));
        let rates = rates_of(&measure.name);
        let of_groups = fairness_of(figure, found).into_iter().flat_map(|one| {
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
        assert_eq!(asked("auc_low", &[]), ["95% interval 0.70–0.80"]);
        let groups = "selection rate: adult 0.52 of 62 · youth undefined of 8";
        for name in ["disparate_impact", "disparate_impact_low"] {
            assert_eq!(asked(name, &["age_band"]), [reason, groups]);
        }
        assert_eq!(asked("disparate_impact", &["sex"]), Vec::<String>::new());
        assert_eq!(asked("rows", &[]), Vec::<String>::new());
    }

    #[test]
    fn a_finding_of_a_gate_says_why_nothing_was_measured() {
        let reason = "group \"youth\" has 8 rows, at least 10 are required";
        let measure = |name: &str, value: Option<f64>, undefined: Option<&str>| Measure {
            name: name.into(),
            value,
            undefined: undefined.map(str::to_owned),
            ..Measure::default()
        };
        let found = Evaluation {
            quality: vec![measure("auc", Some(1.0), None)],
            fairness: vec![Fairness {
                by: vec!["age_band".into()],
                measures: vec![measure("disparate_impact", None, Some(reason))],
                ..Fairness::default()
            }],
            ..Evaluation::default()
        };
        let told = |figure: Figure| {
            let gate = gate(figure);
            let finding = PlanFinding {
                code: "E0941".into(),
                error: false,
                title: String::new(),
                message: gate.sentence(),
                help: Vec::new(),
                address: Some(gate.step.clone()),
                field: Some(gate.text.clone()),
                busy: false,
            };
            let other = PlanFinding {
                address: None,
                ..finding.clone()
            };
            let gates = [(&gate, found.clone())];
            assert_eq!(with_reasons(&other, &gates), other, "it is of no gate");
            let message = with_reasons(&finding, &gates).message;
            let added = message.strip_prefix(&finding.message);
            added.expect("what was said stays").to_owned()
        };
        let between = Figure {
            name: "disparate_impact_low".into(),
            arguments: vec![Value::text("age_band")],
        };
        assert_eq!(told(between), format!(": {reason}"));
        let bound = told(Figure::plain("auc_low"));
        assert!(
            bound.starts_with(": auc is 1.00, with no interval"),
            "{bound}"
        );
        assert_eq!(told(Figure::plain("auc")), "");
    }
}
