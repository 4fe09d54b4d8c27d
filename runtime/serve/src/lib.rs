//! The endpoint's process: it serves one release over HTTP, and replaces it without closing the
//! port.
//!
//! # Routes
//!
//! | route | what |
//! |---|---|
//! | `GET /live`, `/v2/health/live` | 200 from the first millisecond |
//! | `GET /ready`, `/v2/health/ready`, `/v2/models/{m}/ready` | 200 or 503, with its `stage` |
//! | `GET /metrics` | Prometheus |
//! | `POST /predict` | below |
//! | `GET /v2`, `GET /v2/models/{m}`, `POST /v2/models/{m}/infer` | Open Inference Protocol 2 |
//!
//! It is ready once its release is loaded and has answered its golden requests. Below
//! `/v2/models/{m}` each path is there with `/versions/{v}` too.
//!
//! With keys set, a request brings one in `Authorization: Bearer KEY` or `X-API-Key`; liveness and
//! readiness never need one, nor does `/metrics` on a loopback address.
//!
//! # `POST /predict`
//!
//! One object of raw columns gives one prediction:
//!
//! ```json
//! {"month": 12, "savings": null}
//! {"prediction": {"probability": 0.83, "label": true},
//!  "target": "good", "model": "score", "release": "5f1c0a9be310"}
//! ```
//!
//! A list of objects, or `{"rows": [ … ]}`, gives `"predictions": [ … ]` in the same order. A row
//! has exactly the fields of the request schema: a missing one, an unknown one or one of another
//! type is refused, since a default put in its place would be a wrong answer that looks right. A
//! field that may be missing may be left out or `null`. Columns that the model does not need are
//! refused too: data that is not needed should not be sent.
//!
//! # What is counted
//!
//! `mlinfra_requests_total` by route, method and status, `mlinfra_request_duration_seconds` as a
//! histogram by route, and, for a model with a profile of its training table,
//! `mlinfra_feature_drift` for each feature: how far the rows of the last hour are from training.
//! Every series has the labels `endpoint` and `replica`. No cell and no text of a request is in
//! one.
//!
//! # Errors
//!
//! An error is `{"error": {"code", "message", "help", "field", "row"}}`, of which only code and
//! message are always there. It names fields and rows, never a value.

mod auth;
mod body;
mod codes;
mod connection;
mod drift;
mod endpoint;
mod fault;
mod golden;
mod infer;
mod limits;
mod metrics;
mod observe;
mod port;
mod predictor;
mod release;
mod request;
pub mod rollout;
mod routes;
mod state;

pub use codes::CODES;
pub use endpoint::{Command, run_endpoint, run_endpoint_with};
pub use fault::RequestFault;
pub use golden::{DIFFERENCE_MAX, GOLDEN_OBJECT, Golden, GoldenRequest, check_golden, make_golden};
pub use limits::{DRIFT_ROWS_MIN, DRIFT_WINDOW_MINUTES, Limits};
pub use predictor::{MODEL_OBJECT, Predictor, SERVING_OBJECT};
pub use release::{RELEASE_OBJECT, ReleaseRecord};
pub use request::Row;
