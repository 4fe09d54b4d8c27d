//! The compiler's door to this machine's disk and to the parameters that the user gave.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};

use mlinfra_api::Digest;
use mlinfra_check::{Head, ParameterFile, ParameterSource, ProjectOutputs, Unread, World};

use crate::arguments::Global;
use crate::outside;
use crate::problem::Problem;

/// No spec is larger: reading a whole disk image by mistake would fill the memory.
const SPEC_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A world that is one spec, `main.mlinfra`.
pub(crate) struct OneSpec(pub(crate) String);

impl World for OneSpec {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        match path {
            "main.mlinfra" => Ok(self.0.clone().into_bytes()),
            _ => Err("no such file".to_owned()),
        }
    }

    fn parameter(&self, _: &str) -> Option<String> {
        None
    }

    fn parameter_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The spec's folder and the parameters.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    parameters: Parameters,
    noted: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Disk {
    /// The world of the spec in this folder.
    pub(crate) fn new(folder: &Path, parameters: Parameters) -> Self {
        Disk {
            folder: folder.to_owned(),
            parameters,
            noted: Arc::default(),
        }
    }

    /// The files that were read so far, each with a digest of what was read of it.
    pub(crate) fn noted(&self) -> BTreeMap<String, String> {
        let noted = self.noted.lock();
        noted.expect("nothing panics while it holds this").clone()
    }

    fn note(&self, path: &str, digest: String) {
        let noted = self.noted.lock();
        let mut noted = noted.expect("nothing panics while it holds this");
        noted.insert(path.to_owned(), digest);
    }
}

impl World for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let bytes = bounded(&confined(&self.folder, path)?, SPEC_BYTES_MAX)?;
        self.note(path, format!("sha256:{}", Digest::of(&bytes)));
        Ok(bytes)
    }

    fn head(&self, path: &str, bytes_max: u64) -> Result<Head, String> {
        let place = confined(&self.folder, path)?;
        let metadata = std::fs::metadata(&place).map_err(reason)?;
        // A pipe has no length, and opening one may wait for ever.
        if !metadata.is_file() {
            return Err("it is no file".to_owned());
        }
        let file = std::fs::File::open(&place).map_err(reason)?;
        let mut bytes = Vec::new();
        file.take(bytes_max)
            .read_to_end(&mut bytes)
            .map_err(reason)?;
        let length = metadata.len();
        self.note(path, format!("sha256:{} of {length}", Digest::of(&bytes)));
        Ok(Head {
            bytes,
            file_bytes: length,
        })
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let given = self.parameters.texts.get(name);
        given.map(|(_, text)| text.clone())
    }

    fn parameter_names(&self) -> Vec<String> {
        self.parameters.texts.keys().cloned().collect()
    }

    fn parameter_source(&self, name: &str) -> ParameterSource {
        let given = self.parameters.texts.get(name);
        given.map_or(ParameterSource::CommandLine, |(source, _)| *source)
    }

    fn parameter_files(&self) -> Vec<ParameterFile> {
        self.parameters.files.clone()
    }

    fn environment(&self) -> Option<String> {
        self.parameters.environment.clone()
    }

    fn outputs(&self, project: &str, environment: Option<&str>) -> Result<ProjectOutputs, Unread> {
        let own = self.parameters.environment.as_deref();
        if outside::is_own(&self.folder, own, project, environment) {
            return Err(Unread {
                why: "it is this one".to_owned(),
                help: "name what is needed of it: its blocks are in this spec".to_owned(),
            });
        }
        outside::read(&self.folder, project, environment)
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

/// No file of parameters is larger: nobody writes so many by hand.
const PARAMETER_BYTES_MAX: u64 = 1024 * 1024;

/// What the user gave from outside of the spec.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters {
    /// The texts of parameters, by name, with where each was given.
    pub(crate) texts: BTreeMap<String, (ParameterSource, String)>,
    /// The files of parameters, in the order named.
    pub(crate) files: Vec<ParameterFile>,
    /// The environment.
    pub(crate) environment: Option<String>,
}

impl Parameters {
    /// What stands on the command line and in the process's environment.
    pub(crate) fn read(global: &Global) -> Result<Self, Problem> {
        let read = |path: &PathBuf| ParameterFile {
            name: path.display().to_string(),
            content: bounded(path, PARAMETER_BYTES_MAX),
        };
        let variable = std::env::var("MLINFRA_ENVIRONMENT").ok();
        let variable = variable.filter(|name| !name.is_empty());
        Ok(Parameters {
            texts: texts(&global.param)?,
            files: global.params.iter().map(read).collect(),
            environment: global.environment.clone().or(variable),
        })
    }
}

/// A file's bytes, unless there are too many.
fn bounded(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(path).map_err(reason)?;
    if file.metadata().map_err(reason)?.is_dir() {
        return Err("it is a folder".to_owned());
    }
    let mut bytes = Vec::new();
    let mut limited = file.take(bytes_max + 1);
    limited.read_to_end(&mut bytes).map_err(reason)?;
    match bytes.len() as u64 > bytes_max {
        true => Err(format!("it is larger than {} MiB", bytes_max >> 20)),
        false => Ok(bytes),
    }
}

/// The parameters from the process's environment and from the command line, which wins.
fn texts(given: &[String]) -> Result<BTreeMap<String, (ParameterSource, String)>, Problem> {
    let mut parameters = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
            continue;
        };
        if let Some(name) = name.strip_prefix("MLINFRA_PARAM_") {
            let given = (ParameterSource::Variable, value.to_owned());
            parameters.insert(name.to_owned(), given);
        }
    }
    for pair in given {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Problem::usage(format!("`--param {pair}` has no `=`"))
                .help("write it as `--param name=value`"));
        };
        let given = (ParameterSource::CommandLine, value.to_owned());
        parameters.insert(name.trim().to_owned(), given);
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
        let read = texts(&["n=2".into(), "text=a=b".into()]).expect("two parameters");
        let given = |text: &str| (ParameterSource::CommandLine, text.to_owned());
        assert_eq!(read["n"], given("2"));
        assert_eq!(read["text"], given("a=b"));
        assert!(texts(&["n".into()]).is_err());
    }
}
