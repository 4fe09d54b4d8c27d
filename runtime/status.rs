//! What a job tells while it works: `status.json` for whoever asks now, JSON lines for later.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mlinfra_agent::folder::{UnitFolder, write_json_lightly};
use mlinfra_runtime_spec::{UnitPhase, UnitStatus};

/// `status.json` is not written more often.
const WRITE_EVERY: Duration = Duration::from_millis(100);

/// Writes a job's progress.
pub(crate) struct StatusWriter {
    folder: UnitFolder,
    status: UnitStatus,
    written: Option<Instant>,
    logged: Option<Instant>,
}

/// What there is to tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Report {
    /// For a person: `epoch 19/30`.
    pub(crate) note: String,
    /// Done so far and in all.
    pub(crate) done: Option<(u64, u64)>,
    /// Current figures.
    pub(crate) figures: BTreeMap<String, f64>,
    /// Belongs into the log even if there was a line a moment ago.
    pub(crate) lasting: bool,
}

impl StatusWriter {
    /// Begins; the file exists when this returns.
    pub(crate) fn new(folder: UnitFolder, token: &str) -> Self {
        let attempt = folder.attempts().started.max(1);
        let status = UnitStatus {
            token: token.to_owned(),
            phase: UnitPhase::Running,
            process: Some(std::process::id()),
            attempt,
            note: String::new(),
            done: None,
            figures: BTreeMap::new(),
            release: None,
            wanted: None,
            problem: None,
            exit: None,
        };
        let mut writer = StatusWriter {
            folder,
            status,
            written: None,
            logged: None,
        };
        writer.write();
        writer
    }

    /// Takes a report. It is logged at once if it is lasting; the file follows within
    /// [`WRITE_EVERY`] if reports go on, and at [`StatusWriter::flush`] in any case.
    pub(crate) fn report(&mut self, report: Report) {
        let now = Instant::now();
        let is_due = |last: Option<Instant>| last.is_none_or(|at| now - at >= WRITE_EVERY);
        if report.lasting || is_due(self.logged) {
            self.logged = Some(now);
            let figures = serde_json::to_string(&report.figures).unwrap_or_default();
            let (done, all) = report.done.unzip();
            tracing::info!(done, all, figures, "{}", report.note);
        }
        self.status.note = report.note;
        self.status.done = report.done;
        self.status.figures = report.figures;
        if is_due(self.written) {
            self.write();
        }
    }

    /// Writes what was reported last.
    pub(crate) fn flush(&mut self) {
        self.write();
    }

    fn write(&mut self) {
        self.written = Some(Instant::now());
        let path = self.folder.file("status.json");
        if let Err(error) = write_json_lightly(&path, &self.status) {
            tracing::warn!(why = %error.kind(), "status.json can't be written");
        }
    }
}
