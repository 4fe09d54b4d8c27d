//! The resource types of this provider.

/// The agent: one for each target.
pub(crate) const AGENT: &str = "agent";
/// A key file.
pub(crate) const KEY: &str = "key";
/// A folder of objects.
pub(crate) const FOLDER: &str = "folder";
/// A part of this machine.
pub(crate) const RESERVATION: &str = "reservation";
/// A step's result.
pub(crate) const STEP: &str = "step";
/// A served release.
pub(crate) const ENDPOINT: &str = "endpoint";
/// A file of alert rules.
pub(crate) const MONITOR: &str = "monitor";
