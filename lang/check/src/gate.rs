//! Conditions that are judged later: what a step's result must hold, and what an alert waits for.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Value, Verdict};

use crate::check::{Checker, Env};
use crate::code;
use crate::condition::FigureEnv;
use crate::diagnostic::{Diagnostic, Span};
use crate::figure::{About, Figures};
use crate::program::{Block, Gate, Step};
use crate::schema::{Kind, Operation, ResultRule};
use crate::scope::NodeId;
use crate::step::Inputs;
use crate::tree::{BlockItem, ExprKind, Node, Require};
use crate::types::Type;
use crate::wording::list;

impl Checker<'_> {
    /// What the result of a step must hold.
    pub(crate) fn step_gates(
        &mut self,
        id: NodeId,
        operation: &Operation,
        block: &BlockItem,
        inputs: &Inputs,
        step: &Step,
    ) -> Vec<Gate> {
        let mut gates = Vec::new();
        for item in block.items() {
            let Node::Require(require) = &item.node else {
                continue;
            };
            let figures = Figures {
                whose: &operation.name,
                declared: &operation.figures,
                about: About::Call {
                    operation,
                    inputs,
                    step,
                    block,
                    entry: item.span,
                },
            };
            let env = Env::of(self.nodes[id].scope);
            let gate = self.gate(
                require,
                FigureEnv {
                    figures: &figures,
                    env,
                },
            );
            if let Some(gate) = gate.filter(|gate| !self.is_settled(gate, &figures)) {
                gates.push(gate);
            }
        }
        gates
    }

    /// A `require` that is judged later; none, with a finding, if it is in error.
    pub(crate) fn gate(&mut self, require: &Require, at: FigureEnv<'_>) -> Option<Gate> {
        let condition = self.condition_over(&require.condition, at);
        let message = match &require.message {
            None => None,
            Some(written) => {
                let term = self.value(written, &Type::String, at.env);
                let known = !term.term_type.is_error()
                    && self.must_be_known(&term, written.span, "what is said when it fails");
                Some(known.then(|| term.value.as_text().unwrap_or_default().to_owned())?)
            }
        };
        Some(Gate {
            condition: condition?,
            text: self.text_of(require.condition.span),
            message,
            span: require.condition.span,
        })
    }

    /// Whether what the spec itself says decides a condition: a finding says so.
    fn is_settled(&mut self, gate: &Gate, figures: &Figures<'_>) -> bool {
        let verdict = self.decided(&gate.condition, figures.declared);
        let finding = match verdict {
            Verdict::Open => return false,
            Verdict::Holds => {
                let text = "this holds whatever the figures are";
                Diagnostic::warning(code::CONDITION_SETTLED, gate.span, text)
                    .help("a condition that never fails guards nothing")
                    .help("compare a figure with something, or take it out")
            }
            Verdict::Fails | Verdict::Undefined => {
                let text = gate.message.clone();
                let text = text.unwrap_or_else(|| "this does not hold".to_owned());
                Diagnostic::error(code::REQUIRE_FAILED, gate.span, text)
                    .help("no figure changes that, so what depends on it would never be made")
                    .help("change what it compares, or take it out")
            }
        };
        self.report(finding);
        true
    }

    /// A text of the spec, on one line.
    pub(crate) fn text_of(&self, span: Span) -> String {
        let file = self.texts.get(span.file.0 as usize);
        let text = file.and_then(|file| file.text.get(span.start as usize..span.end as usize));
        let lines = text.unwrap_or_default().lines().map(str::trim);
        lines.collect::<Vec<_>>().join(" ")
    }

    /// The condition that is a block's value.
    pub(crate) fn condition_value(
        &mut self,
        id: NodeId,
        kind: &Kind,
        block: &BlockItem,
        checked: &mut Block,
    ) {
        let Some(written) = &block.value else {
            if !self.nodes[id].broken {
                let text = format!("this `{}` has no condition", kind.name);
                let names = kind.figures.names();
                self.report(
                    Diagnostic::error(code::VALUE_MISSING, self.nodes[id].name.span, text)
                        .help("nothing says what it waits for")
                        .help(format!("write `= condition` over {}", list(&names))),
                );
            }
            return;
        };
        let figures = Figures {
            whose: &kind.name,
            declared: &kind.figures,
            about: About::Around(id),
        };
        let env = Env::of(self.nodes[id].scope);
        let at = FigureEnv {
            figures: &figures,
            env,
        };
        let Some(condition) = self.condition_over(written, at) else {
            return;
        };
        if self.decided(&condition, &kind.figures) != Verdict::Open {
            let text = "no figure changes whether this holds";
            let names = kind.figures.names();
            self.report(
                Diagnostic::error(code::CONDITION_SETTLED, written.span, text)
                    .help("it would always be so, or never: there is nothing to watch")
                    .help(format!("compare one of {}", list(&names))),
            );
            return;
        }
        checked.value = Some(Value::Condition(Box::new(condition)));
    }

    /// Reports releases of a model that do not wait for a judgement of it.
    pub(crate) fn check_judgements(&mut self) {
        let library = self.library;
        let steps = || {
            let steps = self.blocks.iter();
            steps.filter_map(|block| {
                let step = block.step.as_ref()?;
                Some((block, step, library.operations.get(&step.operation)?))
            })
        };
        let mut judgements: BTreeMap<Address, Vec<(&Block, &Step, &str)>> = BTreeMap::new();
        for (block, step, operation) in steps() {
            if let ResultRule::Opaque(result) = &operation.result {
                let models = step.arguments.keys();
                for model in models.filter_map(|name| self.fitting_step(step, name)) {
                    let all = judgements.entry(model).or_default();
                    all.push((block, step, result));
                }
            }
        }
        let judged_by: BTreeMap<&Address, &Address> = judgements
            .iter()
            .flat_map(|(model, all)| all.iter().map(move |(judge, ..)| (&judge.address, model)))
            .collect();
        let mut findings = Vec::new();
        for (release, step, operation) in steps() {
            let ResultRule::Release { model } = &operation.result else {
                continue;
            };
            let model = self.fitting_step(step, model);
            let awaited = references(step);
            let judged = model.as_ref().and_then(|model| judgements.get(model));
            let own = model.as_ref();
            let is_other = |judge: &&Address| {
                let judged = judged_by.get(*judge).copied();
                judged.zip(own).is_some_and(|(judged, own)| judged != own)
            };
            let others: Vec<Diagnostic> = (awaited.iter().filter(is_other))
                .map(|other| self.judges_another(step, other, judged.map_or(&[], Vec::as_slice)))
                .collect();
            if !others.is_empty() {
                findings.extend(others);
                continue;
            }
            let forgotten = judged
                .into_iter()
                .flatten()
                .find_map(|(judge, judging, result)| {
                    let gate = gate_parameter(operation, result)?;
                    let taken = step.arguments.get(gate).is_some_and(|argument| {
                        argument.value.as_list().is_none_or(|all| !all.is_empty())
                    });
                    let answered = taken && judging.gates.is_empty();
                    let waits = awaited.contains(&judge.address)
                        || answered
                        || self.is_wrong_at(step.spans.get(gate));
                    (!waits).then(|| self.not_awaited(release, step, judge, gate, taken))
                });
            findings.extend(forgotten);
        }
        findings
            .into_iter()
            .for_each(|finding| self.report(finding));
    }

    /// Whether something was found wrong there already.
    fn is_wrong_at(&self, span: Option<&Span>) -> bool {
        let inside = |span: &Span| {
            let mut found = self.findings.iter();
            found.any(|finding| span.holds(finding.primary.span))
        };
        span.is_some_and(inside)
    }

    /// The finding for a release that waits for the judgement of another model than its own.
    fn judges_another(
        &self,
        step: &Step,
        other: &Address,
        own: &[(&Block, &Step, &str)],
    ) -> Diagnostic {
        let waits = |argument: &crate::program::Argument| {
            let mut found = false;
            argument
                .value
                .for_each_reference(&mut |reference| found |= reference.address == *other);
            found
        };
        let gate = (step.arguments.iter()).find_map(|(name, a)| waits(a).then_some(name));
        let span = gate.and_then(|gate| step.spans.get(gate)).copied();
        let span = span.unwrap_or(step.operation_span);
        let name = other.name();
        let text = format!("`{name}` judges another model than the one that is released");
        let finding = Diagnostic::error(code::JUDGES_ANOTHER, span, text);
        let id = self.addresses.get(other);
        let finding = match id.and_then(|id| self.blocks.get(*id)) {
            Some(block) => finding.also(block.name_span, "this judgement"),
            None => finding,
        };
        let finding = finding.help("whether this model is good enough would be judged by nobody");
        let alone = self.text_of(span) == name;
        match own.first() {
            Some((judge, ..)) if alone => finding.suggest(span, name, Some(judge.address.name())),
            Some((judge, ..)) => finding.help(format!(
                "wait for `{}`, which judges it, instead of `{name}`",
                judge.address.name()
            )),
            None => finding
                .help("judge this model in an `evaluate` step of its own, and wait for that one"),
        }
    }

    /// The step that fitted the model which flows into this parameter.
    fn fitting_step(&self, step: &Step, parameter: &str) -> Option<Address> {
        let reference = step.arguments.get(parameter)?.value.as_reference()?;
        let id = self.addresses.get(&reference.address)?;
        let made_by = self.blocks.get(*id)?.step.as_ref()?;
        Some(made_by.model.as_ref()?.trained_by.clone())
    }

    fn not_awaited(
        &self,
        release: &Block,
        step: &Step,
        judge: &Block,
        gate: &str,
        taken: bool,
    ) -> Diagnostic {
        let name = judge.address.name();
        let text = format!("this does not wait for `{name}`, which judges the model");
        let finding = Diagnostic::error(code::JUDGEMENT_NOT_AWAITED, step.operation_span, text)
            .also(judge.name_span, "it is judged here")
            .help("a model that fails there would be served all the same");
        if taken {
            return self.also_awaited(finding, step, judge, gate);
        }
        if let Some(span) = step.spans.get(gate).copied() {
            let written = self.text_of(span);
            return match judge.parent == release.parent {
                true => finding.suggest(span, &written, Some(name)),
                false => finding.help(format!("wait for it: `{gate} = {name}`")),
            };
        }
        let finding = finding.help(format!("add `{gate} = {name}`"));
        let id = self.addresses.get(&release.address);
        let call = id.and_then(|id| self.nodes[*id].block?.value.as_ref());
        let last = call.and_then(|call| match &call.kind {
            ExprKind::Call { arguments, .. } => arguments.last(),
            _ => None,
        });
        match last {
            Some(last) if judge.parent == release.parent => finding.fix(
                format!("wait for {name}"),
                last.value.span.end(),
                format!(", {gate} = {name}"),
            ),
            _ => finding,
        }
    }

    /// The finding for a release that waits for another judgement of its model: it can wait for
    /// both.
    fn also_awaited(
        &self,
        finding: Diagnostic,
        step: &Step,
        judge: &Block,
        gate: &str,
    ) -> Diagnostic {
        let name = judge.address.name();
        let Some(span) = step.spans.get(gate).copied() else {
            return finding;
        };
        let written = self.text_of(span);
        let inner = written
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let awaited = inner.unwrap_or(&written).trim().trim_end_matches(',');
        let both = format!("[{awaited}, {name}]");
        finding
            .help(format!("wait for all of them: `{gate} = {both}`"))
            .fix(format!("wait for {name} too"), span, both)
    }
}

/// The parameter in which an operation takes such a result.
fn gate_parameter<'o>(operation: &'o Operation, result: &str) -> Option<&'o str> {
    let takes = |of: &Type| match of.present() {
        Type::List(each) => matches!(&**each, Type::Opaque(name) if **name == *result),
        one => matches!(one, Type::Opaque(name) if **name == *result),
    };
    let parameters = operation.parameters.iter();
    let mut taking = parameters.filter(|parameter| takes(&parameter.parameter_type));
    taking.next().map(|parameter| parameter.name.as_str())
}

/// The blocks that flow into a step.
fn references(step: &Step) -> BTreeSet<Address> {
    let mut all = BTreeSet::new();
    for argument in step.arguments.values() {
        argument.value.for_each_reference(&mut |reference| {
            all.insert(reference.address.clone());
        });
    }
    all
}
