//! Row expressions: their types, their classes, and what is refused.

use mlinfra_check::Checked;

use crate::world::{check_text, findings};

fn derive(expression: &str) -> Checked {
    check_text(&format!(
        "target here = local()\npool worker on here\nlet limit = 30\ndataset people {{\n  \
         from = file(\"people.csv\")\n  columns {{\n    name : string @identifier\n    age : int \
         @personal\n    pay : float?\n    sex : category @protected\n    old : bool\n    \
         due : date\n    sure : bool?\n  }}\n}}\npipeline p on worker {{\n  \
         step made = derive(people) {{ it = {expression} }}\n}}\n"
    ))
}

/// The type and the classes of the derived column.
fn made(expression: &str) -> String {
    let checked = derive(expression);
    assert_eq!(findings(&checked), Vec::<String>::new(), "{expression}");
    let address = "p/step.made".parse().expect("an address");
    let step = checked
        .program
        .block(&address)
        .and_then(|block| block.step.as_ref());
    let table = step.and_then(|step| step.table.as_ref()).expect("a table");
    let column = table.column("it").expect("the column");
    let classes: Vec<&str> = column.classes.iter().map(String::as_str).collect();
    format!("{} {}", column.column_type, classes.join(","))
}

#[test]
fn types_and_classes_follow_from_what_is_read() {
    for (expression, wanted) in [
        ("age + 1", "int personal"),
        ("age / 2", "float personal"),
        ("age * 1.5", "float personal"),
        ("-age", "int personal"),
        ("age > limit", "bool personal"),
        ("age > 10 and old", "bool personal"),
        ("not old", "bool "),
        ("pay > 10", "bool? "),
        ("(pay > 10) ?? false", "bool "),
        ("pay ?? 0", "float "),
        ("age in 18..65", "bool personal"),
        ("age not in [1, 2]", "bool personal"),
        ("sex == \"f\"", "bool personal,protected"),
        ("if old then \"a\" else \"b\"", "category "),
        ("if old then sex else \"b\"", "category personal,protected"),
        (
            "if old then name else sex",
            "string identifier,personal,protected",
        ),
        ("if age > 3 then 1 else 2.5", "float personal"),
        ("log1p(age)", "float personal"),
        ("abs(age)", "int personal"),
        ("max(age, 2)", "int personal"),
        ("min(age, pay)", "float? personal"),
        ("lower(name)", "string identifier,personal"),
        ("upper(sex)", "category personal,protected"),
        ("length(name)", "int identifier,personal"),
        ("round(age / 10)", "float personal"),
        ("people.age", "int personal"),
        ("due == due", "bool "),
        ("count([1, 2]) + age", "int personal"),
    ] {
        assert_eq!(made(expression), wanted, "{expression}");
    }
}

#[test]
fn what_has_no_meaning_is_found_at_its_text() {
    for (expression, finding) in [
        ("agee", "E0417 at \"agee\": `people` has no column `agee`"),
        (
            "age + sex",
            "E0317 at \"+\": `+` does not take int and category",
        ),
        (
            "age == sex",
            "E0317 at \"==\": `==` does not take int and category",
        ),
        (
            "sex < sex",
            "E0317 at \"<\": `<` does not take category and category",
        ),
        (
            "age and old",
            "E0317 at \"and\": `and` does not take int and bool",
        ),
        (
            "if age then 1 else 2",
            "E0301 at \"age\": this is int, and a bool belongs here",
        ),
        (
            "if old then 1 else sex",
            "E0301 at \"sex\": this is a category, and what stands before is a whole number",
        ),
        (
            "if sure then 1 else 2",
            "E0413 at \"sure\": `sure` may be missing, and then this is neither true nor false",
        ),
        (
            "pay == none",
            "E0415 at \"none\": a cell can't be compared with `none`",
        ),
        (
            "if old then age else none",
            "E0415 at \"none\": `none` is no cell",
        ),
        (
            "age + 2 GiB",
            "E0415 at \"2 GiB\": a size in bytes is no cell",
        ),
        (
            "log1p(sex)",
            "E0317 at \"sex\": `log1p` does not take category",
        ),
        (
            "join(name, \"-\")",
            "E0414 at \"join\": `join` works on values of the spec, not on cells",
        ),
        ("lgo(age)", "E0311 at \"lgo\": nothing here is called `lgo`"),
        (
            "age in [\"a\"]",
            "E0317 at \"[\\\"a\\\"]\": `in` does not take int and category",
        ),
        (
            "age in old",
            "E0415 at \"old\": `in` looks for a cell among constants",
        ),
    ] {
        assert_eq!(findings(&derive(expression)), [finding], "{expression}");
    }
}
