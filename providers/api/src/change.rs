//! Changes of a state alone: what is recorded of a thing changes, and nothing is called for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Address, Resource, ResourceState, Snapshot, Value};

/// A change of the state that calls no provider: it is done once it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateChange {
    /// What stands at one address stands at another from now on. The thing itself is not touched
    /// and goes by the name that it was made under: [`Resource::made_as`].
    Moved {
        /// The address so far.
        from: Address,
        /// The address from now on.
        to: Address,
    },
    /// What stands at an address stays where it is and is no longer of this state.
    Forgotten {
        /// The address.
        address: Address,
    },
    /// A thing that was there already is of this state from now on.
    Adopted {
        /// As it is recorded.
        state: Box<ResourceState>,
    },
    /// Whether a thing is forgotten, not removed, once nothing asks for it any more.
    Kept {
        /// The address.
        address: Address,
        /// Whether it is.
        keep: bool,
    },
    /// Whether a thing is replaced or destroyed on the user's word alone.
    Protected {
        /// The address.
        address: Address,
        /// Whether it is.
        protect: bool,
    },
    /// What the spec declares as outputs, all of it.
    Outputs {
        /// By name, as the spec says them.
        outputs: BTreeMap<String, Value>,
    },
}

impl StateChange {
    /// The address that it is about, the new one of a move; none if it is about no resource.
    pub fn address(&self) -> Option<&Address> {
        match self {
            StateChange::Moved { to, .. } => Some(to),
            StateChange::Forgotten { address }
            | StateChange::Kept { address, .. }
            | StateChange::Protected { address, .. } => Some(address),
            StateChange::Adopted { state } => Some(&state.resource.address),
            StateChange::Outputs { .. } => None,
        }
    }
}

impl Snapshot {
    /// Makes a change of the state alone.
    ///
    /// # Errors
    /// It can't be made of what is recorded; nothing is changed then.
    pub fn change(&mut self, change: &StateChange) -> Result<(), String> {
        if let Some(address) = self.in_the_way(change) {
            return Err(format!("{address}: a call is open there"));
        }
        match change {
            StateChange::Moved { from, to } => self.relocate(from, to),
            StateChange::Forgotten { address } => {
                self.kept.remove(address);
                self.protected.remove(address);
                let gone = self.resources.remove(address);
                gone.map(drop).ok_or_else(|| nothing(address))
            }
            StateChange::Adopted { state } => {
                let address = &state.resource.address;
                if self.resources.contains_key(address) {
                    return Err(format!("{address}: something is recorded there already"));
                }
                let begun = self.incarnations.entry(address.clone()).or_insert(0);
                *begun += 1;
                let state = ResourceState {
                    incarnation: *begun,
                    ..(**state).clone()
                };
                self.resources.insert(address.clone(), state);
                Ok(())
            }
            // It may be noted before the thing is made.
            StateChange::Kept { address, keep } => {
                match keep {
                    true => drop(self.kept.insert(address.clone())),
                    false => drop(self.kept.remove(address)),
                }
                Ok(())
            }
            StateChange::Protected { address, protect } => {
                match protect {
                    true => drop(self.protected.insert(address.clone())),
                    false => drop(self.protected.remove(address)),
                }
                Ok(())
            }
            StateChange::Outputs { outputs } => {
                self.outputs.clone_from(outputs);
                Ok(())
            }
        }
    }

    /// The address of the change at which a call is open: what it will come to is not known.
    pub fn in_the_way(&self, change: &StateChange) -> Option<Address> {
        let (first, second) = match change {
            StateChange::Kept { .. } | StateChange::Protected { .. } => return None,
            StateChange::Moved { from, to } => (from, to),
            other => (other.address()?, other.address()?),
        };
        let mut touched = [first, second].into_iter();
        touched
            .find(|address| self.open.contains_key(address))
            .cloned()
    }

    fn relocate(&mut self, from: &Address, to: &Address) -> Result<(), String> {
        if self.resources.contains_key(to) || self.is_deposed(to) {
            return Err(format!("{to}: something is recorded there already"));
        }
        let mut state = self.resources.remove(from).ok_or_else(|| nothing(from))?;
        // A token is never drawn twice: calls are counted on from what either address saw.
        let begun = |address: &Address| self.incarnations.get(address).copied().unwrap_or(0);
        let begun = begun(from).max(begun(to));
        self.incarnations.insert(to.clone(), begun);
        for noted in [&mut self.kept, &mut self.protected] {
            if noted.remove(from) {
                noted.insert(to.clone());
            }
        }
        move_one(&mut state.resource, from, to);
        let made_as = state.resource.made_as.clone();
        self.resources.insert(to.clone(), state);
        for state in &mut self.deposed {
            if state.resource.address == *from {
                move_one(&mut state.resource, from, to);
            }
        }
        let all = self.resources.values_mut().chain(&mut self.deposed);
        all.for_each(|state| rename_in(&mut state.resource, from, to, made_as.as_ref()));
        Ok(())
    }

    fn is_deposed(&self, address: &Address) -> bool {
        let mut deposed = self.deposed.iter();
        deposed.any(|state| state.resource.address == *address)
    }
}

fn nothing(address: &Address) -> String {
    format!("{address}: nothing is recorded there")
}

fn move_one(resource: &mut Resource, from: &Address, to: &Address) {
    let made_as = resource.made_as.take().unwrap_or_else(|| from.clone());
    resource.made_as = (made_as != *to).then_some(made_as);
    resource.address = to.clone();
}

/// What another resource says of the one that moved.
fn rename_in(resource: &mut Resource, from: &Address, to: &Address, made_as: Option<&Address>) {
    if resource.depends_on.remove(from) {
        resource.depends_on.insert(to.clone());
    }
    if resource.target.as_ref() == Some(from) {
        resource.target = Some(to.clone());
    }
    for value in resource.properties.values_mut() {
        rename(value, from, to, made_as);
    }
}

fn rename(value: &mut Value, from: &Address, to: &Address, made_as: Option<&Address>) {
    match value {
        Value::Reference(reference) if reference.address == *from => {
            reference.address = to.clone();
        }
        Value::List(elements) | Value::Template(elements) => {
            for element in elements {
                rename(element, from, to, made_as);
            }
        }
        Value::Condition(condition) => {
            condition.for_each_value_mut(&mut |value| rename(value, from, to, made_as));
        }
        Value::Record(entries) => {
            rename_record(entries, from, to, made_as);
            for entry in entries.values_mut() {
                rename(entry, from, to, made_as);
            }
        }
        Value::Case { arguments, .. } => {
            for argument in arguments.values_mut() {
                rename(argument, from, to, made_as);
            }
        }
        _ => {}
    }
}

/// A record that stands for a resource names it by `address`; one that also tells how it is made,
/// by `properties`, says under which name too.
fn rename_record(
    entries: &mut BTreeMap<String, Value>,
    from: &Address,
    to: &Address,
    made_as: Option<&Address>,
) {
    let is_it = |value: &Value| value.as_text() == Some(from.to_string().as_str());
    if !entries.get("address").is_some_and(is_it) {
        return;
    }
    entries.insert("address".into(), Value::text(to.to_string()));
    if entries.contains_key("properties") {
        entries.remove(MADE_AS);
        let name = made_as.map(|name| Value::text(name.to_string()));
        entries.extend(name.map(|name| (MADE_AS.to_owned(), name)));
    }
}

/// The entry of a record for a resource that names what it was made as, where that is another
/// address than its own.
pub const MADE_AS: &str = "made_as";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{OpenCall, Reference, Token, Verb};

    fn address(name: &str) -> Address {
        Address::new("storage", name)
    }

    fn state(name: &str, properties: BTreeMap<String, Value>, needs: &[&str]) -> ResourceState {
        ResourceState {
            resource: Resource {
                address: address(name),
                resource_type: "folder".into(),
                provider: "local".into(),
                properties,
                identity: None,
                replaces: BTreeSet::new(),
                depends_on: needs.iter().map(|name| address(name)).collect(),
                create_first: false,
                holds_data: true,
                summary: String::new(),
                details: Vec::new(),
                needed: true,
                made_as: None,
                target: Some(address("here")),
            },
            incarnation: 3,
            handle: format!("stores/{name}"),
            outputs: BTreeMap::new(),
        }
    }

    fn snapshot() -> Snapshot {
        let store = BTreeMap::from([
            ("address".to_owned(), Value::text("storage.lake")),
            ("properties".to_owned(), Value::Record(BTreeMap::new())),
        ]);
        let reference = Value::Reference(Reference {
            address: address("lake"),
            path: vec!["url".into()],
        });
        let reader = BTreeMap::from([
            ("store".to_owned(), Value::Record(store)),
            ("from".to_owned(), Value::List(vec![reference])),
            ("label".to_owned(), Value::text("storage.lake")),
        ]);
        let mut snapshot = Snapshot::default();
        for state in [
            state("lake", BTreeMap::new(), &[]),
            state("reader", reader, &["lake"]),
        ] {
            let address = state.resource.address.clone();
            snapshot.incarnations.insert(address.clone(), 3);
            snapshot.resources.insert(address, state);
        }
        snapshot.kept.insert(address("lake"));
        snapshot.protected.insert(address("lake"));
        snapshot
    }

    fn moved(from: &str, to: &str) -> StateChange {
        StateChange::Moved {
            from: address(from),
            to: address(to),
        }
    }

    #[test]
    fn a_move_takes_everything_along_and_keeps_the_name_it_was_made_under() {
        let mut moved_on = snapshot();
        moved_on.change(&moved("lake", "pond")).expect("a move");
        let pond = &moved_on.resources[&address("pond")];
        assert_eq!(pond.resource.made_as, Some(address("lake")));
        assert_eq!((pond.incarnation, &*pond.handle), (3, "stores/lake"));
        assert_eq!(moved_on.incarnations[&address("pond")], 3);
        assert!(!moved_on.resources.contains_key(&address("lake")));
        for noted in [&moved_on.kept, &moved_on.protected] {
            assert_eq!(*noted, BTreeSet::from([address("pond")]));
        }
        let reader = &moved_on.resources[&address("reader")].resource;
        assert_eq!(reader.depends_on, BTreeSet::from([address("pond")]));
        let store = reader.properties["store"].as_record().expect("a record");
        assert_eq!(store["address"], Value::text("storage.pond"));
        assert_eq!(store[MADE_AS], Value::text("storage.lake"));
        // What only reads like an address is a text of somebody's.
        assert_eq!(reader.properties["label"], Value::text("storage.lake"));
        let from = reader.properties["from"].as_list().expect("a list");
        let to = from[0].as_reference().expect("a reference");
        assert_eq!(to.address, address("pond"));

        // And back again: nothing is left of it but the count of calls.
        moved_on.change(&moved("pond", "lake")).expect("a move");
        let mut as_before = snapshot();
        as_before.incarnations.insert(address("pond"), 3);
        assert_eq!(moved_on, as_before);
    }

    #[test]
    fn what_can_not_be_changed_stays_as_it_is() {
        let mut plain = snapshot();
        let forgotten = |name: &str| StateChange::Forgotten {
            address: address(name),
        };
        let adopted = |name: &str| StateChange::Adopted {
            state: Box::new(state(name, BTreeMap::new(), &[])),
        };
        for change in [
            moved("gone", "pond"),
            moved("lake", "reader"),
            forgotten("gone"),
            adopted("lake"),
        ] {
            assert!(plain.change(&change).is_err(), "{change:?}");
            assert_eq!(plain, snapshot());
        }
        let open = OpenCall {
            token: Token("t".into()),
            verb: Verb::Update,
            operation: "op-1".into(),
            handle: None,
            resource: plain.resources[&address("lake")].resource.clone(),
        };
        plain.open.insert(address("lake"), open);
        for change in [moved("lake", "pond"), forgotten("lake")] {
            assert!(plain.change(&change).is_err(), "{change:?}");
        }
    }

    #[test]
    fn what_is_adopted_counts_as_a_call() {
        let mut plain = snapshot();
        plain.incarnations.insert(address("old"), 7);
        let change = StateChange::Adopted {
            state: Box::new(state("old", BTreeMap::new(), &[])),
        };
        plain.change(&change).expect("an adoption");
        assert_eq!(plain.resources[&address("old")].incarnation, 8);
        assert_eq!(plain.incarnations[&address("old")], 8);
    }
}
