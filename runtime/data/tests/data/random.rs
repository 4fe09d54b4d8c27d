//! Random row expressions, compared with a plain interpreter that computes one row at a time.

use arrow::array::RecordBatch;
use mlinfra_api::{RowExpression, RowOperator as Op, Scalar};
use mlinfra_data::RowPipeline;
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
];
const EXPRESSIONS: usize = 240;
const ROWS: usize = 40;

/// A cell, as the interpreter sees it.
#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Missing,
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Int,
    Float,
    Bool,
    Text,
}

/// A stream of numbers that is the same in every run.
struct Stream(u64);

impl Stream {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, count: u64) -> u64 {
        (self.next() >> 11) % count
    }
}

fn expression(stream: &mut Stream, kind: Kind, depth: u32) -> RowExpression {
    let leaf = depth == 0 || stream.below(6) == 0;
    let mut some = |kind| expression(stream, kind, depth.saturating_sub(1));
    if leaf {
        return leaf_of(stream, kind);
    }
    let (a, b, c) = (some(kind), some(kind), some(Kind::Bool));
    let (x, y, z) = (some(Kind::Int), some(Kind::Float), some(Kind::Text));
    let second = if stream.below(2) == 0 {
        x.clone()
    } else {
        y.clone()
    };
    let compare = [
        Op::Equal,
        Op::NotEqual,
        Op::Less,
        Op::LessOrEqual,
        Op::Greater,
        Op::GreaterOrEqual,
    ];
    let arithmetic = [Op::Add, Op::Subtract, Op::Multiply];
    match (kind, stream.below(8)) {
        (_, 0) => choose(coalesce(c, flag(true)), a, b),
        (_, 1) => coalesce(a, b),
        (Kind::Int, 2) => negate(a),
        (Kind::Int, 3) => call("length", &[z]),
        (Kind::Int, 4) => call("abs", &[a]),
        (Kind::Int, 5) => call("min", &[a, b]),
        (Kind::Int, _) => binary(a, arithmetic[stream.below(3) as usize], b),
        (Kind::Float, 2) => binary(x, Op::Divide, second),
        (Kind::Float, 3) => call("floor", &[a]),
        (Kind::Float, 4) => call("max", &[a, x]),
        (Kind::Float, 5) => call("sqrt", &[call("abs", &[a])]),
        (Kind::Float, _) => binary(a, arithmetic[stream.below(3) as usize], second),
        (Kind::Bool, 2) => not(a),
        (Kind::Bool, 3) => binary(a, Op::And, b),
        (Kind::Bool, 4) => binary(a, Op::Or, b),
        (Kind::Bool, 5) => within(x, &[Scalar::Int(0), Scalar::Int(2), Scalar::Int(-3)]),
        (Kind::Bool, 6) => within(z, &[Scalar::String("a".into()), Scalar::String("B".into())]),
        (Kind::Bool, _) => binary(x, compare[stream.below(6) as usize], second),
        (Kind::Text, 2..=4) => call("upper", &[a]),
        (Kind::Text, _) => choose(coalesce(c, flag(false)), a, call("lower", &[b])),
    }
}

fn leaf_of(stream: &mut Stream, kind: Kind) -> RowExpression {
    match (kind, stream.below(3)) {
        (Kind::Int, 0) => int(stream.below(7) as i64 - 3),
        (Kind::Int, 1) => column("i"),
        (Kind::Int, _) => column("n"),
        (Kind::Float, 0) => decimal(["0.5", "-1.25", "0.0", "3.0"][stream.below(4) as usize]),
        (Kind::Float, 1) => column("f"),
        (Kind::Float, _) => column("g"),
        (Kind::Bool, 0) => flag(stream.below(2) == 0),
        (Kind::Bool, 1) => column("b"),
        (Kind::Bool, _) => column("c"),
        (Kind::Text, 0) => text(["a", "B", ""][stream.below(3) as usize]),
        (Kind::Text, 1) => column("s"),
        (Kind::Text, _) => column("t"),
    }
}

/// The value for one row; an error's code where there is none.
fn interpret(expression: &RowExpression, row: &[Cell]) -> Result<Cell, &'static str> {
    let value = |expression: &RowExpression| interpret(expression, row);
    Ok(match expression {
        RowExpression::Column(name) => {
            let place = COLUMNS
                .iter()
                .position(|c| c.split(':').next() == Some(name));
            row[place.unwrap()].clone()
        }
        RowExpression::Literal(Scalar::Int(number)) => Cell::Int(*number),
        RowExpression::Literal(Scalar::Decimal(number)) => {
            Cell::Float(number.to_string().parse().unwrap())
        }
        RowExpression::Literal(Scalar::Bool(flag)) => Cell::Bool(*flag),
        RowExpression::Literal(Scalar::String(text)) => Cell::Text(text.clone()),
        RowExpression::Not(operand) => match value(operand)? {
            Cell::Bool(flag) => Cell::Bool(!flag),
            _ => Cell::Missing,
        },
        RowExpression::Negate(operand) => match value(operand)? {
            Cell::Int(number) => Cell::Int(number.checked_neg().ok_or("E0610")?),
            Cell::Float(number) => Cell::Float(-number),
            _ => Cell::Missing,
        },
        RowExpression::Binary {
            operator,
            left,
            right,
        } => match operator {
            Op::And | Op::Or => {
                let settled = *operator == Op::Or;
                match value(left)? {
                    Cell::Bool(flag) if flag == settled => Cell::Bool(settled),
                    first => match (first, value(right)?) {
                        (_, Cell::Bool(flag)) if flag == settled => Cell::Bool(settled),
                        (Cell::Bool(_), Cell::Bool(_)) => Cell::Bool(!settled),
                        _ => Cell::Missing,
                    },
                }
            }
            _ => operate(*operator, value(left)?, value(right)?)?,
        },
        RowExpression::In { operand, set } => match value(operand)? {
            Cell::Missing => Cell::Missing,
            Cell::Int(number) => Cell::Bool(set.contains(&Scalar::Int(number))),
            Cell::Text(text) => Cell::Bool(set.contains(&Scalar::String(text))),
            other => panic!("{other:?}"),
        },
        RowExpression::Coalesce(first, second) => match value(first)? {
            Cell::Missing => value(second)?,
            present => present,
        },
        RowExpression::If {
            condition,
            then,
            otherwise,
        } => match value(condition)? {
            Cell::Bool(true) => value(then)?,
            _ => value(otherwise)?,
        },
        RowExpression::Call {
            function,
            arguments,
        } => {
            let arguments = arguments.iter().map(value).collect::<Result<Vec<_>, _>>()?;
            apply(function, &arguments)?
        }
    })
}

/// The value of a function; missing where an argument is.
fn apply(function: &str, arguments: &[Cell]) -> Result<Cell, &'static str> {
    if arguments.contains(&Cell::Missing) {
        return Ok(Cell::Missing);
    }
    Ok(match (function, arguments) {
        ("length", [Cell::Text(text)]) => Cell::Int(text.chars().count() as i64),
        ("upper", [Cell::Text(text)]) => Cell::Text(text.to_uppercase()),
        ("lower", [Cell::Text(text)]) => Cell::Text(text.to_lowercase()),
        ("abs", [Cell::Int(x)]) => Cell::Int(x.checked_abs().ok_or("E0610")?),
        ("abs", [Cell::Float(x)]) => Cell::Float(x.abs()),
        ("min", [Cell::Int(x), Cell::Int(y)]) => Cell::Int(*x.min(y)),
        ("max", [Cell::Float(x), Cell::Int(y)]) => Cell::Float(x.max(*y as f64)),
        ("floor", [Cell::Float(x)]) => Cell::Float(x.floor()),
        ("sqrt", [Cell::Float(x)]) => Cell::Float(x.sqrt()),
        other => panic!("{other:?}"),
    })
}

fn operate(operator: Op, left: Cell, right: Cell) -> Result<Cell, &'static str> {
    if left == Cell::Missing || right == Cell::Missing {
        return Ok(Cell::Missing);
    }
    let float = |cell: &Cell| match cell {
        Cell::Int(number) => *number as f64,
        Cell::Float(number) => *number,
        other => panic!("{other:?}"),
    };
    if let (Cell::Int(x), Cell::Int(y)) = (&left, &right) {
        let whole = |result: Option<i64>| result.map(Cell::Int).ok_or("E0610");
        match operator {
            Op::Add => return whole(x.checked_add(*y)),
            Op::Subtract => return whole(x.checked_sub(*y)),
            Op::Multiply => return whole(x.checked_mul(*y)),
            Op::Equal => return Ok(Cell::Bool(x == y)),
            Op::Less => return Ok(Cell::Bool(x < y)),
            _ => {}
        }
    }
    let (x, y) = (float(&left), float(&right));
    let finite = |result: f64| match result.is_finite() {
        true => Ok(Cell::Float(result)),
        false => Err("E0611"),
    };
    match operator {
        Op::Add => finite(x + y),
        Op::Subtract => finite(x - y),
        Op::Multiply => finite(x * y),
        Op::Divide => finite(x / y),
        Op::Equal => Ok(Cell::Bool(x == y)),
        Op::NotEqual => Ok(Cell::Bool(x != y)),
        Op::Less => Ok(Cell::Bool(x < y)),
        Op::LessOrEqual => Ok(Cell::Bool(x <= y)),
        Op::Greater => Ok(Cell::Bool(x > y)),
        Op::GreaterOrEqual => Ok(Cell::Bool(x >= y)),
        Op::And | Op::Or => panic!("not here"),
    }
}

/// Rows of few distinct cells, so that zeros, equals and missing ones meet.
fn rows(stream: &mut Stream) -> Vec<Vec<Cell>> {
    let ints = [0, 1, 2, -3, 5, i64::MAX];
    let floats = [0.0, 1.0, -2.5, 0.25, 1e200];
    let texts = ["a", "B", "zz"];
    let mut cell = |index: usize| {
        let nullable = COLUMNS[index].ends_with('?');
        if nullable && stream.below(3) == 0 {
            return Cell::Missing;
        }
        match index {
            0 | 1 => Cell::Int(ints[stream.below(6) as usize]),
            2 | 3 => Cell::Float(floats[stream.below(5) as usize]),
            4 | 5 => Cell::Text(texts[stream.below(3) as usize].to_owned()),
            _ => Cell::Bool(stream.below(2) == 0),
        }
    };
    (0..ROWS)
        .map(|_| (0..COLUMNS.len()).map(&mut cell).collect())
        .collect()
}

fn csv(rows: &[Vec<Cell>]) -> String {
    let show = |cell: &Cell| match cell {
        Cell::Missing => String::new(),
        Cell::Int(number) => number.to_string(),
        Cell::Float(number) => number.to_string(),
        Cell::Bool(flag) => flag.to_string(),
        Cell::Text(text) => text.clone(),
    };
    let mut lines = vec!["i,n,f,g,s,t,b,c".to_owned()];
    lines.extend(
        rows.iter()
            .map(|row| row.iter().map(show).collect::<Vec<_>>().join(",")),
    );
    lines.join("\n")
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Missing => "-".to_owned(),
        Cell::Int(number) => number.to_string(),
        Cell::Float(number) => format!("{:?}", number + 0.0),
        Cell::Bool(flag) => flag.to_string(),
        Cell::Text(text) => text.clone(),
    }
}

struct Case {
    name: String,
    word: &'static str,
    expression: RowExpression,
    expected: Vec<Result<Cell, &'static str>>,
}

fn cases(stream: &mut Stream, rows: &[Vec<Cell>]) -> Vec<Case> {
    let kinds = [
        (Kind::Int, "int?"),
        (Kind::Float, "float?"),
        (Kind::Bool, "bool?"),
        (Kind::Text, "string?"),
    ];
    (0..EXPRESSIONS)
        .map(|index| {
            let (kind, word) = kinds[index % 4];
            let expression = expression(stream, kind, 1 + (index % 5) as u32);
            let expected = rows.iter().map(|row| interpret(&expression, row)).collect();
            Case {
                name: format!("x{index}"),
                word,
                expression,
                expected,
            }
        })
        .collect()
}

fn pipeline(cases: &[&Case]) -> RowPipeline {
    let new: Vec<String> = cases
        .iter()
        .map(|c| format!("{}: {}", c.name, c.word))
        .collect();
    let columns: Vec<&str> = new.iter().map(String::as_str).collect();
    let step = RowStep {
        operation: "derive".to_owned(),
        entries: cases
            .iter()
            .map(|c| row(&c.name, c.expression.clone()))
            .collect(),
        result: table(&columns),
    };
    RowPipeline::new(&ServingRecipe {
        request: request(COLUMNS),
        steps: vec![step],
    })
    .unwrap()
}

/// Floats as the interpreter shows them.
fn results(batch: &RecordBatch, case: &Case) -> Vec<String> {
    let cells = column_cells(batch, &case.name);
    match case.word {
        "float?" => cells
            .into_iter()
            .map(|cell| match cell.parse::<f64>() {
                Ok(number) => format!("{number:?}"),
                Err(_) => cell,
            })
            .collect(),
        _ => cells,
    }
}

#[test]
fn engine_and_pipeline_agree_with_a_plain_interpreter() {
    let mut stream = Stream(0x9E37_79B9_7F4A_7C15);
    let rows = rows(&mut stream);
    let place = Place::plain();
    place.ingest("raw", csv(&rows), &table(COLUMNS)).unwrap();
    let raw = place.read("raw");
    let cases = cases(&mut stream, &rows);
    let (sound, failing): (Vec<&Case>, Vec<&Case>) = cases
        .iter()
        .partition(|case| case.expected.iter().all(Result::is_ok));
    assert!(
        sound.len() > 90 && failing.len() > 18,
        "{} {}",
        sound.len(),
        failing.len()
    );

    let expected = |case: &Case| {
        case.expected
            .iter()
            .map(|cell| shown(cell.as_ref().unwrap()))
            .collect::<Vec<_>>()
    };
    let all = pipeline(&sound);
    let whole = all.run(&raw).unwrap();
    for case in &sound {
        assert_eq!(results(&whole, case), expected(case), "{}", case.expression);
    }
    for index in 0..ROWS {
        assert_eq!(
            all.run(&raw.slice(index, 1)).unwrap(),
            whole.slice(index, 1),
            "row {index}"
        );
    }
    let mut columns: Vec<String> = Vec::new();
    columns.extend(sound.iter().map(|c| format!("{}: {}", c.name, c.word)));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let entries = sound
        .iter()
        .map(|c| row(&c.name, c.expression.clone()))
        .collect();
    place
        .step("derive", ("raw", "out"), entries, &[], &table(&columns))
        .unwrap();
    let stepped = place.read("out");
    for case in &sound {
        assert_eq!(
            results(&stepped, case),
            expected(case),
            "{}",
            case.expression
        );
    }
    for case in &failing {
        check_failing(case, &raw);
    }
}

/// Exactly the rows fail that the interpreter can't compute, and so does the whole batch.
fn check_failing(case: &Case, raw: &RecordBatch) {
    let pipeline = pipeline(&[case]);
    for (index, expected) in case.expected.iter().enumerate() {
        let row = raw.slice(index, 1);
        match (pipeline.run(&row), expected) {
            (Ok(batch), Ok(cell)) => assert_eq!(results(&batch, case), [shown(cell)]),
            (Err(fault), Err(code)) => assert_eq!(fault.code, *code, "{}", case.expression),
            (found, expected) => {
                panic!("{}\nrow {index}: {found:?} {expected:?}", case.expression)
            }
        }
    }
    assert!(pipeline.run(raw).is_err(), "{}", case.expression);
}
