//! What is written and the target's provider does not build: refused, never ignored.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Lower, Reads, Reference, Takes, Value};
use mlinfra_check::{Block, Program, Step};

use crate::blocks::Blocks;
use crate::finding;
use crate::plan::PlanFinding;

/// The roles of blocks that say something of what they name and stand nowhere themselves.
const ALERT: &str = "alert";
const DATASET: &str = "dataset";
const PIPELINE: &str = "pipeline";

/// What of the program no provider builds: a finding for each target whose provider is not built
/// in, and one for each thing written that its provider does not read.
pub(crate) fn unread(blocks: &Blocks<'_>, lowerings: &[&dyn Lower]) -> Vec<PlanFinding> {
    let program = blocks.program;
    let asked = Asked::of(program);
    let mut findings = Vec::new();
    let mut unbuilt: BTreeMap<Address, (Vec<Address>, String)> = BTreeMap::new();
    for block in &program.blocks {
        let standing = standing_of(blocks, block);
        let Some((target, provider)) = standing.and_then(|at| blocks.target_of(at)) else {
            findings.extend(nowhere(block));
            continue;
        };
        let Some(lowering) = lowerings.iter().find(|known| known.name() == provider) else {
            let entry = unbuilt.entry(target.address.clone());
            let (blocks, _) = entry.or_insert_with(|| (Vec::new(), provider.to_owned()));
            blocks.push(block.address.clone());
            continue;
        };
        let before = findings.len();
        match &block.step {
            Some(step) => in_step(block, step, *lowering, &mut findings),
            None => in_block(blocks, block, *lowering, &mut findings),
        }
        if findings.len() == before {
            withheld(&asked, block, *lowering, &mut findings);
        }
    }
    let mut all: Vec<PlanFinding> = Vec::new();
    for block in program.with_role("target") {
        let Some((blocks, provider)) = unbuilt.get(&block.address) else {
            continue;
        };
        let candidates = candidates(block);
        all.push(match candidates.is_empty() {
            true => finding::no_provider(&block.address, provider, blocks.len()),
            false => finding::not_chosen(&block.address, provider, &candidates),
        });
    }
    all.extend(findings);
    all
}

/// The block whose place says where another one goes: a dataset goes where it is kept or first
/// read, an alert where its monitor does, a pipeline where its first step does that is placed, and
/// what stands nowhere where the first thing stands that it names.
pub(crate) fn standing_of<'a>(blocks: &Blocks<'a>, block: &'a Block) -> Option<&'a Block> {
    if block.place.is_some() || block.role.as_deref() == Some("target") {
        return Some(block);
    }
    match block.role.as_deref() {
        Some(DATASET) => {
            let keep = block.fields.values().find_map(|field| {
                let mut found = None;
                field.value.for_each_reference(&mut |to| {
                    found = found.or_else(|| blocks.get(&to.address));
                });
                found
            });
            keep.or_else(|| blocks.first_reader(&block.address))
        }
        Some(ALERT) => standing_of(blocks, blocks.get(block.parent.as_ref()?)?),
        Some("monitor" | "access") => {
            let mut first = None;
            for field in block.fields.values() {
                field.value.for_each_reference(&mut |to| {
                    first = first.or_else(|| blocks.get(&to.address));
                });
            }
            let first = first.filter(|first| first.address != block.address)?;
            match first.role.as_deref() {
                // It is placed nowhere itself, and what it leads to is no dataset.
                Some(DATASET) => standing_of(blocks, first),
                _ => Some(first),
            }
        }
        Some(PIPELINE) => {
            let mut steps = blocks.nested_in(&block.address);
            steps.find(|step| step.place.is_some())
        }
        _ => None,
    }
}

/// A finding about a block that asks for something and goes nowhere, so that nobody does it.
fn nowhere(block: &Block) -> Option<PlanFinding> {
    let asks = block.fields.values().any(|field| field.written);
    let advice = match block.role.as_deref() {
        Some("access") => "name what it may read, write or use",
        Some(PIPELINE) => "give it a step, or take it out",
        _ => return None,
    };
    asks.then(|| finding::stands_nowhere(&block.address, advice))
}

/// The targets between which a target chooses.
fn candidates(target: &Block) -> Vec<Address> {
    let mut all = Vec::new();
    if let Some(value) = &target.value {
        value.for_each_reference(&mut |to| all.push(to.address.clone()));
    }
    all
}

/// The kind as a provider is asked for it: a nested one by `outer/inner`.
fn kind_of(blocks: &Blocks<'_>, block: &Block) -> String {
    let outer = block.parent.as_ref().and_then(|parent| blocks.get(parent));
    match outer {
        Some(outer) => format!("{}/{}", outer.kind, block.kind),
        None => block.kind.clone(),
    }
}

fn in_block(
    blocks: &Blocks<'_>,
    block: &Block,
    lowering: &dyn Lower,
    findings: &mut Vec<PlanFinding>,
) {
    let kind = kind_of(blocks, block);
    let reads = lowering.reads(&kind);
    // A kind that it has not at all is refused as a whole where it is lowered.
    if reads == Reads::Nothing {
        return;
    }
    // What is so anyway is nothing that the provider would have to do.
    let asks = |field: &mlinfra_check::Field| field.written && !field.is_default;
    let written = block.fields.iter().filter(|(_, field)| asks(field));
    let wished = block
        .wishes
        .iter()
        .map(|(wish, _)| (&wish.field, &wish.value));
    let fields = written
        .map(|(name, field)| (name, &field.value))
        .chain(wished);
    let mut told = BTreeSet::new();
    for (name, value) in fields {
        let what = not_taken(reads.field(name), name, value);
        if let Some(what) = what.filter(|_| told.insert(name)) {
            let found = finding::unread(&block.address, lowering.name(), &what, &block.kind, name);
            findings.push(found);
        }
    }
    for (wish, _) in &block.wishes {
        if matches!(wish.value, Value::Unknown(_)) && !told.contains(&wish.field) {
            findings.push(finding::open_wish(&block.address, &wish.field));
        }
    }
}

fn in_step(block: &Block, step: &Step, lowering: &dyn Lower, findings: &mut Vec<PlanFinding>) {
    let reads = lowering.runs(&step.operation);
    if reads == Reads::Nothing {
        let provider = lowering.name();
        findings.push(finding::not_run(&block.address, provider, &step.operation));
        return;
    }
    let arguments = step.arguments.iter().map(|(name, one)| (name, &one.value));
    let settings = step.settings.iter();
    let written = arguments
        .chain(settings)
        .filter(|(name, _)| step.spans.contains_key(*name))
        .map(|(name, value)| (name, name.as_str(), value));
    let entries = step
        .entries
        .iter()
        .map(|(name, value)| (name, "each", value));
    for (name, field, value) in written.chain(entries) {
        let Some(what) = not_taken(reads.field(field), name, value) else {
            continue;
        };
        let (provider, of) = (lowering.name(), &step.operation);
        findings.push(finding::unread(&block.address, provider, &what, of, name));
    }
}

/// What of a value is not taken: the field, a case, or a parameter of one.
fn not_taken(takes: Option<Takes>, name: &str, value: &Value) -> Option<String> {
    let shapes = match takes {
        None => return Some(format!("`{name}`")),
        Some(Takes::Any) => return None,
        Some(Takes::Cases(shapes)) => shapes,
    };
    match value {
        Value::List(elements) => {
            let mut elements = elements.iter();
            elements.find_map(|element| not_taken(takes, name, element))
        }
        Value::Case {
            name: case,
            arguments,
        } => {
            let Some(shape) = shapes.iter().find(|shape| shape.case == case) else {
                return Some(format!("`{name} = {case}`"));
            };
            let mut written = arguments.iter().filter(|(_, value)| **value != Value::None);
            let stray = written.find(|(name, _)| !shape.parameters.contains(&name.as_str()));
            stray.map(|(parameter, _)| format!("`{parameter}` of `{case}`"))
        }
        _ => None,
    }
}

/// What is asked of each step by a name behind its own: `risk.release.url`.
struct Asked(BTreeMap<Address, BTreeSet<String>>);

impl Asked {
    fn of(program: &Program) -> Self {
        let mut asked: BTreeMap<Address, BTreeSet<String>> = BTreeMap::new();
        let mut visit = |reference: &Reference| {
            if let Some(name) = reference.path.first() {
                let names = asked.entry(reference.address.clone()).or_default();
                names.insert(name.clone());
            }
        };
        for output in program.outputs.values() {
            output.value.for_each_reference(&mut visit);
        }
        for block in &program.blocks {
            let fields = block.fields.values();
            fields.for_each(|field| field.value.for_each_reference(&mut visit));
            let settings = block.step.iter().flat_map(|step| step.settings.values());
            settings.for_each(|value| value.for_each_reference(&mut visit));
        }
        Asked(asked)
    }
}

/// Reports outputs of steps that a block names and the provider does not tell.
fn withheld(asked: &Asked, block: &Block, lowering: &dyn Lower, findings: &mut Vec<PlanFinding>) {
    let (Some(step), Some(asked)) = (&block.step, asked.0.get(&block.address)) else {
        return;
    };
    let names: BTreeSet<&str> = (lowering.withholds(&step.operation).iter().copied())
        .filter(|name| asked.contains(*name))
        .collect();
    for name in names {
        findings.push(finding::withheld(&block.address, lowering.name(), name));
    }
}
