//! The agent's HTTP interface on a private UNIX socket.

use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path as UrlPath, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use mlinfra_runtime_spec::{AgentHealth, UnitSpec};
use rustix::process::getuid;
use serde::Deserialize;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use crate::Farewell;
use crate::fault::{self, Fault};
use crate::registry::{Put, Registry};

/// The largest body of a request.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// So many requests are worked on at a time; others wait.
const REQUESTS_AT_ONCE_MAX: usize = 64;

/// What every request can reach.
#[derive(Clone)]
pub(crate) struct Context {
    /// The units.
    pub(crate) registry: Registry,
    /// The answer to `GET /health`.
    pub(crate) health: AgentHealth,
    /// Tells the agent to end.
    pub(crate) farewell: mpsc::Sender<Farewell>,
}

/// The routes.
pub(crate) fn router(context: Context) -> Router {
    let unit = get(status).put(put).delete(remove);
    Router::new()
        .route("/health", get(health))
        .route("/units", get(list))
        .route("/units/{token}", unit)
        .route("/units/{token}/cancel", post(cancel))
        .route("/units/{token}/log", get(log))
        .route("/stop", post(stop))
        .route("/exit", post(exit))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(tower::limit::GlobalConcurrencyLimitLayer::new(
            REQUESTS_AT_ONCE_MAX,
        ))
        .with_state(context)
}

/// A listener that lets this user alone through. The socket's folder keeps others out already;
/// this holds where somebody widened it.
pub(crate) struct PrivateListener(UnixListener);

impl PrivateListener {
    /// Listens on a bound socket.
    pub(crate) fn new(listener: StdListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener).map(PrivateListener)
    }
}

impl axum::serve::Listener for PrivateListener {
    type Io = UnixStream;
    type Addr = tokio::net::unix::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match self.0.accept().await {
                Ok((stream, address)) if is_same_user(&stream) => return (stream, address),
                Ok(_) => tracing::warn!("a caller that is another user was turned away"),
                Err(error) => {
                    tracing::warn!(why = %error.kind(), "a caller can't be accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

fn is_same_user(stream: &UnixStream) -> bool {
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == getuid().as_raw())
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status = match self.code {
            fault::NO_UNIT => StatusCode::NOT_FOUND,
            fault::TOKEN_TAKEN => StatusCode::CONFLICT,
            fault::TOO_MANY => StatusCode::TOO_MANY_REQUESTS,
            fault::LEAVING => StatusCode::SERVICE_UNAVAILABLE,
            fault::FOLDER => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, Json(self.body())).into_response()
    }
}

async fn health(State(context): State<Context>) -> Json<AgentHealth> {
    Json(context.health)
}

async fn list(State(context): State<Context>) -> Response {
    Json(context.registry.statuses()).into_response()
}

async fn status(State(context): State<Context>, UrlPath(token): UrlPath<String>) -> Response {
    let status = context.registry.status(&token);
    status.map(Json).into_response()
}

async fn put(
    State(context): State<Context>,
    UrlPath(token): UrlPath<String>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unreadable(&rejection),
    };
    let spec: UnitSpec = match serde_json::from_slice(&body) {
        Ok(spec) => spec,
        Err(error) => {
            // The position alone: the text of the error may quote the body.
            let message = format!(
                "The body is not a unit that this agent understands (line {}, column {}).",
                error.line(),
                error.column()
            );
            return Fault::new(fault::REQUEST, message)
                .help("Install `mlinfra` and `mlinfra-runtime` of the same version.")
                .into_response();
        }
    };
    match context.registry.put(&token, spec).await {
        Ok((Put::New, status)) => (StatusCode::CREATED, Json(status)).into_response(),
        Ok((Put::Known, status)) => Json(status).into_response(),
        Err(fault) => fault.into_response(),
    }
}

fn unreadable(rejection: &BytesRejection) -> Response {
    let status = rejection.status();
    let message = if status == StatusCode::PAYLOAD_TOO_LARGE {
        format!("The body is larger than {} KiB.", BODY_BYTES_MAX / 1024)
    } else {
        "The body can't be read.".to_owned()
    };
    let fault = Fault::new(fault::REQUEST, message);
    (status, Json(fault.body())).into_response()
}

async fn cancel(State(context): State<Context>, UrlPath(token): UrlPath<String>) -> Response {
    match context.registry.cancel(&token).await {
        Ok(status) => (StatusCode::ACCEPTED, Json(status)).into_response(),
        Err(fault) => fault.into_response(),
    }
}

async fn remove(State(context): State<Context>, UrlPath(token): UrlPath<String>) -> Response {
    match context.registry.remove(&token).await {
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Ok(Some(status)) => (StatusCode::ACCEPTED, Json(status)).into_response(),
        Err(fault) => fault.into_response(),
    }
}

#[derive(Deserialize)]
struct From {
    #[serde(default)]
    offset: u64,
}

async fn log(
    State(context): State<Context>,
    UrlPath(token): UrlPath<String>,
    Query(from): Query<From>,
) -> Response {
    let chunk = context.registry.log(&token, from.offset);
    chunk.map(Json).into_response()
}

async fn stop(State(context): State<Context>) -> StatusCode {
    // A full or closed channel means that the agent is ending already.
    let _ = context.farewell.try_send(Farewell::EndUnits);
    StatusCode::ACCEPTED
}

async fn exit(State(context): State<Context>) -> StatusCode {
    let _ = context.farewell.try_send(Farewell::LeaveUnits);
    StatusCode::ACCEPTED
}

async fn unknown() -> Response {
    let fault = Fault::new(fault::REQUEST, "The agent has no such request.");
    (StatusCode::NOT_FOUND, Json(fault.body())).into_response()
}

/// Binds the socket for this user alone; what a dead agent left there is removed first.
pub(crate) fn bind(socket: &Path) -> Result<StdListener, Fault> {
    let cant = |why: String| {
        Fault::new(
            fault::SOCKET,
            format!(
                "The agent's socket `{}` can't be served: {why}.",
                socket.display()
            ),
        )
        .help("Set XDG_RUNTIME_DIR to a folder that belongs to you alone (mode 0700).")
    };
    let folder = socket
        .parent()
        .ok_or_else(|| cant("it has no folder".to_owned()))?;
    crate::folder::make_private_folder(folder).map_err(|error| cant(error.kind().to_string()))?;
    let metadata = std::fs::metadata(folder).map_err(|error| cant(error.kind().to_string()))?;
    let mode = std::os::unix::fs::MetadataExt::mode(&metadata) & 0o077;
    let owner = std::os::unix::fs::MetadataExt::uid(&metadata);
    if mode != 0 || owner != getuid().as_raw() {
        return Err(cant("its folder is open to other users".to_owned()));
    }
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(cant(error.kind().to_string()));
        }
        _ => {}
    }
    let listener = StdListener::bind(socket).map_err(|error| cant(error.kind().to_string()))?;
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(socket, private).map_err(|error| cant(error.kind().to_string()))?;
    Ok(listener)
}
