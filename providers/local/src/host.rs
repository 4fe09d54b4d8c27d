//! What this machine offers.

use std::collections::BTreeMap;

use mlinfra_api::{Quantity, Value};

/// The processors that this process may run on, and the machine's memory: `cpus` (int), `memory`
/// (bytes). Memory is the least of the machine's and of the control groups that this process is
/// in, where those can be read.
pub fn host_facts() -> BTreeMap<String, Value> {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let mut facts = BTreeMap::from([(
        "cpus".to_owned(),
        Value::Int(i64::try_from(cpus).expect("a machine has fewer than 2^63 processors")),
    )]);
    if let Some(bytes) = memory_bytes() {
        facts.insert("memory".into(), Value::Quantity(Quantity::bytes(bytes)));
    }
    facts
}

fn memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let limits = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    let limited = limits
        .iter()
        .filter_map(|path| {
            std::fs::read_to_string(path)
                .ok()?
                .trim()
                .parse::<u64>()
                .ok()
        })
        .min();
    Some(limited.unwrap_or(u64::MAX).min(kibibytes * 1024))
}

/// The processors that this process may run on, ascending.
pub(crate) fn allowed_cpus() -> Vec<usize> {
    match rustix::thread::sched_getaffinity(None) {
        Ok(set) => (0..rustix::thread::CpuSet::MAX_CPU)
            .filter(|cpu| set.is_set(*cpu))
            .collect(),
        Err(_) => Vec::new(),
    }
}
