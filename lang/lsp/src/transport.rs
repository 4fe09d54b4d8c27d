//! The stream as messages: each a header with its length, and JSON.
//!
//! `lsp_server` can read a stream too, but ends at the first message that is malformed; here what
//! can't be read is told, and reading goes on at the next header.

use std::io::{BufRead, BufReader, Read};

use lsp_server::{Message, Notification, Request};
use serde_json::Value;

use crate::queue::Sender;
use crate::worker::Look;

/// A longer message is skipped: a text holds at most 64 MiB, and its escapes take room.
const MESSAGE_BYTES_MAX: u64 = 256 << 20;
/// What is longer than this is no header.
const HEADER_BYTES_MAX: u64 = 8 << 10;

/// What came over the stream.
pub(crate) enum Incoming {
    Request(Request),
    Notification(Notification),
    /// An answer to something that was asked of the editor.
    Response,
    /// What is no message, and why.
    Malformed(&'static str),
    /// What a check gave; it comes from here.
    Looked(Box<Look>),
}

/// Reads until the stream ends, and hands each message on.
pub(crate) fn read_all(input: impl Read, sender: &Sender<Incoming>) {
    let mut input = BufReader::new(input);
    while let Some((incoming, bytes)) = read(&mut input) {
        if !sender.send(incoming, bytes) {
            return;
        }
    }
}

/// The next message and its length in bytes; none at the end of the stream.
fn read(input: &mut impl BufRead) -> Option<(Incoming, u64)> {
    let length = match header(input)? {
        Ok(length) => length,
        Err(why) => return Some((Incoming::Malformed(why), 0)),
    };
    if length > MESSAGE_BYTES_MAX {
        let mut rest = input.take(length);
        std::io::copy(&mut rest, &mut std::io::sink()).ok()?;
        let why = "a message is longer than 256 MiB";
        return Some((Incoming::Malformed(why), 0));
    }
    let mut body = Vec::new();
    input.take(length).read_to_end(&mut body).ok()?;
    if (body.len() as u64) < length {
        return None;
    }
    let incoming = match serde_json::from_slice::<Value>(&body) {
        Ok(value) => message(value),
        Err(_) => Incoming::Malformed("a message is no JSON"),
    };
    Some((incoming, length))
}

/// The length that the next header gives. Lines that are no header are passed over.
fn header(input: &mut impl BufRead) -> Option<Result<u64, &'static str>> {
    const WORD: &[u8] = b"content-length:";
    let mut length = None;
    loop {
        let mut line = Vec::new();
        let mut limited = input.take(HEADER_BYTES_MAX);
        if limited.read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_ascii().to_ascii_lowercase();
        if line.is_empty() {
            match length {
                Some(length) => return Some(length),
                None => continue,
            }
        }
        // What is left of a broken message may stand on the same line.
        let start = line.windows(WORD.len()).rposition(|part| part == WORD);
        if let Some(start) = start {
            let digits = line[start + WORD.len()..].trim_ascii();
            let number = std::str::from_utf8(digits).ok();
            let number = number.and_then(|digits| digits.parse::<u64>().ok());
            length = Some(number.ok_or("a header gives no length"));
        }
    }
}

/// What a JSON value is in the protocol.
fn message(value: Value) -> Incoming {
    let has = |name: &str| value.get(name).is_some();
    let is_request = has("id") && has("method");
    match serde_json::from_value::<Message>(value) {
        Ok(Message::Request(request)) => Incoming::Request(request),
        Ok(Message::Response(_)) => Incoming::Response,
        Ok(Message::Notification(notification)) if !is_request => {
            Incoming::Notification(notification)
        }
        _ => Incoming::Malformed("a message is neither request, answer nor notification"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    /// What is read of a stream, one word for each message.
    fn words(stream: &[u8]) -> Vec<String> {
        let mut input = stream;
        let mut all = Vec::new();
        while let Some((incoming, _)) = read(&mut input) {
            all.push(match incoming {
                Incoming::Request(request) => request.method,
                Incoming::Notification(notification) => notification.method,
                Incoming::Response => "response".to_owned(),
                Incoming::Malformed(_) => "malformed".to_owned(),
                Incoming::Looked(_) => "no stream says this".to_owned(),
            });
        }
        all
    }

    #[test]
    fn messages_are_told_apart() {
        let stream = [
            r#"{"jsonrpc":"2.0","id":1,"method":"a"}"#,
            r#"{"jsonrpc":"2.0","id":"x","method":"b","params":{}}"#,
            r#"{"jsonrpc":"2.0","method":"c"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
        ];
        let stream: String = stream.iter().map(|body| framed(body)).collect();
        assert_eq!(words(stream.as_bytes()), ["a", "b", "c", "response"]);
    }

    #[test]
    fn what_is_malformed_does_not_end_the_reading() {
        let good = framed(r#"{"method":"good"}"#);
        for bad in [
            framed("{"),
            framed("[]"),
            framed("3"),
            framed(""),
            framed(r#"{"id":1}"#),
            framed(r#"{"id":99999999999,"method":"x"}"#),
            framed(r#"{"id":[],"method":"x"}"#),
            "Content-Length: many\r\n\r\n".to_owned(),
            "Content-Length: -4\r\n\r\n{}\r\n".to_owned(),
            format!("Content-Length: 2\r\n\r\n{}", "{\"a\":1}"),
        ] {
            let found = words(format!("{bad}{good}").as_bytes());
            assert_eq!(found.last().map(String::as_str), Some("good"), "{bad}");
            assert_eq!(found[0], "malformed", "{bad}");
        }
        let noise = format!("noise\r\n\r\n\r\n{good}");
        assert_eq!(words(noise.as_bytes()), ["good"]);
        let bytes = [
            framed("\u{0}\u{1}").as_bytes(),
            b"\xff\xfe",
            good.as_bytes(),
        ]
        .concat();
        assert_eq!(words(&bytes), ["malformed", "good"]);
    }

    #[test]
    fn a_stream_that_breaks_off_ends() {
        assert!(words(b"Content-Length: 100\r\n\r\n{}").is_empty());
        assert!(words(b"Content-Length: 18446744073709551615\r\n\r\n{}").len() <= 1);
    }
}
