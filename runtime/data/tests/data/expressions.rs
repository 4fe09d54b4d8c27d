//! What each operator and function means, missing cells and failures included, in a batch and for
//! one row at a time.

use mlinfra_api::{RowExpression, RowOperator as Op, Scalar, TableType};
use mlinfra_data::{RowPipeline, StepFault};
use mlinfra_runtime_spec::{RowStep, ServingRecipe};

use crate::support::{
    Place, binary, call, choose, coalesce, column, column_cells, decimal, flag, int, negate, not,
    request, row, table, text, within,
};

const COLUMNS: &[&str] = &[
    "i: int",
    "n: int?",
    "f: float",
    "g: float?",
    "s: category",
    "t: string?",
    "b: bool",
    "c: bool?",
    "d: date",
];

/// Three rows: ordinary, negative and missing, extreme.
const ROWS: &str = "i,n,f,g,s,t,b,c,d
7,2,1.5,0.25,A1,Zoë,true,true,2024-02-29
-7,,-2.5,,b,,false,,1969-12-31
9223372036854775807,0,1e300,0,,,true,false,2000-01-01
";

/// The derived column `x` of the three rows, by the step and by the pipeline, which must agree.
fn derive(word: &str, expression: RowExpression) -> Result<Vec<String>, StepFault> {
    let place = Place::plain();
    let mut columns: Vec<&str> = COLUMNS.to_vec();
    let rows = ROWS.replace(",0,,,true", ",0,C,,true");
    place.ingest("raw", &rows, &table(&columns)).unwrap();
    let new = format!("x: {word}");
    columns.push(&new);
    let result: TableType = table(&columns);
    let entries = vec![row("x", expression)];
    let step = place.step("derive", ("raw", "out"), entries.clone(), &[], &result);
    let recipe = ServingRecipe {
        request: request(COLUMNS),
        steps: vec![RowStep {
            operation: "derive".to_owned(),
            entries,
            result,
        }],
    };
    let raw = place.read("raw");
    let pipeline = match RowPipeline::new(&recipe) {
        Ok(pipeline) => pipeline,
        Err(fault) => {
            assert_eq!(step.unwrap_err().code, fault.code);
            return Err(fault);
        }
    };
    let whole = pipeline.run(&raw);
    let single: Result<Vec<String>, StepFault> = (0..raw.num_rows())
        .map(|index| Ok(column_cells(&pipeline.run(&raw.slice(index, 1))?, "x").remove(0)))
        .collect();
    match step {
        Ok(_) => {
            let cells = column_cells(&place.read("out"), "x");
            assert_eq!(column_cells(&whole.unwrap(), "x"), cells);
            assert_eq!(single.unwrap(), cells);
            Ok(cells)
        }
        Err(fault) => {
            assert_eq!(whole.unwrap_err().code, fault.code);
            assert_eq!(single.unwrap_err().code, fault.code);
            Err(fault)
        }
    }
}

#[track_caller]
fn gives(word: &str, expression: RowExpression, expected: [&str; 3]) {
    let shown = expression.to_string();
    assert_eq!(derive(word, expression).unwrap(), expected, "{shown}");
}

#[track_caller]
fn fails(word: &str, expression: RowExpression, code: &str, message: &str) {
    let shown = expression.to_string();
    let fault = derive(word, expression).unwrap_err();
    assert_eq!(fault.code, code, "{shown}: {fault}");
    assert!(fault.message.contains(message), "{shown}: {fault}");
}

#[test]
fn arithmetic_of_ints_is_exact_or_an_error() {
    gives(
        "int?",
        binary(column("n"), Op::Add, int(1)),
        ["3", "-", "1"],
    );
    gives(
        "int?",
        binary(column("n"), Op::Subtract, int(5)),
        ["-3", "-", "-5"],
    );
    gives(
        "int?",
        binary(column("n"), Op::Multiply, int(-3)),
        ["-6", "-", "0"],
    );
    gives("int?", negate(column("n")), ["-2", "-", "0"]);
    gives(
        "int",
        binary(column("i"), Op::Subtract, int(7)),
        ["0", "-14", "9223372036854775800"],
    );
    let place = "column `x`, row 2 (counted from 0): ";
    for expression in [
        binary(column("i"), Op::Add, int(1)),
        binary(column("i"), Op::Multiply, int(2)),
        binary(int(-3), Op::Subtract, column("i")),
    ] {
        fails("int", expression, "E0610", place);
    }
    let least = binary(negate(column("i")), Op::Subtract, int(1));
    gives("int", least.clone(), ["-8", "6", "-9223372036854775808"]);
    fails("int", negate(least.clone()), "E0610", "negating");
    fails("int", call("abs", &[least]), "E0610", "abs");
}

#[test]
fn arithmetic_of_floats_is_finite_or_an_error() {
    gives(
        "float",
        binary(column("f"), Op::Add, decimal("0.1")),
        ["1.6", "-2.4", "1e300"],
    );
    gives(
        "float?",
        binary(column("g"), Op::Multiply, int(2)),
        ["0.5", "-", "0.0"],
    );
    gives(
        "float?",
        binary(column("g"), Op::Multiply, int(-2)),
        ["-0.5", "-", "0.0"],
    );
    gives("float?", negate(column("g")), ["-0.25", "-", "0.0"]);
    gives(
        "float",
        binary(int(1), Op::Subtract, column("f")),
        ["-0.5", "3.5", "-1e300"],
    );
    let squared = binary(column("f"), Op::Multiply, column("f"));
    fails(
        "float",
        squared,
        "E0611",
        "column `x`, row 2 (counted from 0): multiplying",
    );
    fails(
        "float?",
        binary(column("f"), Op::Divide, column("g")),
        "E0611",
        "row 2",
    );
}

#[test]
fn division_always_gives_a_float() {
    gives(
        "float",
        binary(column("i"), Op::Divide, int(2)),
        ["3.5", "-3.5", "4.611686018427388e18"],
    );
    gives(
        "float?",
        binary(column("n"), Op::Divide, int(4)),
        ["0.5", "-", "0.0"],
    );
    fails(
        "float?",
        binary(int(1), Op::Divide, column("n")),
        "E0611",
        "row 2",
    );
}

#[test]
fn comparing_a_missing_cell_gives_a_missing_result() {
    gives(
        "bool?",
        binary(column("n"), Op::Equal, int(2)),
        ["true", "-", "false"],
    );
    gives(
        "bool?",
        binary(column("n"), Op::NotEqual, int(2)),
        ["false", "-", "true"],
    );
    gives(
        "bool?",
        binary(column("n"), Op::Less, int(2)),
        ["false", "-", "true"],
    );
    gives(
        "bool?",
        binary(column("n"), Op::LessOrEqual, column("n")),
        ["true", "-", "true"],
    );
    gives(
        "bool?",
        binary(column("g"), Op::Greater, column("n")),
        ["false", "-", "false"],
    );
    gives(
        "bool?",
        binary(column("g"), Op::Equal, int(0)),
        ["false", "-", "true"],
    );
    gives(
        "bool",
        binary(column("f"), Op::GreaterOrEqual, decimal("1.5")),
        ["true", "false", "true"],
    );
    gives(
        "bool",
        binary(column("s"), Op::Equal, text("b")),
        ["false", "true", "false"],
    );
    gives(
        "bool?",
        binary(column("t"), Op::NotEqual, column("s")),
        ["true", "-", "-"],
    );
    gives(
        "bool?",
        binary(column("b"), Op::Equal, column("c")),
        ["true", "-", "false"],
    );
    let date = binary(column("d"), Op::GreaterOrEqual, text("2000-01-01"));
    gives("bool", date, ["true", "false", "true"]);
    fails(
        "bool",
        binary(column("d"), Op::Equal, text("soon")),
        "E0628",
        "do not fit",
    );
}

#[test]
fn logic_has_three_values() {
    gives(
        "bool?",
        binary(column("b"), Op::And, column("c")),
        ["true", "false", "false"],
    );
    gives(
        "bool?",
        binary(column("b"), Op::Or, column("c")),
        ["true", "-", "true"],
    );
    gives(
        "bool?",
        binary(column("c"), Op::And, flag(true)),
        ["true", "-", "false"],
    );
    gives(
        "bool?",
        binary(column("c"), Op::And, flag(false)),
        ["false", "false", "false"],
    );
    gives(
        "bool?",
        binary(column("c"), Op::Or, flag(true)),
        ["true", "true", "true"],
    );
    gives("bool?", not(column("c")), ["false", "-", "true"]);
    fails("bool?", not(column("i")), "E0628", "`not` wants bool");
}

#[test]
fn what_a_guard_keeps_away_is_not_computed() {
    let quotient = |operator| {
        let ratio = binary(decimal("1.0"), Op::Divide, column("n"));
        binary(ratio, operator, decimal("0.4"))
    };
    let present = |operator| coalesce(quotient(operator), flag(false));
    let zero = binary(column("n"), Op::Equal, int(0));
    let not_zero = binary(column("n"), Op::NotEqual, int(0));
    gives(
        "bool?",
        binary(not_zero.clone(), Op::And, quotient(Op::Greater)),
        ["true", "-", "false"],
    );
    gives(
        "bool?",
        binary(zero.clone(), Op::Or, quotient(Op::Less)),
        ["false", "-", "true"],
    );
    let known = coalesce(not_zero, flag(false));
    gives(
        "bool",
        binary(known.clone(), Op::And, present(Op::Greater)),
        ["true", "false", "false"],
    );
    gives(
        "bool",
        binary(not(known.clone()), Op::Or, present(Op::Less)),
        ["false", "true", "true"],
    );
    let ratio = coalesce(binary(int(1), Op::Divide, column("n")), decimal("-1.0"));
    gives(
        "float",
        choose(known, ratio.clone(), int(0)),
        ["0.5", "0.0", "0.0"],
    );
    fails("float", ratio, "E0611", "row 2");
    // The left side is missing in row 1, where the right side still settles the result.
    let right = binary(binary(int(1), Op::Divide, column("i")), Op::Less, int(-5));
    gives(
        "bool?",
        binary(column("c"), Op::And, right.clone()),
        ["false", "false", "false"],
    );
    gives(
        "bool?",
        binary(column("c"), Op::Or, not(right)),
        ["true", "true", "true"],
    );
}

#[test]
fn membership_coalesce_and_choice() {
    let ints = [Scalar::Int(2), Scalar::Int(3)];
    gives("bool?", within(column("n"), &ints), ["true", "-", "false"]);
    gives(
        "bool?",
        not(within(column("n"), &ints)),
        ["false", "-", "true"],
    );
    let mixed = [
        Scalar::Int(2),
        Scalar::Decimal("0.5".parse().unwrap()),
        Scalar::Int(0),
    ];
    gives("bool?", within(column("n"), &mixed), ["true", "-", "true"]);
    gives("bool?", within(column("g"), &mixed), ["false", "-", "true"]);
    gives("bool?", within(column("n"), &[]), ["false", "-", "false"]);
    let many: Vec<Scalar> = (0..40).map(|i| Scalar::String(format!("A{i}"))).collect();
    gives(
        "bool",
        within(column("s"), &many),
        ["true", "false", "false"],
    );
    let dates = [Scalar::String("1969-12-31".to_owned())];
    gives(
        "bool",
        within(column("d"), &dates),
        ["false", "true", "false"],
    );

    gives("int", coalesce(column("n"), int(9)), ["2", "9", "0"]);
    gives(
        "float",
        coalesce(column("n"), decimal("9.5")),
        ["2.0", "9.5", "0.0"],
    );
    gives(
        "string",
        coalesce(column("t"), column("s")),
        ["Zoë", "b", "C"],
    );
    fails("int", column("n"), "E0612", "column `x` has no value");

    gives(
        "category",
        choose(column("b"), text("yes"), text("no")),
        ["yes", "no", "yes"],
    );
    gives(
        "float",
        choose(column("b"), column("i"), column("f")),
        ["7.0", "-2.5", "9.223372036854776e18"],
    );
    gives(
        "int?",
        choose(column("b"), column("n"), column("i")),
        ["2", "-7", "0"],
    );
    fails(
        "int",
        choose(column("i"), int(1), int(2)),
        "E0628",
        "`if` wants bool",
    );
    fails(
        "int",
        choose(column("b"), int(1), text("x")),
        "E0628",
        "`if` gets int and text",
    );
}

#[test]
fn functions_compute_what_their_names_say() {
    gives(
        "float",
        call("round", &[column("f")]),
        ["2.0", "-3.0", "1e300"],
    );
    gives(
        "float",
        call("floor", &[column("f")]),
        ["1.0", "-3.0", "1e300"],
    );
    gives(
        "float",
        call("floor", &[choose(column("b"), int(-3), int(2))]),
        ["-3.0", "2.0", "-3.0"],
    );
    gives(
        "float",
        call("abs", &[column("f")]),
        ["1.5", "2.5", "1e300"],
    );
    gives("int?", call("abs", &[negate(column("n"))]), ["2", "-", "0"]);
    gives("int?", call("min", &[column("n"), int(1)]), ["1", "-", "0"]);
    gives(
        "int",
        call("max", &[column("i"), int(1)]),
        ["7", "1", "9223372036854775807"],
    );
    gives(
        "float",
        call("max", &[column("f"), int(1)]),
        ["1.5", "1.0", "1e300"],
    );
    gives("float?", call("sqrt", &[column("g")]), ["0.5", "-", "0.0"]);
    gives(
        "float?",
        call("log1p", &[column("g")]),
        ["0.22314355131420976", "-", "0.0"],
    );
    gives(
        "float?",
        call("exp", &[column("g")]),
        ["1.2840254166877414", "-", "1.0"],
    );
    let whole = call("max", &[column("i"), int(1)]);
    gives(
        "float",
        call("log", &[whole]),
        ["1.9459101490553132", "0.0", "43.66827237527655"],
    );
    gives("category", call("lower", &[column("s")]), ["a1", "b", "c"]);
    gives("string?", call("upper", &[column("t")]), ["ZOË", "-", "-"]);
    gives("int?", call("length", &[column("t")]), ["3", "-", "-"]);
    fails("float", call("log", &[column("f")]), "E0611", "row 1");
    fails("float", call("sqrt", &[column("f")]), "E0611", "row 1");
    fails("float", call("exp", &[column("f")]), "E0611", "row 2");
    fails(
        "float",
        call("sin", &[column("f")]),
        "E0628",
        "no function `sin`",
    );
    fails(
        "int",
        call("length", &[column("i")]),
        "E0628",
        "no function `length`",
    );
}

#[test]
fn constants_are_columns_too() {
    gives("int", int(3), ["3", "3", "3"]);
    gives("float", decimal("0.1"), ["0.1", "0.1", "0.1"]);
    gives("float", int(3), ["3.0", "3.0", "3.0"]);
    gives("string?", text("it's"), ["it's", "it's", "it's"]);
    gives("bool", flag(true), ["true", "true", "true"]);
    fails(
        "int",
        decimal("0.5"),
        "E0628",
        "computed as float and declared as int",
    );
    fails("int", column("nowhere"), "E0628", "no column `nowhere`");
}
