//! Accepts connections, serves HTTP/1.1 on them, and brings them to an end.

use std::convert::Infallible;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt;

use crate::limits::Limits;

/// The most bytes that the head of a request may have.
const HEAD_BYTES_MAX: usize = 32 << 10;

/// How long to wait after an accept failed: the process may be out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// After a stop, connections that the kernel took already are accepted until none came for this
/// long.
const LAST_ACCEPT_WAIT: Duration = Duration::from_millis(20);

/// How long that may go on: under load there is always one more.
const LAST_ACCEPTS_MAX: Duration = Duration::from_millis(100);

/// How long a connection that asks nothing is kept after a stop.
const SILENT_WAIT: Duration = Duration::from_secs(1);

/// All connections of an endpoint.
pub(crate) struct Connections {
    router: Router,
    limits: Limits,
    stop: watch::Receiver<bool>,
    /// One permit for each connection; all are back when all have ended.
    permits: Arc<Semaphore>,
}

impl Connections {
    pub(crate) fn new(router: Router, limits: &Limits, stop: watch::Receiver<bool>) -> Arc<Self> {
        Arc::new(Connections {
            router,
            stop,
            permits: Arc::new(Semaphore::new(limits.connections_max)),
            limits: limits.clone(),
        })
    }

    /// Accepts until the stop; then takes what the kernel holds and closes the port.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener) -> std::io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let mut stop = self.stop.clone();
        loop {
            let next = async {
                let permit = self.permit().await;
                (permit, listener.accept().await)
            };
            tokio::select! {
                (permit, accepted) = next => match accepted {
                    Ok((stream, _)) => self.serve(stream, permit),
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                () = stopped(&mut stop) => break,
            }
        }
        let last = tokio::time::Instant::now() + LAST_ACCEPTS_MAX;
        loop {
            let pause = last.min(tokio::time::Instant::now() + LAST_ACCEPT_WAIT);
            let Ok(Ok((stream, _))) = tokio::time::timeout_at(pause, listener.accept()).await
            else {
                break;
            };
            let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
                break;
            };
            self.serve(stream, permit);
        }
        Ok(())
    }

    async fn permit(&self) -> OwnedSemaphorePermit {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        permit.expect("the semaphore is never closed")
    }

    /// Waits until every connection has ended.
    pub(crate) async fn ended(&self) {
        let all = u32::try_from(self.limits.connections_max).unwrap_or(u32::MAX);
        let all = self.permits.acquire_many(all).await;
        drop(all.expect("the semaphore is never closed"));
    }

    /// How many connections there are.
    pub(crate) fn count(&self) -> usize {
        self.limits.connections_max - self.permits.available_permits()
    }

    fn serve(self: &Arc<Self>, stream: TcpStream, permit: OwnedSemaphorePermit) {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let _permit = permit;
            this.converse(stream).await;
        });
    }

    async fn converse(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        // The kernel ends a connection whose client takes nothing of what was sent to it.
        #[cfg(target_os = "linux")]
        let _ =
            socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(self.limits.write_wait_max));
        let underway = AtomicUsize::new(0);
        let service = service_fn(|request: hyper::Request<Incoming>| {
            underway.fetch_add(1, Ordering::Relaxed);
            let answer = self.router.clone().oneshot(request.map(Body::new));
            let underway = &underway;
            async move {
                let answer = answer.await;
                underway.fetch_sub(1, Ordering::Relaxed);
                answer.map_err(|never: Infallible| never)
            }
        });
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.limits.head_wait_max)
                .max_buf_size(HEAD_BYTES_MAX)
                .serve_connection(TokioIo::new(stream), service)
        );
        let mut stop = self.stop.clone();
        // An error here is the client's going away; there is no one left to tell.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = stopped(&mut stop) => connection.as_mut().graceful_shutdown(),
        }
        loop {
            tokio::select! {
                _ = connection.as_mut() => return,
                () = tokio::time::sleep(SILENT_WAIT) => {
                    if underway.load(Ordering::Relaxed) == 0 {
                        return;
                    }
                }
            }
        }
    }
}

/// Waits for the stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone, which comes to the same.
    let _ = stop.wait_for(|stop| *stop).await;
}
