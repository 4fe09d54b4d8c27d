//! How fast a spec is parsed and laid out.

use std::time::Instant;

use mlinfra_syntax::{format, parse};

fn main() {
    let text = include_str!("../tests/spec.mlinfra").repeat(400);
    for (name, work) in [
        ("parse", (|text| drop(parse(text))) as fn(&str)),
        ("format", |text| drop(format(text))),
    ] {
        let best = (0..5).map(|_| {
            let began = Instant::now();
            work(&text);
            began.elapsed().as_secs_f64()
        });
        let seconds = best.fold(f64::INFINITY, f64::min);
        println!("{name}: {:.1} MB/s", text.len() as f64 / 1e6 / seconds);
    }
}
