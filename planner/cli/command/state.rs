//! `mlinfra state`: looking after the state folder.

use clap::{Args, Subcommand};
use mlinfra_state::Store;

use crate::arguments::{Global, SpecOption};
use crate::interrupt;
use crate::problem::{Exit, Problem, Stop};
use crate::session::{self, Session};
use crate::view::Screen;
use crate::view::ending::{self, quoted};
use crate::workspace::Workspace;

const EXAMPLES: &str = "\
Examples:
  mlinfra state verify             every record, the chain of hashes and its head
  mlinfra state fork               make a copied folder a project of its own
  mlinfra state forget pool.old    nothing stands for a call that nobody can prove";

/// The words of `state`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check every record of the journal, the chain of hashes and its head
    Verify(Plain),
    /// Give a copied state folder an identity of its own; nothing is recorded in it then
    Fork(Fork),
    /// Say that the state folder was moved: the original is gone
    Moved(Plain),
    /// Say that an undecided call took no effect
    Forget(Forget),
    /// Say that an undecided call took effect, and what the thing is called
    Adopt(Adopt),
}

#[derive(Debug, Args)]
struct Plain {
    /// The folder, in place of `--spec`
    folder: Option<String>,
    #[command(flatten)]
    spec: SpecOption,
}

#[derive(Debug, Args)]
struct Fork {
    #[command(flatten)]
    plain: Plain,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Args)]
struct Agreed {
    #[command(flatten)]
    spec: SpecOption,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Args)]
struct Forget {
    /// The address
    address: String,
    #[command(flatten)]
    agreed: Agreed,
}

#[derive(Debug, Args)]
struct Adopt {
    /// The address
    address: String,
    /// The provider's name for the thing
    handle: String,
    #[command(flatten)]
    agreed: Agreed,
}

/// Does what was asked with the state folder.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    match &arguments.action {
        Action::Verify(plain) => verify(plain, global, screen),
        Action::Fork(asked) => fork(asked, global, screen),
        Action::Moved(plain) => {
            let workspace = plain.workspace(global)?;
            let store = Store::rehome(&workspace.state_folder()).map_err(Problem::from)?;
            let count = store.snapshot().resources.len();
            screen.print(&format!(
                "this is where the state lives now; it knows {count} resources\n"
            ));
            Ok(Exit::Done)
        }
        Action::Forget(forget) => decide(&forget.address, None, (&forget.agreed, global), screen),
        Action::Adopt(adopt) => decide(
            &adopt.address,
            Some(adopt.handle.clone()),
            (&adopt.agreed, global),
            screen,
        ),
    }
}

impl Plain {
    fn workspace(&self, global: &Global) -> Result<Workspace, Problem> {
        let spec = self
            .folder
            .as_ref()
            .map_or(self.spec.spec.clone(), Into::into);
        let workspace = Workspace::find_state(&spec, global)?;
        workspace.chosen()?;
        match Store::exists(&workspace.state_folder()) {
            true => Ok(workspace),
            false => Err(session::nothing_applied(&workspace)),
        }
    }
}

/// Makes a copied state one of its own. What the original made stays the original's.
fn fork(asked: &Fork, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let workspace = asked.plain.workspace(global)?;
    let how = format!("{} state fork -y{}", ending::program(), workspace.option());
    session::can_agree(asked.yes, &how, screen)?;
    let watch = interrupt::watch(screen)?;
    session::agree(
        "Is this a copy? It will forget all that the original made, and never remove it.",
        asked.yes,
        &how,
        &watch,
        screen,
    )?;
    let store = Store::fork(&workspace.state_folder()).map_err(Problem::from)?;
    let lineage = &store.snapshot().lineage;
    screen.print(&format!(
        "this folder is a state of its own now, lineage {lineage}\n"
    ));
    screen.tell("  nothing is recorded in it; what was copied is kept beside it\n");
    Ok(Exit::Done)
}

fn verify(plain: &Plain, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let workspace = plain.workspace(global)?;
    let session = Session::open_unchecked(&workspace)?;
    let store = &session.store;
    for fault in store.faults() {
        screen.problem(&fault.clone().into());
    }
    if !store.faults().is_empty() {
        return Ok(Exit::NotStarted);
    }
    screen.print(&format!(
        "the state is sound: serial {}, {} resources, {} operations\n",
        store.snapshot().serial,
        store.snapshot().resources.len(),
        store.operations().len(),
    ));
    Ok(Exit::Done)
}

/// Decides a call of which nothing can prove whether it took effect.
fn decide(
    address: &str,
    adopted: Option<String>,
    (agreed, global): (&Agreed, &Global),
    screen: &Screen,
) -> Result<Exit, Stop> {
    let workspace = Workspace::find_state(&agreed.spec.spec, global)?;
    let mut session = Session::required(&workspace)?;
    let open = &session.store.snapshot().open;
    let call = address.parse().ok().and_then(|address| open.get(&address));
    let Some(call) = call else {
        return Err(Problem::new(
            Exit::Usage,
            "E1015",
            "no call for this address is undecided",
        )
        .detail(format!("`{address}` waits for nobody's word"))
        .help("`mlinfra show` lists open calls; `mlinfra destroy` removes what exists")
        .into());
    };
    let token = call.token.clone();
    let question = match &adopted {
        Some(handle) => format!("Is {address} really there, as `{handle}`?"),
        None => format!("Does nothing stand for {address}? Nothing here will ever remove it."),
    };
    let words = match &adopted {
        Some(handle) => format!("adopt {} {}", quoted(address), quoted(handle)),
        None => format!("forget {}", quoted(address)),
    };
    let how = format!(
        "{} state {words} -y{}",
        ending::program(),
        workspace.option()
    );
    session::can_agree(agreed.yes, &how, screen)?;
    let watch = interrupt::watch(screen)?;
    session::agree(&question, agreed.yes, &how, &watch, screen)?;
    let holder = session::holder("state");
    session.store.lock(&holder).map_err(Problem::from)?;
    let decided = session.store.decide(&token, adopted, &holder.who());
    decided.map_err(Problem::from)?;
    session.store.unlock().map_err(Problem::from)?;
    screen.print(&format!(
        "{address} is decided; `mlinfra plan` says what follows\n"
    ));
    Ok(Exit::Done)
}
