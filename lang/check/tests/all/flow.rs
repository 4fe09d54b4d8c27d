//! Where columns go: what each is made from, what masked it, and where it ends.

use mlinfra_check::{Checked, ColumnFlow, TableFlow};

use crate::world::{CREDIT, check_text};

fn table<'c>(checked: &'c Checked, name: &str) -> &'c TableFlow {
    let named =
        |flow: &&TableFlow| mlinfra_api::Value::Reference(flow.table.clone()).to_string() == name;
    checked.program.flow.iter().find(named).expect("the table")
}

fn column<'c>(flow: &'c TableFlow, name: &str) -> &'c ColumnFlow {
    flow.columns
        .iter()
        .find(|column| column.name == name)
        .expect("the column")
}

fn shown(column: &ColumnFlow) -> String {
    let classes: Vec<&str> = column.classes.iter().map(String::as_str).collect();
    let by: Vec<&str> = column.masked_by.iter().map(|step| step.name()).collect();
    format!(
        "{} from {} [{}] {} by [{}]",
        column.column_type,
        column.from.join("+"),
        classes.join(" "),
        column.masking.as_deref().unwrap_or("-"),
        by.join(" "),
    )
}

#[test]
fn every_table_stands_behind_the_one_that_it_is_made_from() {
    let checked = check_text(CREDIT);
    let shown: Vec<String> = (checked.program.flow.iter())
        .map(|flow| {
            let name = mlinfra_api::Value::Reference(flow.table.clone());
            let from = flow.from.clone().map(mlinfra_api::Value::Reference);
            let from = from.map_or_else(|| "the file".to_owned(), |from| from.to_string());
            let count = flow.columns.len();
            format!(
                "{name} from {from}: {count} columns, without [{}]",
                flow.dropped.join(" ")
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "dataset.applicants from the file: 21 columns, without []",
            "risk/step.clean from dataset.applicants: 21 columns, without []",
            "risk/step.people from risk/step.clean: 24 columns, without []",
            "risk/step.masked from risk/step.people: 21 columns, without \
             [personal_status telephone credit]",
            "risk/step.parts.train from risk/step.masked: 21 columns, without []",
            "risk/step.parts.test from risk/step.masked: 21 columns, without []",
        ]
    );
}

#[test]
fn a_column_carries_its_classes_and_what_masked_it() {
    let checked = check_text(CREDIT);
    for (table_name, column_name, what) in [
        (
            "dataset.applicants",
            "age",
            "int from  [personal protected] - by []",
        ),
        (
            "risk/step.clean",
            "savings",
            "category from savings [personal] - by []",
        ),
        (
            "risk/step.people",
            "sex",
            "category from personal_status [personal protected] - by []",
        ),
        (
            "risk/step.people",
            "good",
            "bool from credit [label] - by []",
        ),
        (
            "risk/step.masked",
            "age",
            "int from age [personal protected] bucket(5) by [masked]",
        ),
        (
            "risk/step.masked",
            "sex",
            "category from sex [personal protected] - by []",
        ),
        (
            "risk/step.parts.train",
            "age",
            "int from age [personal protected] - by [masked]",
        ),
    ] {
        let found = column(table(&checked, table_name), column_name);
        assert_eq!(shown(found), what, "{table_name}.{column_name}");
    }
}

#[test]
fn a_column_made_from_others_is_masked_only_if_each_of_them_was() {
    let text = "target here = local()
pool worker on here
dataset d {
  from = file(\"d.csv\")
  columns {
    a : int @personal
    b : int @personal
  }
}
pipeline p on worker {
  step early  = derive(d) { before = a + 1 }
  step coarse = mask(early) { a = bucket(5) }
  step made   = derive(coarse) {
    one   = a * 2
    two   = a + b
    three = 7
  }
  step finer  = mask(made) { one = bucket( 10 ) }
}
";
    let checked = check_text(text);
    assert_eq!(crate::world::findings(&checked), Vec::<String>::new());
    let made = table(&checked, "p/step.made");
    let shown_of = |name: &str| shown(column(made, name));
    assert_eq!(shown_of("before"), "int from before [personal] - by []");
    assert_eq!(shown_of("one"), "int from a [personal] - by [coarse]");
    assert_eq!(shown_of("two"), "int from a+b [personal] - by []");
    assert_eq!(shown_of("three"), "int from  [] - by []");
    let finer = column(table(&checked, "p/step.finer"), "one");
    assert_eq!(
        shown(finer),
        "int from one [personal] bucket( 10 ) by [coarse finer]"
    );
}

#[test]
fn the_flow_is_there_as_far_as_a_spec_with_errors_is_understood() {
    let text = CREDIT.replacen(
        "age             = bucket(5)",
        "agee            = bucket(5)",
        1,
    );
    let checked = check_text(&text);
    assert!(checked.has_errors());
    let masked = table(&checked, "risk/step.masked");
    assert_eq!(masked.dropped, ["personal_status", "telephone", "credit"]);
    assert!(column(masked, "age").masked_by.is_empty());
}

#[test]
fn what_is_no_table_carries_the_classes_of_what_was_read_for_it() {
    let text = "\
target here = local()
pool worker on here
model small { from = file(\"small.gguf\") }
dataset people {
  from = file(\"people.csv\")
  columns {
    zip  : string  @health @identifier
    card : string  @payment
    body : string
    pay  : int     @personal
    good : bool    @label
  }
}
pipeline p on worker {
  step masked = mask(people) {
    zip  = prefix(3)
    card = truncate(first = 6, last = 4)
    body = drop
  }
  step parts  = split(masked) { train = 80%, test = 20% }
  step model  = train(parts.train, label = good) { architecture = linear, exclude = [card] }
  step report = evaluate(model, parts.test)
  step done   = register(model, name = \"m\", gate = report)
  step tokens = tokens_of(people, context = 8, column = body)
  step near   = embed(people, body, model = small)
}
endpoint score on worker { model = p.done }
";
    let checked = check_text(text);
    assert!(!checked.has_errors(), "{:#?}", checked.diagnostics);
    let shown: Vec<String> = (checked.program.results.iter())
        .map(|result| {
            let classes: Vec<&str> = result.classes.iter().map(String::as_str).collect();
            format!("{} {}: {}", result.block, result.what, classes.join(" "))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "p/step.model weights: health label personal",
            "p/step.report report: health label personal",
            "p/step.done release: health label personal",
            "p/step.tokens tokens: health identifier label payment personal",
            "endpoint.score answers: health label personal",
        ]
    );
    // The vectors carry what the texts do, and are a column of the table behind.
    let near = (checked.program.flow.iter()).find(|flow| flow.table.address.name() == "near");
    let vector = near.and_then(|near| near.columns.last());
    let vector = vector.expect("there is a column of vectors");
    assert_eq!(
        (vector.name.as_str(), vector.shown_type.as_str()),
        ("vector", "vector")
    );
    assert_eq!(vector.from, ["body"]);
}
