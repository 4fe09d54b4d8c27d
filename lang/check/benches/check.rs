//! How long a check takes, by the number of blocks: prints figures, asserts nothing.

use std::fmt::Write as _;
use std::time::Instant;

use mlinfra_check::{World, check};

struct One(String);

impl World for One {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }

    fn parameter(&self, _: &str) -> Option<String> {
        None
    }

    fn parameter_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// So many stores, each with a key of its own.
fn stores(blocks: usize) -> String {
    let mut text = "target here = local(country = \"DE\")\n".to_owned();
    for place in 0..blocks / 2 {
        write!(
            text,
            "key k{place} on here {{ rotation = 90 days }}\nstorage s{place} on here {{\n  \
             capacity   = {} GiB\n  encryption = customer(k{place})\n  retention  = 30 days\n}}\n",
            place % 100 + 1
        )
        .expect("writing to a string never fails");
    }
    text
}

/// A pipeline of so many steps, each of which adds a column to the one before.
fn steps(count: usize) -> String {
    let mut text = "target here = local()\npool worker on here\ndataset d {\n  \
        from = file(\"d.csv\")\n  columns { age : int }\n}\npipeline p on worker {\n"
        .to_owned();
    for place in 0..count {
        let from = if place == 0 {
            "d".to_owned()
        } else {
            format!("s{}", place - 1)
        };
        writeln!(
            text,
            "  step s{place} = derive({from}) {{ c{place} = age + {place} }}"
        )
        .expect("writing to a string never fails");
    }
    text.push_str("}\n");
    text
}

/// So many stores with data about people, under the policies of a pack.
fn people(count: usize) -> String {
    let mut text = "project big { comply = [gdpr], residency = [eu] }\n\
        target here = local(country = \"DE\")\nkey vault on here\n"
        .to_owned();
    for place in 0..count {
        write!(
            text,
            "storage s{place} on here {{\n  encryption = customer(vault)\n  \
             retention  = 30 days\n}}\ndataset d{place} {{\n  from  = file(\"d.csv\")\n  \
             keep  = s{place}\n  basis = contract\n  columns {{ age : int @personal }}\n}}\n"
        )
        .expect("writing to a string never fails");
    }
    text
}

fn measure(name: &str, text: String) {
    let world = One(text);
    let mut best = f64::INFINITY;
    let mut found: Vec<String> = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        let checked = check(&world, "main.mlinfra");
        best = best.min(start.elapsed().as_secs_f64());
        let shown = |finding: &mlinfra_check::Diagnostic| {
            format!("{} {}", finding.code.0, finding.primary.text)
        };
        found = checked.diagnostics.iter().map(shown).collect();
    }
    println!("{name}: {:.1} ms, {} findings", best * 1000.0, found.len());
    found
        .iter()
        .take(20)
        .for_each(|finding| println!("  {finding}"));
}

/// Files named on the command line are measured instead: `cargo bench -p mlinfra-check -- FILE`.
fn main() {
    let mut files = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'));
    if let Some(first) = files.next() {
        for path in std::iter::once(first).chain(files) {
            let text = std::fs::read_to_string(&path).expect("a file that can be read");
            measure(&path, text);
        }
        return;
    }
    measure("1,000 blocks", stores(1_000));
    measure("10,000 blocks", stores(10_000));
    measure("100,000 blocks", stores(100_000));
    measure("300 steps in a row", steps(300));
    measure("1,000 stores and datasets under a pack", people(1_000));
    measure("10,000 stores and datasets under a pack", people(10_000));
    measure(
        "credit",
        include_str!("../../../examples/credit/credit.mlinfra").to_owned(),
    );
}
