//! `mlinfra.lock`: what a spec was made with, so that a difference is seen before it has an effect.

use std::collections::BTreeMap;
use std::path::Path;

use mlinfra_check::OtherProject;
use mlinfra_plan::{Answer, Answers, MadeWith, Plan, Question};
use serde::{Deserialize, Serialize};

use crate::problem::{Exit, Problem};
use crate::view::{Screen, ending};
use crate::workspace::{Sound, Workspace};
use crate::world::reason;
use crate::write;

/// The file's name, beside the spec.
pub(crate) const FILE: &str = "mlinfra.lock";
/// The version of its format.
const VERSION: u32 = 1;

/// Digests of everything that a plan is made from beside the spec itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Locked {
    version: u32,
    /// Of the kinds, types and functions that the language has.
    library: String,
    /// Of machines and prices.
    catalog: String,
    /// Of each file that the spec names, by its path.
    files: BTreeMap<String, String>,
    /// Of what each other project gives that the spec reads, by its folder, and its environment
    /// behind a colon.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    outputs: BTreeMap<String, String>,
}

impl Locked {
    /// What checking and planning have just read.
    pub(crate) fn of(sound: &Sound, answers: &Answers) -> Self {
        let now = MadeWith::this_build();
        let made = Locked::made(&now, answers.iter());
        // Of what planning reads too, it has the digest of all.
        let mut files = sound.read.clone();
        files.extend(made.files);
        Locked {
            files,
            outputs: sound.program.projects.iter().map(of_project).collect(),
            ..made
        }
    }

    /// What a plan was made with that was kept.
    pub(crate) fn of_plan(plan: &Plan) -> Self {
        let project = |(question, answer): &(Question, Answer)| match (question, answer) {
            (
                Question::Outputs {
                    project,
                    environment,
                },
                Answer::Outputs { sha256 },
            ) => Some((
                name_of(project, environment.as_deref()),
                format!("sha256:{sha256}"),
            )),
            _ => None,
        };
        Locked {
            outputs: plan.facts.iter().filter_map(project).collect(),
            ..Locked::made(&plan.made_with, plan.facts.iter())
        }
    }

    fn made<'a>(with: &MadeWith, facts: impl Iterator<Item = &'a (Question, Answer)>) -> Self {
        let file = |(question, answer): &(Question, Answer)| match (question, answer) {
            (Question::File { path }, Answer::File { sha256, .. }) => {
                Some((path.clone(), format!("sha256:{sha256}")))
            }
            _ => None,
        };
        Locked {
            version: VERSION,
            library: format!("sha256:{}", with.library),
            catalog: format!("sha256:{}", with.catalog),
            files: facts.filter_map(file).collect(),
            outputs: BTreeMap::new(),
        }
    }

    /// The file of a spec; none if it has none.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, Unusable> {
        let path = folder.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Unusable::broken(&path, &reason(error))),
        };
        // What a newer version holds beside its number is its own.
        let value: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| Unusable::broken(&path, &error.to_string()))?;
        match value["version"].as_u64() {
            Some(newer) if newer > u64::from(VERSION) => {
                let why = format!("it has version {newer}, and this program reads {VERSION}");
                let mut problem = unreadable(&path, &why);
                problem.help = vec!["use the newer mlinfra that wrote it".to_owned()];
                Err(Unusable {
                    problem,
                    is_newer: true,
                })
            }
            _ => serde_json::from_value(value)
                .map(Some)
                .map_err(|error| Unusable::broken(&path, &error.to_string())),
        }
    }

    /// As it is written: sorted, the same bytes for the same content.
    pub(crate) fn text(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("a lock has string keys alone");
        text + "\n"
    }

    /// What is no longer as it was locked, a sentence each. What the spec does not read now may be
    /// read in another environment: it is no difference.
    pub(crate) fn differences(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.library != now.library {
            found.push("the standard library is another one: this is another mlinfra".to_owned());
        }
        if self.catalog != now.catalog {
            found.push("the catalog of machines and prices is another one".to_owned());
        }
        for (path, digest) in &now.files {
            match self.files.get(path) {
                Some(locked) if locked == digest => {}
                Some(_) => found.push(format!("`{path}` holds something else")),
                None => found.push(format!("`{path}` is not in it")),
            }
        }
        for (project, digest) in &now.outputs {
            match self.outputs.get(project) {
                Some(locked) if locked == digest => {}
                Some(_) => found.push(format!("the project `{project}` gives something else")),
                None => found.push(format!("the project `{project}` is not in it")),
            }
        }
        found
    }

    /// The same, and every file and project of an earlier one that is still there and was not read
    /// now.
    pub(crate) fn with(mut self, earlier: Option<Self>, folder: &Path) -> Self {
        let Some(earlier) = earlier else { return self };
        let files = earlier.files.into_iter();
        for (path, digest) in files.filter(|(path, _)| folder.join(path).is_file()) {
            self.files.entry(path).or_insert(digest);
        }
        for (project, digest) in earlier.outputs {
            let of_environment = project.rsplit_once(':').map(|(path, _)| path);
            let is_there = |path: &str| folder.join(path).is_dir();
            if is_there(&project) || of_environment.is_some_and(is_there) {
                self.outputs.entry(project).or_insert(digest);
            }
        }
        self
    }

    /// Writes it beside the spec.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Problem> {
        write::put(&folder.join(FILE), &self.text())
    }
}

/// A lock that can't be held to.
#[derive(Debug)]
pub(crate) struct Unusable {
    /// Why.
    pub(crate) problem: Problem,
    /// Whether a newer program wrote it.
    pub(crate) is_newer: bool,
}

impl Unusable {
    fn broken(path: &Path, why: &str) -> Self {
        Unusable {
            problem: unreadable(path, why),
            is_newer: false,
        }
    }
}

/// A project's name in the lock, and its digest.
fn of_project(project: &OtherProject) -> (String, String) {
    let name = name_of(&project.path, project.environment.as_deref());
    (name, format!("sha256:{}", project.digest))
}

fn name_of(project: &str, environment: Option<&str>) -> String {
    let environment = environment.map_or(String::new(), |name| format!(":{name}"));
    format!("{project}{environment}")
}

fn unreadable(path: &Path, why: &str) -> Problem {
    Problem::new(
        Exit::Usage,
        "E0978",
        "there is no lock that could be held to",
    )
    .detail(format!("{}: {why}", path.display()))
    .help(format!("`{} lock` writes it anew", ending::program()))
}

/// Holds what a plan is made with against the lock. With `--locked` a difference ends the command;
/// without, it is told.
pub(crate) fn hold(
    workspace: &Workspace,
    now: &Locked,
    must: bool,
    screen: &Screen,
) -> Result<(), Problem> {
    let locked = match Locked::read(&workspace.folder) {
        Ok(Some(locked)) => locked,
        Err(unusable) if must => return Err(unusable.problem.at(workspace)),
        Err(unusable) => {
            let why = unusable.problem.details.join("; ");
            screen.tell(&format!("nothing is held to a lock: {why}\n"));
            return Ok(());
        }
        Ok(None) if must => {
            let path = workspace.folder.join(FILE);
            return Err(unreadable(&path, "no such file").at(workspace));
        }
        Ok(None) => return Ok(()),
    };
    let differences = locked.differences(now);
    if differences.is_empty() {
        return Ok(());
    }
    if must {
        let problem = Problem::new(Exit::Failed, "E0977", "something is not as it was locked");
        let problem = differences.into_iter().fold(problem, Problem::detail);
        let command = format!("{} lock{}", ending::program(), workspace.argument());
        return Err(problem.help(format!(
            "if that is meant: `{command}`, and commit `{FILE}`"
        )));
    }
    for difference in differences {
        screen.tell(&format!("since {FILE} was written: {difference}\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(files: &[(&str, &str)]) -> Answers {
        let mut answers = Answers::default();
        for (path, digest) in files {
            let question = Question::File {
                path: (*path).to_owned(),
            };
            let answer = Answer::File {
                sha256: (*digest).to_owned(),
                bytes: 1,
                header: None,
            };
            answers.insert(question, answer);
        }
        answers
    }

    #[test]
    fn a_difference_is_told_and_the_text_is_the_same_each_time() {
        let one = Locked::of(
            &Sound::default(),
            &answers(&[("b.csv", "1"), ("a.csv", "2")]),
        );
        let same = Locked::of(
            &Sound::default(),
            &answers(&[("a.csv", "2"), ("b.csv", "1")]),
        );
        assert_eq!(one.text(), same.text());
        assert!(one.differences(&same).is_empty());
        let other = Locked::of(
            &Sound::default(),
            &answers(&[("a.csv", "3"), ("c.csv", "1")]),
        );
        let told = one.differences(&other);
        assert_eq!(
            told,
            ["`a.csv` holds something else", "`c.csv` is not in it"]
        );
        let read: Locked = serde_json::from_str(&one.text()).expect("it was written");
        assert_eq!(read, one);
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("b.csv"), "x").expect("a file");
        let both = other.with(Some(one), folder.path());
        let names: Vec<&str> = both.files.keys().map(String::as_str).collect();
        assert_eq!(names, ["a.csv", "b.csv", "c.csv"]);
        let newer = Locked {
            library: String::new(),
            catalog: String::new(),
            ..both.clone()
        };
        assert_eq!(newer.differences(&both).len(), 2);
    }
    #[test]
    fn what_checking_read_is_locked_and_a_newer_lock_is_left_alone() {
        let read = |digest: &str| Sound {
            read: BTreeMap::from([("owner.txt".to_owned(), digest.to_owned())]),
            ..Sound::default()
        };
        let one = Locked::of(&read("sha256:1"), &answers(&[("a.csv", "2")]));
        let other = Locked::of(&read("sha256:2"), &answers(&[("a.csv", "2")]));
        let told = one.differences(&other);
        assert_eq!(told, ["`owner.txt` holds something else"]);

        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |text: &str| {
            std::fs::write(folder.path().join(FILE), text).expect("a file");
            Locked::read(folder.path()).map_err(|unusable| unusable.is_newer)
        };
        assert_eq!(write(&one.text()), Ok(Some(one)));
        assert_eq!(write("{ \"version\": 9, \"more\": [] }"), Err(true));
        assert_eq!(write("{ \"version\": 1 }"), Err(false));
        assert_eq!(write("no JSON"), Err(false));
    }
}
