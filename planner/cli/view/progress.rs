//! An operation while it runs: redrawn lines on a terminal, plain lines elsewhere, JSON lines.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use mlinfra_api::{Address, Fault, Value, Verb};
use mlinfra_apply::{BlockReason, Event, Recovered};
use mlinfra_plan::JudgedGate;
use serde_json::json;

use super::Screen;
use super::advance::{Advance, Room};
use super::ending;
use super::json::FORMAT;
use super::layout::{columns, cut, padded, wrapped};
use super::queue::Queue;
use super::theme::Ink;

/// Without a terminal, what runs long says so this often.
const SAY_EVERY: Duration = Duration::from_secs(10);
/// Whatever takes longer can be looked at from elsewhere: worth a word.
const ATTACH_AFTER: Duration = Duration::from_secs(2);
const NAME_COLUMNS: usize = 24;
/// Whether it goes on is seen by what turns.
const TURN_EVERY: Duration = Duration::from_millis(120);
/// Stands in the redrawn lines where something turns; no name holds it.
const TURNING: char = '\u{1}';
const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const PLAIN_FRAMES: [&str; 4] = ["|", "/", "-", "\\"];

/// Shows the events of one operation.
pub(crate) struct Progress<'a> {
    screen: &'a Screen,
    /// Whether times are those of what happens: what is told later took another time.
    has_times: bool,
    /// Whether lines are redrawn.
    is_live: bool,
    /// Whether a result follows that says which gates do not hold, and what stays because of them.
    has_ending: bool,
    /// What makes commands mean this spec: ` --spec examples/credit`.
    option: String,
    inner: Mutex<Inner>,
}

struct Inner {
    /// All redrawn lines are one bar, so that no half of them is ever seen.
    bar: Option<ProgressBar>,
    /// Its text; [`TURNING`] stands for what turns.
    block: Arc<Mutex<String>>,
    running: BTreeMap<Address, Running>,
    queue: Queue,
    began: Instant,
    operation: Option<String>,
    attach_said: bool,
    /// What could not be begun, one after the other, for one line.
    blocked: Vec<(Address, BlockReason)>,
}

impl Inner {
    /// Prints something above what is redrawn.
    fn suspend(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

struct Running {
    began: Instant,
    said: Instant,
    advance: Advance,
}

impl<'a> Progress<'a> {
    /// Shows on standard error, JSON on standard output.
    pub(crate) fn new(screen: &'a Screen, option: &str) -> Self {
        Progress {
            screen,
            has_times: true,
            is_live: screen.live,
            has_ending: true,
            option: option.to_owned(),
            inner: Mutex::new(Inner {
                bar: None,
                block: Arc::default(),
                running: BTreeMap::new(),
                queue: Queue::default(),
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
            has_times: false,
            has_ending: false,
            ..Progress::new(screen, option)
        };
        progress.inner().attach_said = true;
        progress
    }

    /// Shows what happened before, without times.
    pub(crate) fn again(screen: &'a Screen) -> Self {
        Progress {
            has_times: false,
            is_live: false,
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
        Self::count(&mut inner.queue, event);
        if let Event::Blocked { address, reason } = event {
            inner.blocked.push((address.clone(), reason.clone()));
            return;
        }
        let elapsed = match event {
            Event::Done { address, .. }
            | Event::Failed { address, .. }
            | Event::Cancelled { address } => Self::finish(&mut inner, address),
            _ => Duration::ZERO,
        };
        // What is said of something is never seen above its old line.
        self.compose(&inner);
        self.say_blocked(&mut inner);
        self.tell(&mut inner, event, elapsed);
        self.redraw(&mut inner);
    }

    fn tell(&self, inner: &mut Inner, event: &Event, elapsed: Duration) {
        match event {
            Event::OperationStarted { operation } => inner.operation = Some(operation.clone()),
            Event::Recovered { address, how } => {
                let line = self.line("·", Ink::Faint, address, recovered(*how), None);
                self.say(inner, &line);
            }
            Event::Started { address, .. } => Self::start(inner, address),
            Event::Queued { .. }
            | Event::Accepted { .. }
            | Event::OnlyAcceptedLeft { .. }
            | Event::Blocked { .. }
            | Event::Ended { .. } => {}
            Event::Progress {
                address,
                note,
                done,
                figures,
                at_milliseconds,
            } => {
                let running = Self::running(inner, address);
                running.advance.note(note, *done, figures, *at_milliseconds);
                self.advance(inner, address);
            }
            Event::Waiting { address, reason } => {
                let line = self.line(self.screen.sign("○"), Ink::Warn, address, reason, None);
                self.say(inner, &line);
            }
            Event::Done {
                address,
                verb,
                outputs,
            } => {
                let text = match verb {
                    Verb::Delete => "removed".to_owned(),
                    Verb::Create | Verb::Update => told(outputs),
                };
                let sign = self.screen.sign("✔");
                let line = self.line(sign, Ink::Good, address, &text, Some(elapsed));
                self.say(inner, &line);
            }
            Event::Judged { gate } => self.judged(inner, gate),
            Event::Failed { address, fault } => self.failed(inner, address, fault, elapsed),
            Event::Cancelled { address } => {
                let line = self.line("-", Ink::Warn, address, "cancelled", Some(elapsed));
                self.say(inner, &line);
            }
        }
    }

    /// Keeps count of what waits and what is done.
    fn count(queue: &mut Queue, event: &Event) {
        match event {
            Event::Queued { actions } => *queue = Queue::new(actions),
            Event::Started { address, verb } => queue.begin(address, *verb),
            Event::Done { address, verb, .. } => queue.finish(address, *verb),
            Event::Failed { address, .. }
            | Event::Cancelled { address }
            | Event::Blocked { address, .. } => queue.give_up(address),
            Event::Ended { .. } => *queue = Queue::default(),
            _ => {}
        }
    }

    /// Redraws the lines of what runs, then those of what waits.
    fn redraw(&self, inner: &mut Inner) {
        if !self.is_live {
            return;
        }
        let is_empty = self.compose(inner);
        match (&inner.bar, is_empty) {
            (Some(bar), false) => bar.tick(),
            (None, false) => inner.bar = Some(self.bar(&inner.block)),
            (_, true) => {
                if let Some(bar) = inner.bar.take() {
                    bar.finish_and_clear();
                }
            }
        }
    }

    /// Writes the lines that are redrawn; true if there are none.
    fn compose(&self, inner: &Inner) -> bool {
        let mut lines: Vec<String> = inner.running.iter().map(|one| self.live(one)).collect();
        let sign = self.screen.sign("○");
        lines.extend(inner.queue.lines(sign, NAME_COLUMNS, self.columns()));
        let is_empty = lines.is_empty();
        *inner.block.lock().expect("nobody panics while drawing") = lines.join("\n");
        is_empty
    }

    /// The line of what runs.
    fn live(&self, (address, running): (&Address, &Running)) -> String {
        let name = padded(&address.to_string(), NAME_COLUMNS);
        let text = running.advance.text(Room {
            columns: self.columns().saturating_sub(columns(&name) + 3),
            has_curve: self.screen.unicode,
        });
        cut(&format!("{TURNING} {name} {text}"), self.columns())
    }

    fn bar(&self, block: &Arc<Mutex<String>>) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{lines}");
        let style = style.expect("the template is a constant that parses");
        let frames: &[&str] = match self.screen.unicode {
            true => &FRAMES,
            false => &PLAIN_FRAMES,
        };
        let block = Arc::clone(block);
        let lines = move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let turns = state.elapsed().as_millis() / TURN_EVERY.as_millis();
            let frame = usize::try_from(turns).unwrap_or(0) % frames.len();
            let text = block.lock().expect("nobody panics while drawing");
            // A terminal that went away is told by who prints to it.
            let _ = out.write_str(&text.replace(TURNING, frames[frame]));
        };
        bar.set_style(style.with_key("lines", lines));
        bar.enable_steady_tick(TURN_EVERY);
        bar
    }

    /// What a redrawn line may take: one that reached the edge would be two.
    fn columns(&self) -> usize {
        self.screen.width.saturating_sub(1)
    }

    /// Says how a gate stands; one that does not hold is told at the end, where there is one.
    fn judged(&self, inner: &Inner, gate: &JudgedGate) {
        let text = gate.sentence();
        if !gate.fails() {
            let line = self.line(self.screen.sign("✔"), Ink::Good, &gate.step, &text, None);
            self.say(inner, &line);
        } else if !self.has_ending {
            let line = self.line(self.screen.sign("✖"), Ink::Bad, &gate.step, &text, None);
            inner.suspend(|| self.screen.warn(&line));
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
            inner.suspend(|| self.screen.warn(&line));
        }
    }

    /// Prints lines above what is redrawn.
    fn say(&self, inner: &Inner, text: &str) {
        if self.screen.quiet {
            return;
        }
        inner.suspend(|| self.screen.tell(text));
    }

    fn start(inner: &mut Inner, address: &Address) {
        let now = Instant::now();
        let running = Running {
            began: now,
            said: now,
            advance: Advance::default(),
        };
        inner.running.insert(address.clone(), running);
    }

    /// What runs at an address; what was begun before this program looked begins now.
    fn running<'i>(inner: &'i mut Inner, address: &Address) -> &'i mut Running {
        if !inner.running.contains_key(address) {
            Self::start(inner, address);
        }
        let running = inner.running.get_mut(address);
        running.expect("it was started right before, if it was not there")
    }

    /// Says how far a running thing is: at once where lines are redrawn, now and then elsewhere.
    fn advance(&self, inner: &mut Inner, address: &Address) {
        let counts = inner.queue.counts();
        let counts = counts.map_or(String::new(), |(done, all)| format!("{done} of {all}"));
        let running = Self::running(inner, address);
        let elapsed = running.began.elapsed();
        if !self.is_live && running.said.elapsed() >= SAY_EVERY {
            running.said = Instant::now();
            let beside = NAME_COLUMNS + 3 + counts.len() + 3;
            let text = running.advance.text(Room {
                columns: self.screen.width.saturating_sub(beside),
                has_curve: false,
            });
            let sign = self.screen.sign("●");
            let line = match text.is_empty() {
                true => self.line(sign, Ink::Live, address, &counts, Some(elapsed)),
                false => {
                    let text = format!("{text}   {counts}");
                    self.line(sign, Ink::Live, address, &text, None)
                }
            };
            self.say(inner, &line);
        }
        if elapsed < ATTACH_AFTER || inner.attach_said {
            return;
        }
        if let Some(operation) = inner.operation.clone() {
            inner.attach_said = true;
            let (program, option) = (ending::program(), &self.option);
            let line = format!("  attach from anywhere: {program} attach {operation}{option}\n");
            self.say(inner, &line);
        }
    }

    fn failed(&self, inner: &Inner, address: &Address, fault: &Fault, elapsed: Duration) {
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
        inner.suspend(|| self.screen.warn(&text));
    }

    fn finish(inner: &mut Inner, address: &Address) -> Duration {
        let running = inner.running.remove(address);
        running.map_or(Duration::ZERO, |running| running.began.elapsed())
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
        let elapsed = elapsed.filter(|_| self.has_times);
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
            Self::finish(&mut inner, &address);
        }
        inner.queue = Queue::default();
        self.redraw(&mut inner);
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
