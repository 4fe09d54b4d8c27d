//! How cells become numbers, and what a model does with cells that training never saw.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array,
    LargeStringArray, StringArray, StringViewArray,
};
use arrow::datatypes::Int32Type;
use mlinfra_api::{ColumnBase, TableType};
use mlinfra_learn::{Architecture, Encoding};

use crate::support::{column, finish, mixed, mlp, table, task};

#[test]
fn inputs_are_named_in_the_order_of_the_features() {
    let (data, features) = mixed(200, 1);
    let encoding = Encoding::fit(&features, &data).unwrap();
    let names = encoding.input_names();
    let expected = [
        "city=Berlin",
        "city=aachen",
        "city=Äarau",
        "city missing",
        "age",
        "income",
        "income missing",
        "member",
    ];
    assert_eq!(names, expected);
    assert_eq!(encoding.width(), expected.len());
    let vocabulary = encoding.vocabulary("city").unwrap();
    assert_eq!(vocabulary, ["Berlin", "aachen", "Äarau"]);
    assert_eq!(encoding.vocabulary("age"), None);
}

#[test]
fn unknown_and_unexpectedly_missing_texts_say_nothing() {
    let data = table(vec![
        (
            "city",
            Arc::new(StringArray::from(vec!["a", "b", "a", "b"])),
        ),
        (
            "good",
            Arc::new(BooleanArray::from(vec![true, false, true, false])),
        ),
    ]);
    let columns = vec![column("city", ColumnBase::Category, true)];
    let model = finish(&task(&TableType { columns }, Architecture::Linear), &data)
        .unwrap()
        .model;
    assert_eq!(model.encoding().input_names(), ["city=a", "city=b"]);
    let cells = vec![Some("zz"), Some(""), None, Some("a")];
    let asked = table(vec![(
        "city",
        Arc::new(StringArray::from(cells)) as ArrayRef,
    )]);
    let answers = model.predict(&asked).unwrap();
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    assert!(answers[3] > answers[0]);
}

#[test]
fn a_constant_column_says_nothing_ever() {
    for constant in [0.0, 0.1, 1e300, -123_456.789] {
        let data = table(vec![
            ("flat", Arc::new(Float64Array::from(vec![constant; 7]))),
            ("age", Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5, 6, 7]))),
            (
                "good",
                Arc::new(BooleanArray::from(vec![
                    true, false, true, false, true, true, true,
                ])),
            ),
        ]);
        let columns = vec![
            column("flat", ColumnBase::Float, false),
            column("age", ColumnBase::Int, false),
        ];
        let model = finish(&task(&TableType { columns }, mlp()), &data)
            .unwrap()
            .model;
        let asked = table(vec![
            ("flat", Arc::new(Float64Array::from(vec![constant, 7e7]))),
            ("age", Arc::new(Int64Array::from(vec![3, 3]))),
        ]);
        let answers = model.predict(&asked).unwrap();
        assert_eq!(answers[0], answers[1]);
    }
}

#[test]
fn extreme_cells_still_get_a_probability() {
    let (data, features) = mixed(200, 1);
    let model = finish(&task(&features, mlp()), &data).unwrap().model;
    let asked = table(vec![
        (
            "city",
            Arc::new(StringArray::from(vec!["x"; 4])) as ArrayRef,
        ),
        (
            "age",
            Arc::new(Int64Array::from(vec![i64::MAX, i64::MIN, 0, 1])),
        ),
        (
            "income",
            Arc::new(Float64Array::from(vec![
                f64::MAX,
                f64::MIN,
                f64::MIN_POSITIVE,
                0.0,
            ])),
        ),
        ("member", Arc::new(BooleanArray::from(vec![true; 4]))),
    ]);
    let answers = model.predict(&asked).unwrap();
    assert!(
        answers.iter().all(|p| (0.0..=1.0).contains(p)),
        "{answers:?}"
    );
}

#[test]
fn a_text_reads_the_same_however_arrow_holds_it() {
    let (data, features) = mixed(200, 1);
    let model = finish(&task(&features, mlp()), &data).unwrap().model;
    let city = ["Berlin", "aachen", "Äarau", "nowhere"];
    let ask = |cells: ArrayRef| {
        let asked = table(vec![
            (
                "member",
                Arc::new(BooleanArray::from(vec![true; 4])) as ArrayRef,
            ),
            ("city", cells),
            ("extra", Arc::new(Int32Array::from(vec![1; 4]))),
            ("income", Arc::new(Float64Array::from(vec![1.0; 4]))),
            ("age", Arc::new(Int32Array::from(vec![40; 4]))),
        ]);
        model.predict(&asked).unwrap()
    };
    let plain = ask(Arc::new(StringArray::from(city.to_vec())));
    assert_eq!(plain, ask(Arc::new(LargeStringArray::from(city.to_vec()))));
    assert_eq!(plain, ask(Arc::new(StringViewArray::from(city.to_vec()))));
    let shared: DictionaryArray<Int32Type> = city.into_iter().collect();
    assert_eq!(plain, ask(Arc::new(shared)));
}

#[test]
fn cells_of_the_wrong_kind_are_refused_by_column_and_row() {
    let (data, features) = mixed(200, 1);
    let model = finish(&task(&features, mlp()), &data).unwrap().model;
    let ask = |age: ArrayRef, income: ArrayRef| {
        let asked = table(vec![
            (
                "city",
                Arc::new(StringArray::from(vec!["x"; 2])) as ArrayRef,
            ),
            ("age", age),
            ("income", income),
            ("member", Arc::new(BooleanArray::from(vec![true; 2]))),
        ]);
        model.predict(&asked).unwrap_err()
    };
    let ages = || Arc::new(Int64Array::from(vec![1, 2]));
    let money = || Arc::new(Float64Array::from(vec![1.0, 2.0]));
    let text = ask(Arc::new(StringArray::from(vec!["1", "2"])), money());
    assert_eq!(text.code, "E0652");
    let missing = ask(Arc::new(Int64Array::from(vec![Some(1), None])), money());
    assert_eq!(missing.code, "E0653");
    assert!(missing.message.contains("`age`") && missing.message.contains("row 1"));
    for odd in [f64::NAN, f64::INFINITY] {
        let fault = ask(ages(), Arc::new(Float64Array::from(vec![0.5, odd])));
        assert_eq!(fault.code, "E0653");
        assert!(fault.message.contains("`income`") && fault.message.contains("row 1"));
    }
}

#[test]
fn a_category_with_too_many_texts_is_refused() {
    let texts: Vec<String> = (0..10_001).map(|number| number.to_string()).collect();
    let data = table(vec![("id", Arc::new(StringArray::from(texts)) as ArrayRef)]);
    let columns = vec![column("id", ColumnBase::Category, false)];
    let fault = Encoding::fit(&TableType { columns }, &data).unwrap_err();
    assert_eq!(fault.code, "E0656");
    assert!(!fault.message.contains("9999"), "{fault}");
}
