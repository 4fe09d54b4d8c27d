//! How long a check of a program in many files takes, and how much memory: prints figures, and
//! fails where the floors do not hold.
//!
//! Each file holds twenty blocks and refers to the file before it, as projects of many people do.

use std::alloc::{GlobalAlloc, Layout};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use mimalloc::MiMalloc;
use mlinfra_check::{World, check};

/// The allocator of the command line, and how many bytes are in use.
struct Counting;

static BYTES_NOW: AtomicUsize = AtomicUsize::new(0);
static BYTES_MOST: AtomicUsize = AtomicUsize::new(0);

fn taken(bytes: usize) {
    let now = BYTES_NOW.fetch_add(bytes, Ordering::Relaxed) + bytes;
    if now > BYTES_MOST.load(Ordering::Relaxed) {
        BYTES_MOST.fetch_max(now, Ordering::Relaxed);
    }
}

#[expect(
    unsafe_code,
    reason = "an allocator is an unsafe trait; this one counts and passes on"
)]
// SAFETY: every call is passed on to the allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        BYTES_NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { MiMalloc.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        taken(bytes);
        BYTES_NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { MiMalloc.realloc(place, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The longest that a check of 500 files and of 5,000 may take, on two cores.
const SMALL_SECONDS_MAX: f64 = 0.1;
const LARGE_SECONDS_MAX: f64 = 1.2;

/// The most memory that a line may take.
const LINE_BYTES_MAX: usize = 1_024;

/// Files by their names.
struct Files(BTreeMap<String, String>);

impl World for Files {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let text = self.0.get(name).ok_or("there is none")?;
        Ok(text.clone().into_bytes())
    }

    fn parameter(&self, _: &str) -> Option<String> {
        None
    }

    fn parameter_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A file of twenty blocks: keys, stores that they seal, values, and data with columns.
fn part(place: usize) -> String {
    let mut text = "use \"shared.mlinfra\".{here}\n".to_owned();
    if place > 0 {
        let before = place - 1;
        writeln!(
            text,
            "use \"part{before}.mlinfra\".{{k{before}_0, days{before}_0}}"
        )
        .expect("writing to a string never fails");
    }
    for block in 0..5 {
        let days = match place {
            0 => "30 days".to_owned(),
            _ => format!("days{}_0 + {block} days", place - 1),
        };
        let key = match (place, block) {
            (0, _) | (_, 1..) => format!("k{place}_{block}"),
            _ => format!("k{}_0", place - 1),
        };
        write!(
            text,
            "\n/// Seals what belongs to part {place}.\n\
             key k{place}_{block} on here {{ rotation = 90 days }}\n\
             let days{place}_{block} = if {block} > 2 then 20 days else 10 days\n\
             storage s{place}_{block} on here {{\n  \
               capacity   = {} GiB\n  encryption = customer({key})\n  retention  = {days}\n}}\n\
             dataset d{place}_{block} {{\n  from = file(\"data/d{place}_{block}.csv\")\n  \
               keep = s{place}_{block}\n  columns {{\n    age    : int\n    amount : float\n    \
               place  : category\n  }}\n}}\n",
            place % 100 + 1
        )
        .expect("writing to a string never fails");
    }
    text
}

/// A program of so many files beside the root and what all share.
fn program(files: usize) -> Files {
    let mut root = "use \"shared.mlinfra\".{here}\n".to_owned();
    let mut all = BTreeMap::new();
    for place in 0..files {
        writeln!(root, "use \"part{place}.mlinfra\" as p{place}")
            .expect("writing to a string never fails");
        all.insert(format!("part{place}.mlinfra"), part(place));
    }
    root.push_str("output place = here\n");
    all.insert("main.mlinfra".to_owned(), root);
    let shared = "target here = local(country = \"DE\")\n".to_owned();
    all.insert("shared.mlinfra".to_owned(), shared);
    Files(all)
}

/// The shortest time of several checks, in seconds, and the bytes a line at the most.
fn measure(files: usize, rounds: usize) -> (f64, usize) {
    let world = program(files);
    let lines: usize = world.0.values().map(|text| text.lines().count()).sum();
    let before = BYTES_NOW.load(Ordering::Relaxed);
    BYTES_MOST.store(before, Ordering::Relaxed);
    let mut times = Vec::new();
    let (mut blocks, mut kept, mut findings) = (0, 0, Vec::new());
    for _ in 0..rounds {
        let start = Instant::now();
        let checked = check(&world, "main.mlinfra");
        times.push(start.elapsed().as_secs_f64());
        blocks = checked.program.blocks.len();
        kept = BYTES_NOW.load(Ordering::Relaxed) - before;
        findings = checked.diagnostics;
    }
    let most = BYTES_MOST.load(Ordering::Relaxed) - before;
    times.sort_by(f64::total_cmp);
    println!(
        "{files} files, {lines} lines, {blocks} blocks made: least {:.1} ms, median {:.1} ms; \
         {} bytes a line at most, {} kept; {} findings",
        times[0] * 1000.0,
        times[rounds / 2] * 1000.0,
        most / lines,
        kept / lines,
        findings.len()
    );
    for finding in findings.iter().take(5) {
        println!("  {} {}", finding.code.0, finding.primary.text);
    }
    (times[0], most / lines)
}

/// `cargo bench -p mlinfra-check --bench files -- FILES ROUNDS` measures that size alone.
fn main() {
    let arguments = std::env::args().skip(1);
    let sizes: Vec<usize> = arguments.filter_map(|text| text.parse().ok()).collect();
    if let Some(files) = sizes.first() {
        measure(*files, sizes.get(1).copied().unwrap_or(1));
        return;
    }
    measure(50, 5);
    let (small, small_bytes) = measure(500, 9);
    let (large, large_bytes) = measure(5_000, 5);
    println!(
        "ten times the files take {:.1} times as long",
        large / small
    );
    let bytes = small_bytes.max(large_bytes);
    if small > SMALL_SECONDS_MAX || large > LARGE_SECONDS_MAX || bytes > LINE_BYTES_MAX {
        eprintln!("the floors do not hold");
        std::process::exit(1);
    }
}
