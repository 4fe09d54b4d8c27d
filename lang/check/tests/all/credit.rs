//! The credit example, checked from its text to its program.



use mlinfra_api::{Address, TableType, Value};
use crate::world::{CREDIT, check_text, check_with, findings};

fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

fn columns(table: &TableType) -> String {
    let column = |c: &mlinfra_api::Column| format!("{}: {}", c.name, c.column_type);
    table.columns.iter().map(column).collect::<Vec<_>>().join(", ")
}

#[test]
fn it_has_no_finding() {
    assert_eq!(findings(&check_text(CREDIT)), Vec::<String>::new());
}

#[test]
fn debug_program() {
    let checked = check_text(CREDIT);
    for block in &checked.program.blocks {
        println!("{} kind={} role={:?} parent={:?} place={:?} value={:?}", block.address, block.kind, block.role, block.parent, block.place, block.value.as_ref().map(|v| v.to_string()));
        for (n, f) in &block.fields { println!("   {n} = {} {}", f.value, f.written); }
        for (w, _) in &block.wishes { println!("   wish {w:?}"); }
        if let Some(t) = &block.table { println!("   table {}", columns(t)); }
        if let Some(s) = &block.step {
            println!("   {} v{} each={} train={}", s.operation, s.version, s.each_row, s.training_only);
            for (n, a) in &s.arguments { println!("   arg {n} = {}", a.value); }
            for (n, a) in &s.settings { println!("   set {n} = {}", a); }
            for (n, a) in &s.entries { println!("   entry {n} = {}", a); }
            if let Some(t) = &s.table { println!("   table {}", columns(t)); }
            for (n, t) in &s.parts { println!("   part {n} {}", columns(t)); }
            if let Some(m) = &s.model {
                println!("   model {:?} label {} features {}\n   request {}\n   replay {:?}", m.trained_by, m.label, columns(&m.features), columns(&m.request), m.replay);
                for r in &m.recipe { println!("   recipe {} {:?} -> {}", r.address, r.entries, columns(&r.result)); }
            }
        }
    }
    println!("{:?}", checked.program.outputs);
    let _ = (address("a.b"), check_with("", &[]), Value::None);
}
