//! Fills a report from the spec, the journal and the results in their stores.

mod flow;
mod models;
pub(crate) mod personal;
mod steps;

use mlinfra_api::{Address, Reference, ResourceState, Snapshot};
use mlinfra_check::{PolicyStatus, Program};
use mlinfra_report::{Fact, Policy, REPORT_FORMAT, Report, Table};
use mlinfra_runtime_spec::profile::{PROFILE_OBJECT, TableProfile, part_profile_object};
use mlinfra_runtime_spec::stored::{self, Stored, Unreadable};

use crate::session::Session;

/// What is looked at while a report is filled, and what could not be found.
struct Sources<'a> {
    program: &'a Program,
    session: &'a Session,
    missing: Vec<Fact>,
}

impl Sources<'_> {
    fn snapshot(&self) -> &Snapshot {
        self.session.store.snapshot()
    }

    fn state(&self, address: &Address) -> Option<&ResourceState> {
        self.snapshot().resources.get(address)
    }

    /// An object of a step's result. One that can't be read, or was never made, is noted.
    fn object<T: Stored>(&mut self, address: &Address, object: &str, what: &str) -> Option<T> {
        let name = format!("{what} of {}", dotted(address));
        let Some(state) = self.session.store.snapshot().resources.get(address) else {
            self.note(name, "it was not made yet: `mlinfra apply` makes it");
            return None;
        };
        let bytes = match self.session.local.object(state, object) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                self.note(name, "its step did not store this");
                return None;
            }
            Err(fault) => {
                self.note(name, &fault.to_string());
                return None;
            }
        };
        let read = opened(&bytes);
        if let Err(why) = &read {
            self.note(name, why);
        }
        read.ok()
    }

    fn note(&mut self, name: String, text: &str) {
        let text = text.to_owned();
        self.missing.push(Fact { name, text });
    }
}

/// Reads an object; the error says why it is left out and what to do about it.
fn opened<T: Stored>(bytes: &[u8]) -> Result<T, String> {
    let reads = T::FORMAT;
    stored::read(bytes).map_err(|unreadable| match unreadable {
        Unreadable::Format(0) => format!(
            "it was written by an older version of mlinfra, without a format; this one reads \
             format {reads}: the step stores it anew when it runs again"
        ),
        Unreadable::Format(format) if format > reads => format!(
            "it has format {format}, this program reads {reads}: use the version of mlinfra that \
             wrote it"
        ),
        Unreadable::Format(format) => format!(
            "it has format {format}, this program reads {reads}: the step stores it anew when it \
             runs again"
        ),
        Unreadable::Content => "it can't be read, though its format is known: the step stores it \
                                anew when it runs again"
            .to_owned(),
    })
}

/// Everything that is known of what stands now.
pub(crate) fn gather(program: &Program, session: &Session) -> Report {
    let mut sources = Sources {
        program,
        session,
        missing: Vec::new(),
    };
    let models = models::models(&mut sources);
    if models.is_empty() {
        let text = "the spec has no step that judges a model: `evaluate` does";
        sources.note("quality, fairness and explanations".to_owned(), text);
    }
    let tables = tables(&mut sources);
    Report {
        format: REPORT_FORMAT,
        project: session.store.replayed().project.clone(),
        program: concat!("mlinfra ", env!("CARGO_PKG_VERSION")).to_owned(),
        operation: steps::operation(session.store.operations()),
        steps: steps::steps(&sources),
        resources: steps::resources(sources.snapshot()),
        lineage: flow::lineage(&sources, &models),
        flow: flow::flow(program),
        policies: policies(program),
        models,
        tables,
        missing: sources.missing,
    }
}

/// `risk.model` of `risk/step.model`, `score` of `endpoint.score`.
fn dotted(address: &Address) -> String {
    let parents = address.parents.iter().map(ToString::to_string);
    let names: Vec<String> = parents.chain([address.leaf.to_string()]).collect();
    names.join(".")
}

/// `risk.parts.train`.
fn named(reference: &Reference) -> String {
    let mut name = dotted(&reference.address);
    for member in &reference.path {
        name += ".";
        name += member;
    }
    name
}

/// Every dataset, and every table that a model learned from.
fn tables(sources: &mut Sources<'_>) -> Vec<Table> {
    let mut wanted: Vec<(Reference, &str)> = Vec::new();
    let datasets = sources
        .program
        .flow
        .iter()
        .filter(|flow| flow.from.is_none());
    wanted.extend(datasets.map(|flow| (flow.table.clone(), "As it was read")));
    for block in &sources.program.blocks {
        let Some(step) = &block.step else {
            continue;
        };
        if step
            .model
            .as_ref()
            .is_none_or(|model| model.trained_by != block.address)
        {
            continue;
        }
        let learned = step
            .arguments
            .values()
            .filter(|argument| argument.table.is_some());
        let learned = learned
            .filter_map(|argument| argument.value.as_reference())
            .take(1);
        wanted.extend(learned.map(|table| (table.clone(), "What a model learned from")));
    }
    let mut tables: Vec<Table> = Vec::new();
    for (reference, role) in wanted {
        let name = named(&reference);
        if tables.iter().any(|table| table.name == name) {
            continue;
        }
        let object = match reference.path.first() {
            Some(part) => part_profile_object(part),
            None => PROFILE_OBJECT.to_owned(),
        };
        let what = format!("profile {object}");
        let profile = sources.object::<TableProfile>(&reference.address, &object, &what);
        if let Some(mut profile) = profile {
            let personal = personal::columns(sources.program, &reference);
            personal::hide_in_profile(&mut profile, &personal);
            tables.push(Table {
                name,
                role: role.to_owned(),
                profile,
            });
        }
    }
    tables
}

fn policies(program: &Program) -> Vec<Policy> {
    let of = |finding: &mlinfra_check::PolicyFinding| Policy {
        name: finding.policy.clone(),
        pack: finding.pack.clone(),
        title: finding.title.clone(),
        status: match finding.status {
            PolicyStatus::Pass => "pass",
            PolicyStatus::Fail => "fail",
            PolicyStatus::Unknown => "unknown",
            PolicyStatus::Manual => "manual",
        }
        .to_owned(),
        severity: finding.severity.clone(),
        cites: finding.cites.clone(),
        subject: finding.subject.to_string(),
        message: finding.message.clone(),
    };
    program.policies.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use mlinfra_runtime_spec::history::{HISTORY_FORMAT, History};

    use super::*;

    #[test]
    fn what_has_another_format_is_left_out_and_said() {
        let known = serde_json::json!({ "format": HISTORY_FORMAT, "epochs": [] });
        let read = opened::<History>(known.to_string().as_bytes());
        assert_eq!(read, Ok(History::default()));
        for (text, said) in [
            (r#"{"epochs": []}"#, "older version of mlinfra"),
            (r#"{"format": 99, "epochs": []}"#, "has format 99"),
            (r#"{"format": 1, "epochs": 3}"#, "can't be read"),
            ("no JSON", "can't be read"),
        ] {
            let why = opened::<History>(text.as_bytes()).expect_err(text);
            assert!(why.contains(said), "{text}: {why}");
        }
    }
}
