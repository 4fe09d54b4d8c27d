//! Carrying out a plan: what `apply` and `destroy` share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mlinfra_api::{Address, Provider, ResourceState, Token};
use mlinfra_apply::{ApplyFault, Interrupt, Options, Providers, Summary};
use mlinfra_plan::{Goal, Plan};
use mlinfra_runtime_spec::{Bounds, CommandSpec, PROTOCOL, UnitSpec, Workload};
use mlinfra_state::{Lock, OperationRecord, operation_name};

use crate::command::plan::{self as plan_command, Shown};
use crate::command::report;
use crate::example;
use crate::facts::Facts;
use crate::interrupt::{self, Watch};
use crate::judged;
use crate::locked::{self, Locked};
use crate::problem::{Exit, Problem, Stop};
use crate::session::{self, Session, Wanted};
use crate::view::progress::Progress;
use crate::view::{Screen, ending};
use crate::workspace::{Sound, Workspace};

/// How long a detached operation may take to begin.
const DETACHED_SECONDS_MAX: u64 = 30;

/// What is asked for.
pub(crate) struct Order<'a> {
    /// The spec's folder.
    pub(crate) workspace: &'a Workspace,
    /// The spec, if it has no errors.
    pub(crate) sound: Option<&'a Sound>,
    /// Apply or destroy.
    pub(crate) goal: Goal,
    /// Whether data may be replaced or destroyed.
    pub(crate) data_may_go: bool,
    /// Whether a person agreed beforehand.
    pub(crate) yes: bool,
    /// Whether everything must be as it was locked.
    pub(crate) locked: bool,
    /// Whether the operation goes on without this command.
    pub(crate) detach: bool,
    /// The most provider calls at once.
    pub(crate) parallel: usize,
}

impl From<ApplyFault> for Problem {
    fn from(fault: ApplyFault) -> Self {
        // Nothing was done, or what was done is in the journal: trying again is right either way.
        Problem {
            help: fault.help.into_iter().collect(),
            ..Problem::new(Exit::NotStarted, &fault.code, fault.message)
        }
    }
}

impl Order<'_> {
    pub(crate) fn word(&self) -> &'static str {
        match self.goal {
            Goal::Apply => "apply",
            Goal::Destroy => "destroy",
        }
    }

    /// What to type to do this again: `mlinfra apply examples/credit`.
    pub(crate) fn again(&self) -> String {
        let program = ending::program();
        format!("{program} {}{}", self.word(), self.workspace.argument())
    }

    fn options(&self, session: &Session) -> Options {
        let goal = match self.goal {
            Goal::Apply => mlinfra_state::Goal::Apply,
            Goal::Destroy => mlinfra_state::Goal::Destroy,
        };
        let facts = Facts::new(&self.workspace.folder, Some(session.local.clone()));
        Options {
            parallel: self.parallel,
            goal,
            recheck: Some(Arc::new(facts)),
            ..Options::new(session::holder(self.word()), command_line())
        }
    }
}

/// The command line, without the values of parameters: they may be secret.
fn command_line() -> String {
    let mut words = vec!["mlinfra".to_owned()];
    let mut hide = false;
    for word in std::env::args_os().skip(1) {
        let word = word.to_string_lossy().into_owned();
        let shown = match word
            .strip_prefix("--param=")
            .unwrap_or(&word)
            .split_once('=')
        {
            Some((name, _)) if hide || word.starts_with("--param=") => format!("{name}=…"),
            _ => word.clone(),
        };
        let prefix = if word.starts_with("--param=") {
            "--param="
        } else {
            ""
        };
        hide = word == "--param";
        words.push(format!("{prefix}{shown}"));
    }
    words.join(" ")
}

/// Settles what earlier operations left, plans, asks, and carries the plan out.
pub(crate) fn plan_and_apply(
    order: &Order<'_>,
    mut session: Session,
    screen: &Screen,
) -> Result<Exit, Stop> {
    let watch = interrupt::watch(screen)?;
    let progress = Progress::new(screen, &order.workspace.option());
    let recovered = settle(order, &mut session, &progress, &watch.interrupt, screen)?;
    // Nothing is redrawn while the plan is read and a person is asked.
    progress.clear();
    let nothing = Sound::default();
    let sound = order.sound.unwrap_or(&nothing);
    let wanted = Wanted {
        goal: order.goal,
        data_may_go: order.data_may_go,
    };
    let (plan, answers) = session::planned(order.workspace, sound, Some(&session), wanted);
    if order.goal == Goal::Apply {
        let made = Locked::of(sound, &answers);
        locked::hold(order.workspace, &made, order.locked, screen)?;
    }
    // What still runs from before is followed even if nothing else is to be done.
    let is_settled = plan.is_empty() && session.store.snapshot().open.is_empty();
    let fails = plan.failing_gates().next();
    if let (true, false, Some(_)) = (is_settled, plan.is_blocked(), fails) {
        return nothing_but_gates(order, &plan, sound, &session, screen);
    }
    if is_settled && !plan.is_blocked() {
        let text = match order.goal {
            Goal::Apply => plan_command::nothing_to_do(&plan, recovered, screen),
            Goal::Destroy if screen.json => String::new(),
            Goal::Destroy => "nothing to destroy\n".to_owned(),
        };
        screen.print(&text);
        return finish_empty(order, &session, screen);
    }
    if !screen.json || plan.is_blocked() {
        let shown = Shown {
            command: match order.goal {
                Goal::Apply => "plan",
                Goal::Destroy => "destroy",
            },
            plan: &plan,
            sound,
            workspace: order.workspace,
            session: Some(&session),
            next: None,
        };
        plan_command::show(&shown, screen);
        // What follows is a question, or what happens.
        if !plan.is_blocked() && !screen.json && plan.findings.is_empty() {
            screen.print("\n");
        }
    }
    if plan.is_blocked() {
        return Ok(plan_command::exit(&plan));
    }
    let question = match order.goal {
        Goal::Apply => "Do this?",
        Goal::Destroy => "Destroy all of this?",
    };
    session::agree(
        question,
        order.yes,
        &format!("{} -y", order.again()),
        &watch,
        screen,
    )?;
    carry_out(order, &plan, &mut session, &progress, &watch, screen)
}

/// Nothing can be done, as gates do not hold: says which, and fails.
fn nothing_but_gates(
    order: &Order<'_>,
    plan: &Plan,
    sound: &Sound,
    session: &Session,
    screen: &Screen,
) -> Result<Exit, Stop> {
    if !screen.json {
        let shown = Shown {
            command: "plan",
            plan,
            sound,
            workspace: order.workspace,
            session: Some(session),
            next: None,
        };
        plan_command::show_findings(&shown, screen);
    }
    let held = plan.held().map(|(what, step)| (what.clone(), step.clone()));
    let summary = Summary {
        gates: plan.failing_gates().cloned().collect(),
        held: held.collect(),
        ..Summary::default()
    };
    tell_end(order, session, &summary, 0.0, screen);
    Ok(Exit::Failed)
}

/// Takes the lock and settles what an earlier operation left open. True if there was something.
pub(crate) fn settle(
    order: &Order<'_>,
    session: &mut Session,
    progress: &Progress<'_>,
    interrupt: &Interrupt,
    screen: &Screen,
) -> Result<bool, Stop> {
    for operation in session
        .store
        .operations()
        .iter()
        .filter(|o| !o.state.is_end() && !session::lives(session, o.number))
    {
        let text = format!("{} by {} was not ended\n", operation.name(), operation.who);
        screen.tell(&text);
    }
    let providers = providers(session);
    let options = order.options(session);
    let show = |event| progress.show(&event);
    let recovered =
        mlinfra_apply::recover(&mut session.store, &providers, &options, &show, interrupt);
    match recovered {
        Ok(found) => Ok(!found.is_empty()),
        Err(fault) if fault.busy => Err(busy(order, session, fault.into()).into()),
        Err(fault) => Err(Problem::from(fault).at(order.workspace).into()),
    }
}

/// Somebody else is at work: what one may do meanwhile.
fn busy(order: &Order<'_>, session: &mut Session, problem: Problem) -> Problem {
    // What cannot be read again is only not told.
    drop(session.store.reload());
    let (program, option) = (ending::program(), order.workspace.option());
    let running = session::under_way(session).map(OperationRecord::name);
    let watch = running.map(|name| format!("watch it: `{program} attach {name}{option}`"));
    let plan = format!(
        "plan anyway: `{program} plan{}`",
        order.workspace.argument()
    );
    Problem {
        help: problem
            .help
            .into_iter()
            .chain(watch)
            .chain([plan])
            .collect(),
        ..problem
    }
}

/// This machine alone, so far.
pub(crate) fn providers(session: &Session) -> Providers {
    let local: Arc<dyn Provider> = session.local.clone();
    [local].into_iter().collect()
}

/// Carries out a plan that was agreed to. The lock is held.
pub(crate) fn carry_out(
    order: &Order<'_>,
    plan: &Plan,
    session: &mut Session,
    progress: &Progress<'_>,
    watch: &Watch,
    screen: &Screen,
) -> Result<Exit, Stop> {
    let number = session
        .store
        .operations()
        .last()
        .map_or(0, |last| last.number)
        + 1;
    let saved = keep(order.workspace, plan, number)?;
    if order.detach {
        // The detached process takes the lock itself.
        session.store.unlock().map_err(Problem::from)?;
        return detach(order, session, number, &saved, screen);
    }
    let providers = providers(session);
    let options = order.options(session);
    let show = |event| progress.show(&event);
    let summary = mlinfra_apply::apply(
        &mut session.store,
        plan,
        &providers,
        &options,
        &show,
        &watch.interrupt,
    );
    progress.clear();
    let summary = summary.map_err(|fault| Problem::from(fault).at(order.workspace))?;
    tell_end(order, session, &summary, progress.seconds(), screen);
    match summary.is_ok() {
        true => Ok(Exit::Done),
        false => Ok(Exit::Failed),
    }
}

/// Keeps the plan beside the operation that carries it out.
fn keep(workspace: &Workspace, plan: &Plan, number: u64) -> Result<PathBuf, Problem> {
    let folder = workspace.state_folder().join("plans");
    let file = folder.join(format!("{}.json", operation_name(number)));
    std::fs::create_dir_all(&folder).map_err(|error| {
        Problem::new(Exit::NotStarted, "E1005", "a file can't be written").detail(format!(
            "{}: {}",
            folder.display(),
            crate::world::reason(error)
        ))
    })?;
    plan_command::save(plan, &file)?;
    Ok(file)
}

fn tell_end(
    order: &Order<'_>,
    session: &Session,
    summary: &Summary,
    seconds: f64,
    screen: &Screen,
) {
    // What is gone has no outputs and answers nothing.
    let sound = order.sound.filter(|_| order.goal == Goal::Apply);
    let outputs = sound.map(|sound| &sound.program.outputs);
    let page = page(order, session, summary, screen);
    let example = |(address, state): (&Address, &ResourceState)| {
        let program = &sound?.program;
        Some((address.clone(), example::request(state, program, session)?))
    };
    let served = session.store.snapshot().resources.iter();
    let examples = served
        .filter(|(_, state)| example::is_asked(state))
        .filter_map(example)
        .collect();
    let end = ending::Ending {
        word: match order.goal {
            Goal::Apply => "applied",
            Goal::Destroy => "destroyed",
        },
        summary,
        failing: judged::explained(summary.failing_gates().cloned(), session),
        seconds,
        snapshot: session.store.snapshot(),
        outputs,
        examples,
        page,
        option: order.workspace.option(),
    };
    match screen.json {
        true => screen.print_json(&ending::as_json(&end)),
        false => screen.print(&ending::text(&end, screen)),
    }
}

/// Writes the report of what was judged and says where it is. An apply does not fail by it.
fn page(
    order: &Order<'_>,
    session: &Session,
    summary: &Summary,
    screen: &Screen,
) -> Option<String> {
    if order.goal != Goal::Apply || summary.operation.is_none() {
        return None;
    }
    match report::after(order.workspace, &order.sound?.program, session) {
        Ok(file) => Some(file?.display().to_string()),
        Err(problem) => {
            let details = problem.details.join("; ");
            screen.warn(&format!("warning[E1031]: {}: {details}\n", problem.title));
            None
        }
    }
}

/// What is said when nothing had to be done.
fn finish_empty(order: &Order<'_>, session: &Session, screen: &Screen) -> Result<Exit, Stop> {
    if screen.json {
        let summary = Summary::default();
        tell_end(order, session, &summary, 0.0, screen);
    }
    Ok(Exit::Done)
}

/// Hands the operation to the agent: it goes on when this command and its terminal are gone.
fn detach(
    order: &Order<'_>,
    session: &Session,
    number: u64,
    plan: &Path,
    screen: &Screen,
) -> Result<Exit, Stop> {
    let program = std::env::current_exe().map_err(|error| {
        Problem::new(Exit::NotStarted, "E1007", "this program can't find itself")
            .detail(crate::world::reason(error))
    })?;
    let absolute = |path: &Path| {
        path.canonicalize()
            .map(|path| path.display().to_string())
            .map_err(|error| {
                Problem::new(Exit::NotStarted, "E1003", "a file can't be read or written").detail(
                    format!("{}: {}", path.display(), crate::world::reason(error)),
                )
            })
    };
    let folder = order.workspace.folder.canonicalize().unwrap_or_default();
    let root = absolute(&order.workspace.folder.join(&order.workspace.root))?;
    let arguments = vec![
        program.display().to_string(),
        "apply".to_owned(),
        "-y".to_owned(),
        format!("--parallel={}", order.parallel),
        "--spec".to_owned(),
        root,
        absolute(plan)?,
    ];
    let environment = order.workspace.environment_words();
    let program = order.sound.map(|sound| &sound.program);
    let parameters = program.map(|program| order.workspace.parameter_words(program));
    let arguments = [arguments, parameters.unwrap_or_default(), environment].concat();
    let name = operation_name(number);
    let address = Address::new("operation", name.replace('-', "_"));
    let lineage = &session.store.snapshot().lineage;
    let unit = UnitSpec {
        protocol: PROTOCOL,
        token: Token::new(lineage, &address, number).to_string(),
        address: address.to_string(),
        lineage: lineage.clone(),
        bounds: Bounds {
            threads: 1,
            ..Bounds::default()
        },
        workload: Workload::Command(CommandSpec { arguments, folder }),
    };
    session.local.put_unit(&unit)?;
    await_begin(session, number)?;
    screen.print(&format!("{name} goes on without you\n\n"));
    let attach = format!(
        "{} attach {name}{}",
        ending::program(),
        order.workspace.option()
    );
    screen.print(&format!("  {attach}\n"));
    Ok(Exit::Done)
}

fn await_begin(session: &Session, number: u64) -> Result<(), Problem> {
    let folder = session.store.operation_folder(number);
    let folder = folder.expect("a state of the command line lies in a folder");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(DETACHED_SECONDS_MAX);
    while std::time::Instant::now() < deadline {
        if Lock::executor_lives(&folder) || folder.join("events.jsonl").exists() {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Err(Problem::new(
        Exit::NotStarted,
        "E1016",
        "the detached operation did not begin",
    )
    .help("`mlinfra log` says what is under way; `mlinfra apply` does it here"))
}
