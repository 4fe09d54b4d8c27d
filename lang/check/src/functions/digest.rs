//! Digests of texts, and texts in other alphabets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mlinfra_api::Value;
use sha2::{Digest, Sha256};

use super::{Fault, Needs, Row, fits_text, text_at, wrong};

pub(super) const BODIES: &[Row] = &[
    ("base64", Needs::All, |_, values| {
        let text = text_at(values, 0)?;
        fits_text(text.len().saturating_mul(2))?;
        Ok(Value::String(STANDARD.encode(text)))
    }),
    ("from_base64", Needs::All, |_, values| from_base64(values)),
    ("sha256", Needs::All, |_, values| {
        let digest = Sha256::digest(text_at(values, 0)?.as_bytes());
        Ok(Value::String(hex::encode(digest)))
    }),
    ("url_encode", Needs::All, |_, values| {
        let text = text_at(values, 0)?;
        fits_text(text.len().saturating_mul(3))?;
        Ok(Value::String(url_encode(text)))
    }),
];

fn from_base64(values: &[Value]) -> Result<Value, Fault> {
    let advice = "give a text that `base64` or another program encoded";
    let bytes = STANDARD
        .decode(text_at(values, 0)?.trim())
        .map_err(|_| wrong(0, "this is not Base64", advice))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Value::String(text)),
        Err(_) => Err(wrong(0, "what is encoded in it is no text", advice)),
    }
}

/// As RFC 3986 writes a part of an address: everything but the unreserved letters as `%20`.
fn url_encode(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                made.push(char::from(byte));
            }
            _ => made.push_str(&format!("%{byte:02X}")),
        }
    }
    made
}
