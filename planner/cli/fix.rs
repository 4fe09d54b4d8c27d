//! The edits that findings offer, made one after the other until none is left.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_check::{
    Checked, Diagnostic, Fix, Head, ParameterFile, ParameterSource, ProjectOutputs, Severity,
    Unread, World,
};

/// How often edits are tried: each try checks the whole spec.
const TRIES_MAX: usize = 200;

/// What edits came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fixed {
    /// The files that change, by name: the old text and the new one.
    pub(crate) files: BTreeMap<String, (String, String)>,
    /// How many edits were made.
    pub(crate) made: usize,
    /// How many findings offer an edit that was not made: it decides what happens to data, or it
    /// would have made something else worse.
    pub(crate) left: usize,
    /// The spec with them.
    pub(crate) checked: Checked,
}

/// The spec as it would be with some texts changed.
struct Edited<'w> {
    world: &'w dyn World,
    texts: &'w BTreeMap<String, String>,
}

impl World for Edited<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        match self.texts.get(path) {
            Some(text) => Ok(text.clone().into_bytes()),
            None => self.world.read(path),
        }
    }

    fn parameter(&self, name: &str) -> Option<String> {
        self.world.parameter(name)
    }

    fn parameter_names(&self) -> Vec<String> {
        self.world.parameter_names()
    }

    fn head(&self, path: &str, bytes_max: u64) -> Result<Head, String> {
        self.world.head(path, bytes_max)
    }

    fn parameter_source(&self, name: &str) -> ParameterSource {
        self.world.parameter_source(name)
    }

    fn parameter_files(&self) -> Vec<ParameterFile> {
        self.world.parameter_files()
    }

    fn environment(&self) -> Option<String> {
        self.world.environment()
    }

    fn outputs(&self, project: &str, environment: Option<&str>) -> Result<ProjectOutputs, Unread> {
        self.world.outputs(project, environment)
    }
}

/// Makes the edits of all findings in the files that are `ours`, until none that helps is left.
/// Nothing is written.
pub(crate) fn fix(world: &dyn World, root: &str, ours: &dyn Fn(&str) -> bool) -> Fixed {
    // Counted are all findings: of a file with very many, the first ones do not become fewer.
    let check = |texts: &BTreeMap<String, String>| {
        mlinfra_check::check_in_full(&Edited { world, texts }, root)
    };
    let mut texts = BTreeMap::new();
    let mut fixed = Fixed {
        checked: check(&texts),
        ..Fixed::default()
    };
    let first = fixed.checked.clone();
    let mut refused: BTreeSet<String> = BTreeSet::new();
    let mut tries = 0;
    loop {
        let wanted = wanted(&fixed.checked, &refused, ours);
        if wanted.is_empty() || tries >= TRIES_MAX {
            break;
        }
        // All at once, and each alone only if that made something worse.
        let alone = wanted.iter().filter(|_| wanted.len() > 1);
        let alone = alone.map(|one| vec![*one]);
        let batches = std::iter::once(wanted.clone()).chain(alone);
        for batch in batches.take(TRIES_MAX - tries) {
            tries += 1;
            let edited = edited(&fixed.checked, &texts, &batch);
            let after = check(&edited);
            if helps(&fixed.checked, &after, &batch) {
                fixed.made += batch.len();
                texts = edited;
                fixed.checked = after;
                break;
            }
            if let [only] = batch.as_slice() {
                refused.insert(key(only));
            }
        }
    }
    let offers = fixed.checked.diagnostics.iter();
    fixed.left = offers.filter(|finding| finding.fix.is_some()).count();
    for (name, new) in texts {
        let old = first.files.iter().find(|file| file.name == name);
        let old = old.map_or(String::new(), |file| file.text.clone());
        if old != new {
            fixed.files.insert(name, (old, new));
        }
    }
    // What is told is told as of any check.
    let texts = fixed.files.iter();
    let texts = texts.map(|(name, (_, new))| (name.clone(), new.clone()));
    let texts: BTreeMap<String, String> = texts.collect();
    fixed.checked = mlinfra_check::check(
        &Edited {
            world,
            texts: &texts,
        },
        root,
    );
    fixed
}

/// The findings whose edits can be made together: in files of ours, none where another's are.
fn wanted<'c>(
    checked: &'c Checked,
    refused: &BTreeSet<String>,
    ours: &dyn Fn(&str) -> bool,
) -> Vec<&'c Diagnostic> {
    // What happens to people's data is decided by a person, not by an edit that happens to be
    // first.
    let by_policy = |finding: &Diagnostic| {
        let mut policies = checked.program.policies.iter();
        policies.any(|one| one.code == finding.code.0)
    };
    let is_ours = |fix: &Fix| {
        let mut edits = fix.edits.iter();
        edits.all(|edit| {
            let file = checked.files.get(edit.span.file.0 as usize);
            file.is_some_and(|file| ours(&file.name))
        })
    };
    let mut chosen: Vec<&Diagnostic> = Vec::new();
    for finding in &checked.diagnostics {
        let Some(fix) = &finding.fix else { continue };
        let apart = chosen.iter().filter_map(|one| one.fix.as_ref());
        let apart = apart.flat_map(|one| &one.edits).all(|taken| {
            fix.edits.iter().all(|edit| {
                edit.span.file != taken.span.file
                    || edit.span.end < taken.span.start
                    || taken.span.end < edit.span.start
            })
        });
        if apart && is_ours(fix) && !by_policy(finding) && !refused.contains(&key(finding)) {
            chosen.push(finding);
        }
    }
    chosen
}

/// What a finding is about, wherever it stands.
fn key(finding: &Diagnostic) -> String {
    let fix = finding.fix.as_ref().map_or("", |fix| &fix.title);
    format!("{} {} {fix}", finding.code.0, finding.primary.text)
}

/// The texts with these edits made.
fn edited(
    checked: &Checked,
    texts: &BTreeMap<String, String>,
    findings: &[&Diagnostic],
) -> BTreeMap<String, String> {
    let mut texts = texts.clone();
    let fixes = findings.iter().filter_map(|finding| finding.fix.as_ref());
    let mut edits: Vec<_> = fixes.flat_map(|fix| &fix.edits).collect();
    edits.sort_by_key(|edit| std::cmp::Reverse((edit.span.file, edit.span.start)));
    for edit in edits {
        let Some(file) = checked.files.get(edit.span.file.0 as usize) else {
            continue;
        };
        let text = texts.entry(file.name.clone());
        let text = text.or_insert_with(|| file.text.clone());
        text.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
    }
    texts
}

/// Whether edits did what they were made for: fewer findings of those, and no file is worse.
fn helps(before: &Checked, after: &Checked, findings: &[&Diagnostic]) -> bool {
    let keys: BTreeSet<String> = findings.iter().map(|finding| key(finding)).collect();
    let left = |checked: &Checked| {
        let all = checked.diagnostics.iter();
        all.filter(|finding| keys.contains(&key(finding))).count()
    };
    let had = counts(before);
    let is_worse = |(file, now): (&&str, &Counts)| {
        let had = had.get(*file).copied().unwrap_or_default();
        // What can be read now may have faults of its own.
        let reads_more = now.syntax < had.syntax;
        now.syntax > had.syntax
            || had.all == 0 && now.all > 0
            || now.errors > had.errors && !reads_more
    };
    left(after) < left(before) && !counts(after).iter().any(is_worse)
}

/// How many findings a file has.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    all: usize,
    errors: usize,
    syntax: usize,
}

fn counts(checked: &Checked) -> BTreeMap<&str, Counts> {
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    for finding in &checked.diagnostics {
        let Some(file) = checked.files.get(finding.primary.span.file.0 as usize) else {
            continue;
        };
        let count = counts.entry(&file.name).or_default();
        count.all += 1;
        count.errors += usize::from(finding.severity == Severity::Error);
        count.syntax += usize::from(finding.code.0.starts_with("E00"));
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::OneSpec;

    fn fixed(text: &str) -> Fixed {
        let ours = |name: &str| name == "main.mlinfra";
        fix(&OneSpec(text.to_owned()), "main.mlinfra", &ours)
    }

    fn new_text(fixed: &Fixed, text: &str) -> String {
        let file = fixed.files.get("main.mlinfra");
        file.map_or(text.to_owned(), |(_, new)| new.clone())
    }

    /// The wrong and right examples of every page: no edit is left, none is made twice, and what
    /// is clean stays as it is.
    #[test]
    fn no_edit_is_left_and_nothing_clean_is_touched() {
        let mut faults = Vec::new();
        let (mut examples, mut made) = (0, 0);
        for page in mlinfra_check::codes() {
            for fence in page.page.split("```mlinfra\n").skip(1) {
                let text = fence.split("```").next().unwrap_or_default();
                let once = fixed(text);
                let new = new_text(&once, text);
                examples += 1;
                made += once.made;
                let found = mlinfra_check::check(&OneSpec(text.to_owned()), "main.mlinfra");
                if found.diagnostics.is_empty() && new != text {
                    faults.push(format!("{}: a clean text was changed", page.code));
                }
                let again = fixed(&new);
                if again.made > 0 {
                    faults.push(format!("{}: {} more edits:\n{new}", page.code, again.made));
                }
                let ours = |name: &str| name == "main.mlinfra";
                for left in wanted(&once.checked, &BTreeSet::new(), &ours) {
                    faults.push(format!("{}: left: {}\n{new}", page.code, key(left)));
                }
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        assert!(
            examples > 150 && made > 40,
            "{examples} examples, {made} edits"
        );
    }

    #[test]
    fn edits_that_meet_are_made_one_after_the_other() {
        let text = "let flag = true\nlet b = flag && flga\n";
        let fixed = fixed(text);
        assert_eq!(fixed.checked.diagnostics, Vec::new());
        let new = "let flag = true\nlet b = flag and flag\n";
        assert_eq!(new_text(&fixed, text), new);
    }
    #[test]
    fn a_file_with_very_many_findings_is_mended_at_once() {
        let uses: String = (0..250).map(|n| format!("let b{n} = flga\n")).collect();
        let text = format!("let flag = true\n{uses}");
        let fixed = fixed(&text);
        assert_eq!(fixed.made, 250);
        assert_eq!(fixed.checked.diagnostics, Vec::new());
    }

    /// A file that knows where it is checked.
    struct There(OneSpec);

    impl World for There {
        fn read(&self, path: &str) -> Result<Vec<u8>, String> {
            self.0.read(path)
        }

        fn parameter(&self, _: &str) -> Option<String> {
            None
        }

        fn parameter_names(&self) -> Vec<String> {
            Vec::new()
        }

        fn parameter_files(&self) -> Vec<ParameterFile> {
            vec![ParameterFile {
                name: "given.txt".to_owned(),
                content: Ok(b"count = 3".to_vec()),
            }]
        }

        fn environment(&self) -> Option<String> {
            Some("dev".to_owned())
        }
    }

    #[test]
    fn edits_are_tried_where_the_spec_is_checked() {
        let text = "param count: int\nparam place: string\n\
                    environment dev { params { place = \"x\" } }\nenvironment prod {}\n";
        let there = There(OneSpec(text.to_owned()));
        let plain = mlinfra_check::check(&there, "main.mlinfra");
        assert_eq!(plain.diagnostics, Vec::new());
        let fixed = fix(&there, "main.mlinfra", &|_| true);
        assert_eq!((fixed.made, &fixed.checked.diagnostics), (0, &Vec::new()));
    }
}
