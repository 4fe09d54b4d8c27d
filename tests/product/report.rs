//! The report of an apply: written, shown by a real browser, and without a cell in it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Project, within};

/// Chromium and its driver start within this; the machine may be busy with other tests.
const BROWSER_SECONDS_MAX: u64 = 60;

/// Where the first apply of a project leaves its page.
const PAGE: &str = ".mlinfra/runs/op-1/report.html";

/// What the test looks at in the page; the page itself has no script.
const LOOK: &str = "
    const root = document.documentElement;
    const all = selector => [...document.querySelectorAll(selector)];
    return {
        wide: root.scrollWidth - root.clientWidth,
        paper: getComputedStyle(document.body).backgroundColor,
        sections: all('section').map(section => section.id),
        drawings: all('svg').filter(svg => svg.getBoundingClientRect().width > 0).length,
        inks: all('svg.plot polyline').map(line => getComputedStyle(line).stroke),
    };";

#[test]
fn an_apply_leaves_a_page_that_a_browser_shows() {
    let project = Project::credit();
    let applied = project.run(&["apply", "-y"]).exits(0).says(PAGE);
    assert!(applied.stdout.contains("report  "), "{}", applied.stdout);
    let page = project.read(PAGE);
    let mode = project.path(PAGE).metadata().expect("it is there").mode();
    assert_eq!(mode & 0o777, 0o600, "it is its owner's alone");

    // What stands has not changed: the same bytes, also in a file of one's own.
    project.run(&["report"]).exits(0).says(PAGE);
    assert_eq!(project.read(PAGE), page);
    project.run(&["report", "--output", "own.html"]).exits(0);
    assert_eq!(project.read("own.html"), page);
    let data = project.run(&["report", "--json"]).exits(0).json();
    let model = &data["report"]["models"][0];
    assert_eq!(model["released"]["is"], "yes");
    assert_eq!(data["report"]["missing"], json!([]));

    let browser = Browser::start();
    for (scheme, paper, ink) in [
        ("light", "rgb(251, 251, 250)", "rgb(11, 106, 168)"),
        ("dark", "rgb(19, 21, 24)", "rgb(90, 176, 234)"),
    ] {
        for width in [1280, 400] {
            browser.look_as(scheme, width);
            browser.open(&project.path(PAGE));
            let shown = browser.ask(LOOK);
            assert_eq!(
                shown["wide"], 0,
                "{scheme}, {width}: nothing stands out to the side"
            );
            assert_eq!(shown["paper"], paper, "{scheme}, {width}");
            let sections = json!([
                "summary-1",
                "learning-1",
                "quality-1",
                "fairness-1",
                "explain-1",
                "run",
                "data",
                "lineage",
                "columns",
                "policies"
            ]);
            assert_eq!(shown["sections"], sections, "{scheme}, {width}");
            assert!(shown["drawings"].as_u64() > Some(20), "{shown}");
            let inks = shown["inks"].as_array().cloned().unwrap_or_default();
            assert!(
                inks.contains(&json!(ink)),
                "{scheme}: the lines have the page's colour"
            );
        }
    }
    let said = browser.log("browser");
    assert_eq!(said, json!([]), "the browser's console is silent");
    let requests = requests(&browser.log("performance"));
    assert!(!requests.is_empty(), "requests are seen");
    let page = format!("file://{}", real(&project.path(PAGE)));
    assert!(
        requests.iter().all(|request| *request == page),
        "{requests:?}"
    );
}

#[test]
fn a_failed_gate_leaves_a_page_that_says_so() {
    let project = Project::credit();
    project.run(&["apply", "-y"]).exits(0);
    project.edit(
        "credit.mlinfra",
        "require auc >= 0.70",
        "require auc >= 0.99",
    );
    project.edit("credit.mlinfra", "epochs       = 30", "epochs       = 3");
    let failed = project.run(&["apply", "-y"]).exits(1);
    let file = ".mlinfra/runs/op-2/report.html";
    assert!(failed.stdout.contains(file), "{}", failed.stdout);
    let page = project.read(file);
    assert!(page.contains("Not released: a gate does not hold"));
    assert!(page.contains("endpoint.score goes on serving the earlier model"));
    assert!(page.contains("✖ fails") && page.contains("auc &gt;= 0.99"));
    assert!(page.contains("kept from op-1") && project.answers());
}

#[test]
fn no_cell_is_on_the_page() {
    let project = Project::credit();
    // Cells that nobody else has: a rare category, and numbers with odd digits.
    let data = project.read("german_credit.csv");
    let lines: Vec<String> = data
        .lines()
        .enumerate()
        .map(|(place, line)| match place {
            7 => line.replacen("A4", "ZEBRA4", 1),
            8 | 9 => {
                let mut cells: Vec<&str> = line.split(',').collect();
                cells[4] = "7654321";
                cells.join(",")
            }
            _ => line.to_owned(),
        })
        .collect();
    let data = lines.join("\n") + "\n";
    assert!(data.contains("ZEBRA4") && data.matches(",7654321,").count() == 2);
    project.write("german_credit.csv", data);
    project.run(&["apply", "-y"]).exits(0);
    let page = project.read(PAGE);
    let data = project.run(&["report", "--json"]).exits(0).stdout;
    for marker in ["ZEBRA", "7654321", "7,654,321"] {
        assert!(!page.contains(marker) && !data.contains(marker), "{marker}");
    }
    let key = project
        .run(&["output", "--reveal", "score.key"])
        .exits(0)
        .stdout;
    assert!(!page.contains(key.trim()) && !data.contains(key.trim()));
}

#[test]
fn what_is_gone_is_left_out_and_said() {
    let project = Project::credit();
    project.run(&["report"]).exits(1).says("E1006");
    project.run(&["apply", "-y"]).exits(0);
    let stores = project.path(".mlinfra/stores");
    std::fs::remove_dir_all(&stores).expect("the stores can be removed");
    project.run(&["report"]).exits(0);
    let page = project.read(PAGE);
    assert!(page.contains("id=\"missing\"") && !page.contains("id=\"quality-1\""));
    assert!(page.contains("is gone [E1030]") && page.contains("id=\"columns\""));

    project.write("folder", "a file");
    let blocked = project.run(&["report", "--output", "folder/page.html"]);
    blocked.exits(1).says("E1031");
}

/// The path without links, as the browser names it.
fn real(path: &Path) -> String {
    let path = path.canonicalize().expect("it exists");
    path.to_string_lossy().into_owned()
}

/// What pages asked for; what the browser's own first tab asks itself for is not ours.
fn requests(log: &Value) -> Vec<String> {
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
struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts Chromium without anything that looks for a network by itself.
    #[track_caller]
    fn start() -> Browser {
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
    fn look_as(&self, scheme: &str, width: u32) {
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

    fn open(&self, page: &Path) {
        self.command("url", &json!({ "url": format!("file://{}", real(page)) }));
    }

    /// Runs a script of the test's in the page; the page itself has none.
    fn ask(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
    }

    fn log(&self, kind: &str) -> Value {
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
