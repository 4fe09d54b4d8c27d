//! Bounds by control groups (version 2), where this user was given a part of their tree to manage.
//!
//! Processes may stand only in leaves of that part, so the agent moves into a leaf of its own and
//! makes another one for each unit. Where anything of this is refused, nothing is changed and the
//! other keepers hold alone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mlinfra_runtime_spec::Bounds;
use rustix::fs::{Access, access};

/// The environment variable that names a unit's group; the unit moves itself into it.
pub const GROUP_VARIABLE: &str = "MLINFRA_CGROUP";

/// What units are bounded by.
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// The period of `cpu.max`, in microseconds.
const PERIOD_MICROSECONDS: usize = 100_000;

/// Processes and threads that a unit may have beyond its thread pools.
const TASKS_MAX: usize = 512;

/// A part of the tree that this process may manage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delegated(PathBuf);

impl Delegated {
    /// Finds this process's group and takes it over, if it may.
    pub(crate) fn take() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = own_group(&mounts, &groups)?;
        if !is_delegated(&own) {
            return None;
        }
        match take_over(&own, std::process::id()) {
            Ok(()) => Some(Delegated(own)),
            Err(error) => {
                tracing::info!(why = %error.kind(), "control groups can't be used");
                None
            }
        }
    }

    /// Makes a group with these bounds.
    pub(crate) fn make(&self, token: &str, bounds: &Bounds) -> io::Result<PathBuf> {
        let group = self.0.join(format!("unit-{token}"));
        make_folder(&group)?;
        let cpus = match bounds.cpus.len() {
            0 => bounds.threads.max(1),
            cpus => cpus,
        };
        let quota = cpus * PERIOD_MICROSECONDS;
        fs::write(
            group.join("cpu.max"),
            format!("{quota} {PERIOD_MICROSECONDS}"),
        )?;
        fs::write(
            group.join("pids.max"),
            (TASKS_MAX + bounds.threads).to_string(),
        )?;
        let memory = bounds
            .memory_bytes
            .map_or("max".to_owned(), |bytes| bytes.to_string());
        fs::write(group.join("memory.max"), memory)?;
        Ok(group)
    }
}

/// Moves this process into a unit's group.
pub fn join(group: &Path) -> io::Result<()> {
    fs::write(group.join("cgroup.procs"), std::process::id().to_string())
}

/// Whether the kernel has ended a process of this group for going above `memory.max`.
pub(crate) fn ran_out_of_memory(group: &Path) -> bool {
    let events = fs::read_to_string(group.join("memory.events")).unwrap_or_default();
    let mut kills = events
        .lines()
        .filter_map(|line| line.strip_prefix("oom_kill "));
    kills.any(|count| count.trim() != "0")
}

/// Removes the group of a unit that has ended.
pub(crate) fn remove(group: &Path) {
    // A group with a process left in it stays, and so does the process's bound.
    let _ = fs::remove_dir(group);
}

fn own_group(mounts: &str, groups: &str) -> Option<PathBuf> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mount = mounts.lines().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let is_unified = filesystem.split(' ').next() == Some("cgroup2");
        let mut fields = mount.split(' ').skip(3);
        let found = (fields.next()?, fields.next()?);
        is_unified.then_some(found)
    })?;
    // Inside a container the mount may show a part of the tree only.
    let inside = match mount.0 {
        "/" => own,
        root => own.strip_prefix(root)?,
    };
    Some(Path::new(mount.1).join(inside.trim_start_matches('/')))
}

fn is_delegated(own: &Path) -> bool {
    let has = fs::read_to_string(own.join("cgroup.controllers")).unwrap_or_default();
    let all = CONTROLLERS
        .iter()
        .all(|wanted| has.split_whitespace().any(|it| it == *wanted));
    let writable = |name| access(own.join(name), Access::WRITE_OK).is_ok();
    // Only the root of the whole tree has no type; it is nobody's to manage.
    let is_root = !own.join("cgroup.type").exists();
    all && !is_root && writable("cgroup.procs") && writable("cgroup.subtree_control")
}

fn take_over(own: &Path, process: u32) -> io::Result<()> {
    let leaf = own.join("agent");
    make_folder(&leaf)?;
    let process = process.to_string();
    fs::write(leaf.join("cgroup.procs"), &process)?;
    let wanted = CONTROLLERS.map(|name| format!("+{name}")).join(" ");
    let enabled = fs::write(own.join("cgroup.subtree_control"), wanted);
    if enabled.is_err() {
        // Somebody else stands in the same group: back to where we were.
        fs::write(own.join("cgroup.procs"), &process)?;
        remove(&leaf);
    }
    enabled
}

fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 0:5 / /proc rw - proc proc rw
30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate
31 22 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";

    #[test]
    fn the_own_group_is_found_below_the_mount() {
        let own = "1:name=systemd:/x\n0::/user.slice/app.scope\n";
        let found = own_group(MOUNTS, own);
        assert_eq!(
            found,
            Some(PathBuf::from("/sys/fs/cgroup/user.slice/app.scope"))
        );
        assert_eq!(
            own_group(MOUNTS, "0::/"),
            Some(PathBuf::from("/sys/fs/cgroup"))
        );
        assert_eq!(own_group(MOUNTS, "4:memory:/x\n"), None);
        assert_eq!(own_group("", own), None);
        let part = "30 22 0:26 /pod /sys/fs/cgroup rw - cgroup2 cgroup2 rw";
        let found = own_group(part, "0::/pod/inner");
        assert_eq!(found, Some(PathBuf::from("/sys/fs/cgroup/inner")));
        assert_eq!(own_group(part, "0::/elsewhere"), None);
    }

    /// A folder with the files of a group, as far as they matter here.
    fn group(controllers: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("temporary folder");
        for name in ["cgroup.procs", "cgroup.subtree_control", "cgroup.type"] {
            fs::write(folder.path().join(name), "").expect("written");
        }
        fs::write(folder.path().join("cgroup.controllers"), controllers).expect("written");
        folder
    }

    #[test]
    fn a_group_without_the_controllers_is_left_alone() {
        assert!(is_delegated(group("cpuset cpu io memory pids\n").path()));
        assert!(!is_delegated(group("cpuset cpu io\n").path()));
        assert!(!is_delegated(group("").path()));
        let root = group("cpu memory pids");
        fs::remove_file(root.path().join("cgroup.type")).expect("removed");
        assert!(!is_delegated(root.path()));
    }

    #[test]
    fn a_unit_gets_a_group_with_its_bounds() {
        let own = group("cpu memory pids");
        take_over(own.path(), 17).expect("taken");
        let read = |path: PathBuf| fs::read_to_string(path).expect("written");
        assert_eq!(read(own.path().join("agent/cgroup.procs")), "17");
        assert_eq!(
            read(own.path().join("cgroup.subtree_control")),
            "+cpu +memory +pids"
        );
        let bounds = Bounds {
            cpus: vec![0, 1],
            threads: 4,
            memory_bytes: Some(1 << 30),
        };
        let unit = Delegated(own.path().to_owned())
            .make("t", &bounds)
            .expect("made");
        assert_eq!(read(unit.join("cpu.max")), "200000 100000");
        assert_eq!(read(unit.join("memory.max")), "1073741824");
        assert_eq!(read(unit.join("pids.max")), "516");
        join(&unit).expect("joined");
        assert_eq!(
            read(unit.join("cgroup.procs")),
            std::process::id().to_string()
        );
        assert!(!ran_out_of_memory(&unit));
        fs::write(unit.join("memory.events"), "low 0\noom 1\noom_kill 1\n").expect("written");
        assert!(ran_out_of_memory(&unit));
    }
}
