//! The words of the standard library: each kind, field, case and operation that the examples use.

use crate::world::{Memory, findings};
use mlinfra_check::{Checked, Severity, check};

const ASSISTANT: &str = include_str!("../../../../examples/assistant/assistant.mlinfra");
const CLAIMS: &str = include_str!("../../../../examples/claims/claims.mlinfra");
const SERVING: &str = include_str!("../../../../examples/claims/components/serving.mlinfra");
const PRETRAIN: &str = include_str!("../../../../examples/pretrain/pretrain.mlinfra");

fn checked(files: &[(&str, &str)], parameters: &[(&str, &str)]) -> Checked {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), text.as_bytes().to_vec());
    let given = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let world = Memory {
        files: files.iter().map(owned).collect(),
        parameters: parameters.iter().map(given).collect(),
        ..Memory::default()
    };
    check(&world, files[0].0)
}

fn errors(checked: &Checked) -> Vec<String> {
    let shown = findings(checked);
    let errors = shown.into_iter().zip(&checked.diagnostics);
    errors
        .filter(|(_, finding)| finding.severity == Severity::Error)
        .map(|(shown, _)| shown)
        .collect()
}

#[test]
fn every_example_checks_without_an_error() {
    for (place, files) in [
        ("assistant", vec![("assistant.mlinfra", ASSISTANT)]),
        (
            "claims",
            vec![
                ("claims.mlinfra", CLAIMS),
                ("components/serving.mlinfra", SERVING),
            ],
        ),
        ("pretrain", vec![("pretrain.mlinfra", PRETRAIN)]),
    ] {
        let checked = checked(&files, &[]);
        assert_eq!(errors(&checked), Vec::<String>::new(), "{place}");
    }
}

/// A spec with everything that the lines below refer to.
const AROUND: &str = "\
target cloud = aws(account = \"1\", region = \"eu-central-1\")
target us = gcp(project = \"p\", region = \"us-central1\")
key vault on cloud
network core on cloud { cidr = 10.0.0.0/16 }
storage lake on cloud { retention = 1 year }
model small { from = file(\"small.gguf\") }
secret token = env(\"TOKEN\")
pool worker on cloud { cpus >= 2 }
dataset claims {
  from = lake / \"2026/*.parquet\"
  columns {
    name   : string     @identifier
    born   : date       @health @identifier
    zip    : string     @health @identifier
    card   : string     @payment
    sex    : category   @protected
    note   : string
    amount : money(EUR)
    fee    : money(USD)
    fraud  : bool       @label
  }
}
";

/// A line that is put behind it, and the finding that it makes; none if it is right.
const LINES: &[(&str, Option<&str>)] = &[
    ("target anywhere = cheapest(cloud, us)", None),
    ("target anywhere = cheapest([cloud, us])", None),
    (
        "target anywhere = cheapest(cloud, vault)",
        Some("E0301 at \"vault\": this is a key, and a target belongs here"),
    ),
    ("pool p on cloud { accelerator in [a100_80gb, h100] }", None),
    (
        "pool p on cloud { accelerator in [a100_80gb, h101] }",
        Some("E0315 at \"h101\": `h101` is no case of `accelerator`"),
    ),
    (
        "pool p on cloud { purchase = spot(max_price = 13.50 USD/h, fallback = on_demand) }",
        None,
    ),
    (
        "pool p on cloud { purchase = spot(max_price = 13.50 USD) }",
        Some(
            "E0304 at \"13.50 USD\": this is an amount in USD, and an amount of money per \
             second belongs here",
        ),
    ),
    ("pool p on cloud { mount = { \"/scratch\" = lake } }", None),
    (
        "pool p on cloud { container = image(\"a/b:1\", token = token) }",
        None,
    ),
    (
        "pool p on cloud { nodes = 0..4, scale = to_queue(target = 1) }",
        None,
    ),
    (
        "pool p on cloud { model_memory >= small.memory(batch = 4) }",
        Some("E0462 at \"file(\\\"small.gguf\\\")\": no such file"),
    ),
    (
        "pool p on cloud { memory >= small.memory(batch = 0) }",
        Some("E0319 at \"0\": there must be at least one"),
    ),
    (
        "budget run { limit = 400 USD, covers = [worker], overrun = refuse }",
        None,
    ),
    ("budget run { limit = 400 USD/month }", None),
    (
        "budget run { limit = -1 USD }",
        Some("E0319 at \"-1 USD\": a limit is never negative"),
    ),
    (
        "endpoint e on worker { model = small, limits = { requests = 60/min, tokens = 9/day } }",
        None,
    ),
    (
        "endpoint e on worker { model = small, limits = { request = 60/min } }",
        Some("E0202 at \"request\": `limits` has no entry `request`"),
    ),
    (
        "endpoint e on worker { model = small, limits = { requests = 60 } }",
        Some("E0305 at \"60\": a rate per time needs a unit"),
    ),
    (
        "endpoint e on worker { model = small, replicas = 0..3 }",
        Some("E0319 at \"0..3\": there must be at least one"),
    ),
    (
        "endpoint e on worker { model = small, rollout = canary(10%, lasting = 30 min) }",
        None,
    ),
    (
        "endpoint e on worker { model = lake }",
        Some("E0301 at \"lake\": this is a storage, and a release or a model belongs here"),
    ),
    (
        "endpoint e on worker { model = small, auth = mtls, tls = required, protocol = openai }",
        None,
    ),
    (
        "role r { members = [\"a\"], may_read = [lake, claims], may_use = vault }",
        None,
    ),
    (
        "role r { members = [\"a\"], may_write = claims }",
        Some("E0301 at \"claims\": this is a table, and a list of storages belongs here"),
    ),
    ("project p { edition = 2026 }", None),
    (
        "project p { edition = 2027 }",
        Some("E0319 at \"2027\": the one edition so far is 2026"),
    ),
    (
        "storage s on cloud { replicate = \"eu-west-1\", immutable = 7 years, versioning = true }",
        None,
    ),
    (
        "dataset d { from = lake / \"../x\", columns { a : int } }",
        Some("E0319 at \"\\\"../x\\\"\": it is a path in the storage: it can't leave it"),
    ),
    (
        "dataset d { from = vault / \"x\", columns { a : int } }",
        Some("E0317 at \"/\": `/` does not take a key and a string"),
    ),
    (
        "dataset d { from = file(\"x\"), columns { a : money(EUX) } }",
        Some("E0440 at \"money(EUX)\": a column of `money` holds amounts in one of its units"),
    ),
    (
        "output o = small.size()",
        Some("E0446 at \"size\": a `model` can't be asked for `size`"),
    ),
    // Amounts in rows.
    ("STEP derive(claims) { a = log1p(amount / 1 EUR) }", None),
    ("STEP derive(claims) { a = amount * 2 + 1 EUR }", None),
    ("STEP derive(claims) { a = amount > 100 EUR }", None),
    ("STEP derive(claims) { a = amount in 1 EUR..5 EUR }", None),
    ("STEP derive(claims) { a = max(amount, 3 EUR) }", None),
    (
        "STEP derive(claims) { a = amount + fee }",
        Some("E0303 at \"+\": an amount in EUR on one side, an amount in USD on the other"),
    ),
    (
        "STEP derive(claims) { a = amount > 100 }",
        Some("E0303 at \">\": an amount in EUR on one side, a plain number on the other"),
    ),
    (
        "STEP derive(claims) { a = log1p(amount) }",
        Some("E0304 at \"amount\": `log1p` works on plain numbers, and this is an amount in EUR"),
    ),
    (
        "STEP derive(claims) { a = amount * amount }",
        Some("E0304 at \"*\": no column can hold amounts of EUR·EUR"),
    ),
    (
        "STEP derive(claims) { a = 1 / amount }",
        Some("E0304 at \"/\": no column can hold amounts of 1/EUR"),
    ),
    // Maskings take what they are for.
    (
        "STEP mask(claims) { born = generalize(year), zip = prefix(3), name = redact }",
        None,
    ),
    (
        "STEP mask(claims) { card = truncate(first = 6, last = 4), note = hash(vault) }",
        None,
    ),
    (
        "STEP mask(claims) { amount = generalize(year) }",
        Some(
            "E0416 at \"generalize(year)\": `generalize` works on date columns, and this is float",
        ),
    ),
    // Operations.
    ("STEP embed(claims, note, model = small)", None),
    (
        "STEP embed(claims, amount, model = small)",
        Some("E0418 at \"amount\": this column is money(EUR), and texts belong here"),
    ),
    ("STEP write(claims, to = lake / \"x.parquet\")", None),
    ("STEP read(file(\"x.jsonl\")) { columns { a : int } }", None),
    (
        "STEP read(file(\"x.jsonl\"))",
        Some("E0203 at \"s\": this step says nothing of its `columns`"),
    ),
    (
        "STEP tokens_of(claims, context = 8)",
        Some(
            "E0441 at \"tokens_of\": several columns hold texts: `name`, `zip`, `card` and `note`",
        ),
    ),
    ("STEP tokens_of(claims, context = 8, column = note)", None),
    (
        "STEP command(claims) { run = \"a\", gives = files, env = { A = \"b\", T = token } }",
        None,
    ),
    (
        "@deprecated(\"use `lake`\")\nstorage old on cloud\n\
         dataset d { from = old / \"x\", columns { a : int } }",
        Some("E0442 at \"old\": `old` is on its way out"),
    ),
];

#[test]
fn each_word_takes_what_it_says() {
    let mut wrong = Vec::new();
    for (line, wanted) in LINES {
        let line = match line.strip_prefix("STEP ") {
            Some(call) => format!("pipeline p on worker {{\n  step s = {call}\n}}"),
            None => (*line).to_owned(),
        };
        let text = format!("{AROUND}{line}\n");
        let found = findings(&checked(&[("main.mlinfra", &text)], &[]));
        let wanted: Vec<&str> = wanted.iter().copied().collect();
        if found != wanted {
            wrong.push(format!("{line}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_pack_without_policies_is_never_a_silent_pass() {
    let text = "project p { comply = [hipaa, fisma(confidentiality = high, integrity = low, \
                availability = low)] }";
    let found = findings(&checked(&[("main.mlinfra", text)], &[]));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found.iter().all(|finding| finding.starts_with("E0443")),
        "{found:#?}"
    );
}

#[test]
fn the_language_says_what_its_own_words_are() {
    let mut seen = std::collections::BTreeSet::new();
    for word in mlinfra_check::own_words() {
        assert!(seen.insert(&word.name), "{}", word.name);
        assert!(!word.documentation.is_empty(), "{}", word.name);
        // Each example is written as the language wants it.
        let parsed = mlinfra_syntax::parse(&word.head);
        assert!(
            parsed.errors.is_empty(),
            "{}: {:?}",
            word.name,
            parsed.errors
        );
    }
    for word in ["param", "for", "moved", "enum", "int"] {
        assert!(seen.iter().any(|name| *name == word), "{word}");
    }
    assert_eq!(mlinfra_check::nearest_word("componnet"), Some("component"));
}
