//! Instants at which a test of the real programs can kill them: around every durable write.

/// The variable that names the instant, counted from 0. Builds without debug assertions have none.
#[cfg(debug_assertions)]
const VARIABLE: &str = "MLINFRA_KILL_AT_WRITE";

/// Ends this process as `kill -9` would, if this is the instant that the variable names. The state
/// is left as a kill from outside would leave it: nothing is flushed, unlocked or told.
#[cfg(debug_assertions)]
pub(crate) fn crash_point() {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    static WANTED: LazyLock<Option<u64>> =
        LazyLock::new(|| std::env::var(VARIABLE).ok()?.parse().ok());
    static PASSED: AtomicU64 = AtomicU64::new(0);
    if WANTED.is_some_and(|wanted| PASSED.fetch_add(1, Ordering::SeqCst) == wanted)
        && kill_process(getpid(), Signal::KILL).is_ok()
    {
        // The signal ends the process; it may take until the next switch.
        loop {
            std::thread::park();
        }
    }
}

#[cfg(not(debug_assertions))]
pub(crate) fn crash_point() {}
