//! Machines that do not hold what runs on them, and what would.

use mlinfra_api::Quantity;
use mlinfra_check::Severity;

use crate::memory::{FOLDER, LLAMA_3_8B, plain, safetensors, with};
use crate::world::findings;

fn serving(accelerator: &str, model: &str) -> String {
    format!(
        "target us = gcp(project = \"p\", region = \"us-central1\")\n\
         pool brain on us {{ accelerator = {accelerator}, accelerator_count = 1 }}\n\
         {model}\
         endpoint chat on brain {{ model = small, batching = continuous(max = 16) }}\n"
    )
}

fn llama() -> Vec<(&'static str, (Vec<u8>, u64))> {
    vec![
        (
            "small/model.safetensors",
            safetensors(&LLAMA_3_8B.tensors(), "BF16", 2),
        ),
        ("small/config.json", plain(&LLAMA_3_8B.config())),
    ]
}

#[test]
fn an_endpoint_that_does_not_fit_is_told_with_the_sum_and_what_fits() {
    let checked = with(&serving("l4", FOLDER), llama());
    let [finding] = checked.diagnostics.as_slice() else {
        panic!("{:?}", findings(&checked));
    };
    assert_eq!(
        (finding.code.0, finding.severity),
        ("E0460", Severity::Error)
    );
    let text = &finding.primary.text;
    assert!(
        text.contains("GiB") && text.contains("one l4 has 22.3 GiB"),
        "{text}"
    );
    let help = finding.help.join("\n");
    for wanted in [
        "`chat` weights: 14.9 GiB",
        "`chat` keys and values: 16 GiB",
        "`chat` activations",
        "smallest accelerator that holds it is `a100_40gb` with 40 GiB",
    ] {
        assert!(help.contains(wanted), "{wanted}: {help}");
    }
    let fits = with(&serving("a100_40gb", FOLDER), llama());
    assert_eq!(findings(&fits), Vec::<String>::new());
}

#[test]
fn models_on_one_machine_stand_beside_one_another() {
    let two = format!(
        "{}endpoint other on brain {{ model = small, batching = continuous(max = 16) }}\n",
        serving("a100_40gb", FOLDER)
    );
    let checked = with(&two, llama());
    let codes: Vec<&str> = checked.diagnostics.iter().map(|one| one.code.0).collect();
    assert_eq!(codes, ["E0460"]);
    let help = checked.diagnostics[0].help.join("\n");
    assert!(
        help.contains("`chat` weights") && help.contains("`other` weights"),
        "{help}"
    );
}

#[test]
fn replicas_and_machines_are_counted() {
    let spec = |nodes: &str, replicas: u32| {
        serving("a100_40gb", FOLDER)
            .replace(
                "accelerator_count = 1",
                &format!("accelerator_count = 1, nodes = {nodes}"),
            )
            .replace(
                "model = small,",
                &format!("model = small, replicas = {replicas},"),
            )
    };
    for (nodes, replicas) in [("1", 1), ("2", 2), ("1..4", 3)] {
        let fits = with(&spec(nodes, replicas), llama());
        assert_eq!(findings(&fits), Vec::<String>::new(), "{nodes} {replicas}");
    }
    for (nodes, replicas, said) in [
        ("1", 2, "one a100_40gb has 40 GiB"),
        ("1..2", 4, "2 machines have 80 GiB"),
        // Together they would fit, but each machine holds one.
        ("5", 6, "there are 5 machines"),
    ] {
        let checked = with(&spec(nodes, replicas), llama());
        let [finding] = checked.diagnostics.as_slice() else {
            panic!("{nodes} {replicas}: {:?}", findings(&checked));
        };
        assert_eq!(finding.code.0, "E0460");
        assert!(
            finding.primary.text.contains(said),
            "{}",
            finding.primary.text
        );
    }
    let help = with(&spec("1", 2), llama()).diagnostics[0].help.join("\n");
    assert!(help.contains("for each of 2 replicas"), "{help}");
}

#[test]
fn a_wish_for_more_than_the_accelerators_have_is_told() {
    let spec = |accelerator: &str| {
        format!(
            "target us = gcp(project = \"p\", region = \"us-central1\")\n\
             pool brain on us {{\n  accelerator = {accelerator}\n  accelerator_count = 1\n  \
             model_memory >= small.memory(batch = 16)\n}}\n{FOLDER}"
        )
    };
    let checked = with(&spec("t4"), llama());
    let codes: Vec<&str> = checked.diagnostics.iter().map(|one| one.code.0).collect();
    assert_eq!(codes, ["E0460"]);
    assert_eq!(
        findings(&with(&spec("h100"), llama())),
        Vec::<String>::new()
    );
    // What is not known is no wish that can be judged, and no pass.
    let unknown = with(&spec("t4"), Vec::new());
    let codes: Vec<&str> = unknown.diagnostics.iter().map(|one| one.code.0).collect();
    assert_eq!(codes, ["E0462"]);
}

fn training(hidden: &str, memory: &str) -> String {
    format!(
        "target here = local(country = \"DE\")\n\
         pool worker on here {{ cpus = 1, {memory} }}\n\
         dataset people {{\n  from = file(\"people.csv\")\n  columns {{\n    age : int\n    \
         good : bool @label\n  }}\n}}\n\
         pipeline risk on worker {{\n  step model = train(people, label = good) {{\n    \
         architecture = mlp(hidden = {hidden})\n  }}\n}}\n"
    )
}

#[test]
fn training_that_does_not_fit_is_told_where_the_architecture_is() {
    let checked = with(&training("[4096, 4096]", "memory = 64 MiB"), Vec::new());
    let shown = findings(&checked);
    let [finding] = shown.as_slice() else {
        panic!("{shown:?}");
    };
    assert!(
        finding.starts_with("E0460 at \"mlp(hidden = [4096, 4096])\""),
        "{finding}"
    );
    let help = checked.diagnostics[0].help.join("\n");
    // 2·4096 + 4097·4096 + 4097 numbers, 16 bytes each.
    for wanted in [
        "16793601 numbers × 4 bytes",
        "gradients",
        "AdamW",
        "activations",
    ] {
        assert!(help.contains(wanted), "{wanted}: {help}");
    }
    let quantity = Quantity::bytes(512 << 20);
    let fits = with(
        &training("[4096, 4096]", &format!("memory = {quantity}")),
        Vec::new(),
    );
    assert_eq!(findings(&fits), Vec::<String>::new());
    // A machine is chosen for a wish, so there is nothing to hold it against.
    let wish = with(&training("[4096, 4096]", "memory >= 64 MiB"), Vec::new());
    assert_eq!(findings(&wish), Vec::<String>::new());
}

#[test]
fn a_smaller_format_is_named_where_it_fits() {
    let spec = |batch: u32| {
        serving(
            "l4",
            "model small { from = dir(\"small\"), context = 1024 }\n",
        )
        .replace("max = 16", &format!("max = {batch}"))
    };
    // 15 GiB of weights with 2 of the rest fit into 22.3 GiB; with 8 more they don't.
    assert_eq!(findings(&with(&spec(16), llama())), Vec::<String>::new());
    let checked = with(&spec(80), llama());
    let help = checked.diagnostics[0].help.join("\n");
    // 8.03 billion numbers, 34 bytes for each 32 of them.
    assert!(
        help.contains("weights as Q8_0 they take 7.9 GiB, and all of it fits"),
        "{help}"
    );
    let checked = with(&spec(800), llama());
    let help = checked.diagnostics[0].help.join("\n");
    assert!(!help.contains("all of it fits"), "{help}");
}

#[test]
fn many_machines_are_looked_at_in_no_more_time_than_they_are_many() {
    let mut spec = "target us = gcp(project = \"p\", region = \"us-central1\")\n".to_owned();
    for pool in 0..3_000 {
        spec.push_str(&format!(
            "pool p{pool} on us {{ accelerator = l4, accelerator_count = 1 }}\n\
             endpoint e{pool} on p{pool} {{ model = small }}\n"
        ));
    }
    let started = std::time::Instant::now();
    let checked = with(
        &format!("{spec}model small {{ from = dir(\"small\") }}\n"),
        llama(),
    );
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}
