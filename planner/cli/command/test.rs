//! `mlinfra test`: the spec's own tests.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::{Args, ValueEnum};
use mlinfra_api::{Lower, Verdict};
use mlinfra_check::{CheckedTest, Severity};
use mlinfra_local::LocalLower;
use mlinfra_plan::{Answers, Cost, JudgedGate, PlanFinding, Priced, ROUNDS_MAX};

use crate::arguments::{Global, SpecArgument};
use crate::facts::Facts;
use crate::problem::{Exit, Problem, Stop};
use crate::view::diagnostic::Finding;
use crate::view::test::{Condition, Tested};
use crate::view::{Screen, test as view};
use crate::workspace::Workspace;
use crate::write;

/// The code of a parameter that has no value.
const NOT_GIVEN: &str = "E0221";

/// As much as the main thread has: a spec may be as deep in a test as elsewhere.
const STACK_BYTES: usize = 8 << 20;

const EXAMPLES: &str = "\
Examples:
  mlinfra test                     every test of the spec in this folder
  mlinfra test churn --filter budget
  mlinfra test --junit tests.xml   for CI, beside what is printed
  mlinfra test --jobs 2            two at a time; the order printed stays that of the spec

A test stands in the spec: parameters, and what must hold with them.
  test \"three replicas stay inside the budget\" {
    params { replicas = 3 }
    require cost.max <= 50 USD/month
  }

Exit codes: 0 all hold, 1 one does not, 2 the spec has errors";

/// The words of `test`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    spec: SpecArgument,
    /// Only tests with this text in their name
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// How to print results: `text`, `json`, or `junit` for CI
    #[arg(
        long,
        value_enum,
        default_value = "text",
        hide_default_value = true,
        hide_possible_values = true,
        value_name = "FORMAT"
    )]
    format: Format,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write JUnit's XML into a file too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// How many tests run at once; as many as there are processors if left out
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For scripts.
    Json,
    /// JUnit's XML, for CI.
    Junit,
}

impl Arguments {
    /// The format that was asked for.
    pub(crate) fn format(&self) -> Format {
        match self.json {
            true => Format::Json,
            false => self.format,
        }
    }
}

/// Runs the tests of a spec: each is checked, priced and judged on its own, nothing is made.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let workspace = Workspace::find(&arguments.spec.spec, global)?;
    // What has no value by itself may have one in each test.
    let open = workspace.check();
    let errors = open.diagnostics.iter();
    let mut errors = errors.filter(|finding| finding.severity == Severity::Error);
    let tests = match errors.all(|finding| finding.code.0 == NOT_GIVEN) {
        true => open.program.tests,
        false => workspace.sound("test", screen)?.program.tests,
    };
    let all = &tests;
    let filter = arguments.filter.as_deref().unwrap_or_default();
    let names: Vec<&String> = all.iter().filter(|name| name.contains(filter)).collect();
    if names.is_empty() && !all.is_empty() {
        return Err(
            Problem::usage(format!("no test has `{filter}` in its name"))
                .detail(format!("the tests are: {}", listed(all)))
                .into(),
        );
    }
    let tested = all_tested(&workspace, &names, jobs(arguments.jobs));
    let root = workspace.shown_root();
    if let Some(file) = &arguments.junit {
        write::put(file, &view::junit(&tested, &root))?;
    }
    match arguments.format() {
        Format::Text => screen.print(&view::text(&tested, &root, screen)),
        Format::Json => screen.print_json(&view::json(&tested)),
        Format::Junit => screen.print(&view::junit(&tested, &root)),
    }
    match tested.iter().all(Tested::passed) {
        true => Ok(Exit::Done),
        false => Ok(Exit::Failed),
    }
}

fn jobs(asked: Option<u16>) -> usize {
    let here = || std::thread::available_parallelism().map_or(1, usize::from);
    asked.map_or_else(here, usize::from)
}

/// Runs tests, some at a time; what they came to is in the order of the names.
fn all_tested(workspace: &Workspace, names: &[&String], jobs: usize) -> Vec<Tested> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(name) = names.get(place) else {
                return done;
            };
            done.push((place, tested(workspace, name)));
        }
    };
    let mut all: Vec<(usize, Tested)> = Vec::new();
    std::thread::scope(|scope| {
        let start = |_| {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            thread.spawn_scoped(scope, work).ok()
        };
        let threads: Vec<_> = (1..jobs.min(names.len())).map(start).collect();
        // This thread works too, so that all is done where no other can be started.
        all.extend(work());
        for thread in threads.into_iter().flatten() {
            match thread.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, tested)| tested).collect()
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    quoted.join(", ")
}

/// One test: the spec with its parameters, what that costs, and its conditions.
fn tested(workspace: &Workspace, name: &str) -> Tested {
    let CheckedTest { checked, gates } = workspace.check_test(name);
    let mut tested = Tested {
        name: name.to_owned(),
        sources: workspace.sources(&checked),
        conditions: Vec::new(),
        findings: Vec::new(),
    };
    let errors = checked.diagnostics.iter();
    let errors = errors.filter(|finding| finding.severity == Severity::Error);
    tested.findings.extend(errors.map(Finding::from));
    if !tested.findings.is_empty() {
        return tested;
    }
    let (cost, found) = priced(workspace, &checked.program);
    // Whether a budget reaches is a condition like others: a test asks for it if it means to.
    let is_budget = |finding: &PlanFinding| matches!(&*finding.code, "E0942" | "E0943" | "E0944");
    let found = found.iter().filter(|one| one.error && !is_budget(one));
    let found = found.map(|finding| Finding::of_plan(finding, &checked.program));
    tested.findings.extend(found);
    for gate in &gates {
        let judged = cost.judged(name, gate);
        tested.conditions.push(Condition {
            unknown: unknown(&judged, &cost),
            judged,
            span: gate.span,
        });
    }
    tested
}

/// What keeps a condition from being judged: the prices that are not known.
fn unknown(judged: &JudgedGate, cost: &Cost) -> Vec<String> {
    if judged.verdict != Verdict::Open {
        return Vec::new();
    }
    let open = cost.parts.iter().filter(|part| part.high.is_none());
    open.map(|part| format!("{}: {}", part.address, part.reason))
        .collect()
}

/// The cost of a program, whatever exists.
fn priced(workspace: &Workspace, program: &mlinfra_check::Program) -> (Cost, Vec<PlanFinding>) {
    let facts = Facts::new(&workspace.folder, None);
    let lowerings: [&dyn Lower; 1] = [&LocalLower];
    let mut answers = Answers::default();
    for _ in 0..=ROUNDS_MAX {
        match mlinfra_plan::cost(program, &lowerings, &answers) {
            Priced::Known(cost, findings) => return (*cost, findings),
            Priced::Ask(questions) => {
                for question in questions {
                    let answer = facts.answer(&question);
                    answers.insert(question, answer);
                }
            }
        }
    }
    panic!("the planner still asks after {ROUNDS_MAX} rounds");
}
