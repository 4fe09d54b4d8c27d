//! A state and the provider that works on it, opened together; and planning to the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mlinfra_api::{Lower, Snapshot};
use mlinfra_local::{Local, LocalLower};
use mlinfra_plan::{Answers, Goal, Inputs, Outcome, Plan, ROUNDS_MAX};
use mlinfra_state::{Holder, Lock, OperationRecord, StateFault, Store};

use crate::facts::Facts;
use crate::interrupt::Watch;
use crate::problem::{Exit, Problem, Stop};
use crate::view::{Screen, ending};
use crate::workspace::{Sound, Workspace};
use crate::world::reason;

/// An open state with its provider.
pub(crate) struct Session {
    /// The state.
    pub(crate) store: Store,
    /// This machine.
    pub(crate) local: Arc<Local>,
}

impl From<StateFault> for Problem {
    fn from(fault: StateFault) -> Self {
        let problem = Problem::new(Exit::NotStarted, fault.code, fault.message);
        Problem {
            help: fault.help.into_iter().collect(),
            ..problem
        }
    }
}

impl Session {
    /// The state of a spec; none if there is none yet.
    pub(crate) fn open(workspace: &Workspace) -> Result<Option<Session>, Problem> {
        workspace.chosen()?;
        let folder = workspace.state_folder();
        match Store::exists(&folder) {
            false => Ok(None),
            true => {
                let store = Store::open(&folder);
                let store = store.map_err(|fault| Problem::from(fault).at(workspace))?;
                Session::of(store, &folder).map(Some)
            }
        }
    }

    /// The state of a spec, made if there is none.
    pub(crate) fn open_or_create(workspace: &Workspace, sound: &Sound) -> Result<Session, Problem> {
        if let Some(session) = Session::open(workspace)? {
            return Ok(session);
        }
        let folder = workspace.state_folder();
        let project = project(workspace, sound);
        let store = Store::create(&folder, &project, workspace.environment());
        let store = store.map_err(|fault| Problem::from(fault).at(workspace))?;
        Session::of(store, &folder)
    }

    /// The state of a spec that must have one.
    pub(crate) fn required(workspace: &Workspace) -> Result<Session, Problem> {
        Session::open(workspace)?.ok_or_else(|| nothing_applied(workspace))
    }

    /// The state as far as it can be read; the store says what is wrong with it.
    pub(crate) fn open_unchecked(workspace: &Workspace) -> Result<Session, Problem> {
        workspace.chosen()?;
        let folder = workspace.state_folder();
        match Store::exists(&folder) {
            false => Err(nothing_applied(workspace)),
            true => {
                let store = Store::open_unchecked(&folder);
                let store = store.map_err(|fault| Problem::from(fault).at(workspace))?;
                Session::of(store, &folder)
            }
        }
    }

    fn of(store: Store, folder: &Path) -> Result<Session, Problem> {
        let folder = folder.canonicalize().map_err(|error| {
            Problem::new(
                Exit::NotStarted,
                "E1007",
                "the state folder can't be opened",
            )
            .detail(format!("{}: {}", folder.display(), reason(error)))
        })?;
        let lineage = &store.snapshot().lineage;
        let key = store.secret_key().derive("local");
        let local = Local::new(&folder, lineage, key, &runtime_program());
        Ok(Session {
            store,
            local: Arc::new(local),
        })
    }
}

/// What is said where there is no state.
pub(crate) fn nothing_applied(workspace: &Workspace) -> Problem {
    // There may be a state of an environment that was not named.
    if let Err(problem) = workspace.chosen() {
        return problem;
    }
    Problem::new(Exit::Failed, "E1006", "nothing was applied here yet")
        .detail(format!("there is no {}", workspace.shown_state()))
        .help(format!(
            "`{} apply{}` makes what the spec says",
            ending::program(),
            workspace.argument()
        ))
}

/// `mlinfra-runtime`: beside this program, unless the environment names another.
pub(crate) fn runtime_program() -> PathBuf {
    if let Some(named) = std::env::var_os("MLINFRA_RUNTIME") {
        return PathBuf::from(named);
    }
    let ours = std::env::current_exe().ok();
    let folder = ours.as_deref().and_then(Path::parent);
    // A test's binary lies one folder deeper than the programs.
    let beside = |folder: &Path| folder.join("mlinfra-runtime");
    folder.map_or_else(|| PathBuf::from("mlinfra-runtime"), beside)
}

/// The project's name; a spec without one is called by its folder.
pub(crate) fn project(workspace: &Workspace, sound: &Sound) -> String {
    if let Some(block) = sound.program.with_role("project").next() {
        return block.address.name().to_owned();
    }
    let folder = workspace.folder.canonicalize().ok();
    let name = folder.as_deref().and_then(Path::file_name);
    name.map_or_else(
        || "unnamed".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// The operation whose executor is alive, if there is one.
pub(crate) fn under_way(session: &Session) -> Option<&OperationRecord> {
    let open = session.store.operations().iter().rev();
    let mut open = open.filter(|operation| !operation.state.is_end());
    open.find(|operation| lives(session, operation.number))
}

/// Whether somebody carries this operation out now.
pub(crate) fn lives(session: &Session, operation: u64) -> bool {
    let folder = session.store.operation_folder(operation);
    folder.is_some_and(|folder| Lock::executor_lives(&folder))
}

/// Who applies, for the lock and the log.
pub(crate) fn holder(operation: &str) -> Holder {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let user = variable("USER").or_else(|| variable("LOGNAME"));
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    Holder {
        user: user.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw())),
        host,
        operation: operation.to_owned(),
        since: mlinfra_apply::now().text,
    }
}

/// Fails where nobody can be asked and nobody agreed beforehand.
pub(crate) fn can_agree(yes: bool, how: &str, screen: &Screen) -> Result<(), Problem> {
    if yes || screen.can_ask() {
        return Ok(());
    }
    Err(Problem::usage("nobody is here to agree")
        .detail("standard input or standard error is no terminal, or `--json` was given")
        .help(format!("agree beforehand: `{how}`")))
}

/// Asks a person to agree; without one, `-y` must have agreed before. No, or Ctrl-C, ends the
/// command.
pub(crate) fn agree(
    question: &str,
    yes: bool,
    how: &str,
    watch: &Watch,
    screen: &Screen,
) -> Result<(), Stop> {
    can_agree(yes, how, screen)?;
    if yes || screen.confirm(question, watch) {
        return Ok(());
    }
    screen.tell("nothing was done\n");
    Err(Stop::Shown(Exit::Failed))
}

/// What is asked of the planner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Everything that the spec says, or nothing.
    pub(crate) goal: Goal,
    /// Whether data may be replaced or destroyed.
    pub(crate) data_may_go: bool,
}

/// Plans: answers the planner's questions until it has no more.
pub(crate) fn plan(
    workspace: &Workspace,
    sound: &Sound,
    session: Option<&Session>,
    wanted: Wanted,
) -> Plan {
    planned(workspace, sound, session, wanted).0
}

/// The same, with everything that was answered.
pub(crate) fn planned(
    workspace: &Workspace,
    sound: &Sound,
    session: Option<&Session>,
    wanted: Wanted,
) -> (Plan, Answers) {
    let nothing = Snapshot::default();
    let snapshot = session.map_or(&nothing, |session| session.store.snapshot());
    let facts = Facts::new(
        &workspace.folder,
        session.map(|session| session.local.clone()),
    );
    let lowerings: [&dyn Lower; 1] = [&LocalLower];
    let mut answers = Answers::default();
    // One round more than the planner asks in: the last one plans.
    for _ in 0..=ROUNDS_MAX {
        let inputs = Inputs {
            program: &sound.program,
            snapshot,
            lowerings: &lowerings,
            answers: &answers,
            goal: wanted.goal,
            data_may_go: wanted.data_may_go,
        };
        match mlinfra_plan::plan(inputs) {
            Outcome::Planned(plan) => return (*plan, answers),
            Outcome::Ask(questions) => {
                for question in questions {
                    let answer = facts.answer(&question);
                    answers.insert(question, answer);
                }
            }
        }
    }
    panic!("the planner still asks after {ROUNDS_MAX} rounds");
}
