//! The one door from the language to the outside: texts by name, and facts.

/// What the compiler may ask of the outside. The command line answers from the disk, the editor
/// from its buffers first, a test from memory.
pub trait World {
    /// The bytes of a spec file, by its path relative to the root file's folder.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;

    /// A parameter's text as the user gave it on the command line, in a file or the environment.
    fn parameter(&self, name: &str) -> Option<String>;

    /// The names of all parameters that were given, so that an unknown one is a finding.
    fn parameter_names(&self) -> Vec<String>;
}
