//! A small HTTP client that sends exactly what a test says, byte for byte.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value as Json;

use super::PATIENCE;

/// A connection.
pub(crate) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.body).expect(&self.body)
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Client {
    /// Connects.
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the port is open");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Client {
            stream,
            unread: Vec::new(),
        }
    }

    /// Sends bytes as they are.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends a request.
    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if method == "POST" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        // A server that refuses may close before all is sent; the answer says why.
        let _ = self.send_bytes(&[head.as_bytes(), body.as_bytes()].concat());
    }

    /// Reads one answer. None: the connection was closed before a whole one came.
    pub(crate) fn reply(&mut self) -> Option<Reply> {
        let end = loop {
            let found = self
                .unread
                .windows(4)
                .position(|window| window == b"\r\n\r\n");
            match found {
                Some(end) => break end + 4,
                None => self.more()?,
            }
        };
        let head = String::from_utf8(self.unread.drain(..end).collect()).expect("a text");
        let status = head.get(9..12)?.parse().ok()?;
        let mut reply = Reply {
            status,
            head,
            body: String::new(),
        };
        let length = reply
            .header("content-length")
            .map_or(0, |n| n.parse().expect("a number"));
        while self.unread.len() < length {
            self.more()?;
        }
        let body = self.unread.drain(..length).collect();
        reply.body = String::from_utf8(body).expect("a text");
        Some(reply)
    }

    fn more(&mut self) -> Option<()> {
        let mut part = [0; 16 << 10];
        let count = self
            .stream
            .read(&mut part)
            .ok()
            .filter(|count| *count > 0)?;
        self.unread.extend_from_slice(&part[..count]);
        Some(())
    }
}
