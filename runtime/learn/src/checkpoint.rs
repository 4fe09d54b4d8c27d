//! Checkpoints: the whole state of a training at the end of an epoch, so that it can go on from
//! there as if it had never stopped.

use std::collections::BTreeMap;

use mlinfra_api::Digest;
use serde::{Deserialize, Serialize};

use crate::weights::{self, Array, Arrays};

/// Keeps checkpoints; the files are the caller's.
pub trait Checkpoints {
    /// Keeps this one. When it returns, the checkpoint outlives a crash, and an interrupted call
    /// leaves those from before readable. How many old ones are kept is the keeper's choice: at
    /// least one besides the newest.
    fn save(&mut self, epoch: u32, bytes: &[u8]) -> Result<(), String>;

    /// Those kept, newest first.
    fn newest_first(&mut self) -> Result<Vec<(u32, Vec<u8>)>, String>;
}

/// Keeps none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCheckpoints;

impl Checkpoints for NoCheckpoints {
    fn save(&mut self, _epoch: u32, _bytes: &[u8]) -> Result<(), String> {
        Ok(())
    }

    fn newest_first(&mut self) -> Result<Vec<(u32, Vec<u8>)>, String> {
        Ok(Vec::new())
    }
}

/// The format of the file; 2 has the figures of every epoch.
const FORMAT: u32 = 2;

/// The state at the end of an epoch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) header: Header,
    pub(crate) parameters: Arrays,
    /// The optimizer's first and second moments.
    pub(crate) first: Arrays,
    pub(crate) second: Arrays,
}

/// What a checkpoint says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    format: u32,
    /// The digest of everything that decides the result: task, features' encoding and data.
    pub(crate) recipe: String,
    /// How many epochs are done.
    pub(crate) epoch: u32,
    /// How many steps of the optimizer are done.
    pub(crate) step: u64,
    /// Whether all of them ran under one fingerprint.
    pub(crate) exact: bool,
    pub(crate) fingerprint: String,
    pub(crate) figures: BTreeMap<String, f64>,
    /// Of every epoch that is done: loss, validation loss, validation AUC.
    pub(crate) history: Vec<(f64, Option<f64>, Option<f64>)>,
    /// SHA-256 of this file with this field empty.
    digest: String,
}

/// What a header of any format says.
#[derive(Deserialize)]
struct Said {
    format: u32,
}

impl Header {
    pub(crate) fn new(recipe: String, fingerprint: String) -> Self {
        Header {
            format: FORMAT,
            recipe,
            epoch: 0,
            step: 0,
            exact: true,
            fingerprint,
            figures: BTreeMap::new(),
            history: Vec::new(),
            digest: String::new(),
        }
    }
}

const GROUPS: [&str; 3] = ["first", "parameter", "second"];

impl Checkpoint {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let arrays = self.arrays();
        let mut header = self.header.clone();
        header.digest = String::new();
        header.digest = Digest::of(&weights::to_bytes(&arrays, &json(&header))).to_string();
        weights::to_bytes(&arrays, &json(&header))
    }

    /// Reads a checkpoint of this recipe; torn, changed and foreign ones are refused with a reason.
    pub(crate) fn from_bytes(bytes: &[u8], recipe: &str) -> Result<Self, String> {
        let (arrays, header) = weights::from_bytes(bytes)?;
        let foreign = |_| "its header was not written by this program".to_owned();
        // Before anything else is read: another format may have other fields.
        let Said { format } = serde_json::from_str(&header).map_err(foreign)?;
        if format != FORMAT {
            return Err(format!("its format is {format}, not {FORMAT}"));
        }
        let header: Header = serde_json::from_str(&header).map_err(foreign)?;
        let mut groups = [Arrays::new(), Arrays::new(), Arrays::new()];
        for (name, array) in arrays {
            let split = name.split_once('.').and_then(|(group, name)| {
                let at = GROUPS.iter().position(|known| *known == group)?;
                Some((at, name.to_owned()))
            });
            let (group, name) = split.ok_or("it holds an unknown array")?;
            groups[group].insert(name, array);
        }
        let [first, parameters, second] = groups;
        let checkpoint = Checkpoint {
            header,
            parameters,
            first,
            second,
        };
        // Written again, it must be the same bytes: that covers the digest and everything else.
        if checkpoint.to_bytes() != bytes {
            return Err("its digest does not match its content".to_owned());
        }
        if checkpoint.header.history.len() != checkpoint.header.epoch as usize {
            return Err("its history is not that of its epochs".to_owned());
        }
        if checkpoint.header.recipe != recipe {
            return Err("it belongs to another recipe".to_owned());
        }
        Ok(checkpoint)
    }

    fn arrays(&self) -> Arrays {
        let groups = [&self.first, &self.parameters, &self.second];
        let of = |(prefix, arrays)| named(prefix, arrays);
        GROUPS.into_iter().zip(groups).flat_map(of).collect()
    }
}

fn named(prefix: &str, arrays: &Arrays) -> Vec<(String, Array)> {
    let of = |(name, array): (&String, &Array)| (format!("{prefix}.{name}"), array.clone());
    arrays.iter().map(of).collect()
}

fn json(header: &Header) -> String {
    serde_json::to_string(header).expect("a header has text keys and finite numbers alone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_of_another_format_is_refused_for_its_format() {
        // As the first format was: without the history.
        let header = r#"{"format":1,"recipe":"r","epoch":3,"step":9,"exact":true,
            "fingerprint":"f","figures":{},"digest":""}"#;
        let bytes = weights::to_bytes(&Arrays::new(), header);
        let reason = Checkpoint::from_bytes(&bytes, "r").expect_err("it is of another format");
        assert_eq!(reason, "its format is 1, not 2");
        let bytes = weights::to_bytes(&Arrays::new(), r#"{"format":2,"recipe":"r"}"#);
        let reason = Checkpoint::from_bytes(&bytes, "r").expect_err("it lacks its fields");
        assert_eq!(reason, "its header was not written by this program");
    }
}
