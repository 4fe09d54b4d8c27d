//! The desired graph: what the program asks for, as resources with their dependencies.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Lower, Portable, Quantity, Reference, Resource, Value};
use mlinfra_check::{Block, Program};

use crate::answers::Answers;
use crate::blocks::Blocks;
use crate::finding;
use crate::plan::PlanFinding;
use crate::question::{Answer, Question};
use crate::step;
use crate::unread;

/// What the program asks for, as far as the answers reach.
#[derive(Debug, Default)]
pub(crate) struct Desired {
    /// In the order of the spec.
    pub(crate) resources: Vec<Resource>,
    /// What can't be had.
    pub(crate) findings: Vec<PlanFinding>,
    /// What must be known first.
    pub(crate) questions: Vec<Question>,
}

/// Lowers every block. A block whose place or input is not lowered (its file is not known yet, its
/// provider refused it) is left out without a finding of its own.
pub(crate) fn desired(
    blocks: &Blocks<'_>,
    lowerings: &[&dyn Lower],
    answers: &Answers,
    names: &BTreeMap<Address, Address>,
) -> Desired {
    let program = blocks.program;
    let mut graph = Graph {
        blocks,
        lowerings,
        answers,
        names,
        needs: BTreeMap::new(),
        lowered: BTreeMap::new(),
        out: Desired::default(),
    };
    graph.lower_all();
    graph.check_reservations();
    graph
        .out
        .findings
        .splice(0..0, unread::unread(blocks, lowerings));
    graph.check_attributes();
    let mut out = graph.out;
    let mut lowered = graph.lowered;
    out.resources = program
        .blocks
        .iter()
        .filter_map(|block| lowered.remove(&block.address))
        .collect();
    let judged = program.blocks.iter().filter(|block| {
        let step = block.step.as_ref();
        step.is_some_and(|step| !step.gates.is_empty())
    });
    let judged: BTreeSet<&Address> = judged.map(|block| &block.address).collect();
    step::mark_needed(&mut out.resources, &judged);
    out
}

/// The role of a block that watches others.
const MONITOR: &str = "monitor";

/// Blocks of these roles say something about others and are nothing themselves.
fn is_resource(block: &Block) -> bool {
    !matches!(
        block.role.as_deref(),
        Some("project" | "budget" | "pipeline" | "alert" | "value")
    )
}

/// Whether the environment leaves this block alone: a target that may not be touched.
fn is_out_of_bounds(program: &Program, block: &Block) -> bool {
    let environment = program.environment.as_ref();
    block.role.as_deref() == Some("target")
        && environment.is_some_and(|environment| !environment.may_touch(&block.address))
}

pub(crate) struct Graph<'a> {
    pub(crate) blocks: &'a Blocks<'a>,
    lowerings: &'a [&'a dyn Lower],
    pub(crate) answers: &'a Answers,
    /// What things are called that are not called by their address.
    pub(crate) names: &'a BTreeMap<Address, Address>,
    /// What each block stands on or refers to.
    needs: BTreeMap<&'a Address, BTreeSet<Address>>,
    pub(crate) lowered: BTreeMap<Address, Resource>,
    pub(crate) out: Desired,
}

impl<'a> Graph<'a> {
    /// Lowers each block once all that it stands on or refers to is lowered, in waves: a place
    /// before what stands on it, a step before its readers; in a wave as written.
    fn lower_all(&mut self) {
        let program = self.blocks.program;
        let mut missing = vec![0_usize; program.blocks.len()];
        let mut users: Vec<Vec<usize>> = vec![Vec::new(); program.blocks.len()];
        let mut wave: BTreeSet<usize> = BTreeSet::new();
        for (place, block) in program.blocks.iter().enumerate() {
            if !is_resource(block) || is_out_of_bounds(program, block) {
                continue;
            }
            let needs = self.found_needs(block);
            let needed = needs.iter().filter_map(|need| self.blocks.place(need));
            needed.for_each(|need| users[need].push(place));
            missing[place] = needs.len();
            if needs.is_empty() {
                wave.insert(place);
            }
            self.needs.insert(&block.address, needs);
        }
        // A block comes into one wave at most: when the last thing that it needs is lowered.
        while !wave.is_empty() {
            for place in std::mem::take(&mut wave) {
                let block = &program.blocks[place];
                self.lower(block);
                if !self.lowered.contains_key(&block.address) {
                    continue;
                }
                for user in &users[place] {
                    missing[*user] -= 1;
                    if missing[*user] == 0 {
                        wave.insert(*user);
                    }
                }
            }
        }
    }

    /// The resources that a block stands on or refers to.
    pub(crate) fn dependencies(&self, block: &Block) -> BTreeSet<Address> {
        self.needs.get(&block.address).cloned().unwrap_or_default()
    }

    /// They are found by the blocks' own addresses.
    fn found_needs(&self, block: &Block) -> BTreeSet<Address> {
        let mut found = BTreeSet::new();
        let mut visit = |reference: &Reference| {
            found.insert(reference.address.clone());
        };
        block
            .fields
            .values()
            .for_each(|field| field.value.for_each_reference(&mut visit));
        block
            .wishes
            .iter()
            .for_each(|(wish, _)| wish.value.for_each_reference(&mut visit));
        if let Some(value) = &block.value {
            value.for_each_reference(&mut visit);
        }
        if let Some(step) = &block.step {
            step.arguments
                .values()
                .for_each(|a| a.value.for_each_reference(&mut visit));
            step.settings
                .values()
                .for_each(|v| v.for_each_reference(&mut visit));
            step.entries
                .iter()
                .for_each(|(_, v)| v.for_each_reference(&mut visit));
        }
        found.extend(block.place.clone());
        found.extend(block.after.iter().cloned());
        found.remove(&block.address);
        found.retain(|address| self.blocks.get(address).is_some_and(is_resource));
        found
    }

    fn lower(&mut self, block: &'a Block) {
        let result = match block.role.as_deref() {
            Some("step") => self.step_resource(block),
            Some("dataset") => self.dataset_resource(block),
            _ => self.plain_resource(block),
        };
        if let Some(mut resource) = result {
            resource.made_as = self.names.get(&block.address).cloned();
            let standing = unread::standing_of(self.blocks, block);
            let target = standing.and_then(|at| self.blocks.target_of(at));
            resource.target = target.map(|(target, _)| target.address.clone());
            let after = block.after.iter();
            let after = after.map(|first| format!("made after {first}: the spec says so"));
            resource.details.extend(after);
            self.lowered.insert(block.address.clone(), resource);
        }
    }

    fn plain_resource(&mut self, block: &'a Block) -> Option<Resource> {
        let standing = unread::standing_of(self.blocks, block);
        let Some((target, provider)) = standing.and_then(|at| self.blocks.target_of(at)) else {
            if block.role.as_deref() == Some(MONITOR) {
                let found = finding::watches_nothing(&block.address);
                self.out.findings.push(found);
            }
            return None;
        };
        let lowering = self
            .lowerings
            .iter()
            .find(|known| known.name() == provider)?;
        let host = self.host_facts(target, provider)?;
        let portable = self.portable(block);
        match lowering.lower(&portable, &host) {
            Ok(mut resource) => {
                resource.depends_on.extend(self.dependencies(block));
                self.ask_for_port(&resource);
                Some(resource)
            }
            Err(refusals) => {
                let found = refusals
                    .into_iter()
                    .map(|r| finding::refused(&block.address, r));
                self.out.findings.extend(found);
                None
            }
        }
    }

    /// The alerts of a monitor: `name`, `condition` and `lasting` of each, in the order written.
    fn alerts(&self, monitor: &Block) -> Value {
        let nested = self.blocks.nested_in(&monitor.address);
        let alerts = nested.filter(|block| block.role.as_deref() == Some("alert"));
        let record = |alert: &Block| {
            let lasting = alert.fields.get("lasting").map(|field| field.value.clone());
            let lasting = lasting.filter(|value| *value != Value::None);
            Value::Record(BTreeMap::from([
                ("name".into(), Value::text(alert.address.name())),
                (
                    "condition".into(),
                    alert.value.clone().unwrap_or(Value::None),
                ),
                (
                    "lasting".into(),
                    lasting.unwrap_or(Value::Quantity(Quantity::seconds(0))),
                ),
            ]))
        };
        Value::List(alerts.map(record).collect())
    }

    fn portable(&self, block: &Block) -> Portable {
        let place = block
            .place
            .as_ref()
            .and_then(|address| self.lowered.get(address));
        let mut fields: BTreeMap<String, Value> = block
            .fields
            .iter()
            .map(|(name, field)| (name.clone(), self.with_releases(&field.value)))
            .collect();
        if block.role.as_deref() == Some(MONITOR) {
            fields.insert("alerts".into(), self.alerts(block));
        }
        Portable {
            address: block.address.clone(),
            kind: block.kind.clone(),
            fields,
            wishes: block.wishes.iter().map(|(wish, _)| wish.clone()).collect(),
            value: block.value.clone().unwrap_or(Value::None),
            place: block.place.clone(),
            place_properties: place.map(|p| p.properties.clone()).unwrap_or_default(),
            replaces: (*block.replaces).clone(),
            holds_data: block.holds_data,
            made_as: self.names.clone(),
        }
    }

    /// Replaces a reference to a step by a record of what that step makes.
    fn with_releases(&self, value: &Value) -> Value {
        match value {
            Value::Reference(reference) if reference.path.is_empty() => self
                .release_record(&reference.address)
                .unwrap_or_else(|| value.clone()),
            Value::List(elements) => {
                Value::List(elements.iter().map(|e| self.with_releases(e)).collect())
            }
            other => other.clone(),
        }
    }

    /// What the target's machine offers, or the question.
    fn host_facts(&mut self, target: &Block, provider: &str) -> Option<BTreeMap<String, Value>> {
        let question = Question::Host {
            address: target.address.clone(),
            provider: provider.to_owned(),
        };
        match self.answers.get(&question) {
            Some(Answer::Host { facts }) => Some(facts.clone()),
            _ => {
                self.ask(question);
                None
            }
        }
    }

    pub(crate) fn ask(&mut self, question: Question) {
        if self.answers.get(&question).is_none() && !self.out.questions.contains(&question) {
            self.out.questions.push(question);
        }
    }

    /// A resource with the properties `host` and `port` binds that port.
    fn ask_for_port(&mut self, resource: &Resource) {
        if let Some(question) = port_question(resource) {
            self.ask(question);
        }
    }

    /// What stands on a block that becomes no resource has no effect.
    fn check_attributes(&mut self) {
        let blocks = self.blocks.program.blocks.iter();
        for block in blocks.filter(|block| !is_resource(block)) {
            let stands = |name: &&&str| block.attributes.contains_key(**name);
            let found = ["keep", "ignore", "existing"].iter().find(stands);
            let found = found.map(|name| format!("@{name}"));
            let after = (!block.after.is_empty()).then(|| "after".to_owned());
            if let Some(what) = found.or(after) {
                let finding = finding::no_effect(&block.address, &what);
                self.out.findings.push(finding);
            }
        }
    }

    /// The reservations on one machine must fit it together.
    fn check_reservations(&mut self) {
        let mut sums: BTreeMap<(Address, &str), u64> = BTreeMap::new();
        for block in &self.blocks.program.blocks {
            let Some(resource) = self.lowered.get(&block.address) else {
                continue;
            };
            let Some(reserve) = resource
                .properties
                .get("reserve")
                .and_then(Value::as_record)
            else {
                continue;
            };
            let Some((target, _)) = self.blocks.target_of(block) else {
                continue;
            };
            for what in ["cpus", "memory"] {
                let amount = reserve.get(what).and_then(amount_of).unwrap_or(0);
                *sums.entry((target.address.clone(), what)).or_insert(0) += amount;
            }
        }
        for ((target, what), wanted) in sums {
            let Some(facts) = self.blocks.get(&target).and_then(|block| {
                let (_, provider) = self.blocks.target_of(block)?;
                self.host_facts(block, provider)
            }) else {
                continue;
            };
            let Some(has) = facts.get(what).and_then(amount_of) else {
                continue;
            };
            if wanted > has {
                let text = |amount: u64| match what {
                    "memory" => mlinfra_api::Quantity::bytes(amount).to_string(),
                    _ => amount.to_string(),
                };
                let found = finding::over_reserved(&target, what, &text(wanted), &text(has));
                self.out.findings.push(found);
            }
        }
    }
}

fn amount_of(value: &Value) -> Option<u64> {
    value
        .as_base_units()
        .or_else(|| value.as_int().and_then(|n| u64::try_from(n).ok()))
}

/// The question whether the port that a resource binds is free.
pub(crate) fn port_question(resource: &Resource) -> Option<Question> {
    let port = u16::try_from(resource.properties.get("port")?.as_int()?).ok()?;
    let host = resource.properties.get("host")?.as_text()?.to_owned();
    Some(Question::Port {
        host,
        port,
        address: resource.address.clone(),
    })
}
