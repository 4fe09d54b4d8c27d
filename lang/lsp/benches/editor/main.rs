//! How long an editor waits for findings and answers in a spec of 10,000 lines: prints figures,
//! asserts nothing.
//!
//! An editor in this process talks to the server over two pipes, as every editor does: what is
//! measured begins with the first byte of its message and ends with the last one of the answer.
//! `cargo bench -p mlinfra-lsp --bench editor -- LINES ROUNDS` measures another length.

mod edits;
mod session;
mod spec;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use edits::{Edit, Random, SORTS};
use mimalloc::MiMalloc;
use session::{Session, cpu_time};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What is asked of the server in between, each at a place of its own.
const QUESTIONS: [&str; 3] = ["hover", "completion", "definition"];

/// Times, by what was waited for.
#[derive(Default)]
struct Times(BTreeMap<String, Vec<Duration>>);

impl Times {
    fn add(&mut self, what: &str, time: Duration) {
        self.0.entry(what.to_owned()).or_default().push(time);
    }

    fn print(&mut self) {
        for (what, times) in &mut self.0 {
            times.sort_unstable();
            let at = |share: f64| {
                let place = ((times.len() as f64 * share).ceil() as usize).max(1) - 1;
                times[place].as_secs_f64() * 1000.0
            };
            println!(
                "  {what:<34} p50 {:7.2} ms, p95 {:7.2} ms, p99 {:7.2} ms, most {:7.2} ms of {}",
                at(0.50),
                at(0.95),
                at(0.99),
                at(1.0),
                times.len()
            );
        }
    }
}

fn main() {
    let arguments = std::env::args().skip(1);
    let numbers: Vec<usize> = arguments.filter_map(|text| text.parse().ok()).collect();
    let lines = numbers.first().copied().unwrap_or(10_000);
    let rounds = numbers.get(1).copied().unwrap_or(100);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("the system's load before: {}", load.trim());
    measure("one file", spec::one_file(lines), rounds);
    measure("many files", spec::many_files(lines), rounds);
}

fn measure(name: &str, files: Vec<(String, String)>, rounds: usize) {
    let lines: usize = files.iter().map(|(_, text)| text.lines().count()).sum();
    let mut random = Random(7);
    let start = Instant::now();
    let (mut session, findings) = Session::open(files);
    println!(
        "{name}: {lines} lines in {} files, {findings} findings, opened in {:.0} ms",
        session.files.len(),
        start.elapsed().as_secs_f64() * 1000.0
    );
    let mut times = Times::default();
    // What is made once is made now.
    for question in QUESTIONS {
        session.ask(question, session.edited(&mut random), 0);
    }
    let (cpu, wall) = (cpu_time(), Instant::now());
    for round in 0..rounds {
        let sort = SORTS[round % SORTS.len()];
        let file = session.edited(&mut random);
        let edit = Edit::new(sort, &session.files[file].1, &mut random);
        let back = edit.back(&session.files[file].1);
        for edit in [edit, back] {
            let time = session.edit(file, &edit);
            times.add("edit to findings", time);
            times.add(&format!("edit to findings: {sort}"), time);
        }
    }
    report(&mut times, rounds * 2, cpu, wall);
    for round in 0..rounds * QUESTIONS.len() {
        let question = QUESTIONS[round % QUESTIONS.len()];
        let file = session.edited(&mut random);
        let place = edits::word(&session.files[file].1, &mut random);
        times.add(question, session.ask(question, file, place.start + 1));
    }
    // Who types asks before anything was found of the last letter.
    for round in 0..rounds * QUESTIONS.len() {
        let question = QUESTIONS[round % QUESTIONS.len()];
        let file = session.edited(&mut random);
        let edit = Edit::new(SORTS[0], &session.files[file].1, &mut random);
        let (at, back) = (edit.end(), edit.back(&session.files[file].1));
        let time = session.type_and_ask(question, file, &edit, at);
        times.add(&format!("{question} right behind a letter"), time);
        session.edit(file, &back);
    }
    times.print();
    session.end();
}

fn report(times: &mut Times, edits: usize, cpu: Duration, wall: Instant) {
    times.print();
    times.0.clear();
    let each = |time: Duration| time.as_secs_f64() * 1000.0 / edits as f64;
    println!(
        "  an edit takes {:.1} ms of CPU time of both ends, {:.1} ms by the clock",
        each(cpu_time().saturating_sub(cpu)),
        each(wall.elapsed())
    );
}
