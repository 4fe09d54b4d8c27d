//! How long check and plan take, by the number of blocks: prints figures, asserts nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use mlinfra_api::{Lower, Observation, Quantity, ResourceState, Snapshot, Value};
use mlinfra_check::{Program, World, check};
use mlinfra_local::LocalLower;
use mlinfra_plan::{Answer, Answers, Goal, Inputs, Outcome, Plan, Question, plan};

struct One(String);

/// A spec of so many blocks.
type Shape = fn(usize) -> String;

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

/// What cannot fail, as it goes into a text.
const TEXT: &str = "writing to a string never fails";

/// So many blocks: a key and a store that is encrypted with it, again and again.
fn stores(blocks: usize) -> String {
    let mut text = "target here = local(country = \"DE\")\n".to_owned();
    for place in 0..blocks / 2 {
        write!(
            text,
            "key k{place} on here {{ rotation = 90 days }}\nstorage s{place} on here {{\n  \
             capacity   = {} GiB\n  encryption = customer(k{place})\n  retention  = 30 days\n}}\n",
            place % 100 + 1
        )
        .expect(TEXT);
    }
    text
}

/// So many stores, each made after the one before.
fn chain(blocks: usize) -> String {
    let mut text = "target here = local()\nstorage s0 on here\n".to_owned();
    for place in 1..blocks {
        let before = place - 1;
        writeln!(text, "storage s{place} on here {{ after = s{before} }}").expect(TEXT);
    }
    text
}

/// So many pools in a cloud, with a budget for each tenth and one for all.
fn pools(blocks: usize) -> String {
    let mut text = "target cloud = aws(account = \"1\", region = \"eu-central-1\")\n\
        budget all { limit = 1_000_000_000 USD/month }\n"
        .to_owned();
    for place in 0..blocks {
        writeln!(
            text,
            "pool p{place} on cloud {{ cpus >= {} }}",
            place % 8 + 1
        )
        .expect(TEXT);
        if place % 10 == 0 {
            writeln!(
                text,
                "budget b{place} {{\n  limit  = 10_000 USD/month\n  covers = [p{place}]\n}}"
            )
            .expect(TEXT);
        }
    }
    text
}

/// A pipeline of so many steps that all read one table, and a budget for a run of it.
fn steps(blocks: usize) -> String {
    let mut text = "target here = local()\npool worker on here\n\
        budget run { limit = 10 USD }\ndataset d {\n  from = file(\"d.csv\")\n  \
        columns { age : int }\n}\npipeline p on worker {\n  timeout = 1 h\n"
        .to_owned();
    for place in 0..blocks {
        writeln!(text, "  step s{place} = derive(d) {{ c{place} = age + 1 }}").expect(TEXT);
    }
    text.push_str("}\n");
    text
}

fn answer(question: &Question) -> Answer {
    match question {
        Question::File { .. } => Answer::File {
            sha256: "d1".into(),
            bytes: 80_059,
            header: Some("age".into()),
        },
        Question::Outputs { .. } => panic!("checking asks other projects, planning never"),
        Question::Host { .. } => Answer::Host {
            facts: BTreeMap::from([
                ("cpus".into(), Value::Int(2)),
                ("memory".into(), Value::Quantity(Quantity::bytes(24 << 30))),
            ]),
        },
        Question::Existing { .. } => Answer::NotTaken {
            reason: "there is none".into(),
        },
        Question::Port { .. } => Answer::Port { free: true },
        Question::Resource { state } => {
            let observation = match state.incarnation {
                0 => Observation::Absent,
                _ => Observation::Present {
                    properties: BTreeMap::new(),
                    outputs: BTreeMap::new(),
                },
            };
            Answer::Resource { observation }
        }
    }
}

fn planned(program: &Program, snapshot: &Snapshot, goal: Goal) -> Plan {
    let lowerings: [&dyn Lower; 1] = [&LocalLower];
    let mut answers = Answers::default();
    loop {
        let inputs = Inputs {
            program,
            snapshot,
            lowerings: &lowerings,
            answers: &answers,
            goal,
            data_may_go: true,
        };
        match plan(inputs) {
            Outcome::Planned(plan) => return *plan,
            Outcome::Ask(questions) => {
                for question in questions {
                    let answer = answer(&question);
                    answers.insert(question, answer);
                }
            }
        }
    }
}

/// As if all of it had been made.
fn made(plan: &Plan) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for action in &plan.actions {
        let state = ResourceState {
            resource: action.resource.clone(),
            incarnation: 1,
            handle: "h".into(),
            outputs: BTreeMap::new(),
        };
        snapshot.resources.insert(action.address.clone(), state);
    }
    snapshot
}

fn in_ms<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed().as_secs_f64() * 1e3)
}

fn measure(shape: &str, blocks: usize, text: String) {
    let world = One(text);
    let (checked, check_ms) = in_ms(|| check(&world, "main.mlinfra"));
    assert!(!checked.has_errors(), "{:?}", checked.diagnostics.first());
    let program = checked.program;
    let (first, plan_ms) = in_ms(|| planned(&program, &Snapshot::default(), Goal::Apply));
    let snapshot = made(&first);
    let (_, again_ms) = in_ms(|| planned(&program, &snapshot, Goal::Apply));
    let (_, destroy_ms) = in_ms(|| planned(&program, &snapshot, Goal::Destroy));
    println!(
        "{shape:>7} {blocks:>8} {check_ms:>9.1} {plan_ms:>9.1} {:>9.1} {again_ms:>11.1} \
         {destroy_ms:>10.1} {:>8} {:>9}",
        check_ms + plan_ms,
        first.actions.len(),
        first.findings.len(),
    );
}

/// `cargo bench -p mlinfra-plan -- chain 100000` measures that alone, in this order.
fn main() {
    let arguments: Vec<String> = (std::env::args().skip(1))
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let sizes: Vec<usize> = arguments
        .iter()
        .filter_map(|one| one.parse().ok())
        .collect();
    let sizes = if sizes.is_empty() {
        vec![1_000, 10_000]
    } else {
        sizes
    };
    let shapes: [(&str, Shape); 4] = [
        ("stores", stores),
        ("chain", chain),
        ("pools", pools),
        ("steps", steps),
    ];
    println!(
        "{:>7} {:>8} {:>9} {:>9} {:>9} {:>11} {:>10} {:>8} {:>9}",
        "shape",
        "blocks",
        "check ms",
        "plan ms",
        "both ms",
        "no change",
        "destroy",
        "actions",
        "findings"
    );
    let is_asked = |name: &str| {
        let mut names = arguments
            .iter()
            .filter(|one| one.parse::<usize>().is_err())
            .peekable();
        names.peek().is_none() || names.any(|one| one == name)
    };
    for (shape, text) in shapes.into_iter().filter(|(name, _)| is_asked(name)) {
        for blocks in &sizes {
            measure(shape, *blocks, text(*blocks));
        }
    }
}
