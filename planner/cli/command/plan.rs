//! `mlinfra plan`: what would be done, and why.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use mlinfra_check::GivenParameter;
use mlinfra_plan::{Goal, JudgedGate, Plan, PlanFinding};
use mlinfra_state::{ActionState, OperationRecord};
use serde_json::json;

use crate::arguments::{Global, SpecArgument};
use crate::judged;
use crate::locked::{self, Locked};
use crate::problem::{Exit, Problem, Stop};
use crate::session::{self, Session, Wanted};
use crate::view::diagnostic::{self, Finding};
use crate::view::ending::quoted;
use crate::view::layout::counted;
use crate::view::plan::Heading;
use crate::view::{Screen, ending, json, plan as plan_view};
use crate::workspace::{Sound, Workspace};
use crate::world::reason;

const EXAMPLES: &str = "\
Examples:
  mlinfra plan                     of the spec in this folder
  mlinfra plan --out today.plan    keep it; `mlinfra apply today.plan` does exactly this
  mlinfra plan --destroy           what `mlinfra destroy` would do

Exit codes: 0 planned (gates that do not hold are said), 1 a finding blocks it,
            2 the spec has errors, 4 try again later, 5 with `--exit-code` where
            something would change";

/// The words of `plan`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    spec: SpecArgument,
    /// Write the plan to a file, for `mlinfra apply FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Plan to remove everything
    #[arg(long)]
    destroy: bool,
    /// Allow data to be replaced or destroyed
    #[arg(long)]
    data: bool,
    /// End with 5 where something would change; 0 where nothing would
    #[arg(long)]
    exit_code: bool,
    /// Fail if something is not as `mlinfra.lock` says
    #[arg(long)]
    locked: bool,
    /// Print the plan as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Plans and shows the plan. Changes nothing; with `--out` it makes the state that the plan is
/// tied to, if there is none.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let workspace = Workspace::find(&arguments.spec.spec, global)?;
    let sound = workspace.sound_of_state("plan", screen)?;
    let session = match arguments.out {
        Some(_) => Some(Session::open_or_create(&workspace, &sound)?),
        None => Session::open(&workspace)?,
    };
    workspace
        .left_behind()
        .iter()
        .for_each(|text| screen.tell(text));
    let wanted = Wanted {
        goal: if arguments.destroy {
            Goal::Destroy
        } else {
            Goal::Apply
        },
        data_may_go: arguments.data,
    };
    let (plan, answers) = session::planned(&workspace, &sound, session.as_ref(), wanted);
    let made = Locked::of(&sound, &answers);
    locked::hold(&workspace, &made, arguments.locked, screen)?;
    if let Some(file) = &arguments.out {
        save(&plan, file)?;
    }
    let (program, option) = (ending::program(), workspace.option());
    let failing = plan.failing_gates().next();
    let next = match (&arguments.out, arguments.destroy) {
        _ if plan.is_empty() => failing.map(|gate| look(gate, &workspace)),
        (Some(file), _) => {
            let file = quoted(&file.to_string_lossy());
            Some(format!("{program} apply {file}{option}"))
        }
        (None, destroy) => {
            let word = if destroy { "destroy" } else { "apply" };
            let data = if arguments.data { " --data" } else { "" };
            Some(format!("{program} {word}{data}{}", workspace.argument()))
        }
    };
    let shown = Shown {
        command: "plan",
        plan: &plan,
        sound: &sound,
        workspace: &workspace,
        session: session.as_ref(),
        next,
    };
    let exit = show(&shown, screen);
    if let Some(operation) = session.as_ref().and_then(session::under_way) {
        let name = operation.name();
        screen.tell(&format!(
            "\n{name} is under way: what it has not done yet is planned here once more\n\n  \
             {program} attach {name}{option}\n"
        ));
    }
    match exit {
        Exit::Done if arguments.exit_code && !plan.is_empty() => Ok(Exit::Changes),
        other => Ok(other),
    }
}

/// What to type to see what a step reported.
pub(crate) fn look(gate: &JudgedGate, workspace: &Workspace) -> String {
    let (program, option) = (ending::program(), workspace.option());
    format!("{program} show {}{option}", gate.step)
}

/// A plan and what it was made from.
pub(crate) struct Shown<'a> {
    /// The command that shows it, for scripts.
    pub(crate) command: &'a str,
    /// The plan.
    pub(crate) plan: &'a Plan,
    /// The spec.
    pub(crate) sound: &'a Sound,
    /// Its folder.
    pub(crate) workspace: &'a Workspace,
    /// The state, if there is one.
    pub(crate) session: Option<&'a Session>,
    /// What to type to carry it out.
    pub(crate) next: Option<String>,
}

/// Shows a plan and its findings, and says what they mean for the exit code.
pub(crate) fn show(shown: &Shown<'_>, screen: &Screen) -> Exit {
    let Shown {
        plan,
        sound,
        session,
        ..
    } = *shown;
    if screen.json {
        let plan = &Plan {
            findings: explained(shown),
            ..plan.clone()
        };
        screen.print_json(&json::envelope(shown.command, json!({ "plan": plan })));
        return exit(plan);
    }
    let state = match session {
        Some(session) => format!("state {}", session.store.snapshot().serial),
        None => "no state yet".to_owned(),
    };
    let targets = sound
        .program
        .with_role("target")
        .map(|block| block.value.as_ref());
    let targets: Vec<String> = targets
        .filter_map(|value| value.and_then(|value| value.as_case().map(str::to_owned)))
        .collect();
    let mut parts = vec![project_name(shown)];
    if !targets.is_empty() {
        parts.push(targets.join(", "));
    }
    if let Some(name) = shown.workspace.environment_asked() {
        parts.insert(1, name.to_owned());
    }
    let given = |(name, given): (&String, &GivenParameter)| {
        format!("{name} = {} ({})", given.value, given.from)
    };
    let parameters = sound.program.parameters.iter().map(given).collect();
    let name = parts.join(&format!(" {} ", screen.sign("·")));
    let next = shown.next.clone().filter(|_| !plan.is_blocked());
    let live = session.and_then(session::under_way).map(at_it);
    let manual = format!(
        "{} check --manual{}",
        ending::program(),
        shown.workspace.argument()
    );
    let failing = session.map(|session| judged::explained(plan.failing_gates().cloned(), session));
    let heading = Heading {
        name,
        state,
        live,
        failing: failing.unwrap_or_default(),
        parameters,
        checks: plan_view::checks(&sound.program.policies, &manual, screen),
    };
    screen.print(&plan_view::plan(plan, &heading, screen));
    // Findings bring a blank line behind them.
    if !plan.findings.is_empty() || next.is_some() {
        screen.print("\n");
    }
    show_findings(shown, screen);
    if let Some(next) = next {
        screen.print(&format!("  {next}\n"));
    }
    exit(plan)
}

/// Shows what a plan found, with its place in the spec.
pub(crate) fn show_findings(shown: &Shown<'_>, screen: &Screen) {
    let Shown { plan, sound, .. } = *shown;
    if plan.findings.is_empty() {
        return;
    }
    let findings = explained(shown);
    let findings: Vec<_> = findings
        .iter()
        .map(|f| Finding::of_plan(f, &sound.program))
        .map(|finding| Finding {
            help: finding
                .help
                .iter()
                .map(|help| shown.workspace.copyable(help))
                .collect(),
            ..finding
        })
        .collect();
    screen.print(&diagnostic::findings(&findings, &sound.sources, screen));
}

/// What the plan found, with what its gates' steps say of figures that are undefined.
fn explained(shown: &Shown<'_>) -> Vec<PlanFinding> {
    match shown.session {
        Some(session) => judged::findings(shown.plan, session),
        None => shown.plan.findings.clone(),
    }
}

/// The name in the state; of one that was made without a name, the spec's or the folder's.
fn project_name(shown: &Shown<'_>) -> String {
    let known = shown
        .session
        .map(|session| &session.store.replayed().project);
    let known = known.filter(|name| !name.is_empty() && *name != "unnamed");
    known.map_or_else(
        || session::project(shown.workspace, shown.sound),
        Clone::clone,
    )
}

/// Who carries a running operation out, since when, and how far it is.
fn at_it(operation: &OperationRecord) -> String {
    let actions = operation.actions.values();
    let done = actions.filter(|one| one.state == ActionState::Done).count();
    format!(
        "{} is at it: by {}, since {}, {} done so far",
        operation.name(),
        operation.who,
        operation.started,
        counted(done, "action")
    )
}

/// What is said where nothing has to be done; nothing in JSON, where the result says it.
pub(crate) fn nothing_to_do(plan: &Plan, settled: bool, screen: &Screen) -> String {
    match screen.json {
        true => String::new(),
        false => ending::no_changes(&plan.notices, settled, screen),
    }
}

/// Blocked by what may pass: 4; blocked otherwise: 1.
pub(crate) fn exit(plan: &Plan) -> Exit {
    let lasting = plan
        .findings
        .iter()
        .any(|finding| finding.error && !finding.busy);
    match plan.is_blocked() {
        false => Exit::Done,
        true if lasting => Exit::Failed,
        true => Exit::NotStarted,
    }
}

/// Writes a plan to a file: all of it, or nothing.
pub(crate) fn save(plan: &Plan, file: &Path) -> Result<(), Problem> {
    let text = serde_json::to_string_pretty(plan).expect("a plan has string keys alone");
    let mut beside = file.as_os_str().to_owned();
    beside.push(format!(".{}.part", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = write_through(&beside, &(text + "\n"))
        .and_then(|()| std::fs::rename(&beside, file))
        .inspect_err(|_| drop(std::fs::remove_file(&beside)));
    written.map_err(|error| {
        Problem::new(Exit::NotStarted, "E1005", "a file can't be written").detail(format!(
            "{}: {}",
            file.display(),
            reason(error)
        ))
    })
}

/// Writes a new file and waits until the disk has it, so that its name never stands for half of it.
fn write_through(file: &Path, text: &str) -> std::io::Result<()> {
    let mut open = std::fs::File::create(file)?;
    open.write_all(text.as_bytes())?;
    open.sync_all()
}
