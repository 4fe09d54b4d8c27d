//! What a unit's process lets the kernel keep of its bounds, before its first thread starts.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;

use mlinfra_agent::{Fault, cgroup, fault};
use mlinfra_runtime_spec::Bounds;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// What the data segment may have beyond the memory bound: stacks of threads and what the allocator
/// keeps in reserve count there in full, whether they are touched or not. Resident memory is held
/// to the bound itself, by the agent.
const DATA_SLACK_BYTES: u64 = 256 * 1024 * 1024;

/// Libraries take the size of their thread pools from these at their first use.
const THREAD_VARIABLES: [&str; 3] = ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS", "OMP_NUM_THREADS"];

/// Applies the bounds to this process and to what it starts.
pub(crate) fn apply(bounds: &Bounds) -> Result<(), Fault> {
    set_threads(bounds)?;
    if let Some(group) = std::env::var_os(cgroup::GROUP_VARIABLE) {
        cgroup::join(Path::new(&group)).map_err(|error| cant("its control group", &error))?;
    }
    set_affinity(&bounds.cpus)?;
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // A core file would hold cells and keys.
    set_limit(Resource::Core, none, "core files")?;
    if let Some(bytes) = bounds.memory_bytes {
        let limit = bytes.saturating_add(DATA_SLACK_BYTES);
        let known = getrlimit(Resource::Data).maximum;
        let limit = known.map_or(limit, |known| known.min(limit));
        let data = Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        };
        set_limit(Resource::Data, data, "the data segment")?;
    }
    Ok(())
}

/// The agent has set the variables. A unit that was started by hand becomes itself again with them,
/// since an environment can't be changed safely once threads may run.
fn set_threads(bounds: &Bounds) -> Result<(), Fault> {
    let threads = bounds.threads.max(1).to_string();
    let is_set = |name: &&str| std::env::var(name).is_ok_and(|value| value == threads);
    if THREAD_VARIABLES.iter().all(is_set) {
        return Ok(());
    }
    let program =
        std::env::current_exe().map_err(|error| cant("the size of thread pools", &error))?;
    let mut command = std::process::Command::new(program);
    command.args(std::env::args_os().skip(1));
    for name in THREAD_VARIABLES {
        command.env(name, &threads);
    }
    Err(cant("the size of thread pools", &command.exec()))
}

fn set_affinity(cpus: &[usize]) -> Result<(), Fault> {
    if cpus.is_empty() {
        return Ok(());
    }
    let allowed =
        sched_getaffinity(None).map_err(|error| cant("processors", &io::Error::from(error)))?;
    let mut wanted = CpuSet::new();
    for cpu in cpus {
        if *cpu >= CpuSet::MAX_CPU || !allowed.is_set(*cpu) {
            return Err(Fault::new(
                fault::BOUNDS,
                format!("Processor {cpu}, which is reserved for this unit, can't be used here."),
            )
            .help("Plan again: the reservation is made anew from what this host has."));
        }
        wanted.set(*cpu);
    }
    sched_setaffinity(None, &wanted).map_err(|error| cant("processors", &io::Error::from(error)))
}

fn set_limit(resource: Resource, limit: Rlimit, what: &str) -> Result<(), Fault> {
    setrlimit(resource, limit).map_err(|error| cant(what, &io::Error::from(error)))
}

fn cant(what: &str, error: &io::Error) -> Fault {
    let why = error.kind();
    Fault::new(
        fault::BOUNDS,
        format!("The bound on {what} can't be set: {why}."),
    )
}
