//! The credit spec, a world in memory, and plans carried out in it as one without faults would.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Lower, Observation, Quantity, ResourceState, Snapshot, Value, Verb};
use mlinfra_check::{Program, World, check};
use mlinfra_local::LocalLower;
use mlinfra_plan::{
    Action, Answer, Answers, ChangeKind, Goal, Inputs, Outcome, Plan, Question, ROUNDS_MAX, Reason,
    plan,
};

pub(crate) const HEADER: &str = "status,month,credit_history,purpose,credit_amount,savings,\
employment,investment_as_income_percentage,personal_status,other_debtors,residence_since,\
property,age,installment_plans,housing,number_of_credits,skill_level,people_liable_for,telephone,\
foreign_worker,credit";

struct Texts(String);

impl World for Texts {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }
    fn parameter(&self, _: &str) -> Option<String> {
        None
    }
    fn parameter_names(&self) -> Vec<String> {
        Vec::new()
    }
}

pub(crate) fn credit() -> String {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/credit/credit.mlinfra"
    );
    std::fs::read_to_string(path).expect("the example is in the repository")
}

pub(crate) fn program(text: &str) -> Program {
    let checked = check(&Texts(text.to_owned()), "credit.mlinfra");
    assert!(checked.diagnostics.is_empty(), "{:#?}", checked.diagnostics);
    checked.program
}

/// A world in memory: which recipe keys have a result, and what is broken.
pub(crate) struct Fake {
    pub(crate) digest: String,
    pub(crate) header: String,
    pub(crate) artifacts: BTreeSet<String>,
    pub(crate) unwell: BTreeMap<Address, String>,
    pub(crate) port_free: bool,
    /// Whether the user said that data may go.
    pub(crate) data_may_go: bool,
    /// What each step reports when it runs, by its address.
    pub(crate) reports: BTreeMap<String, BTreeMap<String, Value>>,
    /// What was reported of each recipe key that ran.
    pub(crate) reported: BTreeMap<String, BTreeMap<String, Value>>,
    /// What stands already, and what it was made as.
    pub(crate) existing: Option<(String, Address)>,
    /// What was carried out, in order.
    pub(crate) done: Vec<String>,
}

/// A number as a step reports it.
pub(crate) fn figure(text: &str) -> Value {
    Value::Decimal(text.parse().expect("a number"))
}

impl Fake {
    pub(crate) fn new() -> Self {
        Fake {
            digest: "d1".into(),
            header: HEADER.into(),
            artifacts: BTreeSet::new(),
            unwell: BTreeMap::new(),
            port_free: true,
            data_may_go: true,
            reports: BTreeMap::from([(
                "risk/step.report".into(),
                BTreeMap::from([
                    ("auc".into(), figure("0.79")),
                    ("disparate_impact(sex)".into(), figure("0.9")),
                ]),
            )]),
            reported: BTreeMap::new(),
            existing: None,
            done: Vec::new(),
        }
    }

    pub(crate) fn answer(&self, question: &Question) -> Answer {
        match question {
            Question::File { .. } => Answer::File {
                sha256: self.digest.clone(),
                bytes: 80_059,
                header: Some(self.header.clone()),
            },
            Question::Outputs { .. } => panic!("checking asks other projects, planning never"),
            Question::Host { .. } => Answer::Host {
                facts: BTreeMap::from([
                    ("cpus".into(), Value::Int(4)),
                    ("memory".into(), Value::Quantity(Quantity::bytes(24 << 30))),
                ]),
            },
            Question::Existing { id, .. } => match &self.existing {
                Some((handle, made_as)) if *id == made_as.to_string() => Answer::Existing {
                    handle: handle.clone(),
                    made_as: Some(made_as.clone()),
                    outputs: BTreeMap::new(),
                },
                _ => Answer::NotTaken {
                    reason: "there is none".into(),
                },
            },
            Question::Port { .. } => Answer::Port {
                free: self.port_free,
            },
            Question::Resource { state } => {
                let key = state.resource.identity.as_ref();
                let outputs = key.and_then(|key| self.reported.get(key));
                let present = Observation::Present {
                    properties: BTreeMap::new(),
                    outputs: outputs.cloned().unwrap_or_default(),
                };
                let observation = match &state.resource.identity {
                    _ if self.unwell.contains_key(&state.resource.address) => {
                        let reason = self.unwell[&state.resource.address].clone();
                        Observation::Unwell { reason }
                    }
                    Some(key) if !self.artifacts.contains(key) => Observation::Absent,
                    _ => present,
                };
                Answer::Resource { observation }
            }
        }
    }

    pub(crate) fn plan(&self, program: &Program, snapshot: &Snapshot, goal: Goal) -> Plan {
        let mut answers = Answers::default();
        let lowerings: [&dyn Lower; 1] = [&LocalLower];
        for _ in 0..=ROUNDS_MAX {
            let inputs = Inputs {
                program,
                snapshot,
                lowerings: &lowerings,
                answers: &answers,
                goal,
                data_may_go: self.data_may_go,
            };
            match plan(inputs) {
                Outcome::Planned(plan) => return *plan,
                Outcome::Ask(questions) => {
                    for question in questions {
                        let answer = self.answer(&question);
                        answers.insert(question, answer);
                    }
                }
            }
        }
        panic!("planning asks more than {ROUNDS_MAX} rounds")
    }

    /// Carries a plan out, as a world without faults would: what stands on a step whose gate does
    /// not hold is not done, nor what waits for that.
    pub(crate) fn apply(&mut self, plan: &Plan, snapshot: &mut Snapshot) {
        let mut blocked: BTreeSet<usize> = BTreeSet::new();
        let mut failing: BTreeSet<Address> = BTreeSet::new();
        for change in &plan.state {
            snapshot.change(change).expect("the plan fits the state");
        }
        for (number, action) in plan.actions.iter().enumerate() {
            let stands = |step: &Address| action.resource.depends_on.contains(step);
            if action.after.iter().any(|first| blocked.contains(first))
                || action.verb != Verb::Delete && failing.iter().any(stands)
            {
                blocked.insert(number);
                continue;
            }
            self.done.push(action.address.to_string());
            assert!(
                action.after.iter().all(|first| *first < number),
                "{action:?}"
            );
            let address = &action.address;
            if action.verb == Verb::Delete {
                snapshot.resources.remove(address);
                continue;
            }
            for dependency in &action.resource.depends_on {
                let known = snapshot.resources.contains_key(dependency);
                assert!(known, "{address} is made before {dependency}");
            }
            self.artifacts.extend(action.resource.identity.clone());
            self.unwell.remove(address);
            let outputs = self.outputs_of(action);
            let mut gates = plan.gates.iter().filter(|gate| gate.step == *address);
            if gates.any(|gate| gate.judged(&outputs).fails()) {
                failing.insert(address.clone());
            }
            snapshot.resources.insert(
                address.clone(),
                ResourceState {
                    resource: action.resource.clone(),
                    incarnation: 1,
                    handle: "h".into(),
                    outputs,
                },
            );
        }
        snapshot.serial += 1;
    }

    /// A result that was there already reports what it did the first time.
    fn outputs_of(&mut self, action: &Action) -> BTreeMap<String, Value> {
        let reports = self.reports.get(&action.address.to_string());
        let reports = reports.cloned().unwrap_or_default();
        match &action.resource.identity {
            None => reports,
            Some(key) => self.reported.entry(key.clone()).or_insert(reports).clone(),
        }
    }
}

/// The state once everything that the plan records is recorded and the rest is carried out.
pub(crate) fn carried_out(world: &mut Fake, plan: &Plan, snapshot: &Snapshot) -> Snapshot {
    let mut snapshot = snapshot.clone();
    world.apply(plan, &mut snapshot);
    snapshot
}

pub(crate) fn kinds(plan: &Plan) -> BTreeMap<String, ChangeKind> {
    plan.changes
        .iter()
        .map(|change| (change.address.to_string(), change.kind))
        .collect()
}

pub(crate) fn reasons(plan: &Plan, address: &str) -> Vec<Reason> {
    let change = plan
        .changes
        .iter()
        .find(|change| change.address.to_string() == address);
    change
        .unwrap_or_else(|| panic!("{address} does not change"))
        .reasons
        .clone()
}

pub(crate) fn applied() -> (Fake, Snapshot) {
    applied_of(&program(&credit()))
}

/// A world in which this program was applied, and what it recorded.
pub(crate) fn applied_of(program: &Program) -> (Fake, Snapshot) {
    let (mut world, mut snapshot) = (Fake::new(), Snapshot::default());
    let plan = world.plan(program, &snapshot, Goal::Apply);
    assert!(plan.findings.is_empty(), "{:#?}", plan.findings);
    world.apply(&plan, &mut snapshot);
    (world, snapshot)
}
