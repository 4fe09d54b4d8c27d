//! Journal → snapshot: what the records add up to.

use std::collections::BTreeMap;

use mlinfra_api::{
    Address, OpenCall, Resource, ResourceState, Snapshot, StateChange, Token, Value, Verb,
};
use serde::{Deserialize, Serialize};

use crate::journal::{ActionEvent, ActionState, OperationEvent, OperationState, Record, Started};
use crate::operations::{ActionSummary, OperationRecord};

/// What the records so far add up to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Replayed {
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// What exists.
    pub snapshot: Snapshot,
    /// Every operation, oldest first: operation `n` is at `n - 1`.
    pub operations: Vec<OperationRecord>,
    /// Everything that is known of the calls in `snapshot.open`, by token.
    pub calls: BTreeMap<Token, Call>,
    /// Whether something changed since the serial was last raised.
    pub changed: bool,
}

/// A call whose end is not recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The operation that began it.
    pub operation: u64,
    /// The action's number in it.
    pub number: u64,
    /// The intent.
    pub started: Started,
}

impl Replayed {
    /// Where an action stands.
    pub fn action_state(&self, operation: u64, number: u64) -> ActionState {
        self.operation(operation)
            .and_then(|operation| operation.actions.get(&number))
            .map_or(ActionState::Pending, |action| action.state)
    }

    /// An operation by its number.
    pub fn operation(&self, number: u64) -> Option<&OperationRecord> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.operations.get(index)
    }

    fn operation_mut(&mut self, number: u64) -> Result<&mut OperationRecord, String> {
        let index = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
        index
            .and_then(|index| self.operations.get_mut(index))
            .ok_or_else(|| format!("there is no operation {number}"))
    }

    /// What a call changes or deletes, as it is recorded now.
    pub fn prior(&self, address: &Address, incarnation: Option<u64>) -> Option<&ResourceState> {
        let incarnation = incarnation?;
        let standing = self.snapshot.resources.get(address);
        standing
            .filter(|state| state.incarnation == incarnation)
            .or_else(|| {
                self.snapshot.deposed.iter().find(|state| {
                    state.resource.address == *address && state.incarnation == incarnation
                })
            })
    }

    /// Adds one record.
    ///
    /// # Errors
    /// The record can't follow what is already there; nothing is changed then.
    pub fn add(&mut self, record: &Record) -> Result<(), String> {
        match record {
            Record::Created {
                lineage,
                project,
                environment,
                ..
            } => {
                if !self.snapshot.lineage.is_empty() {
                    return Err("a state begins twice".into());
                }
                self.snapshot.lineage.clone_from(lineage);
                self.project.clone_from(project);
                self.environment.clone_from(environment);
            }
            Record::OperationStarted {
                operation,
                goal,
                who,
                command,
                at,
            } => {
                if *operation != self.operations.len() as u64 + 1 {
                    return Err(format!("operation {operation} is out of order"));
                }
                self.operations.push(OperationRecord {
                    number: *operation,
                    goal: *goal,
                    who: who.clone(),
                    command: command.clone(),
                    started: at.clone(),
                    ended: None,
                    state: OperationState::Running,
                    outcome: None,
                    actions: BTreeMap::new(),
                });
            }
            Record::Operation {
                operation,
                at,
                event,
            } => self.add_operation_event(*operation, at, event)?,
            Record::Action {
                operation,
                number,
                address,
                event,
            } => self.add_action_event(*operation, *number, address, event)?,
            Record::Decided { token, adopted, .. } => self.decide(token, adopted.as_deref())?,
            Record::Changed { operation, change } => self.add_change(*operation, change)?,
            Record::Checkpoint { state } => *self = (**state).clone(),
        }
        Ok(())
    }

    fn add_change(&mut self, operation: u64, change: &StateChange) -> Result<(), String> {
        self.operation_mut(operation)?;
        self.snapshot.change(change)?;
        if !self.changed {
            self.changed = true;
            self.snapshot.serial += 1;
        }
        Ok(())
    }

    fn add_operation_event(
        &mut self,
        number: u64,
        at: &str,
        event: &OperationEvent,
    ) -> Result<(), String> {
        let operation = self.operation_mut(number)?;
        operation.state = operation.state.next(event).map_err(|e| e.to_string())?;
        if operation.state.is_end() {
            operation.ended = Some(at.to_owned());
        }
        if let OperationEvent::Ended { .. } = event {
            operation.outcome = Some(event.clone());
        }
        if std::mem::take(&mut self.changed) {
            self.snapshot.serial += 1;
        }
        Ok(())
    }

    fn add_action_event(
        &mut self,
        operation: u64,
        number: u64,
        address: &Address,
        event: &ActionEvent,
    ) -> Result<(), String> {
        let state = self
            .action_state(operation, number)
            .next(event)
            .map_err(|illegal| format!("{address}: {illegal}"))?;
        self.operation_mut(operation)?;
        match event {
            ActionEvent::Started(started) => {
                self.start(operation, number, address, started)?;
            }
            ActionEvent::Blocked { .. } | ActionEvent::Lost { .. } => {}
            ActionEvent::Accepted { handle } | ActionEvent::Found { handle } => {
                let open = self.open_mut(address)?;
                open.handle = Some(handle.clone());
            }
            ActionEvent::Succeeded { handle, outputs } => {
                self.succeed(address, handle.as_deref(), outputs)?;
            }
            ActionEvent::Failed { .. } | ActionEvent::Cancelled => {
                self.close(address)?;
            }
            ActionEvent::ProvedAbsent => {
                // The call never was: its number is free again, so that a call that comes in its
                // place carries the same token.
                let call = self.close(address)?;
                let before = call.started.incarnation - 1;
                if before == 0 {
                    self.snapshot.incarnations.remove(address);
                } else {
                    self.snapshot.incarnations.insert(address.clone(), before);
                }
            }
            ActionEvent::Unprovable { .. } => {
                self.open_mut(address)?;
            }
        }
        if !matches!(event, ActionEvent::Blocked { .. }) && !self.changed {
            self.changed = true;
            self.snapshot.serial += 1;
        }
        let operation = self.operation_mut(operation)?;
        let summary = operation
            .actions
            .entry(number)
            .or_insert_with(|| ActionSummary {
                address: address.clone(),
                verb: None,
                state,
                note: None,
            });
        summary.state = state;
        match event {
            ActionEvent::Started(started) => summary.verb = Some(started.verb),
            ActionEvent::Blocked { reason } | ActionEvent::Unprovable { reason } => {
                summary.note = Some(reason.clone());
            }
            ActionEvent::Failed { fault } => summary.note = Some(fault.to_string()),
            _ => {}
        }
        Ok(())
    }

    fn start(
        &mut self,
        operation: u64,
        number: u64,
        address: &Address,
        started: &Started,
    ) -> Result<(), String> {
        if self.snapshot.open.contains_key(address) {
            return Err(format!("{address}: two calls are open at once"));
        }
        let before = self
            .snapshot
            .incarnations
            .get(address)
            .copied()
            .unwrap_or(0);
        if started.incarnation != before + 1 {
            return Err(format!(
                "{address}: call {} follows {before}",
                started.incarnation
            ));
        }
        self.snapshot
            .incarnations
            .insert(address.clone(), started.incarnation);
        self.snapshot.open.insert(
            address.clone(),
            OpenCall {
                token: started.token.clone(),
                verb: started.verb,
                operation: crate::operations::operation_name(operation),
                handle: None,
                resource: started.resource.clone(),
            },
        );
        self.calls.insert(
            started.token.clone(),
            Call {
                operation,
                number,
                started: started.clone(),
            },
        );
        Ok(())
    }

    fn open_mut(&mut self, address: &Address) -> Result<&mut OpenCall, String> {
        self.snapshot
            .open
            .get_mut(address)
            .ok_or_else(|| format!("{address}: no call is open"))
    }

    fn close(&mut self, address: &Address) -> Result<Call, String> {
        let open = self
            .snapshot
            .open
            .get(address)
            .ok_or_else(|| format!("{address}: no call is open"))?;
        let call = self
            .calls
            .remove(&open.token)
            .ok_or_else(|| format!("{address}: nothing is known of its open call"))?;
        self.snapshot.open.remove(address);
        Ok(call)
    }

    fn succeed(
        &mut self,
        address: &Address,
        handle: Option<&str>,
        outputs: &BTreeMap<String, Value>,
    ) -> Result<(), String> {
        let accepted = self.open_mut(address)?.handle.clone();
        let handle = handle.map(str::to_owned).or(accepted).unwrap_or_default();
        let Started {
            verb,
            incarnation,
            resource,
            prior,
            deposes,
            ..
        } = self.close(address)?.started;
        match verb {
            Verb::Delete => self.remove(address, prior),
            Verb::Create | Verb::Update => {
                let made = made(resource, incarnation, handle, outputs);
                let before = self.snapshot.resources.insert(address.clone(), made);
                if let Some(before) = before.filter(|_| deposes) {
                    self.snapshot.deposed.push(before);
                }
            }
        }
        Ok(())
    }

    fn remove(&mut self, address: &Address, incarnation: Option<u64>) {
        let is_it = |state: &ResourceState| Some(state.incarnation) == incarnation;
        if self.snapshot.resources.get(address).is_some_and(is_it) {
            self.snapshot.resources.remove(address);
        } else {
            self.snapshot
                .deposed
                .retain(|state| state.resource.address != *address || !is_it(state));
        }
    }

    fn decide(&mut self, token: &Token, adopted: Option<&str>) -> Result<(), String> {
        let call = self.calls.get(token).cloned();
        let call = call.ok_or_else(|| format!("no call {token} is open"))?;
        let address = call.started.resource.address.clone();
        match adopted {
            Some(handle) => self.succeed(&address, Some(handle), &BTreeMap::new())?,
            None => drop(self.close(&address)?),
        }
        self.snapshot.serial += 1;
        Ok(())
    }
}

fn made(
    resource: Resource,
    incarnation: u64,
    handle: String,
    outputs: &BTreeMap<String, Value>,
) -> ResourceState {
    ResourceState {
        resource,
        incarnation,
        handle,
        outputs: outputs.clone(),
    }
}
