//! An endpoint: one unit for each replica, and how it changes without closing its port.

use std::collections::BTreeMap;
use std::path::Path;

use mlinfra_api::{Digest, Fault, Resource, Secret, Value};
use mlinfra_runtime_spec::{
    ArtifactReference, EndpointSpec, PROTOCOL, RequestSchema, UnitPhase, UnitSpec, UnitStatus,
    Workload,
};
use mlinfra_seal::{SealKey, keyed_digest};

use crate::monitor::scrape;
use crate::step::{bounds, store};

/// How long requests under way may take to finish after a stop.
const DRAIN_SECONDS: u64 = 10;

/// The units of an endpoint whose handle is `handle`.
pub(crate) fn units(
    state: &Path,
    lineage: &str,
    key: &SealKey,
    resource: &Resource,
    handle: &str,
) -> Result<Vec<UnitSpec>, Fault> {
    let broken = || {
        Fault::refused(
            "E0927",
            format!("the plan's `{}` can't be read", resource.address),
        )
        .with_help("plan again with this version of mlinfra")
    };
    let specs = (0..replicas(resource)).map(|replica| {
        Some(UnitSpec {
            protocol: PROTOCOL,
            token: format!("{handle}-{replica}"),
            address: resource.address.to_string(),
            lineage: lineage.to_owned(),
            bounds: bounds(resource.properties.get("bounds")),
            workload: Workload::Endpoint(Box::new(spec(state, lineage, key, resource, replica)?)),
        })
    });
    specs.collect::<Option<Vec<_>>>().ok_or_else(broken)
}

/// How many replicas a resource has.
pub(crate) fn replicas(resource: &Resource) -> u32 {
    let count = resource
        .properties
        .get("replicas")
        .and_then(Value::as_int)
        .unwrap_or(1);
    u32::try_from(count).unwrap_or(1).max(1)
}

fn spec(
    state: &Path,
    lineage: &str,
    key: &SealKey,
    resource: &Resource,
    replica: u32,
) -> Option<EndpointSpec> {
    let properties = &resource.properties;
    let model = properties.get("model")?.as_record()?;
    let artifact = |name: &str| {
        Some(ArtifactReference {
            store: store(state, model.get("store")?)?,
            key: model.get(name)?.as_text()?.to_owned(),
            part: None,
        })
    };
    let key_hashes = match api_key(lineage, key, resource) {
        Some(secret) => vec![Digest::of(secret.reveal().as_bytes()).to_string()],
        None => Vec::new(),
    };
    Some(EndpointSpec {
        name: resource.address.name().to_owned(),
        host: properties.get("host")?.as_text()?.to_owned(),
        port: u16::try_from(properties.get("port")?.as_int()?).ok()?,
        replica,
        key_hashes,
        release: artifact("release")?,
        model: artifact("model")?,
        drain_seconds: DRAIN_SECONDS,
    })
}

/// The endpoint's key, if it wants one: derived from the state's secret and the address, so that
/// it needs no store of its own, is the same after every change, and is made once.
fn api_key(lineage: &str, key: &SealKey, resource: &Resource) -> Option<Secret> {
    if resource.properties.get("auth").and_then(Value::as_case) != Some("api_key") {
        return None;
    }
    let text = format!("endpoint-key\n{lineage}\n{}", resource.physical());
    Some(Secret::new(format!(
        "mlk_{}",
        &keyed_digest(key, text.as_bytes())[..40]
    )))
}

/// What is known of an endpoint that serves: `url`, `key`, `request` (name → type), `example`
/// (a request's body) and `scrape` (for Prometheus).
pub(crate) fn outputs(
    lineage: &str,
    key: &SealKey,
    resource: &Resource,
) -> BTreeMap<String, Value> {
    let properties = &resource.properties;
    let text = |name: &str| {
        properties
            .get(name)
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    let host = properties
        .get("host")
        .and_then(Value::as_text)
        .unwrap_or("127.0.0.1");
    let mut outputs = BTreeMap::from([(
        "url".to_owned(),
        Value::String(format!("http://{host}:{}", text("port"))),
    )]);
    let is_loopback = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|host| host.is_loopback());
    let secret = api_key(lineage, key, resource);
    // Metrics are open to this machine alone.
    let wants_key = secret.is_some() && !is_loopback;
    let scrape = scrape(&resource.address, host, &text("port"), wants_key);
    outputs.insert("scrape".into(), Value::String(scrape));
    if let Some(secret) = secret {
        outputs.insert("key".into(), Value::Secret(secret));
    }
    let schema = properties
        .get("model")
        .and_then(|model| model.as_record()?.get("request")?.as_text())
        .and_then(|text| serde_json::from_str::<RequestSchema>(text).ok())
        .unwrap_or_default();
    let entry = |field: &mlinfra_runtime_spec::RequestField| {
        (
            field.name.clone(),
            Value::String(field.column_type.to_string()),
        )
    };
    outputs.insert(
        "request".into(),
        Value::Record(schema.fields.iter().map(entry).collect()),
    );
    outputs.insert("example".into(), Value::String(schema.example(&|_| None)));
    outputs
}

/// Whether the change can be made inside the running processes: nothing but the release differs.
pub(crate) fn only_release_differs(before: &Resource, after: &Resource) -> bool {
    let rest = |resource: &Resource| {
        let mut properties = resource.properties.clone();
        properties.remove("model");
        properties
    };
    rest(before) == rest(after)
}

/// Where the replicas are on their way to serving `release`.
pub(crate) enum Serving {
    /// All serve it.
    Ready,
    /// Not yet; what there is to tell.
    Pending(String),
    /// At least one never will.
    Failed(String),
}

/// A fresh unit that died so often does not get ready: the agent gives up where it happens fast,
/// and this where each attempt takes long.
const ATTEMPTS_MAX: u32 = 5;

/// Judges the replicas' statuses. `fresh` units were made by this call.
pub(crate) fn judge(statuses: &[Option<UnitStatus>], release: &str, fresh: bool) -> Serving {
    let mut waiting = None;
    for status in statuses {
        let Some(status) = status else {
            return Serving::Failed("its unit is gone".into());
        };
        let problem = status.problem.clone();
        match status.phase {
            UnitPhase::CrashLoop | UnitPhase::Failed | UnitPhase::Stopped => {
                return Serving::Failed(problem.unwrap_or_else(|| exit_text(status)));
            }
            UnitPhase::Ready if status.release.as_deref() == Some(release) => {}
            // A problem is about the release that was wanted then; ours may not be told yet.
            UnitPhase::Ready | UnitPhase::Unready
                if problem.is_some() && status.wanted.as_deref().is_none_or(|w| w == release) =>
            {
                return Serving::Failed(problem.unwrap_or_default());
            }
            // In every other phase a problem tells of a death that the agent is making up for.
            _ if problem.is_some() && fresh && status.attempt > ATTEMPTS_MAX => {
                return Serving::Failed(problem.unwrap_or_default());
            }
            phase => waiting = Some(format!("{phase:?}").to_lowercase()),
        }
    }
    waiting.map_or(Serving::Ready, Serving::Pending)
}

/// Whether a unit serves another release and nobody told it ours.
pub(crate) fn is_untold(status: &UnitStatus, release: &str) -> bool {
    status.phase == UnitPhase::Ready
        && status.release.as_deref() != Some(release)
        && status.wanted == status.release
}

/// Whether every unit is there and serves this release or was told to.
pub(crate) fn all_told(statuses: &[Option<UnitStatus>], release: &str) -> bool {
    let is_told = |status: &UnitStatus| {
        // The last word counts; one that was told nothing yet serves what it says. One that gave
        // up may have been told by an earlier call.
        !gave_up(status) && status.wanted.as_deref().or(status.release.as_deref()) == Some(release)
    };
    statuses
        .iter()
        .all(|status| status.as_ref().is_some_and(is_told))
}

/// Whether a unit serves nothing and says why: it does not try again by itself.
pub(crate) fn gave_up(status: &UnitStatus) -> bool {
    status.phase == UnitPhase::Unready && status.problem.is_some()
}

/// What is wrong with a unit that shall serve this release, if anything is.
pub(crate) fn unwell(status: &UnitStatus, release: &str) -> Option<String> {
    if gave_up(status) {
        let problem = status.problem.as_deref().unwrap_or_default();
        return Some(format!("it serves nothing: {problem}"));
    }
    if crate::is_dead(status.phase) {
        let problem = status.problem.clone();
        return Some(problem.unwrap_or_else(|| "its process does not stay up".into()));
    }
    let serves_another =
        status.phase == UnitPhase::Ready && status.release.as_deref() != Some(release);
    serves_another.then(|| "it serves another release than recorded".into())
}

fn exit_text(status: &UnitStatus) -> String {
    match &status.exit {
        Some(mlinfra_runtime_spec::ExitRecord::Failed { message, .. }) => message.clone(),
        _ => format!("its process is in the phase {:?}", status.phase).to_lowercase(),
    }
}

/// The release that a resource serves.
pub(crate) fn release_of(resource: &Resource) -> String {
    let model = resource.properties.get("model").and_then(Value::as_record);
    let release = model.and_then(|model| model.get("release")?.as_text());
    release.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(phase: UnitPhase, release: Option<&str>, wanted: Option<&str>) -> UnitStatus {
        UnitStatus {
            token: "t-0".into(),
            phase,
            process: None,
            attempt: 2,
            note: String::new(),
            done: None,
            figures: BTreeMap::new(),
            release: release.map(str::to_owned),
            wanted: wanted.map(str::to_owned),
            problem: None,
            exit: None,
        }
    }

    fn with_problem(status: UnitStatus) -> UnitStatus {
        UnitStatus {
            problem: Some("why".into()),
            ..status
        }
    }

    /// `ready`, `failed` or what is waited for.
    fn judged(statuses: &[Option<UnitStatus>], fresh: bool) -> String {
        match judge(statuses, "b", fresh) {
            Serving::Ready => "ready".into(),
            Serving::Failed(_) => "failed".into(),
            Serving::Pending(note) => format!("waits: {note}"),
        }
    }

    #[test]
    fn one_death_is_made_up_for_and_a_refused_release_is_not() {
        use UnitPhase::{Backoff, CrashLoop, Loading, Ready, Starting, Stopped, Unready};
        for phase in [Starting, Loading, Backoff] {
            let died = with_problem(status(phase, None, None));
            assert!(judged(&[Some(died.clone())], true).starts_with("waits"));
            let often = UnitStatus { attempt: 6, ..died };
            assert_eq!(judged(&[Some(often.clone())], true), "failed", "{phase:?}");
            assert!(judged(&[Some(often)], false).starts_with("waits"));
        }
        for phase in [Unready, CrashLoop, Stopped] {
            let refused = with_problem(status(phase, None, Some("b")));
            assert_eq!(judged(&[Some(refused)], true), "failed", "{phase:?}");
        }
        let kept = with_problem(status(Ready, Some("a"), Some("b")));
        assert_eq!(judged(&[Some(kept)], false), "failed");
        let earlier = with_problem(status(Ready, Some("a"), Some("z")));
        assert_eq!(judged(&[Some(earlier)], false), "waits: ready");
    }

    #[test]
    fn all_replicas_must_serve_ours() {
        let ours = || Some(status(UnitPhase::Ready, Some("b"), Some("b")));
        let old = || Some(status(UnitPhase::Ready, Some("a"), Some("a")));
        assert_eq!(judged(&[ours(), ours()], false), "ready");
        assert_eq!(judged(&[ours(), old()], false), "waits: ready");
        assert_eq!(judged(&[ours(), None], false), "failed");

        assert!(all_told(&[ours(), ours()], "b"));
        assert!(!all_told(&[ours(), old()], "b"));
        assert!(!all_told(&[ours(), None], "b"));
        // It serves ours and was told the old one since: the update was taken back.
        let reverted = Some(status(UnitPhase::Ready, Some("b"), Some("a")));
        assert!(!all_told(&[reverted], "b"));
    }

    #[test]
    fn a_unit_that_was_put_back_is_told_again() {
        let is_untold = |release, wanted| {
            super::is_untold(&status(UnitPhase::Ready, Some(release), Some(wanted)), "b")
        };
        assert!(is_untold("a", "a"));
        assert!(!is_untold("a", "b") && !is_untold("b", "b"));
    }

    #[test]
    fn another_release_than_recorded_is_unwell() {
        let serves = |release| unwell(&status(UnitPhase::Ready, Some(release), None), "b");
        assert_eq!(serves("b"), None);
        assert!(serves("a").is_some_and(|reason| reason.contains("another release")));
        assert_eq!(unwell(&status(UnitPhase::Loading, None, None), "b"), None);
        assert!(unwell(&status(UnitPhase::CrashLoop, None, None), "b").is_some());
    }

    #[test]
    fn a_unit_that_gave_up_is_unwell_and_counts_as_told_nothing() {
        let unready = status(UnitPhase::Unready, None, Some("b"));
        assert_eq!(unwell(&unready, "b"), None);
        assert!(all_told(&[Some(unready.clone())], "b"));
        let gave_up = with_problem(unready);
        assert_eq!(
            unwell(&gave_up, "b").as_deref(),
            Some("it serves nothing: why")
        );
        assert!(!all_told(&[Some(gave_up)], "b"));
    }
}
