//! Every page: its wrong example raises its code, its right one raises nothing.

use std::collections::BTreeSet;

use mlinfra_check::codes;

use crate::world::{Memory, findings};

/// An example of a page: its spec, its other files, what is given for parameters.
fn example(page: &str, head: &str) -> Option<Memory> {
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with(head))?;
    let mut world = Memory::default();
    for fence in section.split("```mlinfra").skip(1) {
        let (info, rest) = fence.split_once('\n')?;
        let body = rest.split("```").next()?;
        let mut name = "main.mlinfra";
        let words: Vec<&str> = info.split_whitespace().collect();
        for pair in words.windows(2) {
            if let ["--environment", name] = pair {
                world.environment = Some((*name).to_owned());
            }
            if let ["--param", given] = pair {
                let (parameter, value) = given.split_once('=').expect("name=value");
                world
                    .parameters
                    .insert(parameter.to_owned(), value.to_owned());
            }
        }
        if let Some(file) = words.iter().find_map(|word| word.strip_prefix("file=")) {
            name = file;
        }
        world
            .files
            .insert(name.to_owned(), body.as_bytes().to_vec());
    }
    Some(world)
}

#[test]
fn every_wrong_example_raises_its_code_and_every_right_one_nothing() {
    let mut faults = Vec::new();
    let mut shown = 0;
    for page in codes() {
        let of_lang = page.code < "E0600";
        if let Some(world) = example(page.page, "Wrong").filter(|_| of_lang) {
            shown += 1;
            let checked = mlinfra_check::check(&world, "main.mlinfra");
            if !checked
                .diagnostics
                .iter()
                .any(|finding| finding.code.0 == page.code)
            {
                faults.push(format!("{} wrong: {:?}", page.code, findings(&checked)));
            }
            let children: Vec<String> = (findings(&checked).into_iter())
                .filter(|text| !text.starts_with(page.code))
                .filter(|text| page.code > "E0100" || text.as_str() < "E0100")
                .collect();
            if !children.is_empty() {
                faults.push(format!("{} has children: {children:?}", page.code));
            }
        }
        if let Some(world) = example(page.page, "Right").filter(|_| of_lang) {
            let mut found = findings(&mlinfra_check::check(&world, "main.mlinfra"));
            // The parser's pages show form alone, and name what nothing declares.
            found.retain(|text| page.code > "E0100" || text.as_str() < "E0100");
            // A page has no room for a model's file, so its size is not known there.
            found.retain(|text| !text.starts_with("E0462"));
            if !found.is_empty() {
                faults.push(format!("{} right: {found:?}", page.code));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(shown >= 75, "{shown} pages have an example");
}

#[test]
fn every_page_is_listed_once_and_titled() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/codes");
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("the folder of pages") {
        let name = entry
            .expect("an entry")
            .file_name()
            .into_string()
            .expect("a name");
        files.extend(name.strip_suffix(".md").map(str::to_owned));
    }
    let listed: Vec<String> = codes().iter().map(|page| page.code.to_owned()).collect();
    let distinct: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), distinct.len());
    assert_eq!(files, distinct);
    for page in codes() {
        assert!(
            page.page.starts_with(&format!("# {}: ", page.code)),
            "{}",
            page.code
        );
        assert!(page.title.len() > 8, "{}", page.code);
    }
}
