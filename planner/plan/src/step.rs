//! The roles `dataset` and `step`: blocks whose result is an artifact, named by its recipe key.
//!
//! A step's resource has the properties `operation`, `version`, `settings` (with the arguments that
//! are plain values), `unkeyed` (the names of those settings that are in no recipe), `entries`,
//! `inputs` (parameter → `address`, `key`, `part`, `store`), `file`, `store`, `bounds` and `tables`
//! (JSON of [`StepTables`]); its identity is its recipe key. Gates are in no resource: see `gate`.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::{Address, MADE_AS, Resource, TableType, Value};
use mlinfra_check::{Block, Step};
use mlinfra_runtime_spec::{StepTables, operation_version};

use crate::desired::Graph;
use crate::finding;
use crate::question::{Answer, Question};
use crate::recipe::{Recipe, canonical};
use crate::serving::serving_recipe;

/// The type of every step's resource.
pub const STEP: &str = "step";

impl<'a> Graph<'a> {
    pub(crate) fn step_resource(&mut self, block: &'a Block) -> Option<Resource> {
        let step = block.step.as_ref()?;
        let (_, provider) = self.blocks.target_of(block)?;
        // What changes no byte of the result is told to the step and is in no recipe.
        let (unkeyed, settings) = step
            .settings
            .clone()
            .into_iter()
            .partition(|(name, _)| step.unkeyed.contains(name));
        let mut recipe = Recipe {
            operation: &step.operation,
            version: step.version,
            settings,
            entries: step.entries.clone(),
            tables: step.parts.clone(),
            ..Recipe::default()
        };
        recipe
            .tables
            .extend(step.table.clone().map(|table| (String::new(), table)));
        let mut inputs = BTreeMap::new();
        let mut store = default_store();
        for (parameter, argument) in &step.arguments {
            let Value::Reference(reference) = &argument.value else {
                recipe.settings.extend(plain(parameter, &argument.value));
                continue;
            };
            let source = self.lowered.get(&reference.address)?;
            let key = source.identity.clone()?;
            if !self.flows(&reference.address) {
                continue;
            }
            let source_store = source
                .properties
                .get("store")
                .cloned()
                .unwrap_or_else(default_store);
            if store == default_store() {
                store = source_store.clone();
            }
            let part = reference.path.first().cloned();
            inputs.insert(
                parameter.clone(),
                Value::Record(BTreeMap::from([
                    ("address".into(), Value::text(reference.address.to_string())),
                    ("key".into(), Value::text(&key)),
                    (
                        "part".into(),
                        part.clone().map_or(Value::None, Value::String),
                    ),
                    ("store".into(), source_store),
                ])),
            );
            recipe.inputs.push((parameter.clone(), key, part));
        }
        let tables = self.tables_of(block, step);
        let mut resource = artifact_resource(block, provider, &recipe, store, &tables);
        add_unkeyed(&mut resource, unkeyed);
        let bounds = self.bounds_of(block.place.as_ref());
        let flows = [("inputs", Value::Record(inputs)), ("bounds", bounds)];
        let flows = flows.map(|(name, value)| (name.into(), value));
        resource.properties.extend(flows);
        resource.depends_on = self.dependencies(block);
        resource.summary = summary_of(step);
        Some(resource)
    }

    /// A dataset is the step `ingest` of its file.
    pub(crate) fn dataset_resource(&mut self, block: &'a Block) -> Option<Resource> {
        let table = block.table.clone()?;
        let path = file_of(block.fields.get("from").map(|field| &field.value)?)?.to_owned();
        let question = Question::File { path: path.clone() };
        let Some(answer) = self.answers.get(&question) else {
            self.ask(question);
            return None;
        };
        let sha256 = match answer {
            Answer::File {
                sha256,
                bytes,
                header,
            } => {
                if !self.check_header(block, &path, &table, *bytes, header.as_deref()) {
                    return None;
                }
                sha256.clone()
            }
            Answer::NoFile { reason } => {
                self.out
                    .findings
                    .push(finding::no_file(&block.address, "from", &path, reason));
                return None;
            }
            _ => return None,
        };
        let keep = block
            .fields
            .get("keep")
            .and_then(|field| field.value.as_reference());
        let store = keep
            .and_then(|k| self.store_record(&k.address))
            .unwrap_or_else(default_store);
        let reader = self.blocks.first_reader(&block.address);
        let provider = [keep.map(|k| &k.address), reader.map(|r| &r.address)]
            .into_iter()
            .flatten()
            .find_map(|address| self.blocks.target_of(self.blocks.get(address)?))
            .map(|(_, provider)| provider)?;
        let recipe = Recipe {
            operation: "ingest",
            version: operation_version("ingest").expect("the runtime reads data"),
            files: vec![("from".into(), sha256.clone())],
            tables: BTreeMap::from([(String::new(), table.clone())]),
            ..Recipe::default()
        };
        let tables = StepTables {
            result: Some(table),
            ..StepTables::default()
        };
        let bounds = self.bounds_of(reader.and_then(|reader| reader.place.as_ref()));
        let mut resource = artifact_resource(block, provider, &recipe, store, &tables);
        let file = BTreeMap::from([
            ("path".into(), Value::text(&path)),
            ("sha256".into(), Value::String(sha256)),
        ]);
        resource
            .properties
            .insert("file".into(), Value::Record(file));
        resource.properties.insert("bounds".into(), bounds);
        resource.depends_on = self.dependencies(block);
        resource
            .depends_on
            .extend(reader.and_then(|reader| reader.place.clone()));
        resource.summary = format!("reads {path}");
        Some(resource)
    }

    /// Whether the file's header has every declared column.
    fn check_header(
        &mut self,
        block: &Block,
        path: &str,
        table: &TableType,
        bytes: u64,
        header: Option<&str>,
    ) -> bool {
        let Some(header) = header.filter(|header| !header.trim().is_empty()) else {
            self.out
                .findings
                .push(finding::no_header(&block.address, path, bytes));
            return false;
        };
        // Read as the step reads it: a byte order mark is no part of a name, a blank is.
        let header = header.strip_prefix('\u{feff}').unwrap_or(header);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(header.as_bytes());
        let names: Vec<String> = match reader.records().next() {
            Some(Ok(record)) => record.iter().map(str::to_owned).collect(),
            _ => return true,
        };
        let missing = table
            .columns
            .iter()
            .filter(|column| !names.contains(&column.name))
            // A file with another separator has one fault, not one for each column.
            .take(match finding::is_separated_otherwise(&names) {
                true => 1,
                false => usize::MAX,
            });
        let findings: Vec<_> = missing
            .map(|column| finding::no_column(&block.address, path, &column.name, &names))
            .collect();
        let complete = findings.is_empty();
        self.out.findings.extend(findings);
        complete
    }

    /// Whether data flows from this block: a table or a model. A report is only waited for, so it
    /// is in no recipe.
    fn flows(&self, address: &Address) -> bool {
        self.blocks.get(address).is_some_and(|block| {
            block.table.is_some()
                || block.step.as_ref().is_some_and(|step| {
                    step.table.is_some() || !step.parts.is_empty() || step.model.is_some()
                })
        })
    }

    fn tables_of(&self, block: &Block, step: &Step) -> StepTables {
        let fitted_here = step
            .model
            .as_ref()
            .filter(|model| model.trained_by == block.address);
        StepTables {
            result: step
                .table
                .clone()
                .or_else(|| step.parts.values().next().cloned()),
            inputs: step
                .arguments
                .iter()
                .filter_map(|(name, argument)| Some((name.clone(), argument.table.clone()?)))
                .collect(),
            serving: fitted_here.map(serving_recipe),
        }
    }

    /// A storage as a step sees it: its address and what it was lowered to.
    fn store_record(&self, address: &Address) -> Option<Value> {
        let properties = self.lowered.get(address)?.properties.clone();
        let mut record = BTreeMap::from([
            ("address".into(), Value::text(address.to_string())),
            ("properties".into(), Value::Record(properties)),
        ]);
        let name = self.names.get(address);
        let name = name.map(|name| (MADE_AS.into(), Value::text(name.to_string())));
        record.extend(name);
        Some(Value::Record(record))
    }

    fn bounds_of(&self, place: Option<&Address>) -> Value {
        let place = place.and_then(|address| self.lowered.get(address));
        place.map_or(Value::None, |place| Value::Record(place.properties.clone()))
    }

    /// What an endpoint must know of a step that makes a release: `address`, `release`, `model`
    /// (recipe keys), `store` and `request` (JSON of its request schema).
    pub(crate) fn release_record(&self, address: &Address) -> Option<Value> {
        let model = self.blocks.get(address)?.step.as_ref()?.model.as_ref()?;
        let release = self.lowered.get(address)?;
        let trained = self.lowered.get(&model.trained_by)?;
        let request = serving_recipe(model).request;
        Some(Value::Record(BTreeMap::from([
            ("address".into(), Value::text(address.to_string())),
            ("release".into(), Value::text(release.identity.clone()?)),
            ("model".into(), Value::text(trained.identity.clone()?)),
            ("store".into(), release.properties.get("store")?.clone()),
            ("request".into(), Value::String(canonical(&request))),
        ])))
    }
}

fn artifact_resource(
    block: &Block,
    provider: &str,
    recipe: &Recipe<'_>,
    store: Value,
    tables: &StepTables,
) -> Resource {
    let entry = |(name, value): &(String, Value)| {
        let pair = [
            ("name".into(), Value::text(name)),
            ("value".into(), value.clone()),
        ];
        Value::Record(BTreeMap::from(pair))
    };
    Resource {
        address: block.address.clone(),
        resource_type: STEP.into(),
        provider: provider.into(),
        properties: BTreeMap::from([
            ("operation".into(), Value::text(recipe.operation)),
            ("version".into(), Value::Int(recipe.version.into())),
            ("settings".into(), Value::Record(recipe.settings.clone())),
            (
                "entries".into(),
                Value::List(recipe.entries.iter().map(entry).collect()),
            ),
            ("store".into(), store),
            ("tables".into(), Value::String(canonical(tables))),
        ]),
        identity: Some(recipe.key()),
        replaces: BTreeSet::new(),
        depends_on: BTreeSet::new(),
        create_first: false,
        holds_data: false,
        summary: String::new(),
        details: Vec::new(),
        needed: true,
        made_as: None,
        target: None,
    }
}

/// Adds the settings that are in no recipe, and their names, so that none is ever a reason.
fn add_unkeyed(resource: &mut Resource, unkeyed: BTreeMap<String, Value>) {
    if unkeyed.is_empty() {
        return;
    }
    let names = unkeyed.keys().map(Value::text).collect();
    if let Some(Value::Record(settings)) = resource.properties.get_mut("settings") {
        settings.extend(unkeyed);
    }
    let names = ("unkeyed".into(), Value::List(names));
    resource.properties.extend([names]);
}

fn default_store() -> Value {
    Value::Record(BTreeMap::from([("address".into(), Value::None)]))
}

/// The path in `file("…")`.
fn file_of(value: &Value) -> Option<&str> {
    match value {
        Value::Case { name, arguments } if name == "file" => {
            arguments.values().next().and_then(Value::as_text)
        }
        _ => None,
    }
}

/// An argument that is a plain value, as a setting. One that lists what the step waits for is none:
/// nothing flows from there, so it is in no recipe. A list without elements names none of that.
fn plain(parameter: &str, argument: &Value) -> Option<(String, Value)> {
    let elements = argument.as_list().filter(|all| !all.is_empty());
    let is_awaited = elements.is_some_and(|all| all.iter().all(|one| one.as_reference().is_some()));
    (!is_awaited).then(|| (parameter.to_owned(), argument.clone()))
}

fn summary_of(step: &Step) -> String {
    let mut flow: Vec<String> = Vec::new();
    for argument in step.arguments.values() {
        argument.value.for_each_reference(&mut |reference| {
            let mut text = reference.address.name().to_owned();
            reference
                .path
                .iter()
                .for_each(|member| text.push_str(&format!(".{member}")));
            flow.push(text);
        });
    }
    format!("{}({})", step.operation, flow.join(", "))
}

/// A table that another step reads is an intermediate: nothing needs it for its own sake.
/// Everything else (models, reports, releases, last tables) is needed, and so is what is judged:
/// without its outputs nobody knows the verdict.
pub(crate) fn mark_needed(resources: &mut [Resource], judged: &BTreeSet<&Address>) {
    let mut read: BTreeSet<String> = BTreeSet::new();
    for resource in resources.iter() {
        let inputs = resource.properties.get("inputs").and_then(Value::as_record);
        for input in inputs.into_iter().flat_map(BTreeMap::values) {
            let address = input.as_record().and_then(|i| i.get("address")?.as_text());
            read.extend(address.map(str::to_owned));
        }
    }
    for resource in resources
        .iter_mut()
        .filter(|resource| resource.resource_type == STEP)
    {
        let is_table = resource
            .properties
            .get("tables")
            .and_then(Value::as_text)
            .is_some_and(|text| {
                serde_json::from_str::<StepTables>(text).is_ok_and(|tables| tables.result.is_some())
            });
        let is_read = read.contains(&resource.address.to_string());
        resource.needed = !(is_table && is_read) || judged.contains(&resource.address);
    }
}
