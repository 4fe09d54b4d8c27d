//! A monitor: alerts on endpoints, as a file of Prometheus rules in the state folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use mlinfra_api::{
    Address, Begun, Condition, Digest, Fault, Observation, Portable, Refusal, Request, Resource,
    ResourceState, Value, Verb,
};
use mlinfra_runtime_spec::files;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use crate::lower::resource;
use crate::promql;
use crate::{Local, kinds, make_folder, relative, removed};

/// Properties of the resource: what is watched, and one for each alert, named `alert errors`, so
/// that a plan names the one that changes.
const WATCH: &str = "watch";
const ALERT: &str = "alert ";
/// Of an alert.
const CONDITION: &str = "condition";
const LASTING: &str = "lasting";

/// The longest that a condition may have to hold before its alert fires: a year.
const LASTING_SECONDS_MAX: u64 = 366 * 86_400;

/// What the alerts of a monitor say of themselves to whoever sorts them.
const SEVERITY: &str = "warning";

/// A file of rules, as Prometheus reads it.
#[derive(Debug, Serialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Debug, Serialize)]
struct Group {
    name: String,
    rules: Vec<Alert>,
}

#[derive(Debug, Serialize)]
struct Alert {
    alert: String,
    expr: String,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    lasting: Option<String>,
    labels: BTreeMap<&'static str, String>,
    annotations: BTreeMap<&'static str, String>,
}

/// The resource of a monitor: what it watches and its alerts, as written. That they can be rules
/// is known before anything is done.
pub(crate) fn lower(block: &Portable) -> Result<Resource, Vec<Refusal>> {
    let watched = watched(block)?;
    let none = Vec::new();
    let alerts = block.fields.get("alerts").and_then(Value::as_list);
    let alerts = alerts.unwrap_or(&none);
    let refusals: Vec<Refusal> = alerts
        .iter()
        .filter_map(|alert| {
            let made = watched
                .iter()
                .try_for_each(|e| rule(block, alert, e).map(drop));
            made.err()
        })
        .collect();
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let names: Vec<String> = watched.iter().map(ToString::to_string).collect();
    let count = alerts.len();
    let summary = format!(
        "{count} alert{} on {}, as Prometheus rules",
        if count == 1 { "" } else { "s" },
        names.join(", ")
    );
    let watch = Value::List(names.into_iter().map(Value::String).collect());
    let mut properties = BTreeMap::from([(WATCH.to_owned(), watch)]);
    for (name, condition, lasting) in alerts.iter().filter_map(parts) {
        let mut alert = BTreeMap::from([(
            CONDITION.to_owned(),
            Value::Condition(Box::new(condition.clone())),
        )]);
        if duration(lasting).is_ok_and(|lasting| lasting.is_some()) {
            alert.insert(LASTING.to_owned(), lasting.clone());
        }
        properties.insert(format!("{ALERT}{name}"), Value::Record(alert));
    }
    Ok(Resource {
        summary,
        ..resource(block, kinds::MONITOR, properties)
    })
}

/// The endpoints that a monitor watches, each once.
fn watched(block: &Portable) -> Result<Vec<Address>, Vec<Refusal>> {
    let refuse = |what: &str| {
        vec![Refusal {
            code: "E0937",
            message: format!("`{}` {what}", block.address),
            field: Some("watch".into()),
            help: "name the endpoints to watch: `watch = score`, or a list of them".into(),
        }]
    };
    let elements = match block.fields.get("watch") {
        Some(Value::List(elements)) => elements.as_slice(),
        Some(value @ Value::Reference(_)) => std::slice::from_ref(value),
        _ => &[],
    };
    let mut found = Vec::new();
    for element in elements {
        match element.as_reference() {
            Some(reference) if reference.address.kind == "endpoint" => {
                if !found.contains(&reference.address) {
                    found.push(reference.address.clone());
                }
            }
            _ => return Err(refuse(&format!("watches {element}, which is no endpoint"))),
        }
    }
    match found.is_empty() {
        true => Err(refuse("watches nothing")),
        false => Ok(found),
    }
}

/// One alert on one endpoint.
fn rule(block: &Portable, alert: &Value, endpoint: &Address) -> Result<Alert, Refusal> {
    let (name, condition, lasting) = parts(alert).ok_or_else(|| Refusal {
        code: "E0938",
        message: format!("an alert of `{}` has no condition", block.address),
        field: None,
        help: "give it one: `alert errors = error_rate > 1%`".into(),
    })?;
    made_rule(&block.address, name, condition, lasting, endpoint).map_err(|reason| Refusal {
        code: "E0938",
        message: format!(
            "the alert `{name}` of `{}` can't be a Prometheus rule: {reason}",
            block.address
        ),
        field: None,
        help: "compare `error_rate`, `request_rate`, `latency(99%)` or `drift(…)` with a number, \
               and join comparisons by `and`, `or` and `not`"
            .into(),
    })
}

/// Name, condition and duration of an alert.
fn parts(alert: &Value) -> Option<(&str, &Condition, &Value)> {
    let (condition, lasting) = condition_of(alert)?;
    Some((
        alert.as_record()?.get("name")?.as_text()?,
        condition,
        lasting,
    ))
}

fn condition_of(alert: &Value) -> Option<(&Condition, &Value)> {
    let record = alert.as_record()?;
    let Value::Condition(condition) = record.get(CONDITION)? else {
        return None;
    };
    Some((condition, record.get(LASTING).unwrap_or(&Value::None)))
}

fn made_rule(
    monitor: &Address,
    name: &str,
    condition: &Condition,
    lasting: &Value,
    endpoint: &Address,
) -> Result<Alert, String> {
    let promql::Rule { expression, words } = promql::rule(condition, endpoint.name())?;
    let lasting_text = duration(lasting)?;
    let held = match lasting_text {
        Some(_) => format!(", for {lasting}"),
        None => String::new(),
    };
    let summary = format!("endpoint {}: {words}{held}", endpoint.name());
    let labels = [
        ("severity", SEVERITY.to_owned()),
        ("monitor", monitor.to_string()),
        ("endpoint", endpoint.name().to_owned()),
    ];
    let annotations = [
        ("summary", literal(&summary)),
        ("condition", literal(&condition.to_string())),
    ];
    Ok(Alert {
        alert: name.to_owned(),
        expr: expression,
        lasting: lasting_text,
        labels: labels.into(),
        annotations: annotations.into(),
    })
}

/// The text as a template that gives it back.
fn literal(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}

/// The duration as Prometheus writes it; none for no time at all.
fn duration(lasting: &Value) -> Result<Option<String>, String> {
    let seconds = match lasting {
        Value::None => return Ok(None),
        Value::Quantity(quantity) => quantity.amount,
        other => return Err(format!("`{other}` is no duration")),
    };
    if seconds.is_sign_negative() && !seconds.is_zero() {
        return Err(format!("it can't hold for {lasting}"));
    }
    if seconds > Decimal::from(LASTING_SECONDS_MAX) {
        return Err(format!("{lasting} is longer than a year"));
    }
    let milliseconds = (seconds * Decimal::ONE_THOUSAND).ceil();
    let milliseconds = milliseconds.to_u64().unwrap_or_default();
    Ok(match (milliseconds, milliseconds % 1000) {
        (0, _) => None,
        (_, 0) => Some(format!("{}s", milliseconds / 1000)),
        _ => Some(format!("{milliseconds}ms")),
    })
}

/// The file of a monitor's resource.
fn text(resource: &Resource) -> Result<String, Fault> {
    let broken = || {
        Fault::refused(
            "E0927",
            format!("the plan's `{}` can't be read", resource.address),
        )
        .with_help("plan again with this version of mlinfra")
    };
    let watched = resource.properties.get(WATCH).and_then(Value::as_list);
    let watched = watched.ok_or_else(broken)?;
    let mut rules = Vec::new();
    for endpoint in watched {
        let endpoint = endpoint.as_text().and_then(|text| text.parse().ok());
        let endpoint: Address = endpoint.ok_or_else(broken)?;
        for (name, alert) in &resource.properties {
            let Some(name) = name.strip_prefix(ALERT) else {
                continue;
            };
            let (condition, lasting) = condition_of(alert).ok_or_else(broken)?;
            let made = made_rule(&resource.address, name, condition, lasting, &endpoint);
            rules.push(made.map_err(|_| broken())?);
        }
    }
    let group = Group {
        name: resource.address.to_string(),
        rules,
    };
    let file = RuleFile {
        groups: vec![group],
    };
    let yaml = serde_yaml::to_string(&file).map_err(|_| broken())?;
    Ok(format!(
        "# Alerts of {}. Written by mlinfra: a change here is undone by the next apply.\n\
         # Name this file in `rule_files:` of Prometheus. What it is to scrape:\n{}{yaml}",
        resource.address,
        watched
            .iter()
            .filter_map(Value::as_text)
            .map(|endpoint| format!("#   mlinfra output {}.scrape\n", short(endpoint)))
            .collect::<String>()
    ))
}

/// What to do with the file.
fn use_of(resource: &Resource) -> String {
    let watched = resource.properties.get(WATCH).and_then(Value::as_list);
    let command = |endpoint: &str| format!("`mlinfra output {}.scrape`", short(endpoint));
    let watched = watched.into_iter().flatten().filter_map(Value::as_text);
    let commands: Vec<String> = watched.map(command).collect();
    format!(
        "in prometheus.yml, name the file under `rule_files:`; under `scrape_configs:` goes what \
         {} prints",
        commands.join(", ")
    )
}

/// `score` of `endpoint.score`: as people name it.
fn short(address: &str) -> &str {
    address.split_once('.').map_or(address, |(_, name)| name)
}

impl Local {
    /// Writes the file of a monitor, or removes it.
    pub(crate) fn begin_monitor(&self, request: &Request) -> Result<Begun, Fault> {
        let path = files::monitor_file(&self.state, request.resource.physical());
        if request.verb == Verb::Delete {
            return removed(fs::remove_file(&path), "its file of rules");
        }
        let text = text(&request.resource)?;
        make_folder(path.parent().expect("the file lies in a folder"))?;
        write(&path, text.as_bytes()).map_err(|error| {
            Fault::refused(
                "E0931",
                format!("the file of rules can't be written: {error}"),
            )
            .with_help("check the permissions of `.mlinfra/monitors` and the disk's free space")
        })?;
        Ok(Begun::Done {
            handle: relative(&self.state, &path),
            outputs: BTreeMap::from([
                (
                    "rule_files".into(),
                    Value::text(path.to_string_lossy().into_owned()),
                ),
                ("sha256".into(), digest(text.as_bytes())),
                ("use".into(), Value::String(use_of(&request.resource))),
            ]),
        })
    }

    /// Whether the file is there as it was written.
    pub(crate) fn observe_monitor(&self, state: &ResourceState) -> Observation {
        let path = files::monitor_file(&self.state, state.resource.physical());
        match fs::read(&path) {
            Ok(bytes) if state.outputs.get("sha256") == Some(&digest(&bytes)) => {
                Observation::Present {
                    properties: BTreeMap::new(),
                    outputs: BTreeMap::new(),
                }
            }
            Ok(_) => Observation::Unwell {
                reason: "its file of rules was changed".into(),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Observation::Absent,
            Err(error) => Observation::Unwell {
                reason: format!("its file of rules can't be read: {error}"),
            },
        }
    }
}

fn digest(bytes: &[u8]) -> Value {
    Value::text(Digest::of(bytes).to_string())
}

/// Replaces a file: whoever reads it meanwhile sees the old one or the new one.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = fs::File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// An entry of `scrape_configs`, as Prometheus reads it.
#[derive(Debug, Serialize)]
struct Scrape<'a> {
    job_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization: Option<Authorization>,
    static_configs: [Targets; 1],
}

#[derive(Debug, Serialize)]
struct Authorization {
    credentials_file: String,
}

#[derive(Debug, Serialize)]
struct Targets {
    targets: [String; 1],
}

/// What Prometheus needs to scrape an endpoint, as an entry of `scrape_configs` on one line: JSON,
/// which is YAML too and leaves no name to be taken for something else.
/// Where the metrics want the endpoint's key, it names the file to keep it in.
pub(crate) fn scrape(endpoint: &Address, host: &str, port: &str, wants_key: bool) -> String {
    let name = endpoint.name();
    // To listen at every address is none to be asked at; this machine's own is one of them.
    let host = match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if address.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        Ok(IpAddr::V6(address)) if address.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
        _ if host.contains(':') => format!("[{host}]"),
        _ => host.to_owned(),
    };
    let entry = Scrape {
        job_name: name,
        authorization: wants_key.then(|| Authorization {
            credentials_file: format!("{name}.key"),
        }),
        static_configs: [Targets {
            targets: [format!("{host}:{port}")],
        }],
    };
    let mut line = serde_json::to_string(&entry).expect("texts and lists can be written");
    if wants_key {
        let command = format!("mlinfra output --reveal {name}.key > {name}.key");
        line += &format!("  # first: (umask 077; {command})");
    }
    line
}

#[cfg(test)]
mod tests {
    use mlinfra_api::Quantity;

    use super::*;

    #[test]
    fn durations_are_whole_in_some_unit() {
        let of = |milliseconds: i64| {
            duration(&Value::Quantity(Quantity::new(
                Decimal::new(milliseconds, 3),
                Quantity::seconds(0).dimension,
            )))
        };
        assert_eq!(of(300_000), Ok(Some("300s".into())));
        assert_eq!(of(1_500), Ok(Some("1500ms".into())));
        assert_eq!(of(0), Ok(None));
        assert!(of(-1).is_err() && of(400 * 86_400_000).is_err());
        assert_eq!(duration(&Value::None), Ok(None));
        assert!(duration(&Value::Int(5)).is_err());
    }

    #[test]
    fn a_template_gives_its_text_back() {
        assert_eq!(literal("a > {{ 1 }}"), "a > {{ \"{{\" }} 1 }}");
    }

    #[test]
    fn a_key_is_named_by_its_file_alone() {
        let endpoint: Address = "endpoint.score".parse().expect("an address");
        assert_eq!(
            scrape(&endpoint, "127.0.0.1", "8080", false),
            r#"{"job_name":"score","static_configs":[{"targets":["127.0.0.1:8080"]}]}"#
        );
        assert_eq!(
            scrape(&endpoint, "2001:db8::1", "80", true),
            r#"{"job_name":"score","authorization":{"credentials_file":"score.key"},"#.to_owned()
                + r#""static_configs":[{"targets":["[2001:db8::1]:80"]}]}  "#
                + "# first: (umask 077; mlinfra output --reveal score.key > score.key)"
        );
    }

    #[test]
    fn what_is_scraped_is_asked_at_an_address_and_named_by_text() {
        let endpoint: Address = "endpoint.null".parse().expect("an address");
        for (host, target) in [
            ("0.0.0.0", "127.0.0.1:80"),
            ("::", "[::1]:80"),
            ("::1", "[::1]:80"),
            ("localhost", "localhost:80"),
            ("10.0.0.7", "10.0.0.7:80"),
        ] {
            let line = scrape(&endpoint, host, "80", true);
            let read: serde_yaml::Value = serde_yaml::from_str(&line).expect("it is YAML");
            assert_eq!(read["job_name"].as_str(), Some("null"), "{line}");
            let targets = &read["static_configs"][0]["targets"];
            assert_eq!(targets[0].as_str(), Some(target), "{line}");
        }
    }
}
