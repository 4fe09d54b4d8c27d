//! Program + snapshot + answers → plan. Pure: same input, same bytes.

pub mod answers;
mod decide;
mod desired;
mod diff;
pub mod finding;
mod order;
pub mod plan;
pub mod question;
pub mod recipe;
pub mod resolve;
mod serving;
pub mod step;
pub mod target;

use std::collections::BTreeMap;

use mlinfra_api::{Address, Lower, Snapshot};
use mlinfra_check::Program;

pub use answers::Answers;
pub use plan::{Action, Change, ChangeKind, PLAN_FORMAT, Plan, PlanFinding, Reason};
pub use question::{Answer, Question};
pub use resolve::resolve;

/// What planning works from.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The checked spec.
    pub program: &'a Program,
    /// What exists, as last recorded.
    pub snapshot: &'a Snapshot,
    /// The providers' pure halves.
    pub lowerings: &'a [&'a dyn Lower],
    /// What is known of the world.
    pub answers: &'a Answers,
    /// What is asked for.
    pub goal: Goal,
    /// Whether data may be replaced or destroyed.
    pub data_may_go: bool,
}

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// What the spec says.
    Apply,
    /// Nothing is left.
    Destroy,
}

/// What planning comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// These must be answered first; then plan again. At most [`ROUNDS_MAX`] rounds.
    Ask(Vec<Question>),
    /// The plan.
    Planned(Box<Plan>),
}

/// The most rounds of questions: files and hosts, what exists, ports.
pub const ROUNDS_MAX: usize = 3;

/// Plans, or says what must be known first.
pub fn plan(inputs: Inputs<'_>) -> Outcome {
    let desired = match inputs.goal {
        Goal::Apply => desired::desired(inputs.program, inputs.lowerings, inputs.answers),
        Goal::Destroy => desired::Desired::default(),
    };
    let is_known = |question: &Question| inputs.answers.get(question).is_some();
    let mut questions = desired.questions;
    // A port that a resource of ours has is not asked for: it is taken, by us.
    questions.retain(|question| !is_ours(inputs.snapshot, question));
    questions.extend(
        decide::state_questions(inputs.snapshot, &desired.resources)
            .into_iter()
            .filter(|question| !is_known(question)),
    );
    if !questions.is_empty() {
        return Outcome::Ask(questions);
    }
    let mut plan = empty_plan(&inputs);
    plan.findings = desired.findings;
    if plan.is_blocked() {
        return Outcome::Planned(Box::new(plan));
    }
    let mut decided = decide::decide(inputs.snapshot, &desired.resources, inputs.answers);
    for (address, reason) in &decided.unseen {
        plan.findings.push(finding::unseen(address, reason));
    }
    if inputs.goal == Goal::Destroy {
        let removed = decided.changes.values_mut();
        removed.for_each(|decision| decision.reasons = vec![Reason::Destroyed]);
    }
    add_findings(&inputs, &decided.changes, &mut plan);
    plan.actions = order::actions(inputs.snapshot, &decided.changes);
    plan.changes = shown(&inputs, &decided.changes);
    // What is kept is worth saying where something else runs.
    let runs = plan
        .changes
        .iter()
        .any(|change| change.kind == ChangeKind::Run);
    let kept = desired.resources.iter().filter(|resource| {
        resource.resource_type == step::STEP && !decided.changes.contains_key(&resource.address)
    });
    plan.kept = kept
        .filter(|_| runs)
        .map(|resource| resource.address.clone())
        .collect();
    plan.facts = facts(&inputs, &plan);
    Outcome::Planned(Box::new(plan))
}

fn is_ours(snapshot: &Snapshot, question: &Question) -> bool {
    let Question::Port { port, .. } = question else {
        return false;
    };
    let recorded = snapshot.resources.values().map(|state| &state.resource);
    let open = snapshot.open.values().map(|open| &open.resource);
    recorded
        .chain(open)
        .filter_map(desired::port_question)
        .any(|has| matches!(has, Question::Port { port: ours, .. } if ours == *port))
}

fn empty_plan(inputs: &Inputs<'_>) -> Plan {
    let project = inputs.program.with_role("project").next();
    Plan {
        format: PLAN_FORMAT,
        project: project.map_or(String::new(), |block| block.address.name().to_owned()),
        lineage: inputs.snapshot.lineage.clone(),
        serial: inputs.snapshot.serial,
        actions: Vec::new(),
        changes: Vec::new(),
        kept: Vec::new(),
        findings: Vec::new(),
        notices: Vec::new(),
        facts: Vec::new(),
    }
}

fn add_findings(
    inputs: &Inputs<'_>,
    changes: &BTreeMap<Address, decide::Decision>,
    plan: &mut Plan,
) {
    for (address, decision) in changes {
        let verb = match decision.kind {
            ChangeKind::Delete => "destroys",
            ChangeKind::DeleteThenCreate | ChangeKind::CreateThenDelete => "replaces",
            _ => "",
        };
        if decision.resource.holds_data && !verb.is_empty() && !inputs.data_may_go {
            plan.findings.push(finding::holds_data(address, verb));
        }
        let Some(question) = desired::port_question(&decision.resource) else {
            continue;
        };
        let is_taken = inputs.answers.get(&question) == Some(&Answer::Port { free: false });
        if let (Question::Port { host, port, .. }, true) = (question, is_taken) {
            plan.findings
                .push(finding::port_taken(address, &host, port));
        }
    }
}

/// One entry a resource: those of the spec in its order, then those that go.
fn shown(inputs: &Inputs<'_>, changes: &BTreeMap<Address, decide::Decision>) -> Vec<Change> {
    let in_spec = inputs.program.blocks.iter().map(|block| &block.address);
    let gone = changes
        .keys()
        .filter(|address| inputs.program.block(address).is_none());
    let change = |address: &Address| {
        let decision = changes.get(address)?;
        Some(Change {
            address: address.clone(),
            kind: decision.kind,
            reasons: decision.reasons.clone(),
            summary: decision.resource.summary.clone(),
            details: decision.resource.details.clone(),
        })
    };
    in_spec.chain(gone).filter_map(change).collect()
}

/// The answers that an action rests on: the files that will be read and the ports to bind.
fn facts(inputs: &Inputs<'_>, plan: &Plan) -> Vec<(Question, Answer)> {
    let changed: Vec<&Address> = plan.actions.iter().map(|action| &action.address).collect();
    let rests = |question: &Question| match question {
        Question::File { .. } => !plan.actions.is_empty(),
        Question::Port { address, .. } => changed.contains(&address),
        Question::Host { .. } | Question::Resource { .. } => false,
    };
    inputs
        .answers
        .iter()
        .filter(|(question, _)| rests(question))
        .cloned()
        .collect()
}
