//! Names inside the state folder (`.mlinfra/`), so that both programs agree on them.

use std::path::{Path, PathBuf};

use mlinfra_api::{Address, Digest};

/// The folder that every state of a project lies in, beside its spec.
pub const STATE: &str = ".mlinfra";

/// The folder of the spec that a state belongs to: paths in a spec start there. The state of an
/// environment lies deeper than that of a spec without environments.
pub fn spec_folder(state: &Path) -> Option<&Path> {
    let mut around = state.ancestors();
    let project = around.find(|folder| folder.file_name().is_some_and(|name| name == STATE));
    project.unwrap_or(state).parent()
}

/// The folder of a unit.
pub fn unit_folder(state: &Path, token: &str) -> PathBuf {
    state.join("units").join(token)
}

/// The folder of a store's objects: all of it, and nothing else, is what a store's encryption
/// covers.
pub fn store_folder(state: &Path, storage: &Address) -> PathBuf {
    state.join("stores").join(storage.file_name())
}

/// The folder of the store that steps use when their data names none.
pub fn default_store_folder(state: &Path) -> PathBuf {
    state.join("stores").join("default")
}

/// The file of a `key` block: 32 random bytes, mode 0600, outside every store.
pub fn key_file(state: &Path, key: &Address) -> PathBuf {
    state.join("keys").join(format!("{}.key", key.file_name()))
}

/// The file of alert rules of a monitor, for Prometheus.
pub fn monitor_file(state: &Path, monitor: &Address) -> PathBuf {
    let name = monitor.file_name();
    let short = name.strip_prefix("monitor.").unwrap_or(&name);
    state.join("monitors").join(format!("{short}.rules.yml"))
}

/// The agent's socket. A UNIX socket's path is limited to 108 bytes, so it stands outside the
/// state folder, under a name made from the lineage and the folder: in `$XDG_RUNTIME_DIR`, else in
/// a folder of this user alone (0700) in the temporary folder.
pub fn socket_path(runtime_folder: &Path, lineage: &str, state: &Path) -> PathBuf {
    let state = state.to_string_lossy();
    let name = Digest::of_parts([lineage.as_bytes(), state.as_bytes()]).to_string();
    runtime_folder.join(format!("mlinfra-{}.sock", &name[..16]))
}

/// Where the agent leaves its own log.
pub fn agent_log(state: &Path) -> PathBuf {
    state.join("agent").join("agent.log")
}

/// Held by the running agent, so that two never serve one state folder.
pub fn agent_lock(state: &Path) -> PathBuf {
    state.join("agent").join("lock")
}
