//! Whether machines hold what runs on them: an error shows the sum and the smallest accelerator
//! that fits.

use std::sync::Arc;

use ahash::{HashMap, HashMapExt};
use mlinfra_api::{Address, Value};

use super::figure::{count, part_of, value_of};
use super::sum::{self, Line, size};
use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::program::{Block, Step};
use crate::schema::{Kind, Library};
use crate::scope::{Form, NodeId};
use crate::types::Type;

/// How many lines of a sum are shown.
const LINES_MAX: usize = 12;

/// Formats that weights are made smaller to, the widest first, and the bytes of one block of 32
/// numbers in each (the quantised blocks of GGUF).
const FORMATS: [(&str, u64); 3] = [("Q8_0", 34), ("Q5_0", 22), ("Q4_0", 18)];
const BLOCK_NUMBERS: u64 = 32;

/// What a machine has.
struct Room {
    bytes: u64,
    /// How many such machines there may be.
    machines: u64,
    /// `1 × l4 has 22.3 GiB`.
    text: String,
    /// What one accelerator of those has, and its type; none for a machine without.
    accelerator: Option<(Arc<crate::types::EnumType>, u64)>,
    span: Span,
}

/// Something that runs there, and what it takes.
struct Load {
    name: String,
    lines: Vec<Line>,
    /// How many times it runs at the least.
    copies: u64,
    /// How many numbers its weights are, if they lie in a file.
    numbers: Option<u64>,
    /// Where what is too large is said.
    span: Span,
}

impl Checker<'_> {
    /// Holds what runs on each block that has a memory against it.
    pub(crate) fn check_memory(&mut self) {
        let standing = self.loads_by_place();
        for id in 0..self.nodes.len() {
            let Form::Block(kind) = &self.nodes[id].form else {
                continue;
            };
            if part_of(kind, "machine").is_none() {
                continue;
            }
            let kind = Arc::clone(kind);
            let Some(block) = self.blocks.get(id).cloned() else {
                continue;
            };
            // What is in error says nothing of what it has.
            if self.uncertain.contains(&id) {
                continue;
            }
            let Some(room) = room(&block, &kind) else {
                continue;
            };
            self.check_wish(&block, &kind, &room);
            let on_it = standing.get(&block.address).map_or(&[][..], Vec::as_slice);
            self.check_served(on_it, &room);
            self.check_trained(on_it, &kind, &room);
        }
    }

    /// The blocks that serve or train a model, by what they stand on: so that all machines together
    /// look at each of them once.
    fn loads_by_place(&self) -> HashMap<Address, Vec<NodeId>> {
        let mut all: HashMap<Address, Vec<NodeId>> = HashMap::new();
        for id in 0..self.nodes.len() {
            let Some(block) = self.blocks.get(id) else {
                continue;
            };
            let serves = || {
                let kind = self.library.kinds.get(&block.kind);
                kind.is_some_and(|kind| part_of(kind, "model").is_some())
            };
            if let Some(place) = block.place.as_ref()
                && (block.step.is_some() || serves())
            {
                all.entry(place.clone()).or_default().push(id);
            }
        }
        all
    }

    /// A wish for more than the chosen accelerators have can't come true.
    fn check_wish(&mut self, block: &Block, kind: &Kind, room: &Room) {
        let Some((wanted, span)) = wish(block, kind) else {
            return;
        };
        if wanted > room.bytes {
            let finding = Diagnostic::error(
                code::MEMORY_SHORT,
                span,
                format!("{} are wanted, and {}", size(wanted), room.text),
            )
            .also(room.span, "what there is follows from this");
            self.report(advised(finding, room, wanted));
        }
    }

    /// Models that are served from it stand beside one another.
    fn check_served(&mut self, on_it: &[NodeId], room: &Room) {
        let library: &'static Library = self.library;
        let mut loads = Vec::new();
        for id in on_it {
            let Some(block) = self.blocks.get(*id).cloned() else {
                continue;
            };
            let kind = library.kinds.get(&block.kind);
            let Some(kind) = kind.filter(|kind| part_of(kind, "model").is_some()) else {
                continue;
            };
            let batch = value_of(&block, kind, "batch").map_or(Some(1), |value| match value {
                Value::Case { arguments, .. } => count(arguments.get("max")),
                value => count(Some(value)),
            });
            let model = value_of(&block, kind, "model").and_then(Value::as_reference);
            let model = model.filter(|reference| reference.path.is_empty());
            let model = model.and_then(|reference| self.block_at(&reference.address));
            let (Some(batch), Some(model)) = (batch, model) else {
                continue;
            };
            let Some(of_model) = library.kinds.get(&model.kind) else {
                continue;
            };
            let Some(lines) = self.serving_lines(&model, of_model, batch) else {
                continue;
            };
            let field = part_of(kind, "model").and_then(|name| block.fields.get(name));
            loads.push(Load {
                name: block.address.name().to_owned(),
                lines,
                copies: value_of(&block, kind, "copies")
                    .and_then(least)
                    .unwrap_or(1),
                numbers: self.known_numbers(&model.address),
                span: field.map_or(block.name_span, |field| field.span),
            });
        }
        self.check_loads(&loads, room);
    }

    /// Models that are trained on it take turns.
    fn check_trained(&mut self, on_it: &[NodeId], kind: &Kind, room: &Room) {
        let library: &'static Library = self.library;
        for id in on_it {
            let Some(block) = self.blocks.get(*id).cloned() else {
                continue;
            };
            let Some(step) = &block.step else {
                continue;
            };
            let Some((widths, batch, span)) = trained(library, step, &block) else {
                continue;
            };
            let shared = is_shared(library, step);
            // Unless the model is cut into parts, each accelerator holds all of it.
            let one = match (&room.accelerator, shared) {
                (Some((_, each)), false) => *each,
                _ => room.bytes,
            };
            let name = part_of(kind, "accelerator").filter(|_| room.accelerator.is_some());
            let text = match (name, shared) {
                (Some(_), false) => format!("one accelerator has {}", size(one)),
                _ => room.text.clone(),
            };
            let one = Room {
                bytes: one,
                machines: 1,
                text,
                accelerator: room.accelerator.clone(),
                span: room.span,
            };
            let load = Load {
                name: block.address.name().to_owned(),
                lines: sum::training(&widths, batch),
                copies: 1,
                numbers: None,
                span,
            };
            self.check_loads(&[load], &one);
        }
    }

    fn check_loads(&mut self, loads: &[Load], room: &Room) {
        let Some(largest) = loads.iter().max_by_key(|load| sum::total(&load.lines)) else {
            return;
        };
        // What no machine holds alone does not fit on several either.
        let is_alone = sum::total(&largest.lines) > room.bytes;
        let loads = match is_alone {
            true => std::slice::from_ref(largest),
            false => loads,
        };
        let times = |load: &Load| if is_alone { 1 } else { load.copies };
        let machines = if is_alone { 1 } else { room.machines };
        let total = loads.iter().fold(0_u64, |all, load| {
            all.saturating_add(sum::total(&load.lines).saturating_mul(times(load)))
        });
        let has = room.bytes.saturating_mul(machines);
        // What takes more than half of a machine shares it with nothing like it.
        let large = loads
            .iter()
            .filter(|load| sum::total(&load.lines) > room.bytes / 2);
        let large = large.fold(0_u64, |all, load| all.saturating_add(times(load)));
        if total <= has && large <= machines {
            return;
        }
        let text = match machines {
            _ if total <= has => format!(
                "{large} that take more than half of a machine each stand here, and there are \
                 {machines} machines"
            ),
            1 => format!("this takes {}, and {}", size(total), room.text),
            _ => format!(
                "this takes {}, and {machines} machines have {}",
                size(total),
                size(has)
            ),
        };
        let mut finding = Diagnostic::error(code::MEMORY_SHORT, largest.span, text)
            .also(room.span, "what there is follows from this");
        let lines = loads
            .iter()
            .flat_map(|load| load.lines.iter().map(move |line| (load, line)));
        for (load, line) in lines.take(LINES_MAX) {
            let (what, bytes, how) = (line.what, size(line.bytes), &line.how);
            let copies = match times(load) {
                1 => String::new(),
                times => format!(", for each of {times} replicas"),
            };
            finding = finding.help(format!("`{}` {what}: {bytes} = {how}{copies}", load.name));
        }
        let is_one = machines == 1 && loads.iter().all(|load| times(load) == 1);
        if is_one && let Some(text) = quantised(loads, total, room) {
            finding = finding.help(text);
        }
        self.report(advised(finding, room, total.div_ceil(machines)));
    }

    /// How many numbers the weights of a model are whose files were read.
    fn known_numbers(&self, model: &Address) -> Option<u64> {
        let facts = self.models.get(model)?.as_ref();
        facts.map(|facts| facts.parameters)
    }

    fn block_at(&self, address: &Address) -> Option<Block> {
        let id = self.addresses.get(address)?;
        self.blocks.get(*id).cloned()
    }
}

/// The least that a count or a range of counts says.
fn least(value: &Value) -> Option<u64> {
    match value {
        Value::Range(low, _) => count(Some(low)),
        value => count(Some(value)),
    }
}

/// The most memory for models that a block wishes for, and where.
fn wish(block: &Block, kind: &Kind) -> Option<(u64, Span)> {
    let field = part_of(kind, "wanted")?;
    let wishes = block.wishes.iter().filter(|(wish, _)| wish.field == field);
    let least = wishes.filter(|(wish, _)| wish.operator.starts_with('>'));
    let wanted = least.filter_map(|(wish, span)| Some((wish.value.as_base_units()?, *span)));
    wanted.max_by_key(|(bytes, _)| *bytes)
}

/// What a block has; none if that is chosen for it, so that what it holds is chosen too.
fn room(block: &Block, kind: &Kind) -> Option<Room> {
    let field = |part: &str| block.fields.get(part_of(kind, part)?);
    let machines = match value_of(block, kind, "machines") {
        Some(Value::Range(_, high)) => count(Some(high)),
        value => count(value),
    };
    // What nobody counts is one machine.
    let machines = machines.unwrap_or(1).max(1);
    if let Some(Value::Case { name, .. }) = value_of(block, kind, "accelerator") {
        let declared = kind.fields.get(part_of(kind, "accelerator")?)?;
        let mut known = Vec::new();
        declared.field_type.enums(&mut known);
        let (of, each) = known
            .iter()
            .find_map(|one| Some((one, one.case(name)?.memory?)))?;
        // Without a count the cheapest is taken that has what is wished for: one, if nothing is.
        let wished = wish(block, kind).map_or(1, |(bytes, _)| bytes.div_ceil(each.max(1)).max(1));
        let many = count(value_of(block, kind, "count")).unwrap_or(wished);
        let bytes = each.saturating_mul(many);
        return Some(Room {
            bytes,
            machines,
            text: match many {
                1 => format!("one {name} has {}", size(bytes)),
                _ => format!("{many} × {name} have {}", size(bytes)),
            },
            accelerator: Some((Arc::clone(of), each)),
            span: field("accelerator")?.span,
        });
    }
    let memory = value_of(block, kind, "machine")?.as_base_units()?;
    Some(Room {
        bytes: memory,
        machines,
        text: format!("the machine has {}", size(memory)),
        accelerator: None,
        span: field("machine")?.span,
    })
}

/// With what would hold it: the smallest accelerator that does, one of them alone.
fn advised(finding: Diagnostic, room: &Room, wanted: u64) -> Diagnostic {
    let Some((known, _)) = &room.accelerator else {
        return finding.help(format!("give it at least {}", size(wanted)));
    };
    let cases = known.cases().iter();
    let fitting =
        cases.filter_map(|case| Some((case.memory.filter(|has| *has >= wanted)?, &case.name)));
    match fitting.min() {
        Some((has, name)) => finding.help(format!(
            "the smallest accelerator that holds it is `{name}` with {}; a smaller batch, context \
             or number format takes less",
            size(has)
        )),
        None => {
            let largest = known
                .cases()
                .iter()
                .filter_map(|case| Some((case.memory?, &case.name)));
            match largest.max() {
                Some((has, name)) => finding.help(format!(
                    "no accelerator holds it alone: it takes {} × `{name}` with {} each",
                    wanted.div_ceil(has.max(1)),
                    size(has)
                )),
                None => finding,
            }
        }
    }
}

/// The widest format of the weights in which all of it would fit, if that is a known one.
fn quantised(loads: &[Load], total: u64, room: &Room) -> Option<String> {
    let of_files = |load: &Load| match load.numbers {
        Some(numbers) => (numbers, load.lines.first().map_or(0, |line| line.bytes)),
        None => (0, 0),
    };
    let numbers = (loads.iter()).fold(0_u64, |all, load| all.saturating_add(of_files(load).0));
    let bytes = (loads.iter()).fold(0_u64, |all, load| all.saturating_add(of_files(load).1));
    let fitting = FORMATS.iter().find_map(|(name, block_bytes)| {
        let smaller = numbers.div_ceil(BLOCK_NUMBERS).saturating_mul(*block_bytes);
        let all = total.saturating_sub(bytes).saturating_add(smaller);
        (smaller < bytes && all <= room.bytes).then_some((name, smaller))
    });
    let (name, smaller) = fitting?;
    Some(format!(
        "with its weights as {name} they take {}, and all of it fits",
        size(smaller)
    ))
}

/// Whether the model is cut into parts, one on each accelerator.
fn is_shared(library: &Library, step: &Step) -> bool {
    let operation = library.operations.get(&step.operation);
    let setting = operation.and_then(|operation| {
        let mut fields = operation.fields.iter();
        fields.find(|(_, field)| field.memory.as_deref() == Some("share"))
    });
    let value = setting.and_then(|(name, _)| step.settings.get(name));
    let parameter = match (setting, value) {
        (Some((_, field)), Some(Value::Case { name, .. })) => {
            let mut known = Vec::new();
            field.field_type.enums(&mut known);
            known.iter().find_map(|one| Some(one.case(name)?.cuts))
        }
        _ => None,
    };
    parameter.unwrap_or(false)
}

/// The widths of the layers that a step fits, the rows that it learns from at once, and where the
/// architecture is written; none if it fits none. A category becomes as many inputs as it has
/// texts, and is counted as one: more is not known before the data is read.
fn trained(library: &Library, step: &Step, block: &Block) -> Option<(Vec<u64>, u64, Span)> {
    let operation = library.operations.get(&step.operation)?;
    let named = |part: &str| {
        let mut fields = operation.fields.iter();
        let found = fields.find(|(_, field)| field.memory.as_deref() == Some(part));
        found.map(|(name, field)| (name.as_str(), field))
    };
    let (name, declared) = named("architecture")?;
    let Some(Value::Case {
        name: case,
        arguments,
    }) = step.settings.get(name)
    else {
        return None;
    };
    let mut known = Vec::new();
    declared.field_type.enums(&mut known);
    let case = known.iter().find_map(|one| one.case(case))?;
    let features = step.model.as_ref()?.features.columns.len();
    let mut widths = vec![u64::try_from(features).unwrap_or(u64::MAX)];
    let is_layers = |of: &Type| matches!(of.bare(), Type::List(_));
    let layers = (case.parameters.iter()).find(|parameter| is_layers(&parameter.parameter_type));
    if let Some(Value::List(layers)) = layers.and_then(|layers| arguments.get(&layers.name)) {
        for layer in layers {
            widths.push(count(Some(layer))?);
        }
    }
    widths.push(1);
    let batch = named("batch").and_then(|(name, _)| count(step.settings.get(name)));
    let span = step.spans.get(name).copied().unwrap_or(block.name_span);
    Some((widths, batch.unwrap_or(1), span))
}
