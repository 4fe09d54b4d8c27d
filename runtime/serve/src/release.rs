//! A release in memory: what `register` wrote down, the model, and the proof that it answers as
//! it did when it was trained.

use std::time::{Duration, Instant};

use mlinfra_data::{StepFault, read_object};
use mlinfra_runtime_spec::EndpointSpec;
use serde::{Deserialize, Serialize};

use crate::codes;
use crate::golden::{Golden, check_golden};
use crate::predictor::Predictor;

/// The object of a release's artifact that holds the [`ReleaseRecord`], as JSON.
pub const RELEASE_OBJECT: &str = "release.json";

/// How many digits of a key stand in answers and metrics.
const VERSION_DIGITS: usize = 12;

/// `release.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRecord {
    /// The name under which the model is registered.
    pub name: String,
    /// The recipe key of the model.
    pub model: String,
}

/// A loaded release.
pub(crate) struct Release {
    pub(crate) predictor: Predictor,
    golden: Golden,
    /// The recipe key of the release.
    pub(crate) key: String,
    /// The recipe key of its model.
    pub(crate) model: String,
    /// How long it took to read.
    pub(crate) load_time: Duration,
}

impl Release {
    /// Reads release and model from their stores.
    pub(crate) fn load(spec: &EndpointSpec) -> Result<Self, StepFault> {
        let started = Instant::now();
        let record = read_object(&spec.release, RELEASE_OBJECT)?;
        let record: ReleaseRecord = serde_json::from_slice(&record)
            .map_err(|_| foreign(format!("`{RELEASE_OBJECT}` can't be read")))?;
        if record.model != spec.model.key {
            let (has, asked) = (version(&record.model), version(&spec.model.key));
            return Err(foreign(format!(
                "the release holds model {has}, not {asked}"
            )));
        }
        let predictor = Predictor::load(&spec.model)?;
        let golden = Golden::load(&spec.model)?;
        Ok(Release {
            predictor,
            golden,
            key: spec.release.key.clone(),
            model: spec.model.key.clone(),
            load_time: started.elapsed(),
        })
    }

    /// Answers the golden requests.
    pub(crate) fn prove(&self) -> Result<(), StepFault> {
        check_golden(&self.predictor, &self.golden).map_err(|reason| StepFault {
            code: codes::GOLDEN.into(),
            message: format!("the model does not answer as it did when it was trained: {reason}"),
            help: Some("train it again with this runtime".into()),
        })
    }

    /// The release as answers name it.
    pub(crate) fn version(&self) -> &str {
        version(&self.key)
    }
}

/// The first digits of a key.
pub(crate) fn version(key: &str) -> &str {
    key.get(..VERSION_DIGITS).unwrap_or(key)
}

fn foreign(message: String) -> StepFault {
    StepFault {
        code: codes::RELEASE_FOREIGN.into(),
        message,
        help: Some("run `mlinfra apply`: it makes the release again".into()),
    }
}
