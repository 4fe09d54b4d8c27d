//! Ctrl-C: the first one ends gently, the second one at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mlinfra_apply::Interrupt;
use tokio::signal::unix::{SignalKind, signal};

use crate::problem::{Exit, Problem};
use crate::view::Screen;

const FIRST: &str = "
ending: nothing new is started, calls under way are finished, accepted work goes on
  once more to leave at once; the next `mlinfra apply` takes up what is left
";

/// Ctrl-C as whoever asks a person needs it: while asking, nothing is under way that could end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    /// Raised by Ctrl-C.
    pub(crate) interrupt: Interrupt,
    asking: Arc<AtomicBool>,
}

impl Watch {
    /// Says that a person is asked now, or no longer: then Ctrl-C needs no word of ours.
    pub(crate) fn set_asking(&self, asking: bool) {
        self.asking.store(asking, Ordering::SeqCst);
    }
}

/// Watches for Ctrl-C and for a polite request to end (SIGTERM), for as long as the program runs.
pub(crate) fn watch(screen: &Screen) -> Result<Watch, Problem> {
    let screen = screen.clone();
    let asking = Arc::new(AtomicBool::new(false));
    let silent = asking.clone();
    let interrupt = watch_and(move || {
        if !silent.load(Ordering::SeqCst) {
            screen.warn(FIRST);
        }
    })?;
    Ok(Watch { interrupt, asking })
}

/// The same without a word: for whoever only looks on.
pub(crate) fn watch_quietly() -> Result<Interrupt, Problem> {
    watch_and(|| {})
}

fn watch_and(say: impl Fn() + Send + 'static) -> Result<Interrupt, Problem> {
    let interrupt = Interrupt::new();
    let watched = interrupt.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| unwatched(&error))?;
    let thread = std::thread::Builder::new().name("interrupt".to_owned());
    let watch = move || {
        runtime.block_on(async {
            let interrupts = signal(SignalKind::interrupt());
            let (Ok(mut interrupts), Ok(mut ends)) = (interrupts, signal(SignalKind::terminate()))
            else {
                // Without these, Ctrl-C ends the program at once, which is safe too.
                return;
            };
            loop {
                tokio::select! {
                    _ = interrupts.recv() => {}
                    _ = ends.recv() => {}
                }
                watched.raise();
                if !watched.is_final() {
                    say();
                }
            }
        });
    };
    thread.spawn(watch).map_err(|error| unwatched(&error))?;
    Ok(interrupt)
}

fn unwatched(error: &std::io::Error) -> Problem {
    Problem::new(
        Exit::NotStarted,
        "E1008",
        "the system gives this program no thread",
    )
    .detail(error.to_string())
}
