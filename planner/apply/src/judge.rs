//! Gates: a step's result is judged as soon as it is recorded; what stands on it waits for that.
//!
//! A verdict is a pure function of recorded outputs and is itself recorded nowhere: whoever comes
//! after a crash judges again and comes to the same.

use std::collections::BTreeMap;

use mlinfra_api::{Address, Value, Verb};
use mlinfra_plan::{JudgedGate, Plan};
use mlinfra_state::Rule;

use crate::event::{BlockReason, Event};
use crate::executor::{Run, Status};
use crate::options::{ApplyFault, Summary};

/// What the plan knows already: gates that do not hold, and what is not done because of them.
pub(crate) fn known_before(plan: &Plan) -> Summary {
    let held = plan.held().map(|(what, step)| (what.clone(), step.clone()));
    Summary {
        gates: plan.failing_gates().cloned().collect(),
        held: held.collect(),
        ..Summary::default()
    }
}

/// Every gate of the plan, by the step that it judges.
pub(crate) fn gates_by_step(plan: &Plan) -> BTreeMap<&Address, Vec<&JudgedGate>> {
    let mut gates: BTreeMap<&Address, Vec<&JudgedGate>> = BTreeMap::new();
    for gate in &plan.gates {
        gates.entry(&gate.step).or_default().push(gate);
    }
    gates
}

impl Run<'_, '_> {
    /// Judges what a step came to. Where a gate does not hold, blocks what stands on the step.
    pub(crate) fn judge(
        &mut self,
        number: usize,
        outputs: &BTreeMap<String, Value>,
    ) -> Result<(), ApplyFault> {
        let action = self.nodes[number].action;
        let step = &action.address;
        let Some(gates) = self.gates.get(step).filter(|_| action.verb != Verb::Delete) else {
            return Ok(());
        };
        let judged: Vec<JudgedGate> = gates.iter().map(|gate| gate.judged(outputs)).collect();
        let failing = judged.iter().find(|gate| gate.fails());
        let reason = failing.map(|gate| BlockReason::Gate {
            address: step.clone(),
            message: gate.sentence(),
        });
        // What the plan knew of this step is known better now.
        self.summary.gates.retain(|gate| gate.step != *step);
        for gate in judged {
            self.engine.tell(Event::Judged { gate: gate.clone() });
            self.summary.gates.push(gate);
        }
        let is_kept = self.engine.options.broken != Some(Rule::GateKept);
        let Some(reason) = reason.filter(|_| is_kept) else {
            return Ok(());
        };
        for next in self.nodes[number].dependents.clone() {
            if self.nodes[next].status == Status::Pending && self.stands_on(next, step) {
                self.block(next, reason.clone())?;
            }
        }
        Ok(())
    }

    /// Whether an action makes or changes what stands on a step, or makes room for that.
    fn stands_on(&self, number: usize, step: &Address) -> bool {
        let action = self.nodes[number].action;
        let is_removal = action.verb == Verb::Delete;
        let makes = |node: &crate::executor::Node<'_>| {
            let is_here = node.action.address == action.address && action.deposed.is_none();
            let waits = is_removal && node.action.after.contains(&number);
            node.action.verb != Verb::Delete
                && (is_here || waits)
                && node.action.resource.depends_on.contains(step)
        };
        self.nodes.iter().any(makes)
    }
}
