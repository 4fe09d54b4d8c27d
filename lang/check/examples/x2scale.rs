//! t
use mlinfra_check::{World, check};
use std::time::Instant;
struct One(String);
impl World for One {
    fn read(&self, p: &str) -> Result<Vec<u8>, String> {
        if p == "m.mlinfra" {
            return Ok((0..4000)
                .map(|i| format!("let n{i} = 1\n"))
                .collect::<String>()
                .into_bytes());
        }
        Ok(self.0.clone().into_bytes())
    }
    fn parameter(&self, _: &str) -> Option<String> {
        None
    }
    fn parameter_names(&self) -> Vec<String> {
        Vec::new()
    }
}
fn main() {
    let shapes: Vec<(&str, &str, Box<dyn Fn(usize) -> String>, &str)> = vec![
        (
            "same name",
            "",
            Box::new(|i| format!("let x{i} = nothing\n")),
            "",
        ),
        (
            "other names",
            "",
            Box::new(|i| format!("let x{i} = nothing{i}\n")),
            "",
        ),
        (
            "near names",
            "",
            Box::new(|i| format!("let abcdef{i} = abcdeg{i}\n")),
            "",
        ),
        ("twice", "", Box::new(|_| "let x = 1\n".to_owned()), ""),
        (
            "kind",
            "",
            Box::new(|i| format!("storag x{i} on here {{ }}\n")),
            "",
        ),
        (
            "place missing",
            "target here = local()\n",
            Box::new(|i| format!("storage x{i} {{ }}\n")),
            "",
        ),
        (
            "place wrong",
            "target here = local()\n",
            Box::new(|i| format!("storage x{i} on x{} {{ }}\n", i.saturating_sub(1))),
            "",
        ),
        (
            "unknown field",
            "target here = local()\n",
            Box::new(|i| format!("storage x{i} on here {{ capacitty = 1 GiB }}\n")),
            "",
        ),
        (
            "fields of one",
            "target here = local()\nstorage x on here {\n",
            Box::new(|i| format!("  capacitty{i} = 1 GiB\n")),
            "}\n",
        ),
        (
            "let member",
            "",
            Box::new(|i| format!("let x{i} = let.y{i}\n")),
            "",
        ),
        (
            "member",
            "target here = local()\nstorage s on here { }\n",
            Box::new(|i| format!("let x{i} = s.y{i}\n")),
            "",
        ),
        (
            "module member",
            "use \"m.mlinfra\" as m\n",
            Box::new(|i| format!("let x{i} = m.y{i}\n")),
            "",
        ),
        (
            "use names",
            "use \"m.mlinfra\" { ",
            Box::new(|i| format!("y{i}, ")),
            "}\nlet x = 1\n",
        ),
        (
            "function",
            "",
            Box::new(|i| format!("let x{i} = func{i}(1)\n")),
            "",
        ),
        (
            "type",
            "",
            Box::new(|i| format!("let x{i} : typo{i} = 1\n")),
            "",
        ),
        ("syntax", "", Box::new(|i| format!("let x{i} = = 1\n")), ""),
        ("unit", "", Box::new(|i| format!("let x{i} = 1 Gib\n")), ""),
        (
            "columns",
            "target here = local()\npool w on here\ndataset d {\n from = file(\"d.csv\")\n columns { age : int }\n}\npipeline p on w {\n",
            Box::new(|i| format!("  step s{i} = derive(d) {{ c = agee{i} + 1 }}\n")),
            "}\n",
        ),
        (
            "column types",
            "dataset d {\n from = file(\"d.csv\")\n columns {\n",
            Box::new(|i| format!("  c{i} : innt\n")),
            "}\n}\n",
        ),
        (
            "one derive",
            "target here = local()\npool w on here\ndataset d {\n from = file(\"d.csv\")\n columns { age : int }\n}\npipeline p on w {\n  step s = derive(d) {\n",
            Box::new(|i| format!("  c{i} = agee{i} + 1\n")),
            "}\n}\n",
        ),
        (
            "gates",
            "",
            Box::new(|i| format!("test t{i} {{ require nothing{i} < 3 }}\n")),
            "",
        ),
        (
            "requires",
            "target here = local()\nstorage s on here {\n",
            Box::new(|i| format!("  require nothing{i} < 3\n")),
            "}\n",
        ),
        (
            "list",
            "let x = [\n",
            Box::new(|i| format!("  nothing{i},\n")),
            "]\n",
        ),
        (
            "map twice",
            "let x = {\n",
            Box::new(|i| format!("  a = {i},\n")),
            "}\n",
        ),
        (
            "wide table",
            "target here = local()\npool w on here\ndataset d {\n from = file(\"d.csv\")\n columns {\nage : int\n",
            Box::new(|i| format!("  column{i} : int\n")),
            "}\n}\npipeline p on w {\n  step s = derive(d) {\n@\n}\n}\n",
        ),
    ];
    let only = std::env::args().nth(1);
    for (name, head, line, tail) in &shapes {
        if only.as_deref().is_some_and(|o| !name.contains(o)) {
            continue;
        }
        let mut out = String::new();
        for n in [1000, 2000, 4000] {
            let body: String = (0..n).map(line).collect();
            let more: String = (0..n).map(|i| format!("  z{i} = colunm{i}\n")).collect();
            let text = format!("{head}{body}{}", tail.replace('@', &more));
            let start = Instant::now();
            let c = check(&One(text), "a.mlinfra");
            let e = start.elapsed();
            out += &format!(
                "{n}: {:>6.0} ms {} {:?} | ",
                e.as_secs_f64() * 1e3,
                c.diagnostics.len(),
                c.diagnostics.first().map(|d| d.code.0)
            );
            if e.as_secs() > 6 {
                break;
            }
        }
        println!("{name:14} {out}");
    }
}
