//! What a reader wants to know in five seconds: is it served, do the gates hold, how good is it.

use minijinja::{Value, context};
use mlinfra_api::Verdict;
use mlinfra_runtime_spec::evaluation::{Evaluation, Measure};

use super::list;
use crate::input::{Gate, Model, Outcome, Released, Report};
use crate::text::{UNDEFINED, count, counted, figure, interval, short_key, value};

/// The section of one model.
pub(crate) fn of(model: &Model, report: &Report) -> Value {
    let (state, sign, headline) = headline(model);
    context! {
        name => model.name.as_str(),
        state => state,
        sign => sign,
        headline => headline,
        facts => list(facts(model, report)),
        gates => list(model.gates.iter().map(gate)),
    }
}

/// How it stands, in a word for the style sheet, a sign and a sentence.
fn headline(model: &Model) -> (&'static str, &'static str, String) {
    let serving = model
        .endpoints
        .iter()
        .find(|endpoint| endpoint.serves.is_some() && endpoint.serves == model.key);
    let failing = model.gates.iter().filter(|gate| is_failing(gate)).count();
    let but = match failing {
        0 => String::new(),
        1 => ", but one of its gates fails now".to_owned(),
        many => format!(", but {many} of its gates fail now"),
    };
    let state = if failing == 0 {
        ("good", "✔")
    } else {
        ("bad", "✖")
    };
    match (&model.released, serving) {
        (_, Some(endpoint)) => {
            let url = endpoint.url.as_ref();
            let at = url.map_or_else(String::new, |url| format!(" at {url}"));
            let text = format!("Served by {}{at}{but}", endpoint.address);
            (state.0, state.1, text)
        }
        (Released::No { reason }, None) => {
            let text = format!("Not released: {reason}. {}", instead(model));
            ("bad", "✖", text.trim_end().to_owned())
        }
        (Released::Yes, None) => {
            let text = format!("Released{but}. {}", instead(model));
            match (failing, model.endpoints.is_empty()) {
                (0, true) => ("good", "✔", text),
                _ => ("bad", "✖", text),
            }
        }
        (Released::Unasked, None) => {
            let text = format!("Judged{but}; the spec releases it nowhere");
            match failing {
                0 => ("open", "○", text),
                _ => ("bad", "✖", text),
            }
        }
    }
}

/// What the endpoints do while they do not serve this model.
fn instead(model: &Model) -> String {
    let Some(endpoint) = model.endpoints.first() else {
        return "No endpoint asks for it".to_owned();
    };
    match &endpoint.serves {
        Some(key) => format!(
            "{} goes on serving the earlier model {}",
            endpoint.address,
            short_key(key)
        ),
        None => format!("{} does not serve", endpoint.address),
    }
}

fn is_failing(gate: &Gate) -> bool {
    matches!(gate.verdict, Verdict::Fails | Verdict::Undefined)
}

fn facts(model: &Model, report: &Report) -> Vec<Value> {
    let fact = |name: &str, text: String, more: String| {
        context! { name => name, text => text, more => more }
    };
    let mut facts = Vec::new();
    if !model.gates.is_empty() {
        let holds = model
            .gates
            .iter()
            .filter(|gate| gate.verdict == Verdict::Holds)
            .count();
        let text = format!("{holds} of {}", model.gates.len());
        facts.push(fact("gates hold", text, String::new()));
    }
    if let Some(evaluation) = &model.evaluation {
        for name in ["auc", "accuracy"] {
            if let Some(measure) = evaluation.quality.iter().find(|m| m.name == name) {
                let name = if name == "auc" { "AUC" } else { name };
                facts.push(fact(name, value(measure), interval(measure)));
            }
        }
        if let Some((measure, by)) = worst_impact(evaluation) {
            let more = format!("lowest, by {by}");
            facts.push(fact("disparate impact", value(measure), more));
        }
        let more = format!("{} positive", count(evaluation.positives));
        facts.push(fact("rows judged", count(evaluation.rows), more));
    }
    let outcomes = |wanted: &Outcome| report.steps.iter().filter(|s| s.outcome == *wanted).count();
    let (ran, kept) = (outcomes(&Outcome::Ran), outcomes(&Outcome::Kept));
    if let Some(operation) = &report.operation {
        let text = format!("{ran} ran");
        let more = format!("{kept} kept, in {}", operation.name);
        facts.push(fact("steps", text, more));
    }
    facts
}

/// The lowest disparate impact; one that is undefined is lower than every number.
fn worst_impact(evaluation: &Evaluation) -> Option<(&Measure, String)> {
    let impacts = evaluation.fairness.iter().filter_map(|fairness| {
        let measure = fairness
            .measures
            .iter()
            .find(|m| m.name == "disparate_impact")?;
        Some((measure, fairness.by.join(" and ")))
    });
    let size = |measure: &Measure| measure.value.unwrap_or(f64::NEG_INFINITY);
    impacts.min_by(|one, two| size(one.0).total_cmp(&size(two.0)))
}

fn gate(gate: &Gate) -> Value {
    let (word, state, sign) = match gate.verdict {
        Verdict::Holds => ("holds", "good", "✔"),
        Verdict::Fails => ("fails", "bad", "✖"),
        Verdict::Undefined => (UNDEFINED, "bad", "✖"),
        Verdict::Open => ("not judged", "open", "○"),
    };
    let measured = gate.figures.iter().map(|measure| {
        let mut text = format!("{} = {}", measure.name, value(measure));
        let around = interval(measure);
        if !around.is_empty() {
            text += &format!(" (95%: {around})");
        }
        if let Some(reason) = &measure.undefined {
            text += &format!(": {reason}");
        }
        Value::from(text)
    });
    context! {
        word => word,
        state => state,
        sign => sign,
        text => gate.text.as_str(),
        message => if is_failing(gate) { gate.message.clone() } else { None },
        measured => list(measured),
    }
}

/// What stands above everything where no model was judged.
pub(crate) fn without_models(report: &Report) -> String {
    let steps = counted(report.steps.len() as u64, "step");
    match &report.operation {
        None => "Nothing was applied yet".to_owned(),
        Some(operation) => format!(
            "No model was judged; {} left {steps}, {}",
            operation.name, operation.outcome
        ),
    }
}

/// The headline figure in the page's title: `AUC 0.778`.
pub(crate) fn title_figure(model: &Model) -> Option<String> {
    let evaluation = model.evaluation.as_ref()?;
    let auc = evaluation.quality.iter().find(|m| m.name == "auc")?.value?;
    Some(format!("AUC {}", figure(auc)))
}
