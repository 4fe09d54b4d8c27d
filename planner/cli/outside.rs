//! What other projects on this machine give: read from the states that their last applies left.

use std::fs;
use std::path::{Component, Path, PathBuf};

use mlinfra_check::{ProjectOutputs, Unread};
use mlinfra_runtime_spec::files::STATE;
use mlinfra_state::{StateFault, Store};

use crate::workspace::{self, Workspace, environments_in, is_word, state_folder};
use crate::world::reason;

/// No path to a project is longer.
const PATH_BYTES_MAX: usize = 1024;
/// No state is larger: it is read as a whole.
const STATE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// All outputs of a project together, as JSON.
const OUTPUTS_BYTES_MAX: usize = 1024 * 1024;
/// How many names are shown of those that there are.
const NAMES_SHOWN_MAX: usize = 8;

/// The outputs of the project in a folder, which is named from that of the spec. The path is
/// another's word: nothing but regular files of a state is opened.
pub(crate) fn read(
    folder: &Path,
    project: &str,
    environment: Option<&str>,
) -> Result<ProjectOutputs, Unread> {
    let place = place_of(folder, project)?;
    let state = state_of(&place, project, environment)?;
    for name in ["state.db", "head", "secret.key"] {
        // A pipe would be waited for, and a link leads elsewhere.
        let found = fs::symlink_metadata(state.join(name));
        if found.as_ref().is_ok_and(|found| !found.is_file()) {
            let help = "look at what lies in that project's folder";
            return Err(unread(format!("its `{name}` is no file"), help));
        }
        if found.is_ok_and(|found| found.len() > STATE_BYTES_MAX) {
            let text = format!("its `{name}` is larger than {} MiB", STATE_BYTES_MAX >> 20);
            return Err(unread(text, "give what is needed of it as a parameter"));
        }
    }
    let store = Store::open(&state).map_err(|fault| not_sound(fault, project))?;
    let snapshot = store.snapshot();
    let bytes = serde_json::to_string(&snapshot.outputs).map_or(0, |text| text.len());
    let values = snapshot.outputs.iter();
    let values = values.map(|(name, value)| (name.clone(), mlinfra_plan::resolve(value, snapshot)));
    let values: Vec<_> = values.collect();
    let resolved: usize = values
        .iter()
        .map(|(_, value)| serde_json::to_string(value).map_or(0, |text| text.len()))
        .sum();
    if bytes.max(resolved) > OUTPUTS_BYTES_MAX {
        let text = format!("they are larger than {} MiB", OUTPUTS_BYTES_MAX >> 20);
        return Err(unread(text, "write to a file there what is so large"));
    }
    Ok(ProjectOutputs::new(values))
}

/// Whether a folder and an environment are the spec's own: what it gives would be made of itself.
pub(crate) fn is_own(
    folder: &Path,
    own: Option<&str>,
    project: &str,
    environment: Option<&str>,
) -> bool {
    let real = |folder: PathBuf| folder.canonicalize().ok();
    let there = real(folder.join(project));
    there.is_some() && there == real(folder.to_owned()) && own == environment
}

fn unread(why: impl Into<String>, help: impl Into<String>) -> Unread {
    Unread {
        why: why.into(),
        help: help.into(),
    }
}

/// The folder that a path from the spec's names. It may lie above.
fn place_of(folder: &Path, project: &str) -> Result<PathBuf, Unread> {
    let beside = "write the path from this spec's folder: `../network`";
    if project.is_empty() || project.len() > PATH_BYTES_MAX || project.contains('\0') {
        return Err(unread("this is no path", beside));
    }
    let mut parts = Path::new(project).components();
    if parts.any(|part| matches!(part, Component::RootDir | Component::Prefix(_))) {
        return Err(unread("it is an absolute path", beside));
    }
    let place = folder.join(project);
    match fs::metadata(&place) {
        Ok(found) if found.is_dir() => Ok(place),
        Ok(_) => Err(unread("it is no folder", beside)),
        Err(error) => Err(unread(reason(error), beside)),
    }
}

/// The state folder of a project and environment that has a state.
fn state_of(place: &Path, project: &str, environment: Option<&str>) -> Result<PathBuf, Unread> {
    if let Some(name) = environment.filter(|name| !is_word(name)) {
        let why = format!("`{name}` is no name of an environment");
        return Err(unread(why, "a name has letters, digits and `_`"));
    }
    let state = state_folder(place, environment.unwrap_or(workspace::DEFAULT));
    if fs::symlink_metadata(state.join("state.db")).is_ok() {
        return Ok(state);
    }
    let known = environments_in(place, NAMES_SHOWN_MAX);
    if let Some(first) = known.first() {
        let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        let why = match environment {
            None => "it has environments, and none is named".to_owned(),
            Some(name) => format!("its environment `{name}` was not applied yet"),
        };
        let help = format!(
            "applied are {}: `outputs(\"{project}\", environment = \"{first}\")`",
            names.join(", ")
        );
        return Err(unread(why, help));
    }
    let option: String = environment.map_or(String::new(), |name| format!(" -e {name}"));
    match Workspace::has_state_or_spec(place) || place.join(STATE).exists() {
        true => Err(unread(
            "nothing was applied there yet",
            format!("`mlinfra apply {project}{option}` makes its state"),
        )),
        false => Err(unread(
            "there is no project",
            "check the path: it is one from this spec's folder",
        )),
    }
}

/// A state that is not sound, or that somebody writes for so long that it can't be read.
fn not_sound(fault: StateFault, project: &str) -> Unread {
    let help = match fault.busy {
        true => "try again".to_owned(),
        false => format!("`mlinfra state verify --spec {project}` says more"),
    };
    unread(format!("{} [{}]", fault.message, fault.code), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_the_state_of_a_project_and_nowhere_else() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let here = folder.path().join("here");
        fs::create_dir_all(folder.path().join("empty")).expect("a folder");
        fs::create_dir_all(folder.path().join("new")).expect("a folder");
        fs::create_dir_all(folder.path().join("many/.mlinfra/environments/prod"))
            .expect("a folder");
        fs::create_dir_all(folder.path().join("odd/.mlinfra/state.db")).expect("a folder");
        fs::create_dir_all(&here).expect("a folder");
        fs::write(folder.path().join("new/main.mlinfra"), "").expect("a file");
        fs::write(
            folder
                .path()
                .join("many/.mlinfra/environments/prod/state.db"),
            "",
        )
        .expect("a file");
        let why = |project: &str, environment: Option<&str>| {
            let found = read(&here, project, environment);
            found.expect_err("nothing can be read").why
        };
        for path in ["", "/etc", "a\0b"] {
            assert!(why(path, None).contains("path"), "{path:?}");
        }
        assert_eq!(why("../none", None), "no such file or directory");
        assert_eq!(why("../new/main.mlinfra", None), "it is no folder");
        assert_eq!(why("../empty", None), "there is no project");
        assert_eq!(why("../new", None), "nothing was applied there yet");
        assert_eq!(
            why("../new", Some("../..")),
            "`../..` is no name of an environment"
        );
        assert_eq!(
            why("../many", None),
            "it has environments, and none is named"
        );
        let other = why("../many", Some("dev"));
        assert_eq!(other, "its environment `dev` was not applied yet");
        assert!(why("../many", Some("prod")).contains("E0701"));
        assert_eq!(why("../odd", None), "its `state.db` is no file");
        assert!(is_own(&here, None, "../here", None));
        assert!(!is_own(&here, Some("dev"), ".", Some("prod")));
        assert!(!is_own(&here, None, "../new", None));
    }
}
