//! What could be meant instead of a spec, or was left by an earlier one.

use std::path::Path;

use mlinfra_runtime_spec::files::STATE;

use super::{BOTH_FIT, DEFAULT, ENVIRONMENTS, Workspace, is_word};
use crate::problem::{Exit, Problem};
use crate::view::ending::program;
use crate::world::Parameters;

impl Workspace {
    /// What earlier versions of this spec left behind: the state of one without environments, and
    /// those of environments that are not declared any more.
    pub(crate) fn left_behind(&self) -> Vec<String> {
        let declared = self.declared();
        let is_known =
            |name: &str| name == self.environment() || declared.iter().any(|d| d == name);
        let has_state = |folder: &Path| folder.join("state.db").exists();
        let mut found = Vec::new();
        if !is_known(DEFAULT) && has_state(&self.states_folder()) {
            found.push(format!(
                "there is a state in {} from before this spec had environments: nothing of it is \
                 touched here. Call one environment `{DEFAULT}` to go on with it\n",
                self.shown(STATE)
            ));
        }
        let folder = self.states_folder().join(ENVIRONMENTS);
        let entries = std::fs::read_dir(&folder).into_iter().flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names
            .filter(|name| is_word(name) && !is_known(name) && has_state(&folder.join(name)))
            .collect();
        names.sort();
        found.extend(names.iter().map(|name| {
            let other = Workspace {
                parameters: Parameters {
                    environment: Some(name.clone()),
                    ..self.parameters.clone()
                },
                ..self.clone()
            };
            format!(
                "there is a state of the environment `{name}`, which this spec does not declare: \
                 nothing of it is touched here. `{} destroy{}` removes what it made\n",
                program(),
                other.argument()
            )
        }));
        found
    }
}

/// A word names a folder with a spec, and an environment of the spec in this folder.
pub(super) fn both_fit(name: &str) -> Problem {
    Problem::new(
        Exit::Usage,
        BOTH_FIT,
        "this word is both a folder and an environment",
    )
    .detail(format!(
        "`{name}` is a folder with a spec of its own, and an environment of the spec in this folder"
    ))
    .help(format!(
        "the environment: `-e {name}`; the folder: `./{name}`"
    ))
}
