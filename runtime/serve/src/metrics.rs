//! What an endpoint counts, as Prometheus reads it.

use std::fmt::Write as _;
use std::time::Duration;

use ::metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use mlinfra_runtime_spec::EndpointSpec;
use mlinfra_runtime_spec::metrics::DURATION_BUCKETS;

use crate::drift::Drifted;

const REQUESTS: &str = "mlinfra_requests_total";
const DURATION: &str = "mlinfra_request_duration_seconds";
const IN_FLIGHT: &str = "mlinfra_requests_in_flight";
const ROWS: &str = "mlinfra_rows_predicted_total";
const READY: &str = "mlinfra_ready";
const LOAD: &str = "mlinfra_model_load_seconds";
const ROLLOUTS: &str = "mlinfra_rollouts_total";
const INFO: &str = "mlinfra_release_info";
const DRIFT: &str = "mlinfra_feature_drift";
const DRIFT_ROWS: &str = "mlinfra_feature_drift_window_rows";

/// Routes that predict.
const PREDICTING: [&str; 2] = ["/predict", "/v2/models/{model}/infer"];

/// The endpoint's own recorder: two endpoints in one process, as in tests, do not mix.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    labels: String,
}

impl Metrics {
    /// Every series carries the endpoint's name and its replica.
    pub(crate) fn new(spec: &EndpointSpec) -> Self {
        let recorder = PrometheusBuilder::new()
            .add_global_label("endpoint", spec.name.clone())
            .add_global_label("replica", spec.replica.to_string())
            .set_buckets_for_metric(Matcher::Full(DURATION.into()), &DURATION_BUCKETS)
            .expect("there are buckets")
            .build_recorder();
        let name = escaped(&spec.name);
        let labels = format!("endpoint=\"{name}\",replica=\"{}\"", spec.replica);
        let metrics = Metrics {
            handle: recorder.handle(),
            recorder,
            labels,
        };
        metrics.describe();
        metrics
    }

    fn describe(&self) {
        ::metrics::with_local_recorder(&self.recorder, || {
            describe_counter!(REQUESTS, "Requests answered, by route, method and status.");
            describe_histogram!(
                DURATION,
                "Time from a request's head to its answer, in seconds."
            );
            describe_gauge!(IN_FLIGHT, "Requests that are being answered.");
            describe_counter!(ROWS, "Rows predicted.");
            describe_gauge!(READY, "1 if the release is loaded and proved, else 0.");
            describe_gauge!(LOAD, "How long the served model took to load, in seconds.");
            describe_counter!(ROLLOUTS, "Releases that were loaded, by result.");
            counter!(ROWS).absolute(0);
            gauge!(IN_FLIGHT).set(0.0);
            gauge!(READY).set(0.0);
            // There from the start: a rate sees no first step of a series that appears with it.
            for route in PREDICTING {
                for status in ["200", "500", "503"] {
                    counter!(REQUESTS, "route" => route, "method" => "POST", "status" => status)
                        .absolute(0);
                }
            }
        });
    }

    /// A request began.
    pub(crate) fn begin(&self) {
        ::metrics::with_local_recorder(&self.recorder, || gauge!(IN_FLIGHT).increment(1.0));
    }

    /// It is not being answered any more, be it because its client went away.
    pub(crate) fn leave(&self) {
        ::metrics::with_local_recorder(&self.recorder, || gauge!(IN_FLIGHT).decrement(1.0));
    }

    /// A request was answered.
    pub(crate) fn answered(
        &self,
        route: &'static str,
        method: &'static str,
        status: u16,
        took: Duration,
        rows: u64,
    ) {
        ::metrics::with_local_recorder(&self.recorder, || {
            let status = status.to_string();
            counter!(REQUESTS, "route" => route, "method" => method, "status" => status)
                .increment(1);
            histogram!(DURATION, "route" => route).record(took.as_secs_f64());
            counter!(ROWS).increment(rows);
        });
    }

    /// Whether the endpoint is ready.
    pub(crate) fn ready(&self, ready: bool) {
        let value = if ready { 1.0 } else { 0.0 };
        ::metrics::with_local_recorder(&self.recorder, || gauge!(READY).set(value));
    }

    /// A release was loaded, or could not be.
    pub(crate) fn rolled_out(&self, took: Option<Duration>) {
        ::metrics::with_local_recorder(&self.recorder, || {
            let result = if took.is_some() { "served" } else { "refused" };
            counter!(ROLLOUTS, "result" => result).increment(1);
            if let Some(took) = took {
                gauge!(LOAD).set(took.as_secs_f64());
            }
        });
    }

    /// Moves samples into their buckets. Without it, what is not scraped piles up.
    pub(crate) fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// The text of `GET /metrics`. What belongs to the release that is served is written here: the
    /// recorder would keep a series for each release ever served.
    pub(crate) fn render(&self, served: Option<&Served<'_>>) -> String {
        let mut text = self.handle.render();
        let Some(served) = served else {
            return text;
        };
        let labels = &self.labels;
        let mut gauge = |name: &str, help: &str, series: &mut dyn Iterator<Item = Sample>| {
            write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n").expect(TAKES_ALL);
            for (more, value) in series {
                writeln!(text, "{name}{{{labels}{more}}} {value}").expect(TAKES_ALL);
            }
        };
        let Served { release, model, .. } = served;
        gauge(
            INFO,
            "The release that is served and its model, by their keys.",
            &mut [(format!(",release=\"{release}\",model=\"{model}\""), 1.0)].into_iter(),
        );
        let Some(drifted) = &served.drifted else {
            return text;
        };
        gauge(
            DRIFT_ROWS,
            "Rows of requests that drift is taken from: those of the last hour.",
            &mut [(String::new(), drifted.rows as f64)].into_iter(),
        );
        if !drifted.features.is_empty() {
            let sample = |(feature, index): &(String, f64)| {
                (format!(",feature=\"{}\"", escaped(feature)), *index)
            };
            gauge(
                DRIFT,
                "How far the requests of the last hour are from training, as population stability \
                 index: below 0.1 little, above 0.2 much.",
                &mut drifted.features.iter().map(sample),
            );
        }
        text
    }
}

/// What is served, as the metrics tell it.
pub(crate) struct Served<'a> {
    /// The release, by the first digits of its key.
    pub(crate) release: &'a str,
    /// Its model.
    pub(crate) model: &'a str,
    /// How far its requests are from training, where that is known.
    pub(crate) drifted: Option<Drifted>,
}

/// Labels besides those that every series has, and a value.
type Sample = (String, f64);

const TAKES_ALL: &str = "a text takes all";

/// A label's value in the text format.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
