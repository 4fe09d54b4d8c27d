//! A release in memory: what `register` wrote down, the model, and the proof that it answers as
//! it did when it was trained.

use std::time::{Duration, Instant};

use mlinfra_data::{StepFault, read_object};
use mlinfra_runtime_spec::profile::{PROFILE_OBJECT, TableProfile};
use mlinfra_runtime_spec::stored::{self, Unreadable};
use mlinfra_runtime_spec::{ArtifactReference, EndpointSpec};
use serde::{Deserialize, Serialize};

use crate::codes;
use crate::drift::Drift;
use crate::golden::{Golden, check_golden};
use crate::predictor::{Predictor, unfit};
use crate::request::Row;

/// The object of a release's artifact that holds the [`ReleaseRecord`], as JSON.
pub const RELEASE_OBJECT: &str = "release.json";

/// The code of an object that an artifact does not have.
const OBJECT_ABSENT: &str = "E0626";

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
    /// How its requests differ from training; none for a model without a profile.
    pub(crate) drift: Option<Drift>,
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
        let drift = read_profile(&spec.model)?.map(|profile| {
            let features = predictor.model().features();
            Drift::new(&profile, features, predictor.feature_schema())
        });
        Ok(Release {
            predictor,
            golden,
            drift,
            key: spec.release.key.clone(),
            model: spec.model.key.clone(),
            load_time: started.elapsed(),
        })
    }

    /// The probability, for each row of a request, that the label is true. The rows are counted.
    pub(crate) fn predict(&self, rows: &[Row]) -> Result<Vec<f64>, StepFault> {
        let features = self.predictor.features(rows)?;
        let probabilities = self.predictor.predict_features(&features)?;
        if let Some(drift) = &self.drift {
            drift.count(&features);
        }
        Ok(probabilities)
    }

    /// Answers the golden requests. They do not count as requests.
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

/// How the model's features were spread in training; none of a model that was trained before
/// profiles were kept, or by a program that writes them in another format.
fn read_profile(model: &ArtifactReference) -> Result<Option<TableProfile>, StepFault> {
    let bytes = match read_object(model, PROFILE_OBJECT) {
        Ok(bytes) => bytes,
        Err(fault) if fault.code == OBJECT_ABSENT => return Ok(None),
        Err(fault) => return Err(fault),
    };
    match stored::read(&bytes) {
        Ok(profile) => Ok(Some(profile)),
        Err(Unreadable::Format(format)) => {
            tracing::warn!(format, "{FOREIGN_PROFILE}");
            Ok(None)
        }
        Err(Unreadable::Content) => Err(unfit(format!(
            "`{PROFILE_OBJECT}` of the model can't be read"
        ))),
    }
}

const FOREIGN_PROFILE: &str = "the model is served without drift: its profile was written by a \
                               version of mlinfra with another format; train it again";

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
