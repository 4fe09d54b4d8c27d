//! An operation while it runs: redrawn lines on a terminal, plain lines elsewhere, JSON lines.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mlinfra_api::{Address, Fault, Value, Verb};
use mlinfra_apply::{BlockReason, Event, Recovered};
use mlinfra_plan::JudgedGate;
use serde_json::json;

use super::Screen;
use super::ending;
use super::json::FORMAT;
use super::layout::{columns, padded, wrapped};
use super::theme::Ink;

/// Without a terminal, what runs long says so this often.
const SAY_EVERY: Duration = Duration::from_secs(2);
const NAME_COLUMNS: usize = 24;
/// So many figures make a curve.
const CURVE_LENGTH: usize = 12;

/// Shows the events of one operation.
pub(crate) struct Progress<'a> {
    screen: &'a Screen,
    /// Whether it happens now: what is told again later took another time.
    is_now: bool,
    /// Whether a result follows that says which gates do not hold, and what stays because of them.
    has_ending: bool,
    /// What makes commands mean this spec: ` --spec examples/credit`.
    option: String,
    inner: Mutex<Inner>,
}

struct Inner {
    bars: MultiProgress,
    running: BTreeMap<Address, Running>,
    began: Instant,
    operation: Option<String>,
    attach_said: bool,
    /// What could not be begun, one after the other, for one line.
    blocked: Vec<(Address, BlockReason)>,
}

struct Running {
    began: Instant,
    said: Instant,
    bar: Option<ProgressBar>,
    curve: Vec<f64>,
}

impl<'a> Progress<'a> {
    /// Shows on standard error, JSON on standard output.
    pub(crate) fn new(screen: &'a Screen, option: &str) -> Self {
        let target = match screen.live {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        Progress {
            screen,
            is_now: true,
            has_ending: true,
            option: option.to_owned(),
            inner: Mutex::new(Inner {
                bars: MultiProgress::with_draw_target(target),
                running: BTreeMap::new(),
                began: Instant::now(),
                operation: None,
                attach_said: false,
                blocked: Vec::new(),
            }),
        }
    }

    /// Shows an operation to somebody who has attached to it.
    pub(crate) fn attached(screen: &'a Screen, option: &str) -> Self {
        let progress = Progress {
            has_ending: false,
            ..Progress::new(screen, option)
        };
        progress.inner().attach_said = true;
        progress
    }

    /// Shows what happened before, without times.
    pub(crate) fn again(screen: &'a Screen) -> Self {
        Progress {
            is_now: false,
            has_ending: false,
            ..Progress::new(screen, "")
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("a panic elsewhere has ended the program already")
    }

    /// How long it has been going.
    pub(crate) fn seconds(&self) -> f64 {
        self.inner().began.elapsed().as_secs_f64()
    }

    /// Shows one event.
    pub(crate) fn show(&self, event: &Event) {
        if self.screen.json {
            self.screen
                .print_json(&json!({ "format": FORMAT, "event": event }));
            if let Event::OperationStarted { operation, .. } = event {
                self.inner().operation = Some(operation.clone());
            }
            return;
        }
        let mut inner = self.inner();
        if let Event::Blocked { address, reason } = event {
            inner.blocked.push((address.clone(), reason.clone()));
            return;
        }
        self.say_blocked(&mut inner);
        match event {
            Event::OperationStarted { operation } => inner.operation = Some(operation.clone()),
            Event::Recovered { address, how } => {
                let line = self.line("·", Ink::Faint, address, recovered(*how), None);
                self.say(&inner, &line);
            }
            Event::Started { address, .. } => self.start(&mut inner, address),
            Event::Accepted { .. } | Event::OnlyAcceptedLeft { .. } | Event::Ended { .. } => {}
            Event::Progress {
                address,
                note,
                done,
                figures,
            } => {
                self.advance(&mut inner, address, note, *done, figures);
            }
            Event::Waiting { address, reason } => {
                let line = self.line(self.screen.sign("○"), Ink::Warn, address, reason, None);
                self.say(&inner, &line);
            }
            Event::Done {
                address,
                verb,
                outputs,
            } => {
                let elapsed = self.finish(&mut inner, address);
                let text = match verb {
                    Verb::Delete => "removed".to_owned(),
                    Verb::Create | Verb::Update => told(outputs),
                };
                let sign = self.screen.sign("✔");
                let line = self.line(sign, Ink::Good, address, &text, Some(elapsed));
                self.say(&inner, &line);
            }
            Event::Judged { gate } => self.judged(&inner, gate),
            Event::Failed { address, fault } => self.failed(&mut inner, address, fault),
            Event::Cancelled { address } => {
                let elapsed = self.finish(&mut inner, address);
                let line = self.line("-", Ink::Warn, address, "cancelled", Some(elapsed));
                self.say(&inner, &line);
            }
            Event::Blocked { .. } => {}
        }
    }

    /// Says how a gate stands; one that does not hold is told at the end, where there is one.
    fn judged(&self, inner: &Inner, gate: &JudgedGate) {
        let text = gate.sentence();
        if !gate.fails() {
            let line = self.line(self.screen.sign("✔"), Ink::Good, &gate.step, &text, None);
            self.say(inner, &line);
        } else if !self.has_ending {
            let line = self.line(self.screen.sign("✖"), Ink::Bad, &gate.step, &text, None);
            inner.bars.suspend(|| self.screen.warn(&line));
        }
    }

    /// Says in one line what all waits for the same thing.
    fn say_blocked(&self, inner: &mut Inner) {
        let mut blocked = std::mem::take(&mut inner.blocked);
        if self.has_ending {
            blocked = ending::by_gate(blocked).1;
        }
        let alike = |(_, a): &(Address, BlockReason), (_, b): &(Address, BlockReason)| {
            let upstream = |reason: &BlockReason| matches!(reason, BlockReason::Upstream { .. });
            a == b || upstream(a) && upstream(b)
        };
        for group in blocked.chunk_by(alike) {
            let line = match group {
                [(address, reason)] => {
                    let text = format!("blocked: {reason} [{}]", reason.code());
                    self.line("!", Ink::Warn, address, &text, None)
                }
                [(first, reason), .., (last, _)] => {
                    let sign = self.screen.error_theme.paint(Ink::Warn, "!");
                    let text = format!(
                        "{} not begun, as {reason}: {first} … {last} [{}]",
                        group.len(),
                        reason.code()
                    );
                    wrapped(&text, self.screen.width, &format!("{sign} "), "  ")
                }
                [] => continue,
            };
            inner.bars.suspend(|| self.screen.warn(&line));
        }
    }

    /// Prints lines above what is redrawn.
    fn say(&self, inner: &Inner, text: &str) {
        if self.screen.quiet {
            return;
        }
        inner.bars.suspend(|| self.screen.tell(text));
    }

    fn start(&self, inner: &mut Inner, address: &Address) {
        let bar = self.screen.live.then(|| {
            let bar = inner.bars.add(ProgressBar::new_spinner());
            let style = ProgressStyle::with_template("{spinner} {msg}");
            bar.set_style(style.expect("the template is a constant that parses"));
            bar.set_message(address.to_string());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let now = Instant::now();
        let running = Running {
            began: now,
            said: now,
            bar,
            curve: Vec::new(),
        };
        inner.running.insert(address.clone(), running);
    }

    fn advance(
        &self,
        inner: &mut Inner,
        address: &Address,
        note: &str,
        done: Option<(u64, u64)>,
        figures: &BTreeMap<String, f64>,
    ) {
        if !inner.running.contains_key(address) {
            self.start(inner, address);
        }
        let attach = match (&inner.operation, inner.attach_said) {
            (Some(operation), false) => Some(operation.clone()),
            _ => None,
        };
        let Some(running) = inner.running.get_mut(address) else {
            return;
        };
        if let Some(value) = figures.get("auc").or_else(|| figures.values().next()) {
            running.curve.push(*value);
        }
        let text = progress_text(note, done, figures);
        let elapsed = running.began.elapsed();
        let sign = self.screen.sign("●");
        if let Some(bar) = &running.bar {
            let curve = curve(&running.curve);
            let name = padded(&address.to_string(), NAME_COLUMNS);
            bar.set_message(format!(
                "{name} {text}  {curve}  {:.1} s",
                elapsed.as_secs_f64()
            ));
        } else if running.said.elapsed() >= SAY_EVERY {
            running.said = Instant::now();
            let line = self.line(sign, Ink::Live, address, &text, Some(elapsed));
            self.say(inner, &line);
        }
        if let Some(operation) = attach.filter(|_| elapsed >= SAY_EVERY) {
            inner.attach_said = true;
            self.say(
                inner,
                &format!(
                    "  attach from anywhere: {} attach {operation}{}\n",
                    ending::program(),
                    self.option
                ),
            );
        }
    }

    fn failed(&self, inner: &mut Inner, address: &Address, fault: &Fault) {
        let elapsed = self.finish(inner, address);
        let sign = self.screen.sign("✖");
        let mut text = self.line(sign, Ink::Bad, address, &fault.to_string(), Some(elapsed));
        if let Fault::Failed { log, help, .. } = fault {
            for line in log {
                text += &format!("      {line}\n");
            }
            if let Some(help) = help {
                text += &wrapped(help, self.screen.width, "    = help: ", "            ");
            }
        }
        if let Fault::Refused {
            help: Some(help), ..
        } = fault
        {
            text += &wrapped(help, self.screen.width, "    = help: ", "            ");
        }
        // What failed is shown with `--quiet` too.
        inner.bars.suspend(|| self.screen.warn(&text));
    }

    fn finish(&self, inner: &mut Inner, address: &Address) -> Duration {
        let Some(running) = inner.running.remove(address) else {
            return Duration::ZERO;
        };
        if let Some(bar) = running.bar {
            bar.finish_and_clear();
            inner.bars.remove(&bar);
        }
        running.began.elapsed()
    }

    fn line(
        &self,
        sign: &str,
        ink: Ink,
        address: &Address,
        text: &str,
        elapsed: Option<Duration>,
    ) -> String {
        let theme = self.screen.error_theme;
        let elapsed = elapsed.filter(|_| self.is_now);
        let time = elapsed.map_or(String::new(), |time| format!("{:.1} s", time.as_secs_f64()));
        let name = padded(&address.to_string(), NAME_COLUMNS);
        let first = format!("{} {name} ", theme.paint(ink, sign));
        let room = self.screen.width.saturating_sub(time.len() + 2);
        let rest = " ".repeat(NAME_COLUMNS + 3);
        let mut lines = wrapped(text, room, &first, &rest);
        let end = lines.find('\n').unwrap_or(lines.len());
        let gap = self
            .screen
            .width
            .saturating_sub(columns(&lines[..end]) + time.len());
        if !time.is_empty() {
            lines.insert_str(end, &format!("{}{time}", " ".repeat(gap)));
        }
        lines
    }

    /// Takes the redrawn lines away, for good: nothing is drawn until something new is told.
    pub(crate) fn clear(&self) {
        let mut inner = self.inner();
        self.say_blocked(&mut inner);
        let running: Vec<Address> = inner.running.keys().cloned().collect();
        for address in running {
            self.finish(&mut inner, &address);
        }
        drop(inner.bars.clear());
    }
}

/// How a call of an earlier operation was resolved, as a sentence.
fn recovered(how: Recovered) -> &'static str {
    match how {
        Recovered::Done => "was under way when it was interrupted: found done, adopted",
        Recovered::Running => "was under way when it was interrupted: still runs, followed",
        Recovered::Failed => "was under way when it was interrupted: failed since",
        Recovered::Absent => "was about to begin when it was interrupted: never did",
        Recovered::Unresolved => "was under way when it was interrupted: can't be told now",
        Recovered::Stuck => {
            "nobody can tell whether it was made: look, then `mlinfra state adopt` or `forget`"
        }
    }
}

fn progress_text(note: &str, done: Option<(u64, u64)>, figures: &BTreeMap<String, f64>) -> String {
    let mut parts = Vec::new();
    match (note.is_empty(), done) {
        (false, _) => parts.push(note.to_owned()),
        (true, Some((part, all))) => parts.push(format!("{part}/{all}")),
        (true, None) => {}
    }
    parts.extend(
        figures
            .iter()
            .map(|(name, value)| format!("{name} {value:.3}")),
    );
    parts.join("  ")
}

/// What is worth a word of what a resource came to.
pub(crate) fn told(outputs: &BTreeMap<String, Value>) -> String {
    let mut parts = Vec::new();
    for (name, value) in outputs {
        match (name.as_str(), value) {
            ("rows", Value::Int(rows)) => parts.push(format!("{rows} rows")),
            ("url", Value::String(url)) => parts.push(url.clone()),
            ("auc" | "accuracy", Value::Decimal(number)) => {
                parts.push(format!("{name} {:.3}", number));
            }
            _ => {}
        }
    }
    parts.join("  ")
}

/// The last figures as a small curve.
fn curve(values: &[f64]) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let values = &values[values.len().saturating_sub(CURVE_LENGTH)..];
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let level = |value: &f64| {
        let share = if high > low {
            (value - low) / (high - low)
        } else {
            0.5
        };
        let index = (share * 7.0).round().clamp(0.0, 7.0);
        LEVELS[index as usize]
    };
    values
        .iter()
        .filter(|value| value.is_finite())
        .map(level)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_rises_with_its_values() {
        assert_eq!(curve(&[0.0, 0.5, 1.0]), "▁▅█");
        assert_eq!(curve(&[]), "");
        assert_eq!(curve(&[2.0, 2.0]), "▅▅");
        assert_eq!(curve(&[f64::NAN]), "");
    }

    #[test]
    fn progress_says_note_and_figures() {
        let figures = BTreeMap::from([("auc".to_owned(), 0.7912)]);
        assert_eq!(
            progress_text("epoch 2/3", Some((2, 3)), &figures),
            "epoch 2/3  auc 0.791"
        );
        assert_eq!(progress_text("", Some((2, 3)), &BTreeMap::new()), "2/3");
    }
}
