//! Lowering to this machine, purely: which resource a portable block becomes.

use std::collections::BTreeMap;

use mlinfra_api::{Lower, Portable, Price, Quantity, Reads, Refusal, Resource, Value, Wish};
use mlinfra_runtime_spec::{PROTOCOL, RequestSchema};

use crate::{kinds, reads};

/// The pure half of the provider `local`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalLower;

/// What a pool reserves that says nothing of memory: enough for a small tabular model.
const MEMORY_DEFAULT_BYTES: u64 = 1 << 30;

impl Lower for LocalLower {
    fn name(&self) -> &str {
        "local"
    }

    fn lower(
        &self,
        block: &Portable,
        host: &BTreeMap<String, Value>,
    ) -> Result<Resource, Vec<Refusal>> {
        match block.kind.as_str() {
            "target" => Ok(agent(block)),
            "key" => Ok(key(block)),
            "storage" => Ok(folder(block)),
            "pool" => reservation(block, host),
            "endpoint" => endpoint(block),
            "monitor" => crate::monitor::lower(block),
            other => Err(vec![Refusal {
                code: "E0911",
                message: format!("this machine has no way to provide a `{other}`"),
                field: None,
                help: "place it on a target whose provider knows this kind".into(),
            }]),
        }
    }

    fn reads(&self, kind: &str) -> Reads {
        reads::of_kind(kind)
    }

    fn runs(&self, operation: &str) -> Reads {
        reads::of_operation(operation)
    }

    fn withholds(&self, operation: &str) -> &'static [&'static str] {
        reads::withheld(operation)
    }

    fn price(&self, _: &Resource) -> Price {
        Price::Free {
            reason: "your own machine: nothing is billed; power is not counted".into(),
        }
    }
}

pub(crate) fn resource(
    block: &Portable,
    resource_type: &str,
    properties: BTreeMap<String, Value>,
) -> Resource {
    Resource {
        address: block.address.clone(),
        resource_type: resource_type.into(),
        provider: "local".into(),
        replaces: block
            .replaces
            .iter()
            .filter(|p| properties.contains_key(*p))
            .cloned()
            .collect(),
        properties,
        identity: None,
        depends_on: Default::default(),
        create_first: false,
        holds_data: block.holds_data,
        summary: String::new(),
        details: Vec::new(),
        needed: true,
        made_as: None,
        target: None,
    }
}

/// The field as it is, if it was written or has a default.
fn field(block: &Portable, name: &str) -> Option<Value> {
    block
        .fields
        .get(name)
        .filter(|value| **value != Value::None)
        .cloned()
}

/// A target is its agent: the one process that keeps everything else there alive.
fn agent(block: &Portable) -> Resource {
    let properties = BTreeMap::from([("protocol".into(), Value::Int(PROTOCOL.into()))]);
    Resource {
        summary: "the agent on this machine".into(),
        ..resource(block, kinds::AGENT, properties)
    }
}

fn key(block: &Portable) -> Resource {
    let rotation = field(block, "rotation");
    let summary = match &rotation {
        Some(_) => "256-bit key; rotation is recorded, not enforced".into(),
        None => "256-bit key".into(),
    };
    let properties = rotation
        .map(|rotation| ("rotation".into(), rotation))
        .into_iter()
        .collect();
    // A lost key is lost data, so it is kept as data is.
    Resource {
        summary,
        holds_data: true,
        ..resource(block, kinds::KEY, properties)
    }
}

fn folder(block: &Portable) -> Resource {
    let names = ["class", "capacity", "encryption", "retention"];
    let mut properties: BTreeMap<String, Value> = names
        .iter()
        .filter_map(|name| Some(((*name).into(), field(block, name)?)))
        .collect();
    let sealed_with = properties
        .get("encryption")
        .and_then(|encryption| match encryption {
            Value::Case { name, arguments } if name == "customer" => {
                let key = arguments.values().find_map(Value::as_reference)?;
                Some(block.physical(&key.address).clone())
            }
            _ => None,
        });
    let mut summary = "folder".to_owned();
    if let Some(capacity) = properties.get("capacity") {
        summary.push_str(&format!(", at most {capacity}"));
    }
    if let Some(key) = &sealed_with {
        properties.insert("sealed_with".into(), Value::text(key.to_string()));
        summary.push_str(&format!(", sealed with {key}"));
    }
    Resource {
        summary,
        ..resource(block, kinds::FOLDER, properties)
    }
}

/// A pool reserves what its requirements come to at least; the reservation is the bound.
fn reservation(block: &Portable, host: &BTreeMap<String, Value>) -> Result<Resource, Vec<Refusal>> {
    let mut refusals = not_offered(block);
    refusals.extend(other_than_one_machine(block));
    let cpus = least(block, "cpus", 1, &mut refusals);
    let memory = least(block, "memory", MEMORY_DEFAULT_BYTES, &mut refusals);
    refusals.extend(too_small(block, host, cpus, memory));
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let reserve = BTreeMap::from([
        (
            "cpus".into(),
            Value::Int(i64::try_from(cpus).unwrap_or(i64::MAX)),
        ),
        ("memory".into(), Value::Quantity(Quantity::bytes(memory))),
    ]);
    let of = |name: &str, shown: String| match host.get(name) {
        Some(has) => format!("{shown} of {} {name}", rounded(has)),
        None => format!("{shown} {name}"),
    };
    let summary = format!(
        "reserves {}, {}",
        of("cpus", cpus.to_string()),
        of("memory", Quantity::bytes(memory).to_string())
    );
    let properties = BTreeMap::from([("reserve".into(), Value::Record(reserve))]);
    Ok(Resource {
        summary,
        ..resource(block, kinds::RESERVATION, properties)
    })
}

/// What a pool asks for that no machine of this provider has.
fn not_offered(block: &Portable) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for name in ["accelerator", "accelerator_count", "interconnect"] {
        let is_wanted = block.wishes.iter().any(|wish| wish.field == name)
            || (name == "accelerator" && field(block, name).is_some());
        if is_wanted {
            refusals.push(Refusal {
                code: "E0912",
                message: format!(
                    "`{}` asks for {name}; this machine offers none",
                    block.address
                ),
                field: Some(name.into()),
                help: "leave it out, or place the pool on a target that has some".into(),
            });
        }
    }
    refusals
}

/// What is wrong with a number of nodes that leaves one out.
fn other_than_one_machine(block: &Portable) -> Option<Refusal> {
    let nodes = field(block, "nodes")?;
    let (low, high) = match &nodes {
        Value::Range(low, high) => (low.as_int(), high.as_int()),
        other => (other.as_int(), other.as_int()),
    };
    let is_other = low.is_none_or(|low| low > 1) || high.is_none_or(|high| high < 1);
    is_other.then(|| Refusal {
        code: "E0950",
        message: format!("`{}` asks for other than one machine", block.address),
        field: Some("nodes".into()),
        help: "this target is one machine: take `nodes` out".into(),
    })
}

/// What a pool needs more of than this machine has, as far as that is known.
fn too_small(
    block: &Portable,
    host: &BTreeMap<String, Value>,
    cpus: u64,
    memory: u64,
) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let has = |name: &str| host.get(name).and_then(amount);
    for (name, wanted, shown) in [
        ("cpus", cpus, cpus.to_string()),
        ("memory", memory, Quantity::bytes(memory).to_string()),
    ] {
        if let Some(has) = has(name).filter(|has| *has < wanted) {
            let has = match name {
                "memory" => rounded(&Value::Quantity(Quantity::bytes(has))),
                _ => has.to_string(),
            };
            refusals.push(Refusal {
                code: "E0913",
                message: format!(
                    "`{}` needs {shown} of {name}; this machine has {has}",
                    block.address
                ),
                field: Some(name.into()),
                help: "lower the requirement, or place the pool on a larger target".into(),
            });
        }
    }
    refusals
}

/// Memory in whole GiB: nobody wants to read `23.5234375 GiB`.
fn rounded(value: &Value) -> String {
    match value.as_base_units() {
        Some(bytes) if bytes >= 1 << 30 => Quantity::bytes(bytes >> 30 << 30).to_string(),
        _ => value.to_string(),
    }
}

fn amount(value: &Value) -> Option<u64> {
    value
        .as_base_units()
        .or_else(|| value.as_int().and_then(|n| u64::try_from(n).ok()))
}

/// The least amount that satisfies the field and every wish for it.
fn least(block: &Portable, name: &str, default: u64, refusals: &mut Vec<Refusal>) -> u64 {
    let mut low = field(block, name).as_ref().and_then(amount).unwrap_or(0);
    let mut high = u64::MAX;
    for Wish {
        operator, value, ..
    } in block.wishes.iter().filter(|wish| wish.field == name)
    {
        let Some(bound) = amount(value) else { continue };
        match operator.as_str() {
            ">=" => low = low.max(bound),
            ">" => low = low.max(bound.saturating_add(1)),
            "<=" => high = high.min(bound),
            "<" => high = high.min(bound.saturating_sub(1)),
            "==" => {
                low = low.max(bound);
                high = high.min(bound);
            }
            _ => {}
        }
    }
    let chosen = if low == 0 { default.min(high) } else { low };
    if chosen > high {
        refusals.push(Refusal {
            code: "E0914",
            message: format!("no amount of {name} satisfies `{}`", block.address),
            field: Some(name.into()),
            help: "its requirements contradict each other: loosen one".into(),
        });
    }
    chosen
}

fn endpoint(block: &Portable) -> Result<Resource, Vec<Refusal>> {
    let Some(model) = block.fields.get("model").and_then(Value::as_record) else {
        return Err(vec![Refusal {
            code: "E0915",
            message: format!(
                "`{}` serves nothing that this machine can serve",
                block.address
            ),
            field: Some("model".into()),
            help: "give it a release: `model = risk.release`, made by a step `register(…)`".into(),
        }]);
    };
    let replicas = match field(block, "replicas") {
        None => Value::Int(1),
        Some(Value::Range(low, high)) if low == high => *low,
        Some(Value::Range(low, high)) => {
            return Err(vec![Refusal {
                code: "E0950",
                message: format!(
                    "`{}` may have {low} to {high} replicas; this machine changes no number by \
                     itself",
                    block.address
                ),
                field: Some("replicas".into()),
                help: format!("say how many: `replicas = {low}`"),
            }]);
        }
        Some(fixed) => fixed,
    };
    let port = field(block, "port").unwrap_or(Value::Int(8080));
    let count = replicas.as_int().unwrap_or(1);
    let summary = format!(
        "port {port}, {count} replica{}, serves {}",
        if count == 1 { "" } else { "s" },
        model
            .get("address")
            .and_then(Value::as_text)
            .unwrap_or("a release"),
    );
    let properties = BTreeMap::from([
        (
            "host".into(),
            field(block, "host").unwrap_or_else(|| Value::text("127.0.0.1")),
        ),
        ("port".into(), port),
        ("replicas".into(), replicas),
        (
            "auth".into(),
            field(block, "auth").unwrap_or_else(|| Value::case("api_key")),
        ),
        ("model".into(), Value::Record(model.clone())),
        (
            "bounds".into(),
            Value::Record(block.place_properties.clone()),
        ),
    ]);
    Ok(Resource {
        summary,
        details: request_shown(model).into_iter().collect(),
        ..resource(block, kinds::ENDPOINT, properties)
    })
}

/// What a request to a model consists of, for people; nothing if the model does not say.
fn request_shown(model: &BTreeMap<String, Value>) -> Option<String> {
    let schema = model.get("request").and_then(Value::as_text)?;
    let schema = serde_json::from_str::<RequestSchema>(schema).ok()?;
    let fields: Vec<String> = schema
        .fields
        .iter()
        .map(|f| format!("{} {}", f.name, f.column_type))
        .collect();
    Some(format!(
        "a request has {}: {}",
        fields.len(),
        fields.join(", ")
    ))
}
