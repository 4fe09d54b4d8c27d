//! A headless browser, as the tests of pages use it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::within;

/// Chromium and its driver start within this; the machine may be busy with other tests.
const BROWSER_SECONDS_MAX: u64 = 60;

/// The path without links, as the browser names it.
pub(crate) fn real(path: &Path) -> String {
    let path = path.canonicalize().expect("it exists");
    path.to_string_lossy().into_owned()
}

/// What pages asked for; what the browser's own first tab asks itself for is not ours.
pub(crate) fn requests(log: &Value) -> Vec<String> {
    let entries = log.as_array().cloned().unwrap_or_default();
    let message = |entry: &Value| -> Option<String> {
        let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
        let message = &message["message"];
        if message["method"] != "Network.requestWillBeSent" {
            return None;
        }
        let from = message["params"]["documentURL"].as_str()?;
        let asked = message["params"]["request"]["url"].as_str()?;
        from.starts_with("file:").then(|| asked.to_owned())
    };
    entries.iter().filter_map(message).collect()
}

/// A headless browser, driven over the protocol of its driver.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts Chromium without anything that looks for a network by itself.
    #[track_caller]
    pub(crate) fn start() -> Browser {
        let mut command = Command::new("chromedriver");
        // It takes a free port itself and says which: nobody else can take it in between.
        command.arg("--port=0");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let driver = command.spawn();
        let mut driver = driver.expect("chromedriver is installed (Debian: chromium-driver)");
        let port = port_said(driver.stdout.take().expect("it is a pipe"));
        let profile = tempfile::tempdir().expect("a temporary folder can be made");
        let mut browser = Browser {
            driver,
            port,
            session: String::new(),
            _profile: profile,
        };
        within(
            Duration::from_secs(BROWSER_SECONDS_MAX),
            "the driver answers",
            || ask(port, "GET", "/status", "").is_some_and(|answer| answer["ready"] == true),
        );
        let profile = browser._profile.path().display();
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &format!("--user-data-dir={profile}"),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": { "args": arguments },
        } } });
        let begun = browser.call("POST", "/session", &wanted);
        let session = begun["sessionId"].as_str();
        browser.session = session
            .unwrap_or_else(|| panic!("no session: {begun}"))
            .to_owned();
        browser
    }

    #[track_caller]
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = ask(self.port, method, path, &body.to_string());
        answer.unwrap_or_else(|| panic!("{path}: the driver does not answer"))
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        self.call("POST", &format!("/session/{}/{path}", self.session), body)
    }

    /// As a reader with this taste and a window this wide.
    pub(crate) fn look_as(&self, scheme: &str, width: u32) {
        let size = json!({
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false
        });
        let tools = "goog/cdp/execute";
        let metrics = "Emulation.setDeviceMetricsOverride";
        self.command(tools, &json!({ "cmd": metrics, "params": size }));
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.command(
            tools,
            &json!({ "cmd": "Emulation.setEmulatedMedia", "params": media }),
        );
    }

    /// Opens a page from disk.
    pub(crate) fn open(&self, page: &Path) {
        self.command("url", &json!({ "url": format!("file://{}", real(page)) }));
    }

    /// Runs a script of the test's in the page.
    pub(crate) fn ask(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// What the browser noted so far of this kind.
    pub(crate) fn log(&self, kind: &str) -> Value {
        self.command("se/log", &json!({ "type": kind }))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser that it started, if it is asked.
        if !self.session.is_empty() {
            drop(ask(
                self.port,
                "DELETE",
                &format!("/session/{}", self.session),
                "",
            ));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

/// The port that the driver says it listens on. What else it says is read too, so that it is never
/// kept from going on.
#[track_caller]
fn port_said(said: ChildStdout) -> u16 {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            let port = line.split_once("started successfully on port ");
            if let Some(port) = port.and_then(|(_, rest)| rest.trim_end_matches('.').parse().ok()) {
                // Nobody listens any more if it came too late.
                let _ = sender.send(port);
            }
        }
    });
    let limit = Duration::from_secs(BROWSER_SECONDS_MAX);
    receiver
        .recv_timeout(limit)
        .expect("chromedriver says on which port it listens")
}

/// One request to the driver; the value in its answer.
fn ask(port: u16, method: &str, path: &str, body: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let limit = Some(Duration::from_secs(BROWSER_SECONDS_MAX));
    stream.set_read_timeout(limit).ok()?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    // The driver keeps the connection: its answer ends where it says.
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(told) = line.strip_prefix("content-length:") {
            length = told.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let value: Value = serde_json::from_slice(&body).ok()?;
    Some(value["value"].clone())
}
