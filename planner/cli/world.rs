//! The compiler's door to this machine's disk and to the parameters that the user gave.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use mlinfra_check::World;

use crate::problem::Problem;

/// No spec is larger: reading a whole disk image by mistake would fill the memory.
const SPEC_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The spec's folder and the parameters.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    parameters: BTreeMap<String, String>,
}

impl Disk {
    /// The world of the spec in this folder.
    pub(crate) fn new(folder: &Path, parameters: BTreeMap<String, String>) -> Self {
        Disk {
            folder: folder.to_owned(),
            parameters,
        }
    }
}

impl World for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let path = confined(&self.folder, path)?;
        let file = std::fs::File::open(&path).map_err(reason)?;
        if file.metadata().map_err(reason)?.is_dir() {
            return Err("it is a folder".to_owned());
        }
        let mut bytes = Vec::new();
        let mut limited = file.take(SPEC_BYTES_MAX + 1);
        limited.read_to_end(&mut bytes).map_err(reason)?;
        match bytes.len() as u64 > SPEC_BYTES_MAX {
            true => Err(format!("it is larger than {} MiB", SPEC_BYTES_MAX >> 20)),
            false => Ok(bytes),
        }
    }

    fn parameter(&self, name: &str) -> Option<String> {
        self.parameters.get(name).cloned()
    }

    fn parameter_names(&self) -> Vec<String> {
        self.parameters.keys().cloned().collect()
    }
}

/// A system's reason without its number: `no such file or directory`.
pub(crate) fn reason(error: std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => format!("{}{}", first.to_lowercase(), letters.as_str()),
        None => "unknown reason".to_owned(),
    }
}

/// The path inside the spec's folder. A spec reads nothing outside of it, links included, so that
/// one from elsewhere can be planned without fear.
pub(crate) fn confined(folder: &Path, path: &str) -> Result<PathBuf, String> {
    if path.contains('\0') {
        return Err("a path holds no NUL".to_owned());
    }
    let mut inside = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => inside.push(name),
            Component::CurDir => {}
            Component::ParentDir if inside.pop() => {}
            _ => return Err("it lies outside the spec's folder".to_owned()),
        }
    }
    let joined = folder.join(inside);
    let real = joined.canonicalize().map_err(reason)?;
    let root = folder.canonicalize().map_err(reason)?;
    match real.starts_with(&root) {
        true => Ok(joined),
        false => Err("it is a link to outside the spec's folder".to_owned()),
    }
}

/// The parameters from the environment and from the command line, which wins.
pub(crate) fn parameters(given: &[String]) -> Result<BTreeMap<String, String>, Problem> {
    let mut parameters = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
            continue;
        };
        if let Some(name) = name.strip_prefix("MLINFRA_PARAM_") {
            parameters.insert(name.to_owned(), value.to_owned());
        }
    }
    for pair in given {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Problem::usage(format!("`--param {pair}` has no `=`"))
                .help("write it as `--param name=value`"));
        };
        parameters.insert(name.trim().to_owned(), value.to_owned());
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_in_its_folder() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("a.csv"), "x\n").expect("a file");
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).expect("a link");
        let path = |text: &str| confined(folder.path(), text);
        assert!(path("a.csv").is_ok());
        assert!(path("./a.csv").is_ok());
        for outside in ["../a.csv", "x/../../a.csv", "/etc/passwd", "link", "a\0b"] {
            assert!(path(outside).is_err(), "{outside:?}");
        }
    }

    #[test]
    fn reads_parameters() {
        let read = parameters(&["n=2".into(), "text=a=b".into()]).expect("two parameters");
        assert_eq!(read["n"], "2");
        assert_eq!(read["text"], "a=b");
        assert!(parameters(&["n".into()]).is_err());
    }
}
