//! Where each column goes: followed from the data as it came in to models, judgements and requests.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, Reference, TableType, Value};
use mlinfra_check::{Block, Program, Step, TableFlow};

/// A column and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Journey {
    /// The block that has it first: a dataset, or the step that makes it.
    pub(crate) from: Address,
    /// Its name.
    pub(crate) column: String,
    /// The data classes that it has there.
    pub(crate) classes: BTreeSet<String>,
    /// What it is made from; empty for a column of a dataset.
    pub(crate) sources: Vec<String>,
    /// What becomes of it, in the order in which data flows.
    pub(crate) events: Vec<Event>,
}

/// What becomes of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// One word for scripts: `made`, `masked`, `dropped`, `label`, `learned`, `needed`,
    /// `excluded`, `judged`, `asked`.
    pub(crate) kind: &'static str,
    /// The block where that happens.
    pub(crate) place: Address,
    /// For people.
    pub(crate) text: String,
}

/// Every column of the program, in the order in which data flows.
pub(crate) fn journeys(program: &Program) -> Vec<Journey> {
    let mut follow = Follow::default();
    for table in &program.flow {
        follow.table(table);
    }
    for block in &program.blocks {
        if let Some(step) = &block.step {
            follow.learns(block, step);
            follow.judges(block, step);
        }
        follow.asks(block, program);
    }
    follow.journeys
}

#[derive(Default)]
struct Follow {
    journeys: Vec<Journey>,
    /// Which journey a column of a table belongs to.
    known: BTreeMap<(Reference, String), usize>,
}

impl Follow {
    fn table(&mut self, flow: &TableFlow) {
        let maker = &flow.table.address;
        for column in &flow.columns {
            let source = |name: &String| {
                let table = flow.from.clone()?;
                self.known.get(&(table, name.clone())).copied()
            };
            let carried = column.from.len() == 1 && column.from[0] == column.name;
            let journey = match column.from.first().and_then(source).filter(|_| carried) {
                Some(journey) => journey,
                None => {
                    let sources: Vec<usize> = column.from.iter().filter_map(source).collect();
                    for source in sources {
                        let text = format!("becomes {} in {}", column.name, maker.name());
                        self.tell(source, "made", maker, text);
                    }
                    self.journeys.push(Journey {
                        from: maker.clone(),
                        column: column.name.clone(),
                        classes: column.classes.clone(),
                        sources: column.from.clone(),
                        events: Vec::new(),
                    });
                    self.journeys.len() - 1
                }
            };
            if let Some(masking) = &column.masking {
                let text = format!("{masking} in {}", maker.name());
                self.tell(journey, "masked", maker, text);
            }
            let key = (flow.table.clone(), column.name.clone());
            self.known.insert(key, journey);
        }
        for name in &flow.dropped {
            self.tell_column(
                flow.from.as_ref(),
                name,
                "dropped",
                maker,
                format!("dropped in {}", maker.name()),
            );
        }
    }

    /// What a step that fits a model does with the columns of its table.
    fn learns(&mut self, block: &Block, step: &Step) {
        let Some(model) = step
            .model
            .as_ref()
            .filter(|m| m.trained_by == block.address)
        else {
            return;
        };
        let needs = names(step.settings.get("needs"));
        let name = block.address.name().to_owned();
        for (table, columns) in tables(step).take(1) {
            for column in &columns.columns {
                let is_feature = model.features.column(&column.name).is_some();
                let (kind, text) = match (column.name == model.label, is_feature) {
                    (true, _) => ("label", format!("what {name} predicts")),
                    (_, true) if needs.contains(&column.name) => {
                        ("needed", format!("learned by {name} as needed"))
                    }
                    (_, true) => ("learned", format!("learned by {name}")),
                    _ => ("excluded", format!("not learned by {name}")),
                };
                self.tell_column(Some(table), &column.name, kind, &block.address, text);
            }
        }
    }

    /// The columns by which a step judges a model.
    fn judges(&mut self, block: &Block, step: &Step) {
        let by = step.settings.values().filter_map(Value::as_record);
        let by: BTreeSet<String> = by
            .flat_map(|record| {
                let several = record.get("intersections").and_then(Value::as_list);
                let several = several.unwrap_or_default().iter();
                several
                    .flat_map(|columns| names(Some(columns)))
                    .chain(names(record.get("by")))
            })
            .collect();
        for (table, _) in tables(step) {
            for name in &by {
                let text = format!("judged by in {}", block.address.name());
                self.tell_column(Some(table), name, "judged", &block.address, text);
            }
        }
    }

    /// The raw columns that an endpoint asks for.
    fn asks(&mut self, block: &Block, program: &Program) {
        if block.role.as_deref() != Some("endpoint") {
            return;
        }
        let released = block
            .fields
            .values()
            .filter_map(|field| field.value.as_reference());
        let models =
            released.filter_map(|r| program.block(&r.address)?.step.as_ref()?.model.as_ref());
        for model in models.take(1) {
            let mut table = program.block(&model.trained_by).and_then(|trained| {
                let step = trained.step.as_ref()?;
                tables(step).next().map(|(reference, _)| reference.clone())
            });
            // Back to the data as it came in.
            while let Some(from) = table.as_ref().and_then(|table| {
                let flow = program.flow.iter().find(|flow| flow.table == *table)?;
                flow.from.clone()
            }) {
                table = Some(from);
            }
            for column in &model.request.columns {
                let text = format!("asked by {}", block.address.name());
                self.tell_column(table.as_ref(), &column.name, "asked", &block.address, text);
            }
        }
    }

    fn tell_column(
        &mut self,
        table: Option<&Reference>,
        column: &str,
        kind: &'static str,
        place: &Address,
        text: String,
    ) {
        let key = table.map(|table| (table.clone(), column.to_owned()));
        if let Some(journey) = key.and_then(|key| self.known.get(&key).copied()) {
            self.tell(journey, kind, place, text);
        }
    }

    /// Notes an event once: parts of one table share their columns.
    fn tell(&mut self, journey: usize, kind: &'static str, place: &Address, text: String) {
        let event = Event {
            kind,
            place: place.clone(),
            text,
        };
        let events = &mut self.journeys[journey].events;
        if !events.contains(&event) {
            events.push(event);
        }
    }
}

/// The tables that flow into a step.
fn tables(step: &Step) -> impl Iterator<Item = (&Reference, &TableType)> {
    step.arguments
        .values()
        .filter_map(|argument| Some((argument.value.as_reference()?, argument.table.as_ref()?)))
}

fn names(value: Option<&Value>) -> Vec<String> {
    let elements = value.and_then(Value::as_list).unwrap_or_default();
    elements
        .iter()
        .filter_map(|element| element.as_text().map(str::to_owned))
        .collect()
}
