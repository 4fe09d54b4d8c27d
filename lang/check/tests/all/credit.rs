//! The credit example, checked from its text to its program.

use mlinfra_api::{Address, TableType, Value};
use mlinfra_check::{Block, Checked, ModelType, Step};

use crate::world::{CREDIT, check_text, check_with, findings};

fn block<'c>(checked: &'c Checked, address: &str) -> &'c Block {
    let address: Address = address.parse().expect("an address");
    checked.program.block(&address).expect("the block")
}

fn step<'c>(checked: &'c Checked, name: &str) -> &'c Step {
    block(checked, &format!("risk/step.{name}"))
        .step
        .as_ref()
        .expect("a step")
}

fn model(checked: &Checked) -> &ModelType {
    step(checked, "release")
        .model
        .as_ref()
        .expect("the model passes through")
}

fn names(table: &TableType) -> Vec<&str> {
    table
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect()
}

#[test]
fn it_has_no_finding_and_every_block() {
    let checked = check_text(CREDIT);
    assert_eq!(findings(&checked), Vec::<String>::new());
    let roles: Vec<String> = (checked.program.blocks.iter())
        .map(|block| format!("{}:{}", block.address, block.role.as_deref().unwrap_or("-")))
        .collect();
    assert_eq!(
        roles,
        [
            "project.credit:project",
            "budget.team:budget",
            "target.here:target",
            "key.vault:-",
            "storage.lake:store",
            "dataset.applicants:dataset",
            "pool.worker:machines",
            "pipeline.risk:pipeline",
            "risk/step.clean:step",
            "risk/step.people:step",
            "risk/step.masked:step",
            "risk/step.parts:step",
            "risk/step.model:step",
            "risk/step.report:step",
            "risk/step.release:step",
            "endpoint.score:endpoint",
            "monitor.health:monitor",
            "health/alert.errors:alert",
            "health/alert.slow:alert",
            "health/alert.drift:alert",
        ]
    );
}

#[test]
fn fields_are_typed_and_defaults_filled_in() {
    let checked = check_text(CREDIT);
    let shown = |address: &str, field: &str| {
        let field = block(&checked, address)
            .fields
            .get(field)
            .expect("it is there");
        format!(
            "{}{}",
            field.value,
            if field.written { "" } else { " by default" }
        )
    };
    for (address, field, value) in [
        ("project.credit", "residency", "[eu]"),
        ("project.credit", "labels", "{} by default"),
        ("key.vault", "rotation", "90 days"),
        ("storage.lake", "capacity", "2 GiB"),
        ("storage.lake", "encryption", "customer(key = key.vault)"),
        (
            "dataset.applicants",
            "from",
            "file(path = \"german_credit.csv\")",
        ),
        ("dataset.applicants", "keep", "storage.lake"),
        ("endpoint.score", "model", "risk/step.release"),
        ("endpoint.score", "replicas", "1"),
        ("endpoint.score", "host", "\"127.0.0.1\" by default"),
    ] {
        assert_eq!(shown(address, field), value, "{address}.{field}");
    }
    let target = block(&checked, "target.here");
    assert_eq!(
        target.value.as_ref().expect("a value").to_string(),
        "local(country = \"DE\")"
    );
    let wishes: Vec<String> = (block(&checked, "pool.worker").wishes.iter())
        .map(|(wish, _)| format!("{} {} {}", wish.field, wish.operator, wish.value))
        .collect();
    assert_eq!(wishes, ["cpus >= 2", "memory >= 1 GiB"]);
    let place = |address: &str| {
        block(&checked, address)
            .place
            .as_ref()
            .map(Address::to_string)
    };
    assert_eq!(place("storage.lake").as_deref(), Some("target.here"));
    assert_eq!(place("risk/step.model").as_deref(), Some("pool.worker"));
    assert!(block(&checked, "storage.lake").holds_data);
    assert!(block(&checked, "endpoint.score").computed.contains("url"));
    assert_eq!(
        checked.program.outputs["url"].value.to_string(),
        "endpoint.score.url"
    );
}

#[test]
fn columns_are_known_after_every_step() {
    let checked = check_text(CREDIT);
    let column = |name: &str, column: &str| {
        let table = step(&checked, name).table.as_ref().expect("a table");
        table.column(column).map(|column| {
            let classes: Vec<&str> = column.classes.iter().map(String::as_str).collect();
            format!("{} [{}]", column.column_type, classes.join(" "))
        })
    };
    assert_eq!(
        column("clean", "savings").as_deref(),
        Some("category [personal]")
    );
    assert_eq!(
        column("people", "sex").as_deref(),
        Some("category [personal protected]")
    );
    assert_eq!(column("people", "good").as_deref(), Some("bool [label]"));
    assert_eq!(
        column("masked", "age").as_deref(),
        Some("int [personal protected]")
    );
    assert_eq!(column("masked", "credit"), None);
    let parts: Vec<&String> = step(&checked, "parts").parts.keys().collect();
    assert_eq!(parts, ["test", "train"]);
    let people = &step(&checked, "people").entries;
    assert_eq!(people[0].0, "sex");
    assert_eq!(
        people[0].1.to_string(),
        "if (personal_status in [\"A92\", \"A95\"]) then \"female\" else \"male\""
    );
}

#[test]
fn a_model_knows_its_features_and_the_fewest_raw_columns() {
    let checked = check_text(CREDIT);
    let model = model(&checked);
    assert_eq!(model.trained_by.to_string(), "risk/step.model");
    assert_eq!(model.label, "good");
    let features = names(&model.features);
    assert_eq!(features.len(), 17);
    for absent in [
        "good",
        "credit",
        "sex",
        "age_band",
        "foreign_worker",
        "telephone",
    ] {
        assert!(!features.contains(&absent), "{absent}");
    }
    assert_eq!(names(&model.request), features);
    // Rows without savings were dropped, so a request must have them.
    let savings = model.request.column("savings").expect("savings");
    assert_eq!(savings.column_type.to_string(), "category");
    let replay: Vec<String> = model.replay.iter().map(Address::to_string).collect();
    assert_eq!(replay, ["risk/step.masked"]);
    assert_eq!(model.recipe[0].entries.len(), 1);
    assert_eq!(model.recipe[0].entries[0].0, "age");
}

#[test]
fn settings_and_arguments_are_complete() {
    let checked = check_text(CREDIT);
    let train = step(&checked, "model");
    let settings: Vec<String> = train
        .settings
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    assert_eq!(
        settings,
        [
            "architecture = mlp(dropout = 0, hidden = [32, 16])",
            "batch_size = 32",
            "checkpoint = every(interval = 5 epoch)",
            "epochs = 30",
            "exclude = [\"sex\", \"age_band\", \"foreign_worker\"]",
            "learning_rate = 0.001",
            "needs = [\"credit_amount\", \"savings\"]",
            "seed = 7",
            "weight_decay = 0.1",
        ]
    );
    assert_eq!(
        train.arguments["data"].value.to_string(),
        "risk/step.parts.train"
    );
    assert_eq!(train.arguments["label"].value, Value::text("good"));
    assert_eq!(
        step(&checked, "release").arguments["gate"]
            .value
            .to_string(),
        "[risk/step.report]"
    );
    assert_eq!(train.version, 2);
    assert!(train.unkeyed.iter().eq(["needs"]));
    assert!(step(&checked, "masked").each_row && !step(&checked, "masked").training_only);
    assert!(step(&checked, "parts").training_only);
}

#[test]
fn parameters_are_read_as_their_type_says() {
    let checked = check_with(CREDIT, &[("replicas", "3")]);
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert_eq!(
        block(&checked, "endpoint.score")
            .fields
            .get("replicas")
            .expect("it is there")
            .value,
        Value::Int(3)
    );
    for (given, finding) in [
        (
            "9",
            "E0223 at \"9\": this machine holds one to eight replicas",
        ),
        ("two", "E0301 at \"two\": this is not a whole number"),
        (
            "2 GiB",
            "E0304 at \"2 GiB\": this is a size in bytes, and a plain number belongs here",
        ),
        (
            "1.5",
            "E0301 at \"1.5\": this is a number, and a whole number belongs here",
        ),
        ("1 +", "E0301 at \"1 +\": this is not a whole number"),
    ] {
        assert_eq!(
            findings(&check_with(CREDIT, &[("replicas", given)])),
            [finding]
        );
    }
}
