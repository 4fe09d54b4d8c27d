//! `mlinfra schema`: the vocabulary and checked programs as JSON for other tools.

use std::path::Path;

use clap::{Args, ValueEnum};
use mlinfra_check::vocabulary;
use serde_json::Value;

use crate::arguments::{Global, SpecOption};
use crate::problem::{Exit, Problem, Stop};
use crate::view::{Screen, json, program, reference};
use crate::workspace::Workspace;

const EXAMPLES: &str = "\
Examples:
  mlinfra schema                   every kind, field, type, operation, function, unit
  mlinfra schema program --spec churn
  mlinfra schema --describe        the JSON Schema of the vocabulary
  mlinfra schema program --describe
  mlinfra schema --json | jq '.words[] | select(.form == \"kind\") | .name'

Each form has a version: `vocabulary`, `program`. It is raised when a reader of the
former would be wrong; keys may be added within one.

Exit codes: 0 printed, 2 the spec has errors";

/// The words of `schema`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// What to print
    #[arg(value_enum, default_value = "vocabulary", value_name = "WHAT")]
    what: What,
    #[command(flatten)]
    spec: SpecOption,
    /// Print the JSON Schema of it instead
    #[arg(long, conflicts_with = "spec")]
    describe: bool,
    /// On one line
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Every word that the standard library declares.
    Vocabulary,
    /// The spec as it is once it is checked.
    Program,
}

/// Prints a form, or the schema of one.
pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<Exit, Stop> {
    let value = match (arguments.describe, arguments.what) {
        (true, what) => description(what),
        (false, What::Vocabulary) if arguments.spec.spec != Path::new(".") => {
            return Err(Problem::usage("`--spec` has no effect here")
                .detail("the vocabulary is the same for every spec")
                .help("for the checked spec: `mlinfra schema program --spec …`")
                .into());
        }
        (false, What::Vocabulary) => json::envelope("schema", reference::json(vocabulary())),
        (false, What::Program) => {
            let workspace = Workspace::find(&arguments.spec.spec, global)?;
            let sound = workspace.sound("schema", screen)?;
            json::envelope("schema", program::json(&sound.program, &sound.sources))
        }
    };
    match arguments.json {
        true => screen.print_json(&value),
        false => screen.print(&format!("{value:#}\n")),
    }
    Ok(Exit::Done)
}

fn description(what: What) -> Value {
    let text = match what {
        What::Vocabulary => include_str!("../view/schema/vocabulary.json"),
        What::Program => include_str!("../view/schema/program.json"),
    };
    serde_json::from_str(text).expect("the file is JSON, as a test holds")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::diagnostic::Sources;
    use crate::world::OneSpec;

    #[track_caller]
    fn holds(what: What, value: &Value) {
        let schema = description(what);
        jsonschema::meta::validate(&schema).expect("the schema is one");
        let validator = jsonschema::validator_for(&schema).expect("the schema is one");
        let faults: Vec<String> = (validator.iter_errors(value).take(5))
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn the_vocabulary_is_as_its_schema_says() {
        let all = json::envelope("schema", reference::json(vocabulary()));
        holds(What::Vocabulary, &all);
        let mut wrong = all;
        wrong["words"][0]["nested"] = Value::Null;
        let validator = jsonschema::validator_for(&description(What::Vocabulary));
        assert!(!validator.expect("the schema is one").is_valid(&wrong));
    }

    #[test]
    fn checked_programs_are_as_their_schema_says() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let global = Global {
            color: crate::arguments::When::Never,
            quiet: true,
            param: Vec::new(),
            params: Vec::new(),
            environment: None,
        };
        let mut seen = 0;
        for entry in std::fs::read_dir(examples).expect("there are examples") {
            let folder = entry.expect("a folder").path();
            let Ok(workspace) = Workspace::find(&folder, &global) else {
                continue;
            };
            let world = workspace.world();
            let checked = mlinfra_check::check(&world, &workspace.root);
            let files = checked.files.iter();
            let files = files.map(|file| (file.name.clone(), file.text.clone()));
            let sources = Sources {
                files: files.collect(),
            };
            let body = program::json(&checked.program, &sources);
            holds(What::Program, &json::envelope("schema", body));
            seen += 1;
        }
        assert!(seen > 0, "no example was looked at");
    }

    fn markdown(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder of the book") {
            let path = entry.expect("an entry").path();
            match path.extension() {
                _ if path.is_dir() => markdown(&path, found),
                Some(ending) if ending == "md" => found.push(path),
                _ => {}
            }
        }
    }

    /// Every spec of the book and of the pages, wrong ones included: what is understood of one is
    /// written by the same form.
    #[test]
    fn every_program_of_the_book_is_as_its_schema_says() {
        let schema = description(What::Program);
        let validator = jsonschema::validator_for(&schema).expect("the schema is one");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths = vec![root.join("lang/tour.md")];
        markdown(&root.join("tests/book"), &mut paths);
        let read = |path: &std::path::PathBuf| std::fs::read_to_string(path).expect("UTF-8");
        let mut texts: Vec<String> = paths.iter().map(read).collect();
        texts.extend(
            mlinfra_check::codes()
                .iter()
                .map(|page| page.page.to_owned()),
        );
        texts.push(
            "```mlinfra\n\
            environment dev { protect = true, targets = [here] }\n\
            target here = local()\n\
            param size: int = 3\n\
            storage lake on here { class = file }\n\
            key second on here { after = lake }\n\
            moved \"storage.pond\" = \"storage.lake\"\n\
            removed \"storage.old\" { keep = true }\n\
            output o = \"see ${lake.capacity} and ${second.fingerprint}\"\n```"
                .to_owned(),
        );
        let (mut seen, mut faults) = (0, Vec::new());
        for text in &texts {
            for fence in text.split("```mlinfra").skip(1) {
                let body = fence.split_once('\n').map_or("", |(_, body)| body);
                let spec = body.split("```").next().unwrap_or_default();
                let checked = mlinfra_check::check(&OneSpec(spec.to_owned()), "main.mlinfra");
                let files = checked.files.iter();
                let sources = Sources {
                    files: files.map(|f| (f.name.clone(), f.text.clone())).collect(),
                };
                let body = program::json(&checked.program, &sources);
                let whole = json::envelope("schema", body);
                let found = validator.iter_errors(&whole).take(1);
                faults.extend(found.map(|fault| format!("{}: {fault}", fault.instance_path())));
                seen += 1;
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        assert!(seen > 300, "{seen} specs");
    }
}
