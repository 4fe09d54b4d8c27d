//! What happens around every request: its id, its key, its line in the log and its place in the
//! metrics. Neither body nor key gets here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;

use crate::fault::Wording;
use crate::state::Endpoint;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id of a client's that is taken over.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Status of a request whose client went away; HTTP has none.
const CLIENT_GONE: u16 = 499;

/// How many rows an answer predicted; travels from the handler to the log as an extension.
#[derive(Clone, Copy)]
pub(crate) struct Rows(pub(crate) u64);

/// A route as it is watched.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) endpoint: Arc<Endpoint>,
    /// The route's pattern; never the path, which a client may fill with anything.
    pub(crate) route: &'static str,
    /// Whether it answers without a key.
    pub(crate) open: bool,
}

impl Watched {
    pub(crate) fn wording(&self) -> Wording {
        wording(self.route)
    }
}

/// The routes of the Open Inference Protocol word errors as it says.
pub(crate) fn wording(path: &str) -> Wording {
    match path.strip_prefix("/v2") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Wording::OpenInference,
        _ => Wording::Own,
    }
}

/// The middleware of every route.
pub(crate) async fn observe(
    State(watched): State<Watched>,
    request: Request,
    next: Next,
) -> Response {
    let mut underway = Underway::begin(&watched, &request);
    let admitted = match watched.open {
        true => Ok(()),
        false => watched.endpoint.keys.admit(request.headers()),
    };
    let mut response = match admitted {
        Ok(()) => next.run(request).await,
        Err(fault) => fault.into_response(watched.wording()),
    };
    underway.status = response.status().as_u16();
    underway.rows = response.extensions().get::<Rows>().map_or(0, |rows| rows.0);
    response
        .headers_mut()
        .insert(REQUEST_ID, underway.id.clone());
    response
}

/// One request; counted and logged when it is dropped, which also happens when its client leaves.
struct Underway {
    watched: Watched,
    started: Instant,
    method: &'static str,
    id: HeaderValue,
    status: u16,
    rows: u64,
}

impl Underway {
    fn begin(watched: &Watched, request: &Request) -> Self {
        watched.endpoint.metrics.begin();
        Underway {
            watched: watched.clone(),
            started: Instant::now(),
            method: method_word(request.method()),
            id: request_id(request.headers()),
            status: CLIENT_GONE,
            rows: 0,
        }
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let took = self.started.elapsed();
        let Underway {
            watched,
            method,
            status,
            rows,
            ..
        } = self;
        let metrics = &watched.endpoint.metrics;
        metrics.leave();
        metrics.answered(watched.route, method, *status, took, *rows);
        tracing::info!(
            method = *method,
            route = watched.route,
            status = *status,
            milliseconds = (took.as_secs_f64() * 1e6).round() / 1e3,
            rows = *rows,
            request_id = self.id.to_str().unwrap_or_default(),
            "request"
        );
    }
}

fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// The client's id if it is a short plain word, else one of ours.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    if let Some(id) = headers.get(REQUEST_ID)
        && (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
        && id.as_bytes().iter().all(plain)
    {
        return id.clone();
    }
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let id = format!("{:x}-{count:x}", std::process::id());
    HeaderValue::try_from(id).expect("digits and a hyphen are a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_short_plain_id_is_taken_over() {
        for (given, taken) in [
            ("abc-1.2_3:4", true),
            ("", false),
            ("two words", false),
            ("\"quoted\"", false),
            (&*"x".repeat(64), true),
            (&*"x".repeat(65), false),
        ] {
            let value = HeaderValue::try_from(given).expect("a header value");
            let headers = HeaderMap::from_iter([(REQUEST_ID, value.clone())]);
            assert_eq!(request_id(&headers) == value, taken, "{given}");
        }
        let none = HeaderMap::new();
        assert_ne!(request_id(&none), request_id(&none));
    }

    #[test]
    fn only_the_second_version_of_the_protocol_is_worded_its_way() {
        for (path, expected) in [
            ("/v2", Wording::OpenInference),
            ("/v2/models/score/infer", Wording::OpenInference),
            ("/v2x", Wording::Own),
            ("/predict", Wording::Own),
        ] {
            assert_eq!(wording(path), expected, "{path}");
        }
    }
}
