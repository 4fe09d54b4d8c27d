//! What is written and not built is refused: by target, by field, by case.

use std::collections::BTreeMap;

use mlinfra_api::{Lower, Reads, Snapshot};
use mlinfra_check::{Program, World, check};
use mlinfra_local::LocalLower;
use mlinfra_plan::{Goal, PlanFinding};

use crate::support::{Fake, credit};

struct Files(BTreeMap<String, String>);

impl World for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let text = self.0.get(path).ok_or("no such file")?;
        Ok(text.clone().into_bytes())
    }
    fn parameter(&self, _: &str) -> Option<String> {
        None
    }
    fn parameter_names(&self) -> Vec<String> {
        Vec::new()
    }
}

fn program_of(files: &[(&str, &str)]) -> Program {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    let checked = check(&Files(files.iter().map(owned).collect()), files[0].0);
    assert!(!checked.has_errors(), "{:#?}", checked.diagnostics);
    checked.program
}

fn found(program: &Program) -> Vec<PlanFinding> {
    let plan = Fake::new().plan(program, &Snapshot::default(), Goal::Apply);
    plan.findings
}

fn said(findings: &[PlanFinding]) -> Vec<(String, String)> {
    let errors = findings.iter().filter(|finding| finding.error);
    errors
        .map(|finding| (finding.code.clone(), finding.message.clone()))
        .collect()
}

#[test]
fn a_target_without_a_provider_is_said_once_for_all_that_goes_there() {
    let claims = [
        (
            "claims.mlinfra",
            include_str!("../../../../examples/claims/claims.mlinfra"),
        ),
        (
            "components/serving.mlinfra",
            include_str!("../../../../examples/claims/components/serving.mlinfra"),
        ),
    ];
    let pretrain = [(
        "pretrain.mlinfra",
        include_str!("../../../../examples/pretrain/pretrain.mlinfra"),
    )];
    for (files, targets) in [
        (&claims[..], &["target.cloud", "target.ward"][..]),
        (&pretrain[..], &["target.google", "target.lab"][..]),
    ] {
        let findings = found(&program_of(files));
        let unbuilt: Vec<String> = (findings.iter())
            .filter(|finding| finding.code == "E0901")
            .filter_map(|finding| finding.address.as_ref().map(ToString::to_string))
            .collect();
        assert_eq!(unbuilt, targets, "{findings:#?}");
        let others = findings.iter().filter(|finding| finding.error);
        let others: Vec<&str> = others
            .map(|finding| finding.code.as_str())
            .filter(|code| *code != "E0901" && !code.starts_with("E096") && *code != "E0942")
            .collect();
        assert_eq!(others, Vec::<&str>::new(), "{findings:#?}");
    }
}

/// What is put where into the credit spec, the code of the finding, and a part of what it says.
const UNREAD: &[(&str, &str, &str, &str)] = &[
    (
        "port     = 8080",
        "port = 8080\n  tls = required",
        "E0950",
        "`local` does not build `tls` of a `endpoint`",
    ),
    (
        "auth     = api_key",
        "auth = mtls",
        "E0950",
        "`auth = mtls`",
    ),
    (
        "replicas = replicas",
        "replicas = 1..3",
        "E0950",
        "1 to 3 replicas",
    ),
    (
        "cpus   >= 2",
        "cpus >= 2\n  nodes = 2",
        "E0950",
        "one machine",
    ),
    (
        "cpus   >= 2",
        "cpus >= 2\n  purchase = reserved(term = 1 year)",
        "E0950",
        "`purchase`",
    ),
    (
        "encryption = customer(vault)",
        "encryption = managed",
        "E0950",
        "`encryption = managed`",
    ),
    (
        "purpose = \"credit scoring\"",
        "purpose = \"credit scoring\"\n  schedule = hourly",
        "E0950",
        "`schedule` of a `pipeline`",
    ),
    (
        "age             = bucket(5)",
        "age = noise(scale = 2)",
        "E0950",
        "`age = noise`",
    ),
    ("lime]", "lime(sample = 20)]", "E0950", "`sample` of `lime`"),
    (
        "checkpoint   = every(5 epochs)",
        "checkpoint = every(5 epochs, to = lake)",
        "E0950",
        "`to` of `every`",
    ),
    (
        "seed         = 7",
        "seed = 7\n    precision = bf16",
        "E0950",
        "`precision` of a `train`",
    ),
    (
        "{ lasting = 5 min }",
        "{ lasting = 5 min, to = webhook(\"https://a.example\") }",
        "E0950",
        "`to` of a `alert`",
    ),
    (
        "output url = score.url",
        "output url = risk.release.url",
        "E0951",
        "tells no `url`",
    ),
];

#[test]
fn what_is_so_anyway_may_be_written() {
    let text = credit();
    let text = text.replacen("cpus   >= 2", "cpus >= 2\n  purchase = on_demand", 1);
    let text = text.replacen(
        "auth     = api_key",
        "auth = api_key\n  host = \"127.0.0.1\"",
        1,
    );
    assert!(text.contains("on_demand") && text.contains("127.0.0.1"));
    let program = program_of(&[("credit.mlinfra", &text)]);
    assert_eq!(said(&found(&program)), Vec::new());
}

#[test]
fn what_this_machine_does_not_build_is_refused_where_it_is_written() {
    let text = credit();
    let clean = program_of(&[("credit.mlinfra", &text)]);
    assert_eq!(said(&found(&clean)), Vec::new());
    for (from, to, code, says) in UNREAD {
        assert!(text.contains(from), "{from}");
        let changed = text.replacen(from, to, 1);
        let findings = said(&found(&program_of(&[("credit.mlinfra", &changed)])));
        let told = |(found, message): &&(String, String)| found == code && message.contains(says);
        let matching = findings.iter().filter(told).count();
        assert_eq!(matching, 1, "{to}: {findings:#?}");
        assert_eq!(findings.len(), 1, "{to}: {findings:#?}");
    }
}

#[test]
fn an_operation_that_this_machine_does_not_run_is_refused_once() {
    let text = "\
target here = local()
pool worker on here
dataset pages {
  from = file(\"pages.csv\")
  columns { body : string }
}
pipeline lm on worker {
  step tokens = tokens_of(pages, context = 512)
  step model  = command(tokens) { run = \"train\", gives = weights(format = safetensors) }
}
";
    let findings = said(&found(&program_of(&[("main.mlinfra", text)])));
    let codes: Vec<&str> = findings.iter().map(|(code, _)| code.as_str()).collect();
    // The header of the made-up file has other columns: that is no matter here.
    let ours: Vec<&&str> = codes.iter().filter(|code| **code != "E0903").collect();
    assert_eq!(ours, [&"E0950", &"E0950"], "{findings:#?}");
}

#[test]
fn a_choice_between_targets_is_checked_and_not_planned() {
    let text = "\
target a = aws(account = \"1\", region = \"eu-central-1\")
target b = gcp(project = \"p\", region = \"europe-west1\")
target anywhere = cheapest(a, b)
pool worker on anywhere { accelerator in [a100_80gb, h100] }
";
    let findings = said(&found(&program_of(&[("main.mlinfra", text)])));
    let told = findings.iter().any(|(code, message)| {
        code == "E0953" && message == "`target.anywhere` is `cheapest` of a, b"
    });
    assert!(told, "{findings:#?}");
}

/// What the machine reads is declared: a word that the library has not would never be written.
#[test]
fn what_is_read_is_declared() {
    let kinds = mlinfra_check::stdlib::kinds();
    for (kind, fields) in &kinds {
        if let Reads::These(read) = LocalLower.reads(kind) {
            for (field, _) in read {
                assert!(fields.contains(field), "{kind} has no {field}");
            }
        }
    }
    let known: Vec<&str> = mlinfra_check::stdlib::operations()
        .into_iter()
        .filter(|(operation, _)| LocalLower.runs(operation) != Reads::Nothing)
        .map(|(operation, _)| operation)
        .collect();
    assert_eq!(
        known,
        [
            "derive",
            "drop_nulls",
            "evaluate",
            "mask",
            "register",
            "split",
            "train"
        ]
    );
}

/// The findings of the credit spec with a pipeline that is placed by its steps alone, or a role.
fn nowhere(pipeline: &str, role: &str) -> Vec<(String, String)> {
    let text = format!(
        "target here = local()\npool worker on here\nstorage lake on here\ndataset pages {{\n  \
         from = file(\"credit.csv\")\n  keep = lake\n  columns {{ age : int }}\n}}\n\
         pipeline p {{\n  {pipeline}\n}}\n{role}\n"
    );
    let findings = said(&found(&program_of(&[("main.mlinfra", &text)])));
    findings
        .into_iter()
        .filter(|(code, _)| code != "E0903")
        .collect()
}

#[test]
fn what_is_placed_nowhere_itself_loses_nothing_that_is_written() {
    let step = "step all on worker = derive(pages) { next = age + 1 }";
    let found = nowhere(&format!("schedule = hourly\n  {step}"), "");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].1.contains("`schedule` of a `pipeline`"),
        "{found:?}"
    );
    for (role, code) in [
        (
            "role reader { members = [\"a@example.com\"], may_read = [pages] }",
            "E0911",
        ),
        (
            "role reader { members = [\"a@example.com\"], may_read = [lake] }",
            "E0911",
        ),
        ("role reader { members = [\"a@example.com\"] }", "E0954"),
    ] {
        let found = nowhere(step, role);
        let codes: Vec<&str> = found.iter().map(|(code, _)| code.as_str()).collect();
        assert_eq!(codes, [code], "{role}: {found:?}");
    }
}
