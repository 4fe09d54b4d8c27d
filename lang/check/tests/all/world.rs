//! A world in memory, and findings as short texts.

use std::collections::BTreeMap;

use mlinfra_api::Value;
use mlinfra_check::{
    Checked, Diagnostic, Head, ParameterFile, ProjectOutputs, Unread, World, check,
};

/// Files and parameters in memory.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) parameter_files: Vec<ParameterFile>,
    pub(crate) environment: Option<String>,
    /// What other projects give, by folder, and environment behind a colon.
    pub(crate) projects: BTreeMap<String, Vec<(String, Value)>>,
    /// How long a file is of which only the first bytes are here.
    pub(crate) lengths: BTreeMap<String, u64>,
}

impl World for Memory {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| "no such file".to_owned())
    }

    fn head(&self, path: &str, bytes_max: u64) -> Result<Head, String> {
        let mut bytes = self.read(path)?;
        let file_bytes = self.lengths.get(path).copied();
        let file_bytes = file_bytes.unwrap_or(bytes.len() as u64);
        bytes.truncate(usize::try_from(bytes_max).unwrap_or(usize::MAX));
        Ok(Head { bytes, file_bytes })
    }

    fn parameter(&self, name: &str) -> Option<String> {
        self.parameters.get(name).cloned()
    }

    fn parameter_names(&self) -> Vec<String> {
        self.parameters.keys().cloned().collect()
    }

    fn parameter_files(&self) -> Vec<ParameterFile> {
        self.parameter_files.clone()
    }

    fn environment(&self) -> Option<String> {
        self.environment.clone()
    }

    fn outputs(&self, project: &str, environment: Option<&str>) -> Result<ProjectOutputs, Unread> {
        let environment: String = environment.map_or(String::new(), |name| format!(":{name}"));
        match self.projects.get(&format!("{project}{environment}")) {
            Some(values) => Ok(ProjectOutputs::new(values.clone())),
            None => Err(Unread {
                why: "there is no project".to_owned(),
                help: "check the path".to_owned(),
            }),
        }
    }
}

/// Checks one text.
pub(crate) fn check_text(text: &str) -> Checked {
    check_with(text, &[])
}

/// Checks one text with parameters.
pub(crate) fn check_with(text: &str, parameters: &[(&str, &str)]) -> Checked {
    let mut world = Memory::default();
    world
        .files
        .insert("main.mlinfra".to_owned(), text.as_bytes().to_vec());
    for (name, value) in parameters {
        world
            .parameters
            .insert((*name).to_owned(), (*value).to_owned());
    }
    check(&world, "main.mlinfra")
}

/// A finding as `E0302 at "text": what`.
pub(crate) fn shown(checked: &Checked, finding: &Diagnostic) -> String {
    let span = finding.primary.span;
    let file = checked.files.get(span.file.0 as usize);
    let text = file
        .and_then(|file| file.text.get(span.start as usize..span.end as usize))
        .unwrap_or("?");
    format!("{} at {text:?}: {}", finding.code.0, finding.primary.text)
}

/// All findings, shown.
pub(crate) fn findings(checked: &Checked) -> Vec<String> {
    checked
        .diagnostics
        .iter()
        .map(|finding| shown(checked, finding))
        .collect()
}

/// The codes of all findings, with the text that each points at.
pub(crate) fn codes_at(checked: &Checked) -> Vec<(String, String)> {
    let pair = |finding: &Diagnostic| {
        let span = finding.primary.span;
        let file = &checked.files[span.file.0 as usize];
        let text = file
            .text
            .get(span.start as usize..span.end as usize)
            .unwrap_or("?");
        (finding.code.0.to_owned(), text.to_owned())
    };
    checked.diagnostics.iter().map(pair).collect()
}

/// The credit example.
pub(crate) const CREDIT: &str = include_str!("../../../../examples/credit/credit.mlinfra");
