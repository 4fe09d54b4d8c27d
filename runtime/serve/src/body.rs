//! Reads the body of a request within bounds of size, memory and time.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use crate::codes;
use crate::fault::RequestFault;
use crate::state::Endpoint;

/// How much of a body that is too long is read and thrown away, so that its client gets to read
/// why it was refused; in multiples of the longest body allowed.
const DISCARD_FACTOR: usize = 16;

/// The whole body.
pub(crate) async fn read(endpoint: &Endpoint, request: Request) -> Result<Bytes, RequestFault> {
    let limits = &endpoint.limits;
    if let Some(encoding) = request.headers().get(header::CONTENT_ENCODING)
        && encoding.as_bytes() != b"identity"
    {
        let fault = RequestFault::new(415, codes::BODY, "the body is compressed");
        return Err(fault.with_help("send it as it is, without `Content-Encoding`"));
    }
    let length = content_length(request.headers());
    let most = limits.body_bytes_max;
    let wait = limits.body_wait_max;
    if length.is_some_and(|length| length > most) {
        let _ = tokio::time::timeout(wait, collect(request, most)).await;
        return Err(too_large(most));
    }
    // A body that does not say how long it is may become as long as is allowed.
    let expected = length.unwrap_or(most);
    let _room = match u32::try_from(expected.div_ceil(1024)) {
        Ok(kibibytes) if expected > limits.body_bytes_small => {
            let room = endpoint.bodies.try_acquire_many(kibibytes);
            Some(room.map_err(|_| out_of_room())?)
        }
        _ => None,
    };
    match tokio::time::timeout(wait, collect(request, most)).await {
        Ok(body) => body,
        Err(_) => {
            let seconds = wait.as_secs_f64();
            let text = format!("the body did not arrive within {seconds} s");
            Err(RequestFault::new(408, codes::BODY_SLOW, text)
                .with_help("send it faster, or in parts"))
        }
    }
}

/// Reads up to `most` bytes; what comes after is read and dropped, up to a limit.
async fn collect(request: Request, most: usize) -> Result<Bytes, RequestFault> {
    let mut stream = request.into_body().into_data_stream();
    let mut body = BytesMut::new();
    let mut seen = 0_usize;
    while let Some(part) = stream.next().await {
        let part = part.map_err(|_| RequestFault::body("the body broke off"))?;
        seen = seen.saturating_add(part.len());
        if seen <= most {
            body.extend_from_slice(&part);
        } else {
            body.clear();
        }
        if seen > most.saturating_mul(DISCARD_FACTOR) {
            break;
        }
    }
    if seen > most {
        return Err(too_large(most));
    }
    Ok(body.freeze())
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn too_large(most: usize) -> RequestFault {
    let text = format!("the body is longer than {} KiB", most / 1024);
    RequestFault::new(413, codes::TOO_LARGE, text).with_help("send the rows in several requests")
}

fn out_of_room() -> RequestFault {
    RequestFault::new(
        503,
        codes::OVERLOADED,
        "the endpoint is reading as many long bodies as it may",
    )
    .with_help("try again, or send fewer rows at once")
    .retry_after(1)
}
