//! From a step's resource, as the plan carries it, to what the agent is told.

use std::collections::BTreeMap;
use std::path::Path;

use mlinfra_api::{Fault, MADE_AS, Request, Resource, Value};
use mlinfra_runtime_spec::{
    ArtifactReference, Bounds, PROTOCOL, StepInput, StepSpec, StepTables, StoreReference, UnitSpec,
    Workload, files,
};

use crate::host::allowed_cpus;

/// The unit for a step.
pub(crate) fn unit(state: &Path, request: &Request) -> Result<UnitSpec, Fault> {
    Ok(UnitSpec {
        protocol: PROTOCOL,
        token: request.token.to_string(),
        address: request.resource.address.to_string(),
        lineage: request.lineage.clone(),
        bounds: bounds(request.resource.properties.get("bounds")),
        workload: Workload::Step(Box::new(step(state, &request.resource)?)),
    })
}

/// Where the result of a step's resource is, or will be.
pub(crate) fn artifact(state: &Path, resource: &Resource) -> Option<ArtifactReference> {
    Some(ArtifactReference {
        store: store(state, resource.properties.get("store")?)?,
        key: resource.identity.clone()?,
        part: None,
    })
}

/// A store, from the record that the plan makes of its block: `address` and `properties`.
pub(crate) fn store(state: &Path, record: &Value) -> Option<StoreReference> {
    let record = record.as_record()?;
    let Some(address) = record.get("address").and_then(Value::as_text) else {
        return Some(StoreReference {
            folder: files::default_store_folder(state),
            key_file: None,
            capacity: None,
        });
    };
    let address = record
        .get(MADE_AS)
        .and_then(Value::as_text)
        .unwrap_or(address);
    let none = BTreeMap::new();
    let properties = record
        .get("properties")
        .and_then(Value::as_record)
        .unwrap_or(&none);
    let sealed_with = properties.get("sealed_with").and_then(Value::as_text);
    Some(StoreReference {
        folder: files::store_folder(state, &address.parse().ok()?),
        key_file: match sealed_with {
            Some(key) => Some(files::key_file(state, &key.parse().ok()?)),
            None => None,
        },
        capacity: properties.get("capacity").and_then(Value::as_base_units),
    })
}

/// What a reservation comes to here: its processors are the first ones that we may use.
pub(crate) fn bounds(record: Option<&Value>) -> Bounds {
    let reserve = record
        .and_then(Value::as_record)
        .and_then(|r| r.get("reserve")?.as_record());
    let cpus = allowed_cpus();
    let Some(reserve) = reserve else {
        return Bounds {
            threads: cpus.len().max(1),
            cpus: Vec::new(),
            memory_bytes: None,
        };
    };
    let count = reserve
        .get("cpus")
        .and_then(Value::as_int)
        .unwrap_or(1)
        .max(1);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    Bounds {
        threads: count.min(cpus.len().max(1)),
        cpus: cpus.into_iter().take(count).collect(),
        memory_bytes: reserve.get("memory").and_then(Value::as_base_units),
    }
}

fn step(state: &Path, resource: &Resource) -> Result<StepSpec, Fault> {
    read(state, resource).ok_or_else(|| {
        Fault::refused(
            "E0927",
            format!("the plan's step `{}` can't be read", resource.address),
        )
        .with_help("plan again with this version of mlinfra")
    })
}

fn read(state: &Path, resource: &Resource) -> Option<StepSpec> {
    let properties = &resource.properties;
    let tables: StepTables = serde_json::from_str(properties.get("tables")?.as_text()?).ok()?;
    let none = BTreeMap::new();
    let mut inputs = BTreeMap::new();
    for (parameter, input) in properties
        .get("inputs")
        .and_then(Value::as_record)
        .unwrap_or(&none)
    {
        let record = input.as_record()?;
        let artifact = ArtifactReference {
            store: store(state, record.get("store")?)?,
            key: record.get("key")?.as_text()?.to_owned(),
            part: record
                .get("part")
                .and_then(Value::as_text)
                .map(str::to_owned),
        };
        let table = tables.inputs.get(parameter).cloned();
        inputs.insert(parameter.clone(), StepInput::Artifact { artifact, table });
    }
    if let Some(file) = properties.get("file").and_then(Value::as_record) {
        let path = files::spec_folder(state)?.join(file.get("path")?.as_text()?);
        let sha256 = file.get("sha256")?.as_text()?.to_owned();
        inputs.insert("from".into(), StepInput::File { path, sha256 });
    }
    let entry = |entry: &Value| {
        let entry = entry.as_record()?;
        Some((
            entry.get("name")?.as_text()?.to_owned(),
            entry.get("value")?.clone(),
        ))
    };
    let entries: Option<Vec<(String, Value)>> = properties
        .get("entries")?
        .as_list()?
        .iter()
        .map(entry)
        .collect();
    Some(StepSpec {
        operation: properties.get("operation")?.as_text()?.to_owned(),
        version: u32::try_from(properties.get("version")?.as_int()?).ok()?,
        key: resource.identity.clone()?,
        store: store(state, properties.get("store")?)?,
        inputs,
        settings: properties.get("settings")?.as_record()?.clone(),
        entries: entries?,
        result: tables.result,
        serving: tables.serving,
    })
}
