//! The routes of an endpoint and what each answers.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, Router, any, get, post};
use mlinfra_data::StepFault;
use mlinfra_runtime_spec::evaluation::THRESHOLD;
use serde_json::{Value, json};

use crate::body;
use crate::codes;
use crate::drift::Drift;
use crate::fault::{RequestFault, Wording, shown};
use crate::infer;
use crate::metrics::Served;
use crate::observe::{Rows, Watched, observe, wording};
use crate::release::Release;
use crate::request::{Asked, read_predict};
use crate::state::Endpoint;

type Shared = State<Arc<Endpoint>>;

/// Routes with a model in them, below `/v2/models/{model}` and below its versions.
const MODEL: &str = "/v2/models/{model}";
const MODEL_READY: &str = "/v2/models/{model}/ready";
const MODEL_INFER: &str = "/v2/models/{model}/infer";
const VERSION: &str = "/v2/models/{model}/versions/{version}";
const VERSION_READY: &str = "/v2/models/{model}/versions/{version}/ready";
const VERSION_INFER: &str = "/v2/models/{model}/versions/{version}/infer";

/// All routes.
pub(crate) fn router(endpoint: &Arc<Endpoint>) -> Router {
    // Counts say how much is asked and by how many; on an open network that needs the key too.
    let counts_are_open = endpoint.loopback;
    let routes: [(&'static str, bool, MethodRouter<Arc<Endpoint>>); 14] = [
        ("/live", true, get(live)),
        ("/ready", true, get(ready)),
        ("/metrics", counts_are_open, get(metrics)),
        ("/predict", false, post(predict)),
        ("/v2", false, get(server)),
        ("/v2/health/live", true, get(live)),
        ("/v2/health/ready", true, get(ready)),
        (MODEL, false, get(model)),
        (MODEL_READY, true, get(model_ready)),
        (MODEL_INFER, false, post(infer)),
        (VERSION, false, get(model)),
        (VERSION_READY, true, get(model_ready)),
        (VERSION_INFER, false, post(infer)),
        ("/", false, get(server)),
    ];
    let mut router = Router::new();
    for (route, open, methods) in routes {
        router = router.route(
            route,
            watched(endpoint, route, open, methods.fallback(no_method)),
        );
    }
    let rest = watched(endpoint, "other", false, any(no_route));
    router
        .fallback_service(rest.with_state(Arc::clone(endpoint)))
        .with_state(Arc::clone(endpoint))
}

fn watched(
    endpoint: &Arc<Endpoint>,
    route: &'static str,
    open: bool,
    methods: MethodRouter<Arc<Endpoint>>,
) -> MethodRouter<Arc<Endpoint>> {
    let watched = Watched {
        endpoint: Arc::clone(endpoint),
        route,
        open,
    };
    methods.layer(from_fn_with_state(watched, observe))
}

async fn no_route(request: Request) -> Response {
    let text = "there is nothing at this path";
    RequestFault::new(404, codes::NO_ROUTE, text)
        .with_help("POST /predict, GET /ready, GET /live, GET /metrics, GET /v2/models/{name}")
        .into_response(wording(request.uri().path()))
}

async fn no_method(request: Request) -> Response {
    let path = request.uri().path();
    let wanted = match path == "/predict" || path.ends_with("/infer") {
        true => "POST",
        false => "GET",
    };
    let text = format!("this path takes {wanted}");
    let mut response =
        RequestFault::new(405, codes::NO_ROUTE, text).into_response(wording(request.uri().path()));
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(wanted));
    response
}

async fn live() -> Json<Value> {
    Json(json!({"live": true}))
}

async fn ready(State(endpoint): Shared) -> Response {
    readiness(&endpoint)
}

/// 200 if the release is loaded and proved, else 503 with how far it is.
fn readiness(endpoint: &Endpoint) -> Response {
    let standing = endpoint.standing();
    let is_ready = standing.is_ready();
    let mut body = json!({
        "name": endpoint.name,
        "ready": is_ready,
        "stage": standing.stage(),
    });
    if let Some(release) = endpoint.live() {
        body["release"] = json!(release.version());
    }
    // A problem may name files of this machine.
    if let Some(problem) = standing.problem.filter(|_| endpoint.loopback) {
        body["problem"] = json!(problem);
    }
    if is_ready {
        return Json(body).into_response();
    }
    let again = [(header::RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, again, Json(body)).into_response()
}

async fn metrics(State(endpoint): Shared) -> Response {
    let release = endpoint.live();
    let release = release.as_ref().map(|release| Served {
        release: release.version(),
        model: crate::release::version(&release.model),
        drifted: release.drift.as_ref().map(Drift::drifted),
    });
    let content = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (content, endpoint.metrics.render(release.as_ref())).into_response()
}

async fn server() -> Json<Value> {
    Json(json!({
        "name": "mlinfra-runtime",
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": [],
    }))
}

/// The model and, in some routes, its version.
#[derive(serde::Deserialize)]
struct Named {
    model: String,
    version: Option<String>,
}

impl Named {
    fn check_model(&self, endpoint: &Endpoint) -> Result<(), RequestFault> {
        if self.model == endpoint.name {
            return Ok(());
        }
        let text = format!("there is no model `{}` here", shown(&self.model));
        let help = format!("this endpoint serves `{}`", endpoint.name);
        Err(RequestFault::new(404, codes::NO_ROUTE, text).with_help(help))
    }

    fn check_version(&self, release: &Release) -> Result<(), RequestFault> {
        match &self.version {
            Some(version) if version != release.version() && *version != release.key => {
                let text = format!("version `{}` is not served here", shown(version));
                let help = format!("version `{}` is", release.version());
                Err(RequestFault::new(404, codes::NO_ROUTE, text).with_help(help))
            }
            _ => Ok(()),
        }
    }
}

async fn model_ready(State(endpoint): Shared, Path(named): Path<Named>) -> Response {
    let known = named
        .check_model(&endpoint)
        .and_then(|()| match endpoint.live() {
            Some(release) => named.check_version(&release),
            None => Ok(()),
        });
    match known {
        Ok(()) => readiness(&endpoint),
        Err(fault) => fault.into_response(Wording::OpenInference),
    }
}

async fn model(State(endpoint): Shared, Path(named): Path<Named>) -> Response {
    let answer = async {
        named.check_model(&endpoint)?;
        let release = endpoint.wait_for_release().await?;
        named.check_version(&release)?;
        let schema = release.predictor.request();
        Ok(infer::metadata(&endpoint.name, release.version(), schema))
    };
    match answer.await {
        Ok(body) => Json(body).into_response(),
        Err(fault) => RequestFault::into_response(fault, Wording::OpenInference),
    }
}

async fn predict(State(endpoint): Shared, request: Request) -> Response {
    let answer = async {
        let bytes = body::read(&endpoint, request).await?;
        let release = endpoint.wait_for_release().await?;
        let limits = endpoint.limits.clone();
        let name = endpoint.name.clone();
        let work = move || answer_predict(&name, &release, &limits, &bytes);
        on_thread(&endpoint, work).await
    };
    respond(answer.await, Wording::Own)
}

async fn infer(State(endpoint): Shared, Path(named): Path<Named>, request: Request) -> Response {
    let answer = async {
        named.check_model(&endpoint)?;
        let bytes = body::read(&endpoint, request).await?;
        let release = endpoint.wait_for_release().await?;
        named.check_version(&release)?;
        let limits = endpoint.limits.clone();
        let name = endpoint.name.clone();
        let work = move || answer_infer(&name, &release, &limits, &bytes);
        on_thread(&endpoint, work).await
    };
    respond(answer.await, Wording::OpenInference)
}

/// A body ready to send, and how many rows it answers.
struct Answer {
    body: Vec<u8>,
    rows: usize,
}

fn respond(answer: Result<Answer, RequestFault>, wording: Wording) -> Response {
    match answer {
        Ok(Answer { body, rows }) => {
            let content = [(header::CONTENT_TYPE, "application/json")];
            let mut response = (content, body).into_response();
            response.extensions_mut().insert(Rows(rows as u64));
            response
        }
        Err(fault) => fault.into_response(wording),
    }
}

/// Parsing and predicting take a thread of their own, so that health answers meanwhile.
async fn on_thread(
    endpoint: &Endpoint,
    work: impl FnOnce() -> Result<Answer, RequestFault> + Send + 'static,
) -> Result<Answer, RequestFault> {
    let turn = endpoint.wait_for_thread().await?;
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    match done.await {
        Ok(answer) => answer,
        Err(_) => Err(broken()),
    }
}

fn answer_predict(
    name: &str,
    release: &Release,
    limits: &crate::Limits,
    bytes: &[u8],
) -> Result<Answer, RequestFault> {
    let asked = read_predict(release.predictor.request(), limits, bytes)?;
    let rows = match &asked {
        Asked::One(row) => std::slice::from_ref(row),
        Asked::Many(rows) => rows,
    };
    let probabilities = release.predict(rows).map_err(from_step)?;
    let prediction =
        |probability: &f64| json!({"probability": probability, "label": *probability >= THRESHOLD});
    let mut body = json!({
        "target": release.predictor.target(),
        "model": name,
        "release": release.version(),
    });
    match (&asked, probabilities.as_slice()) {
        (Asked::One(_), [probability]) => body["prediction"] = prediction(probability),
        (Asked::One(_), _) => return Err(broken()),
        (Asked::Many(_), all) => {
            body["predictions"] = all.iter().map(prediction).collect();
        }
    }
    finish(&body, rows.len())
}

fn answer_infer(
    name: &str,
    release: &Release,
    limits: &crate::Limits,
    bytes: &[u8],
) -> Result<Answer, RequestFault> {
    let asked = infer::read(release.predictor.request(), limits, bytes)?;
    let probabilities = release.predict(&asked.rows).map_err(from_step)?;
    let labels: Vec<bool> = probabilities.iter().map(|p| *p >= THRESHOLD).collect();
    let body = infer::answer(name, release.version(), &asked, &probabilities, &labels);
    finish(&body, asked.rows.len())
}

fn finish(body: &Value, rows: usize) -> Result<Answer, RequestFault> {
    let body = serde_json::to_vec(body).map_err(|_| broken())?;
    Ok(Answer { body, rows })
}

/// Faults that a request's values cause; every other is ours.
const CAUSED_BY_REQUEST: [&str; 7] = [
    "E0602", "E0603", "E0610", "E0611", "E0612", "E0615", "E0653",
];

fn from_step(fault: StepFault) -> RequestFault {
    if let Some(code) = CAUSED_BY_REQUEST.iter().find(|code| **code == fault.code) {
        return RequestFault {
            help: fault.help,
            ..RequestFault::new(400, code, fault.message)
        };
    }
    tracing::error!(
        code = fault.code,
        reason = fault.message,
        "a prediction failed"
    );
    broken()
}

fn broken() -> RequestFault {
    RequestFault::new(500, codes::BROKEN, "the prediction failed")
        .with_help("this is a fault of the endpoint, not of the request; its log says more")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_request_causes_is_told_to_its_client() {
        for (code, status, told) in [
            ("E0610", 400, true),
            ("E0611", 400, true),
            ("E0615", 400, true),
            ("E0629", 500, false),
            ("E0662", 500, false),
        ] {
            let fault = from_step(StepFault::new(code, "column `x` overflows"));
            assert_eq!(fault.status, status, "{code}");
            assert_eq!(fault.message.contains("`x`"), told, "{code}");
            assert_eq!(fault.code == code, told, "{code}");
        }
    }
}
