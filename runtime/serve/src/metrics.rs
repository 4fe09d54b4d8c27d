//! What an endpoint counts, as Prometheus reads it.

use std::fmt::Write as _;
use std::time::Duration;

use ::metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use mlinfra_runtime_spec::EndpointSpec;

/// Upper bounds of the duration buckets, in seconds: half a millisecond to ten seconds.
const DURATION_BUCKETS: [f64; 13] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

const REQUESTS: &str = "mlinfra_requests_total";
const DURATION: &str = "mlinfra_request_duration_seconds";
const IN_FLIGHT: &str = "mlinfra_requests_in_flight";
const ROWS: &str = "mlinfra_rows_predicted_total";
const READY: &str = "mlinfra_ready";
const LOAD: &str = "mlinfra_model_load_seconds";
const ROLLOUTS: &str = "mlinfra_rollouts_total";

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
        let name = spec.name.replace('\\', "\\\\").replace('"', "\\\"");
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

    /// The text of `GET /metrics`. The release stands in one series alone, so it is written here:
    /// the recorder would keep one for each release ever served.
    pub(crate) fn render(&self, release: Option<(&str, &str)>) -> String {
        let mut text = self.handle.render();
        if let Some((release, model)) = release {
            let labels = &self.labels;
            let name = "mlinfra_release_info";
            write!(
                text,
                "# HELP {name} The release that is served and its model, by their keys.\n\
                 # TYPE {name} gauge\n\
                 {name}{{{labels},release=\"{release}\",model=\"{model}\"}} 1\n"
            )
            .expect("a text takes all");
        }
        text
    }
}
