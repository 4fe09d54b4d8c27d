//! The thread that checks: it gets the open texts as they are at one moment, and gives back what
//! was found in the specs that they belong to. Whoever asks meanwhile need not wait for it.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use mlinfra_check::{Checked, FileId, Trees};
use serde_json::Value;

use crate::Outside;
use crate::documents::Documents;
use crate::findings::{Client, View};
use crate::queue::Back;
use crate::roots::{Known, Root, root_of};
use crate::transport::Incoming;

/// What is to be checked.
pub(crate) struct Job {
    pub(crate) documents: Documents,
    /// The root of the spec that each open text belongs to, as far as it is known.
    pub(crate) roots: BTreeMap<PathBuf, Root>,
    /// The folders that are open in the editor.
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) client: Client,
}

/// A checked spec, with what its texts are parsed to.
pub(crate) struct Spec {
    pub(crate) checked: Checked,
    pub(crate) trees: Trees,
}

/// The specs that open texts belong to.
pub(crate) type Specs = BTreeMap<Root, Spec>;

/// What a check gave.
pub(crate) struct Look {
    pub(crate) roots: BTreeMap<PathBuf, Root>,
    pub(crate) specs: Specs,
    /// What is found, as the protocol writes it, by file: every open one is there. None after a bug
    /// of ours: nobody knows then what is right.
    pub(crate) found: Option<BTreeMap<PathBuf, Vec<Value>>>,
    /// The versions of the open texts that were looked at.
    pub(crate) versions: BTreeMap<PathBuf, i32>,
    /// The bugs that came to light.
    pub(crate) bugs: Vec<String>,
}

/// The places of a file: the specs that hold it, with its number in each.
pub(crate) fn specs_with<'s>(
    specs: &'s Specs,
    path: &'s Path,
) -> impl Iterator<Item = (&'s Root, &'s Spec, FileId)> {
    specs.iter().filter_map(move |(root, spec)| {
        let mut files = spec.checked.files.iter();
        let place = files.position(|file| root.path(&file.name) == *path)?;
        Some((root, spec, FileId(u32::try_from(place).ok()?)))
    })
}

/// Works until nobody has anything to check any more.
pub(crate) fn run(outside: &dyn Outside, jobs: &mpsc::Receiver<Job>, back: &Back<Incoming>) {
    let mut trees: BTreeMap<Root, Trees> = BTreeMap::new();
    while let Ok(mut job) = jobs.recv() {
        let versions = job.documents.iter();
        let versions = versions.map(|(path, open)| (path.clone(), open.version));
        let versions = versions.collect();
        let looked = catch_unwind(AssertUnwindSafe(|| look(outside, &mut job, &mut trees)));
        let (specs, found, bugs) = match looked {
            Ok(looked) => looked,
            Err(panic) => (Specs::new(), None, vec![bug(panic.as_ref())]),
        };
        trees.retain(|root, _| specs.contains_key(root));
        back.send(Incoming::Looked(Box::new(Look {
            roots: job.roots,
            specs,
            found,
            versions,
            bugs,
        })));
    }
}

type Looked = (Specs, Option<BTreeMap<PathBuf, Vec<Value>>>, Vec<String>);

/// Checks every spec that an open text belongs to.
fn look(outside: &dyn Outside, job: &mut Job, trees: &mut BTreeMap<Root, Trees>) -> Looked {
    let mut known = Known::new(outside, &job.documents);
    for (path, _) in job.documents.iter() {
        if !job.roots.contains_key(path) {
            let root = root_of(path, &mut known, &job.folders);
            job.roots.insert(path.clone(), root);
        }
    }
    let roots: BTreeSet<Root> = job.roots.values().cloned().collect();
    let mut specs = Specs::new();
    let mut bugs = Vec::new();
    for root in roots {
        let mut known = trees.remove(&root).unwrap_or_default();
        let checked = catch_unwind(AssertUnwindSafe(|| {
            let world = root.world(outside, &job.documents);
            mlinfra_check::check_again(&world, &root.name, &mut known)
        }));
        match checked {
            Ok(checked) => {
                trees.insert(root.clone(), known.clone());
                let trees = known;
                specs.insert(root, Spec { checked, trees });
            }
            Err(panic) => {
                let bug = bug(panic.as_ref());
                bugs.push(format!("checking `{}`: {bug}", root.name));
            }
        }
    }
    let found = bugs.is_empty().then(|| found(job, &specs));
    (specs, found, bugs)
}

/// The findings of each open text, and of every other file that has some.
fn found(job: &Job, specs: &Specs) -> BTreeMap<PathBuf, Vec<Value>> {
    let mut found: BTreeMap<PathBuf, Vec<Value>> = BTreeMap::new();
    for (path, _) in job.documents.iter() {
        found.insert(path.clone(), Vec::new());
    }
    let mut seen: HashSet<(PathBuf, Value)> = HashSet::new();
    for (root, spec) in specs {
        let view = View::new(root, &spec.checked, &job.documents, job.client);
        for (path, finding) in view.by_file() {
            // A file that two specs use has the same fault in both.
            if specs.len() == 1 || seen.insert((path.clone(), finding.clone())) {
                found.entry(path).or_default().push(finding);
            }
        }
    }
    found
}

/// A panic as a text for people.
pub(crate) fn bug(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| "no reason was given".to_owned());
    format!("this is a bug in mlinfra, not in your spec; please report it: {text}")
}
