//! Program + snapshot + answers → plan. Pure: same input, same bytes.

pub mod answers;
mod blocks;
pub mod catalog;
pub mod cost;
mod decide;
mod desired;
mod diff;
pub mod finding;
pub mod gate;
mod guard;
mod literal;
mod order;
pub mod plan;
pub mod question;
pub mod recipe;
mod relocate;
pub mod resolve;
mod serving;
pub mod step;
mod unread;

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Lower, Snapshot, Verdict};
use mlinfra_check::{OtherProject, Output, Program};

use blocks::Blocks;

pub use answers::Answers;
pub use cost::{BudgetStanding, Cost, CostPart, Priced, Standing, cost};
pub use gate::JudgedGate;
pub use plan::{Action, Change, ChangeKind, MadeWith, PLAN_FORMAT, Plan, PlanFinding, Reason};
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

/// What is declared where nothing is wanted.
static NO_OUTPUTS: BTreeMap<String, Output> = BTreeMap::new();

/// The most rounds of questions: files and hosts, what exists, ports.
pub const ROUNDS_MAX: usize = 3;

/// Plans, or says what must be known first.
pub fn plan(inputs: Inputs<'_>) -> Outcome {
    let serial = inputs.snapshot.serial;
    let blocks = Blocks::of(inputs.program);
    let mut relocated = relocate::moved(inputs.program, inputs.snapshot, inputs.goal);
    let mut desired = lowered(&inputs, &blocks, &relocated.snapshot);
    let existing = relocate::questions(&blocks, &desired.resources, &relocated.snapshot);
    if relocated.adopt(&blocks, &desired.resources, inputs.answers) {
        // What stands under another name is referred to by that name.
        desired = lowered(&inputs, &blocks, &relocated.snapshot);
    }
    let named = relocate::name_questions(&blocks, &desired.resources, &relocated.snapshot);
    let existing = existing.into_iter().chain(named).collect();
    let found = relocate::taken(
        &blocks,
        &desired.resources,
        &relocated.snapshot,
        inputs.answers,
    );
    relocated.findings.extend(found);
    relocated.keep(inputs.program, &wanted(&inputs));
    relocated.protect(inputs.program, &desired.resources);
    let mut found = desired.findings.iter().chain(&relocated.findings);
    if !found.any(|finding| finding.error) {
        relocated.note_outputs(match inputs.goal {
            Goal::Apply => &inputs.program.outputs,
            Goal::Destroy => &NO_OUTPUTS,
        });
    }
    let inputs = Inputs {
        snapshot: &relocated.snapshot,
        ..inputs
    };
    let questions = open_questions(&inputs, desired.questions, existing, &desired.resources);
    if !questions.is_empty() {
        return Outcome::Ask(questions);
    }
    let mut plan = Plan {
        serial,
        state: relocated.changes.clone(),
        notices: relocate::notices(&relocated),
        ..empty_plan(&inputs)
    };
    plan.findings = desired.findings;
    plan.findings.extend(relocated.findings.clone());
    if plan.is_blocked() {
        // What stands where no provider is built in is not planned; what it would cost is known.
        if inputs.goal == Goal::Apply {
            let elsewhere = catalog::parts(&blocks, inputs.lowerings);
            if !elsewhere.0.is_empty() {
                add_cost(&inputs, &blocks, &desired.resources, elsewhere, &mut plan);
            }
        }
        return Outcome::Planned(Box::new(plan));
    }
    let plan = decided_plan(&inputs, &blocks, &relocated, desired.resources, plan);
    Outcome::Planned(Box::new(plan))
}

/// What is done to these resources, in which order, and what is found on the way.
fn decided_plan(
    inputs: &Inputs<'_>,
    blocks: &Blocks<'_>,
    relocated: &relocate::Relocated,
    resources: Vec<mlinfra_api::Resource>,
    mut plan: Plan,
) -> Plan {
    let (resources, found) = ignored(inputs, resources);
    plan.findings.extend(found);
    let (decided, found) = decided(inputs, &resources);
    plan.findings.extend(found);
    for (address, reason) in &decided.unseen {
        plan.findings.push(finding::unseen(address, reason));
    }
    plan.gates = gate::gates(
        blocks,
        &resources,
        inputs.snapshot,
        inputs.answers,
        &decided,
    );
    let failing: BTreeSet<&Address> = plan.failing_gates().map(|gate| &gate.step).collect();
    let held = gate::held(inputs.snapshot, &decided.changes, &failing);
    let judged: Vec<PlanFinding> = plan.failing_gates().map(finding::gate).collect();
    plan.findings.extend(judged);
    let done = to_do(inputs.snapshot, &decided.changes, &held);
    add_findings(inputs, &relocated.protected, &done, &mut plan);
    let judged: BTreeSet<&Address> = plan.gates.iter().map(|gate| &gate.step).collect();
    let (actions, early) = order::actions(inputs.snapshot, &done, &judged);
    plan.actions = actions;
    let found = goes_early(inputs, &plan, &done, &held, early);
    plan.findings.extend(found);
    plan.changes = relocate::shown(&relocated.changes, inputs.snapshot);
    plan.changes
        .extend(shown(blocks, &decided.changes, &done, &held));
    let renamed = relocate::renamed(inputs.snapshot, &decided.changes);
    plan.findings.extend(renamed);
    plan.kept = kept(&plan, &resources, &decided.changes);
    if inputs.goal == Goal::Apply {
        let elsewhere = catalog::parts(blocks, inputs.lowerings);
        add_cost(inputs, blocks, &resources, elsewhere, &mut plan);
    }
    plan.facts = facts(inputs, &plan);
    plan
}

/// What the goal comes to in resources, where things stand as in this snapshot.
fn lowered(inputs: &Inputs<'_>, blocks: &Blocks<'_>, snapshot: &Snapshot) -> desired::Desired {
    match inputs.goal {
        Goal::Apply => {
            let names = relocate::names(inputs.program, snapshot);
            desired::desired(blocks, inputs.lowerings, inputs.answers, &names)
        }
        Goal::Destroy => desired::Desired::default(),
    }
}

/// The addresses that are wanted: what can't be lowered, or not yet, is wanted all the same.
fn wanted<'a>(inputs: &Inputs<'a>) -> BTreeSet<&'a Address> {
    match inputs.goal {
        Goal::Apply => {
            let blocks = inputs.program.blocks.iter();
            blocks.map(|block| &block.address).collect()
        }
        Goal::Destroy => BTreeSet::new(),
    }
}

/// The questions that must be answered before anything is decided.
fn open_questions(
    inputs: &Inputs<'_>,
    mut questions: Vec<Question>,
    existing: Vec<Question>,
    resources: &[mlinfra_api::Resource],
) -> Vec<Question> {
    // A port that a resource of ours has is not asked for: it is taken, by us.
    let ours = our_ports(inputs.snapshot);
    questions.retain(|question| match question {
        Question::Port { port, .. } => !ours.contains(port),
        _ => true,
    });
    let states = decide::state_questions(inputs.snapshot, resources);
    let asked = existing.into_iter().chain(states);
    questions.extend(asked.filter(|question| inputs.answers.get(question).is_none()));
    questions
}

/// What happens to each resource, with the reason that the goal gives; and what may not happen as
/// it stands on a target that the environment may not touch.
fn decided(
    inputs: &Inputs<'_>,
    resources: &[mlinfra_api::Resource],
) -> (decide::Decisions, Vec<PlanFinding>) {
    let mut decided = decide::decide(inputs.snapshot, resources, inputs.answers);
    if inputs.goal == Goal::Destroy {
        let removed = decided.changes.values_mut();
        removed.for_each(|decision| decision.reasons = vec![Reason::Destroyed]);
    }
    let findings = guard::keep_in_bounds(inputs, &mut decided);
    (decided, findings)
}

/// Adds what the resources cost, and the findings about that.
fn add_cost(
    inputs: &Inputs<'_>,
    blocks: &Blocks<'_>,
    resources: &[mlinfra_api::Resource],
    elsewhere: (Vec<CostPart>, Vec<PlanFinding>),
    plan: &mut Plan,
) {
    let (cost, found) = cost::of(blocks, inputs.lowerings, resources, elsewhere);
    plan.cost = Some(cost);
    plan.findings.extend(found);
}

/// The wanted resources, each with what its block ignores as it is recorded; and what can't be
/// ignored.
fn ignored(
    inputs: &Inputs<'_>,
    mut resources: Vec<mlinfra_api::Resource>,
) -> (Vec<mlinfra_api::Resource>, Vec<PlanFinding>) {
    let ignoring = inputs.program.blocks.iter().filter_map(|block| {
        let fields = block.attributes.get(IGNORE)?.get("fields")?.as_list()?;
        Some((&block.address, (block, fields)))
    });
    let ignoring: BTreeMap<&Address, _> = ignoring.collect();
    let mut findings = Vec::new();
    for resource in &mut resources {
        let Some((block, fields)) = ignoring.get(&resource.address) else {
            continue;
        };
        let recorded = inputs.snapshot.resources.get(&resource.address);
        for field in fields.iter().filter_map(mlinfra_api::Value::as_case) {
            let is_given = block.fields.get(field).is_some_and(|given| given.written);
            let is_made_of_it = resource.properties.contains_key(field);
            if resource.identity.is_some() || is_given && !is_made_of_it {
                findings.push(finding::nothing_to_ignore(&resource.address, field));
                continue;
            }
            let Some(recorded) = recorded else { continue };
            match recorded.resource.properties.get(field) {
                Some(value) => drop(resource.properties.insert(field.to_owned(), value.clone())),
                None => drop(resource.properties.remove(field)),
            }
        }
    }
    (resources, findings)
}

/// The attribute of a block whose differences in some fields are nobody's business here.
const IGNORE: &str = "ignore";

/// What a gate that is judged too late, or not at all, could not keep.
fn goes_early(
    inputs: &Inputs<'_>,
    plan: &Plan,
    done: &BTreeMap<Address, decide::Decision>,
    held: &BTreeMap<Address, Address>,
    mut early: BTreeSet<order::Early>,
) -> Vec<PlanFinding> {
    let gates = plan.gates.iter();
    let open: BTreeSet<&Address> = gates
        .filter(|gate| gate.verdict == Verdict::Open)
        .map(|gate| &gate.step)
        .collect();
    early.retain(|early| open.contains(&early.step));
    // What is held goes on with what it serves: its store may be made anew for other reasons.
    for (address, step) in held {
        let state = inputs.snapshot.resources.get(address);
        let store = state.and_then(|state| serving::served_store(&state.resource));
        let goes = |store: &Address| {
            done.get(store)
                .is_some_and(|decision| decision.kind == ChangeKind::DeleteThenCreate)
        };
        early.extend(store.filter(goes).map(|what| order::Early {
            what,
            serves: Some(address.clone()),
            step: step.clone(),
        }));
    }
    early.iter().map(finding::goes_early).collect()
}

/// The decisions that are carried out: those that no gate holds back, and what is put right in
/// their place.
fn to_do(
    snapshot: &Snapshot,
    changes: &BTreeMap<Address, decide::Decision>,
    held: &BTreeMap<Address, Address>,
) -> BTreeMap<Address, decide::Decision> {
    let kept = |(address, decision): (&Address, &decide::Decision)| {
        let decision = match held.contains_key(address) {
            true => gate::mended(snapshot, decision)?,
            false => decision.clone(),
        };
        Some((address.clone(), decision))
    };
    changes.iter().filter_map(kept).collect()
}

/// What is kept is worth saying where something else runs.
fn kept(
    plan: &Plan,
    wanted: &[mlinfra_api::Resource],
    changes: &BTreeMap<Address, decide::Decision>,
) -> Vec<Address> {
    let runs = plan
        .changes
        .iter()
        .any(|change| change.kind == ChangeKind::Run && change.blocked_by.is_none());
    let kept = wanted.iter().filter(|resource| {
        runs && resource.resource_type == step::STEP && !changes.contains_key(&resource.address)
    });
    kept.map(|resource| resource.address.clone()).collect()
}

/// The ports that resources of ours have.
fn our_ports(snapshot: &Snapshot) -> BTreeSet<u16> {
    let recorded = snapshot.resources.values().map(|state| &state.resource);
    let open = snapshot.open.values().map(|open| &open.resource);
    recorded.chain(open).filter_map(order::port_of).collect()
}

fn empty_plan(inputs: &Inputs<'_>) -> Plan {
    let project = inputs.program.with_role("project").next();
    Plan {
        format: PLAN_FORMAT,
        project: project.map_or(String::new(), |block| block.address.name().to_owned()),
        lineage: inputs.snapshot.lineage.clone(),
        serial: inputs.snapshot.serial,
        made_with: MadeWith::this_build(),
        actions: Vec::new(),
        state: Vec::new(),
        changes: Vec::new(),
        kept: Vec::new(),
        findings: Vec::new(),
        notices: Vec::new(),
        facts: Vec::new(),
        gates: Vec::new(),
        cost: None,
    }
}

fn add_findings(
    inputs: &Inputs<'_>,
    protected: &BTreeSet<Address>,
    changes: &BTreeMap<Address, decide::Decision>,
    plan: &mut Plan,
) {
    for (address, decision) in changes {
        let verb = match decision.kind {
            ChangeKind::Delete => "destroys",
            ChangeKind::DeleteThenCreate | ChangeKind::CreateThenDelete => "replaces",
            _ => "",
        };
        let may_go = inputs.data_may_go
            || decision.kind == ChangeKind::Delete && relocate::may_go(inputs.program, address);
        if !verb.is_empty() && !may_go {
            let found = guard::lost(inputs, protected, address, decision, verb);
            plan.findings.extend(found);
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

/// One entry a resource: those of the spec in its order, then those that go. What is held and put
/// right as it stands has two.
fn shown(
    blocks: &Blocks<'_>,
    changes: &BTreeMap<Address, decide::Decision>,
    done: &BTreeMap<Address, decide::Decision>,
    held: &BTreeMap<Address, Address>,
) -> Vec<Change> {
    let in_spec = blocks.program.blocks.iter().map(|block| &block.address);
    let gone = changes
        .keys()
        .filter(|address| blocks.get(address).is_none());
    let change =
        |address: &Address, decision: &decide::Decision, blocked_by: Option<&Address>| Change {
            address: address.clone(),
            kind: decision.kind,
            reasons: decision.reasons.clone(),
            summary: decision.resource.summary.clone(),
            details: decision.resource.details.clone(),
            blocked_by: blocked_by.cloned(),
        };
    let mut out = Vec::new();
    for address in in_spec.chain(gone) {
        let made = done.get(address);
        out.extend(made.map(|decision| change(address, decision, None)));
        if let (Some(by), Some(decision)) = (held.get(address), changes.get(address)) {
            out.push(change(address, decision, Some(by)));
        }
    }
    out
}

/// The answers that an action rests on: the files that will be read, the ports to bind, and what
/// other projects give.
fn facts(inputs: &Inputs<'_>, plan: &Plan) -> Vec<(Question, Answer)> {
    let changed: BTreeSet<&Address> = plan.actions.iter().map(|action| &action.address).collect();
    let rests = |question: &Question| match question {
        Question::File { .. } => !plan.actions.is_empty(),
        Question::Port { address, .. } => changed.contains(address),
        Question::Outputs { .. }
        | Question::Existing { .. }
        | Question::Host { .. }
        | Question::Resource { .. } => false,
    };
    let asked = inputs.answers.iter();
    let asked = asked.filter(|(question, _)| rests(question)).cloned();
    asked.chain(of_projects(inputs, plan)).collect()
}

/// What other projects gave when the spec was checked.
fn of_projects(inputs: &Inputs<'_>, plan: &Plan) -> Vec<(Question, Answer)> {
    let counts = inputs.goal == Goal::Apply && !plan.is_empty();
    let read = inputs.program.projects.iter().filter(|_| counts);
    let fact = |project: &OtherProject| {
        let question = Question::Outputs {
            project: project.path.clone(),
            environment: project.environment.clone(),
        };
        let sha256 = project.digest.to_string();
        (question, Answer::Outputs { sha256 })
    };
    read.map(fact).collect()
}
