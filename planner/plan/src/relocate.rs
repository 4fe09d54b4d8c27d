//! What the state alone changes by before anything is called: moves, adoptions, and what is kept.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Name, Resource, ResourceState, Segment, Snapshot, StateChange, Value};
use mlinfra_check::{Block, Moved, Output, Program};

use crate::Goal;
use crate::answers::Answers;
use crate::blocks::Blocks;
use crate::diff::differences;
use crate::finding;
use crate::guard;
use crate::plan::{Change, ChangeKind, PlanFinding, Reason};
use crate::question::{Answer, Question};
use crate::recipe::canonical;
use crate::resolve::resolve;

/// The attribute of a block that is forgotten, not removed, once the spec has it no more.
const KEEP: &str = "keep";
/// The attribute of a block that stands already.
const EXISTING: &str = "existing";

/// The state as it is once all of this is recorded.
#[derive(Debug, Default)]
pub(crate) struct Relocated {
    pub(crate) snapshot: Snapshot,
    /// In the order in which they are recorded.
    pub(crate) changes: Vec<StateChange>,
    /// What is said of outputs that are others from now on.
    pub(crate) notices: Vec<String>,
    pub(crate) findings: Vec<PlanFinding>,
    /// What was protected before this plan, at the addresses of now.
    pub(crate) protected: BTreeSet<Address>,
}

/// Makes the moves that the spec asks for and the state has not seen yet.
pub(crate) fn moved(program: &Program, snapshot: &Snapshot, goal: Goal) -> Relocated {
    let mut out = Relocated {
        snapshot: snapshot.clone(),
        ..Relocated::default()
    };
    // What goes altogether goes by the name that it has.
    for one in program.moves.iter().filter(|_| goal == Goal::Apply) {
        let inside = |address: &&Address| one.from.holds(address);
        let recorded: BTreeSet<Address> = standing(&out.snapshot).filter(inside).cloned().collect();
        for from in recorded {
            if let Some(to) = one.from.renamed(&from, &one.to) {
                out.make(StateChange::Moved { from, to }, Some(one));
            }
        }
    }
    out.protected.clone_from(&out.snapshot.protected);
    out
}

/// Where something is recorded, or was begun and may stand for all that is known.
fn standing(snapshot: &Snapshot) -> impl Iterator<Item = &Address> {
    snapshot.resources.keys().chain(snapshot.open.keys())
}

impl Relocated {
    fn make(&mut self, change: StateChange, by: Option<&Moved>) {
        if let Some(address) = self.snapshot.in_the_way(&change) {
            let wanted = change.address().unwrap_or(&address);
            let found = finding::in_the_way(&address, wanted);
            return self.findings.push(found);
        }
        match (self.snapshot.change(&change), &change) {
            (Ok(()), _) => self.changes.push(change),
            (Err(_), StateChange::Moved { from, to }) if by.is_some() => {
                self.findings.push(finding::both_stand(from, to));
            }
            // What is not recorded needs no change.
            (Err(_), _) => {}
        }
    }

    /// Notes which blocks are kept, and forgets those that the spec has no more.
    pub(crate) fn keep(&mut self, program: &Program, wanted: &BTreeSet<&Address>) {
        let is_kept = |block: &&Block| block.attributes.contains_key(KEEP);
        let asked: BTreeSet<Address> = program
            .blocks
            .iter()
            .filter(is_kept)
            .map(|block| block.address.clone())
            .filter(|address| wanted.contains(address))
            .collect();
        let kept = self.snapshot.kept.clone();
        let is_gone = |address: &&Address| !wanted.contains(address);
        let recorded = standing(&self.snapshot).filter(is_gone).cloned();
        for address in recorded.collect::<BTreeSet<Address>>() {
            if kept.contains(&address) && may_go(program, &address) {
                self.findings.push(finding::kept_and_removed(&address));
                continue;
            }
            if kept.contains(&address) || is_left(program, &address) {
                self.make(StateChange::Forgotten { address }, None);
            }
        }
        let (noted, dropped) = (asked.difference(&kept), kept.difference(&asked));
        let noted = noted.map(|address| (address.clone(), true));
        let dropped = dropped.map(|address| (address.clone(), false));
        for (address, keep) in noted.chain(dropped) {
            // What is forgotten is no longer noted either.
            if self.snapshot.kept.contains(&address) != keep {
                self.make(StateChange::Kept { address, keep }, None);
            }
        }
    }

    /// Notes which blocks are protected. What the spec has no more stays as it was noted: it goes
    /// on the user's word alone.
    pub(crate) fn protect(&mut self, program: &Program, wanted: &[Resource]) {
        let wanted: BTreeSet<&Address> = wanted.iter().map(|resource| &resource.address).collect();
        let blocks = program.blocks.iter();
        for block in blocks.filter(|block| wanted.contains(&block.address)) {
            let protect = guard::is_protected(program, block);
            if self.snapshot.protected.contains(&block.address) != protect {
                let address = block.address.clone();
                self.make(StateChange::Protected { address, protect }, None);
            }
        }
    }

    /// Notes what the spec declares as outputs, for other projects: last, as they name blocks as
    /// they are called from now on.
    pub(crate) fn note_outputs(&mut self, declared: &BTreeMap<String, Output>) {
        let declared = declared.iter();
        let outputs: BTreeMap<String, Value> = declared
            .map(|(name, output)| (name.clone(), output.value.clone()))
            .collect();
        if outputs != self.snapshot.outputs {
            self.notices
                .extend(outputs_notice(&self.snapshot, &outputs));
            self.make(StateChange::Outputs { outputs }, None);
        }
    }

    /// Takes over what the spec says is there already, as far as the answers tell. Whether
    /// something was.
    pub(crate) fn adopt(
        &mut self,
        blocks: &Blocks<'_>,
        wanted: &[Resource],
        answers: &Answers,
    ) -> bool {
        let before = self.changes.len();
        for (block, resource) in existing(blocks, wanted, &self.snapshot) {
            let Some(id) = id_of(block) else { continue };
            match answers.get(&question(resource, id)) {
                Some(Answer::Existing {
                    handle,
                    made_as,
                    outputs,
                }) => {
                    let adopted = ResourceState {
                        outputs: outputs.clone(),
                        ..self.adopted(resource, handle, made_as.as_ref())
                    };
                    match self.owner(&adopted) {
                        None => {
                            let state = Box::new(adopted);
                            self.make(StateChange::Adopted { state }, None);
                        }
                        Some(owner) => {
                            let reason = format!("it is `{owner}` of this state");
                            let found = finding::not_taken(&block.address, id, &reason);
                            self.findings.push(found);
                        }
                    }
                }
                Some(Answer::NotTaken { reason }) => {
                    let found = finding::not_taken(&block.address, id, reason);
                    self.findings.push(found);
                }
                _ => {}
            }
        }
        self.changes.len() > before
    }

    /// The resource that stands for the same thing already.
    fn owner(&self, adopted: &ResourceState) -> Option<Address> {
        let is_it = |state: &&ResourceState| {
            state.handle == adopted.handle
                && state.resource.provider == adopted.resource.provider
                && state.resource.resource_type == adopted.resource.resource_type
        };
        let recorded = self
            .snapshot
            .resources
            .values()
            .chain(&self.snapshot.deposed);
        let owner = recorded.into_iter().find(is_it);
        owner.map(|state| state.resource.address.clone())
    }

    fn adopted(&self, wanted: &Resource, handle: &str, made_as: Option<&Address>) -> ResourceState {
        let resolve =
            |(name, value): (&String, &Value)| (name.clone(), resolve(value, &self.snapshot));
        ResourceState {
            resource: Resource {
                properties: wanted.properties.iter().map(resolve).collect(),
                made_as: made_as.filter(|name| **name != wanted.address).cloned(),
                ..wanted.clone()
            },
            incarnation: 0,
            handle: handle.to_owned(),
            outputs: BTreeMap::new(),
        }
    }
}

/// The blocks that stand already by what the spec says and are not recorded, with their resources.
fn existing<'a>(
    blocks: &Blocks<'a>,
    wanted: &'a [Resource],
    snapshot: &Snapshot,
) -> Vec<(&'a Block, &'a Resource)> {
    let of = |resource: &'a Resource| {
        let block = blocks.get(&resource.address)?;
        let is_new = !snapshot.resources.contains_key(&resource.address)
            && !snapshot.open.contains_key(&resource.address);
        (is_new && block.attributes.contains_key(EXISTING)).then_some((block, resource))
    };
    wanted.iter().filter_map(of).collect()
}

fn id_of(block: &Block) -> Option<&str> {
    block.attributes.get(EXISTING)?.get("id")?.as_text()
}

fn question(resource: &Resource, id: &str) -> Question {
    Question::Existing {
        resource: Box::new(resource.clone()),
        id: id.to_owned(),
    }
}

/// What must be asked of things that stand already.
pub(crate) fn questions(
    blocks: &Blocks<'_>,
    wanted: &[Resource],
    snapshot: &Snapshot,
) -> Vec<Question> {
    let all = existing(blocks, wanted, snapshot).into_iter();
    all.filter_map(|(block, resource)| Some(question(resource, id_of(block)?)))
        .collect()
}

/// What would be made, holds data, and is not said to stand already.
fn new_with_data<'a>(
    blocks: &'a Blocks<'_>,
    wanted: &'a [Resource],
    snapshot: &'a Snapshot,
) -> impl Iterator<Item = &'a Resource> {
    let deposed = snapshot.deposed.iter().map(|state| &state.resource.address);
    let known: BTreeSet<&Address> = standing(snapshot).chain(deposed).collect();
    let is_new = move |resource: &&Resource| {
        let block = blocks.get(&resource.address);
        resource.holds_data
            && !known.contains(&resource.address)
            && block.is_some_and(|block| !block.attributes.contains_key(EXISTING))
    };
    wanted.iter().filter(is_new)
}

/// Whether something of the name that a resource would be made under is there.
fn name_question(resource: &Resource) -> Question {
    question(resource, &resource.physical().to_string())
}

/// What must be asked of the names that new things with data would be made under.
pub(crate) fn name_questions(
    blocks: &Blocks<'_>,
    wanted: &[Resource],
    snapshot: &Snapshot,
) -> Vec<Question> {
    let new = new_with_data(blocks, wanted, snapshot);
    new.map(name_question).collect()
}

/// A finding for each thing that would be made where something of its name is left: its data would
/// be taken over unseen, and lost with it.
pub(crate) fn taken(
    blocks: &Blocks<'_>,
    wanted: &[Resource],
    snapshot: &Snapshot,
    answers: &Answers,
) -> Vec<PlanFinding> {
    let new = new_with_data(blocks, wanted, snapshot);
    let is_taken = |resource: &&Resource| {
        let answer = answers.get(&name_question(resource));
        matches!(answer, Some(Answer::Existing { .. }))
    };
    let found = |resource: &Resource| finding::name_taken(&resource.address, resource.physical());
    new.filter(is_taken).map(found).collect()
}

/// Whether the spec says that what was made of a block is left where it stands.
fn is_left(program: &Program, address: &Address) -> bool {
    let mut removed = program.removed.iter();
    removed.any(|one| one.keep && one.name.holds(address))
}

/// Whether the spec says that a block is gone on purpose, so that its data may go.
pub(crate) fn may_go(program: &Program, address: &Address) -> bool {
    let mut removed = program.removed.iter();
    removed.any(|one| !one.keep && one.name.holds(address))
}

/// The names of things that are not called by their address: those that moved, and those whose
/// address is the name of another.
pub(crate) fn names(program: &Program, snapshot: &Snapshot) -> BTreeMap<Address, Address> {
    let recorded = snapshot.resources.values().chain(&snapshot.deposed);
    let recorded: Vec<&Resource> = recorded.map(|state| &state.resource).collect();
    let mut names = BTreeMap::new();
    let mut taken: BTreeSet<Address> = BTreeSet::new();
    for resource in recorded {
        if let Some(name) = &resource.made_as {
            taken.insert(name.clone());
            names.insert(resource.address.clone(), name.clone());
        }
    }
    if taken.is_empty() {
        return names;
    }
    for block in &program.blocks {
        let address = &block.address;
        if taken.contains(address) && !snapshot.resources.contains_key(address) {
            let name = free(address, &taken);
            taken.insert(name.clone());
            names.insert(address.clone(), name);
        }
    }
    names
}

/// A name like this address that nothing has.
fn free(address: &Address, taken: &BTreeSet<Address>) -> Address {
    let key = address.leaf.key.clone().unwrap_or_default();
    let mut name = address.clone();
    let mut number = 2;
    while taken.contains(&name) {
        name = name.with_key(format!("{key}/{number}"));
        number += 1;
    }
    name
}

/// What people are shown of the changes of the state.
pub(crate) fn shown(changes: &[StateChange], snapshot: &Snapshot) -> Vec<Change> {
    let summary = |address: &Address| {
        let state = snapshot.resources.get(address);
        state.map_or(String::new(), |state| state.resource.summary.clone())
    };
    let change = |one: &StateChange| {
        let (kind, reason) = match one {
            StateChange::Moved { from, .. } => {
                (ChangeKind::Move, Reason::Moved { from: from.clone() })
            }
            StateChange::Forgotten { .. } => (ChangeKind::Forget, Reason::Left),
            StateChange::Adopted { state } => {
                let handle = state.handle.clone();
                (ChangeKind::Adopt, Reason::Existing { handle })
            }
            StateChange::Kept { .. }
            | StateChange::Protected { .. }
            | StateChange::Outputs { .. } => return None,
        };
        let address = one.address()?.clone();
        Some(Change {
            summary: summary(&address),
            address,
            kind,
            reasons: vec![reason],
            details: Vec::new(),
            blocked_by: None,
        })
    };
    changes.iter().filter_map(change).collect()
}

/// What is said of blocks that are kept or protected from now on, or no longer, and of outputs.
/// What is protected from its first moment is not worth a word.
pub(crate) fn notices(relocated: &Relocated) -> Vec<String> {
    let kept = relocated.changes.iter().filter_map(|change| match change {
        StateChange::Kept {
            address,
            keep: true,
        } => Some(format!(
            "{address} is kept: it stays where it is once the spec has it no more"
        )),
        StateChange::Kept { address, .. } => Some(format!(
            "{address} is no longer kept: it is removed once the spec has it no more"
        )),
        _ => None,
    });
    let mut notices: Vec<String> = kept.collect();
    for wanted in [true, false] {
        let changed = relocated.changes.iter().filter_map(|change| match change {
            StateChange::Protected { address, protect } if *protect == wanted => Some(address),
            _ => None,
        });
        let changed: Vec<&Address> = changed
            .filter(|address| relocated.snapshot.resources.contains_key(address))
            .collect();
        let are = match changed[..] {
            [] => continue,
            [one] => format!("{one} is"),
            [first, ref more @ ..] => format!("{first} and {} more are", more.len()),
        };
        notices.push(match wanted {
            true => format!("{are} protected: replaced or destroyed with `--data` alone"),
            false => format!("{are} no longer protected"),
        });
    }
    notices.extend(relocated.notices.iter().cloned());
    notices
}

/// What is said of outputs where there were some before: the first ones are no news.
fn outputs_notice(snapshot: &Snapshot, outputs: &BTreeMap<String, Value>) -> Option<String> {
    let before = &snapshot.outputs;
    let names: BTreeSet<&String> = before.keys().chain(outputs.keys()).collect();
    let text = |name: &String| match (before.get(name), outputs.get(name)) {
        (None, _) => Some(format!("`{name}` is new")),
        (_, None) => Some(format!("`{name}` goes")),
        (Some(old), Some(new)) => (old != new).then(|| format!("`{name}` becomes {new}")),
    };
    let texts: Vec<String> = names.into_iter().filter_map(text).collect();
    let is_first = snapshot.serial == 0;
    (!is_first).then(|| format!("outputs: {}", texts.join(", ")))
}

/// A warning for each block that goes while one just like it comes: it was perhaps renamed. What
/// goes with a block around it, or with the other elements of its `for`, is told once.
pub(crate) fn renamed(
    snapshot: &Snapshot,
    changes: &BTreeMap<Address, crate::decide::Decision>,
) -> Vec<PlanFinding> {
    let of = |kind: ChangeKind| {
        let all = changes.iter();
        all.filter(move |(_, decision)| decision.kind == kind)
    };
    let like = |resource: &Resource| {
        let kind = (&resource.address.kind, &resource.resource_type);
        let place: Vec<String> = resource
            .depends_on
            .iter()
            .map(ToString::to_string)
            .collect();
        canonical(&(
            kind,
            resource.properties.keys().collect::<Vec<_>>(),
            place.len(),
        ))
    };
    let mut new: BTreeMap<String, Vec<&Resource>> = BTreeMap::new();
    for (_, decision) in of(ChangeKind::Create) {
        new.entry(like(&decision.resource))
            .or_default()
            .push(&decision.resource);
    }
    // The first that fits is taken, each once.
    let mut found: BTreeMap<(Name, Name), Address> = BTreeMap::new();
    let stays = |name: &Name| {
        let mut staying = changes.iter().filter(|(_, d)| d.kind != ChangeKind::Delete);
        staying.any(|(address, _)| name.holds(address))
    };
    for (from, _) in of(ChangeKind::Delete) {
        let Some(state) = snapshot.resources.get(from) else {
            continue;
        };
        let Some(candidates) = new.get_mut(&like(&state.resource)) else {
            continue;
        };
        let compared = candidates.iter().take(CANDIDATES_MAX);
        let place = compared
            .clone()
            .position(|wanted| is_like(&state.resource, wanted));
        if let Some(place) = place {
            let to = candidates.remove(place).address.clone();
            let whole = whole_move(from, &to).filter(|(from, _)| !stays(from));
            let names = whole.unwrap_or_else(|| (Name::of(from), Name::of(&to)));
            found.entry(names).or_insert(to);
        }
    }
    let told = found.iter();
    told.map(|((from, to), address)| finding::renamed(from, to, address))
        .collect()
}

/// The outermost name by which the two addresses differ, if they differ by one alone.
fn whole_move(from: &Address, to: &Address) -> Option<(Name, Name)> {
    let path = |address: &Address| {
        let leaf = std::slice::from_ref(&address.leaf);
        [&*address.parents, leaf].concat()
    };
    let (old, new) = (path(from), path(to));
    let differing = |at: &usize| old[*at] != new[*at];
    let mut places = (0..old.len().min(new.len())).filter(differing);
    let (at, None) = (places.next()?, places.next()) else {
        return None;
    };
    let is_same = old.len() == new.len() && from.kind == to.kind && old[at].key == new[at].key;
    let name = |path: &[Segment]| Name {
        parents: path[..at].to_vec(),
        kind: (at + 1 == path.len()).then(|| from.kind.clone()),
        leaf: Segment::new(&path[at].name),
    };
    is_same.then(|| (name(&old), name(&new)))
}

/// With how many new blocks of the same kind one that goes is compared.
const CANDIDATES_MAX: usize = 100;

/// Whether they differ in nothing but their names.
fn is_like(recorded: &Resource, wanted: &Resource) -> bool {
    let mut same = recorded.clone();
    same.address = wanted.address.clone();
    differences(&same, wanted).is_empty()
}
