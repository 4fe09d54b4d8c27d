//! The models that were judged: their gates, whether they are released, and who serves them.

use mlinfra_api::{Address, ResourceState, Value};
use mlinfra_check::{Block, Step};
use mlinfra_plan::JudgedGate;
use mlinfra_report::{Endpoint, Gate, Model, Released};
use mlinfra_runtime_spec::evaluation::{EVALUATION_OBJECT, Evaluation, Measure};
use mlinfra_runtime_spec::history::{HISTORY_OBJECT, History};

use crate::judged::{measure_of, undefined};

use super::{Sources, dotted, named, personal};

/// One entry a step that judges a model, in the order of the spec.
pub(super) fn models(sources: &mut Sources<'_>) -> Vec<Model> {
    let program = sources.program;
    let judging = program.blocks.iter().filter_map(|block| {
        let step = block.step.as_ref()?;
        let trained = judged_model(step, sources)?;
        Some((block, step, trained))
    });
    let judging: Vec<_> = judging.collect();
    judging
        .into_iter()
        .map(|(block, step, trained)| model(block, step, &trained, sources))
        .collect()
}

/// The step that fitted the model that this step judges: it takes a model and a table, and gives
/// neither.
fn judged_model(step: &Step, sources: &Sources<'_>) -> Option<Address> {
    let gives_data = step.table.is_some() || !step.parts.is_empty() || step.model.is_some();
    let takes_table = step
        .arguments
        .values()
        .any(|argument| argument.table.is_some());
    if gives_data || !takes_table {
        return None;
    }
    let references = step
        .arguments
        .values()
        .filter_map(|argument| argument.value.as_reference());
    let models = references.filter_map(|reference| {
        sources
            .program
            .block(&reference.address)?
            .step
            .as_ref()?
            .model
            .as_ref()
    });
    models.map(|model| model.trained_by.clone()).next()
}

fn model(block: &Block, step: &Step, trained: &Address, sources: &mut Sources<'_>) -> Model {
    let mut evaluation: Option<Evaluation> =
        sources.object(&block.address, EVALUATION_OBJECT, "evaluation");
    let fitted = sources.program.block(trained);
    let fitted = fitted.and_then(|block| block.step.as_ref()?.model.as_ref());
    if let (Some(evaluation), Some(fitted)) = (&mut evaluation, fitted) {
        personal::hide_in_evaluation(evaluation, &personal::features(fitted));
    }
    let history: Option<History> = sources.object(trained, HISTORY_OBJECT, "history");
    let state = sources.state(&block.address);
    let key = state.and_then(judged_key);
    let is_newest = key
        == sources
            .state(trained)
            .and_then(|state| state.resource.identity.clone());
    let gates: Vec<Gate> = step
        .gates
        .iter()
        .map(|gate| JudgedGate::open(&block.address, gate))
        .map(|gate| match state {
            Some(state) => gate.judged(&state.outputs),
            None => gate,
        })
        .map(|gate| judged(&gate, evaluation.as_ref()))
        .collect();
    let releasing = releasing(block, trained, sources);
    let table = step
        .arguments
        .values()
        .find(|argument| argument.table.is_some());
    let table = table.and_then(|argument| argument.value.as_reference());
    let model = Model {
        name: releasing
            .and_then(released_name)
            .unwrap_or_else(|| dotted(trained)),
        trained_by: trained.to_string(),
        judged_by: block.address.to_string(),
        judged_on: table.map(named).unwrap_or_default(),
        released: released(releasing, key.as_deref(), &gates, sources),
        endpoints: releasing
            .map(|release| endpoints(release, sources))
            .unwrap_or_default(),
        key,
        gates,
        evaluation,
        history: history.filter(|_| is_newest),
    };
    if !is_newest && model.key.is_some() {
        let name = format!("evaluation of {}", dotted(trained));
        let text = "what stands here was found of an earlier model: this one is not judged yet";
        sources.note(name, text);
    }
    model
}

/// The recipe key of the model that an evaluation judged.
fn judged_key(state: &ResourceState) -> Option<String> {
    let inputs = state.resource.properties.get("inputs")?.as_record()?;
    input_key(inputs.get("model")?)
}

fn input_key(input: &Value) -> Option<String> {
    Some(input.as_record()?.get("key")?.as_text()?.to_owned())
}

/// The step that releases the model: behind a gate of this evaluation if there is such a step.
fn releasing<'a>(block: &Block, trained: &Address, sources: &Sources<'a>) -> Option<&'a Block> {
    let passes_on = |candidate: &&Block| {
        let model = candidate.step.as_ref().and_then(|step| step.model.as_ref());
        candidate.address != *trained && model.is_some_and(|model| model.trained_by == *trained)
    };
    let waits = |candidate: &&Block| {
        let arguments = candidate
            .step
            .iter()
            .flat_map(|step| step.arguments.values());
        let mut references = arguments.filter_map(|argument| argument.value.as_reference());
        references.any(|reference| reference.address == block.address)
    };
    let blocks = &sources.program.blocks;
    let mut candidates = blocks.iter().filter(passes_on);
    candidates.clone().find(waits).or_else(|| candidates.next())
}

fn released_name(release: &Block) -> Option<String> {
    let step = release.step.as_ref()?;
    let argument = step.arguments.get("name").map(|argument| &argument.value);
    let name = argument.or_else(|| step.settings.get("name"))?;
    Some(name.as_text()?.to_owned())
}

fn released(
    release: Option<&Block>,
    key: Option<&str>,
    gates: &[Gate],
    sources: &Sources<'_>,
) -> Released {
    let Some(release) = release else {
        return Released::Unasked;
    };
    let of = sources.state(&release.address).and_then(judged_key);
    if of.is_some() && of.as_deref() == key {
        return Released::Yes;
    }
    let failing = gates.iter().filter(|gate| {
        use mlinfra_api::Verdict::{Fails, Undefined};
        matches!(gate.verdict, Fails | Undefined)
    });
    let reason = match failing.count() {
        0 => format!("{} was not made", dotted(&release.address)),
        1 => "a gate does not hold".to_owned(),
        count => format!("{count} gates do not hold"),
    };
    Released::No { reason }
}

/// The endpoints that serve this release, or shall.
fn endpoints(release: &Block, sources: &Sources<'_>) -> Vec<Endpoint> {
    let serving = sources.program.with_role("endpoint").filter(|block| {
        let mut references = block.fields.values().filter_map(|f| f.value.as_reference());
        references.any(|reference| reference.address == release.address)
    });
    let endpoint = |block: &Block| {
        let state = sources.state(&block.address);
        let served = || {
            state?
                .resource
                .properties
                .get("model")?
                .as_record()?
                .get("model")
        };
        let url = || state?.outputs.get("url");
        let text = |value: Option<&Value>| value.and_then(Value::as_text).map(str::to_owned);
        Endpoint {
            address: block.address.to_string(),
            url: text(url()),
            serves: text(served()),
        }
    };
    serving.map(endpoint).collect()
}

/// A gate with the measures that it rests on.
fn judged(gate: &JudgedGate, evaluation: Option<&Evaluation>) -> Gate {
    let mut figures: Vec<Measure> = Vec::new();
    gate.condition.for_each_figure(&mut |figure| {
        let name = figure.to_string();
        let value = gate.figures.get(&name);
        if value.is_none() || figures.iter().any(|known| known.name == name) {
            return;
        }
        let measured = evaluation.and_then(|evaluation| measure_of(figure, evaluation));
        figures.push(Measure {
            name,
            value: value.and_then(number),
            undefined: measured.and_then(|measured| undefined(figure, measured)),
            ..measured.cloned().unwrap_or_default()
        });
    });
    Gate {
        text: gate.text.clone(),
        message: gate.message.clone(),
        verdict: gate.verdict,
        figures,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Decimal(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mlinfra_api::{Condition, Figure, Verdict};
    use mlinfra_runtime_spec::evaluation::Fairness;

    use super::*;

    #[test]
    fn a_bound_has_the_interval_and_the_reason_of_its_measure() {
        let between = |figure: &str, arguments: Vec<Value>| Figure {
            name: figure.into(),
            arguments,
        };
        let evaluation = Evaluation {
            quality: vec![Measure {
                name: "auc".into(),
                value: Some(0.75),
                low: Some(0.7),
                high: Some(0.8),
                ..Measure::default()
            }],
            fairness: vec![Fairness {
                by: vec!["sex".into()],
                measures: vec![Measure {
                    name: "disparate_impact".into(),
                    undefined: Some("too few rows".into()),
                    ..Measure::default()
                }],
                ..Fairness::default()
            }],
            ..Evaluation::default()
        };
        let shown = |figure: Figure, value: Value| {
            let gate = JudgedGate {
                step: Address::new("step", "report"),
                figures: BTreeMap::from([(figure.to_string(), value)]),
                condition: Condition::Figure(figure),
                text: String::new(),
                message: None,
                verdict: Verdict::Undefined,
            };
            judged(&gate, Some(&evaluation)).figures.remove(0)
        };
        let bound = Value::Decimal("0.7".parse().expect("a number"));
        let found = shown(Figure::plain("auc_low"), bound);
        assert_eq!((found.low, found.high), (Some(0.7), Some(0.8)));
        assert_eq!((found.name.as_str(), found.value), ("auc_low", Some(0.7)));
        for arguments in [
            vec![Value::text("sex")],
            vec![Value::List(vec![Value::text("sex")])],
        ] {
            for name in ["disparate_impact", "disparate_impact_high"] {
                let found = shown(between(name, arguments.clone()), Value::None);
                assert_eq!(found.undefined.as_deref(), Some("too few rows"), "{name}");
            }
        }
    }
}
