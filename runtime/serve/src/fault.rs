//! Why a request was refused, and how that reads on the wire. No fault holds a value of a request.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::codes;

/// The longest name of a client's that a message repeats, in characters.
const NAME_CHARACTERS_MAX: usize = 64;

/// A refused request: what is wrong, what to do, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFault {
    /// The HTTP status.
    pub status: u16,
    /// A code with a page: `E0832`.
    pub code: &'static str,
    /// What is wrong; holds names, never a value.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The field at fault.
    pub field: Option<String>,
    /// The row at fault, from 0.
    pub row: Option<u32>,
    /// When to try again, in seconds.
    pub retry_after_seconds: Option<u32>,
}

/// The two families of routes word their errors differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wording {
    /// `{"error": {"code", "message", "help", "field", "row"}}`
    Own,
    /// `{"error": "…"}`, as the Open Inference Protocol has it.
    OpenInference,
}

impl RequestFault {
    /// A fault without help or place.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        RequestFault {
            status,
            code,
            message: message.into(),
            help: None,
            field: None,
            row: None,
            retry_after_seconds: None,
        }
    }

    /// The body is not what the route takes (400).
    pub(crate) fn body(message: impl Into<String>) -> Self {
        RequestFault::new(400, codes::BODY, message)
    }

    /// The same fault with advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same fault at a field.
    #[must_use]
    pub fn at_field(mut self, field: &str) -> Self {
        self.field = Some(shown(field));
        self
    }

    /// The same fault at a row, counted from 0.
    #[must_use]
    pub fn at_row(mut self, row: usize) -> Self {
        self.row = u32::try_from(row).ok();
        self
    }

    /// The same fault, with the time after which to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// The body of the answer.
    pub(crate) fn to_json(&self, wording: Wording) -> Value {
        if wording == Wording::OpenInference {
            let help = self.help.as_ref().map(|help| format!("; {help}"));
            let text = format!(
                "{}{} [{}]",
                self.message,
                help.unwrap_or_default(),
                self.code
            );
            return json!({ "error": text });
        }
        let mut error = Map::new();
        error.insert("code".into(), json!(self.code));
        error.insert("message".into(), json!(self.message));
        let places = [
            ("help", self.help.as_ref().map(|help| json!(help))),
            ("field", self.field.as_ref().map(|field| json!(field))),
            ("row", self.row.map(|row| json!(row))),
        ];
        for (name, place) in places {
            if let Some(value) = place {
                error.insert(name.into(), value);
            }
        }
        json!({ "error": error })
    }

    /// The answer.
    pub(crate) fn into_response(self, wording: Wording) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = (status, Json(self.to_json(wording))).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // Both say that the rest of the body was left unread, so the connection can't go on.
        if matches!(
            status,
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT
        ) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// A name that a client chose, as a message may repeat it: one line, cut when long.
pub(crate) fn shown(name: &str) -> String {
    let mut out: String = name
        .chars()
        .take(NAME_CHARACTERS_MAX)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if name.chars().nth(NAME_CHARACTERS_MAX).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_wording_leaves_out_what_is_not_known() {
        let fault = RequestFault::new(400, "E0832", "`age` is missing").at_field("age");
        let body = fault.to_json(Wording::Own);
        assert_eq!(
            body,
            json!({"error": {"code": "E0832", "message": "`age` is missing", "field": "age"}})
        );
        let body = fault.with_help("send it").to_json(Wording::OpenInference);
        assert_eq!(body, json!({"error": "`age` is missing; send it [E0832]"}));
    }

    #[test]
    fn a_long_name_is_cut_and_stays_on_one_line() {
        assert_eq!(shown("a\nb"), "a\u{fffd}b");
        assert_eq!(shown(&"x".repeat(64)).chars().count(), 64);
        assert_eq!(shown(&"x".repeat(65)).chars().count(), 65);
    }
}
