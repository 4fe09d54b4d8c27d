//! The one door from the language to the outside: texts by name, and facts.

use crate::project::{ProjectOutputs, Unread};

/// What the compiler may ask of the outside. The command line answers from the disk, the editor
/// from its buffers first, a test from memory.
pub trait World {
    /// The bytes of a spec file, by its path relative to the root file's folder.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;

    /// The first bytes of a file of data, at most so many, and how long all of it is. Such a file
    /// may be larger than any memory.
    fn head(&self, path: &str, bytes_max: u64) -> Result<Head, String> {
        let mut bytes = self.read(path)?;
        let file_bytes = bytes.len() as u64;
        bytes.truncate(usize::try_from(bytes_max).unwrap_or(usize::MAX));
        Ok(Head { bytes, file_bytes })
    }

    /// A parameter's text as the user gave it on the command line or in the environment.
    fn parameter(&self, name: &str) -> Option<String>;

    /// The names of all parameters that were given, so that an unknown one is a finding.
    fn parameter_names(&self) -> Vec<String>;

    /// Where [`World::parameter`] has a parameter from.
    fn parameter_source(&self, _name: &str) -> ParameterSource {
        ParameterSource::CommandLine
    }

    /// The files of parameters that were named, each with its name as the user typed it; a later
    /// one wins over an earlier one.
    fn parameter_files(&self) -> Vec<ParameterFile> {
        Vec::new()
    }

    /// The environment that was asked for; none if nobody asked for one.
    fn environment(&self) -> Option<String> {
        None
    }

    /// What another project gives, by the path from the root file's folder to its own, and its
    /// environment if it has some.
    fn outputs(
        &self,
        _project: &str,
        _environment: Option<&str>,
    ) -> Result<ProjectOutputs, Unread> {
        Err(Unread {
            why: "there is no folder here that it could lie beside".to_owned(),
            help: "check a spec that lies on the disk".to_owned(),
        })
    }
}

/// Where a parameter's text was given, outside of any file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterSource {
    /// `--param name=value`: wins over everything else.
    CommandLine,
    /// `MLINFRA_PARAM_name`: wins over what the spec says, not over a file that was named.
    Variable,
}

/// A file of parameters: the fields of a spec, or one JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterFile {
    /// Its name as the user typed it.
    pub name: String,
    /// Its bytes, or why they can't be read.
    pub content: Result<Vec<u8>, String>,
}

/// How a file begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its first bytes.
    pub bytes: Vec<u8>,
    /// How many bytes the whole file has.
    pub file_bytes: u64,
}
