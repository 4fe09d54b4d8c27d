//! Where an editor goes from a word: to where what it stands for is written.

use mlinfra_check::{FileId, Trees, check, definition};

use crate::world::{CREDIT, Memory, check_text};

/// The line that the word at the `|` leads to, without blanks around it; the mark is taken out.
#[track_caller]
fn line(marked: &str) -> Option<String> {
    let offset = marked.find('|').expect("the text has a mark");
    let text = marked.replacen('|', "", 1);
    let checked = check_text(&text);
    let at = u32::try_from(offset).expect("the text is short");
    let found = definition(&checked, &Trees::of(&checked), FileId(0), at)?;
    let (before, behind) = text.split_at(found.span.start as usize);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let end = behind.find('\n').unwrap_or(behind.len());
    Some(
        format!("{}{}", &before[start..], &behind[..end])
            .trim()
            .to_owned(),
    )
}

#[test]
fn words_of_a_spec_lead_to_where_they_are_declared() {
    for (from, to, wanted) in [
        (
            "on worker {\n  purpose",
            "on wor|ker {\n  purpose",
            "pool worker on here {",
        ),
        ("customer(vault)", "customer(va|ult)", "key vault on here {"),
        ("= replicas\n", "= repl|icas\n", "param replicas: int = 1 {"),
        ("replicas = 3", "rep|licas = 3", "param replicas: int = 1 {"),
        (
            "drop_nulls(applicants)",
            "drop_nulls(appl|icants)",
            "dataset applicants {",
        ),
        (
            "risk.release",
            "risk.rel|ease",
            "step release = register(model, name = \"credit-risk\", gate = report)",
        ),
        ("risk.release", "ri|sk.release", "pipeline risk on worker {"),
        (
            "train(parts.train,",
            "train(parts.tr|ain,",
            "step parts = split(masked, stratify = good, seed = 7) { train = 80%, test = 20% }",
        ),
        // Columns: where the dataset declares them, or the step that makes them.
        (
            "if age < 25",
            "if a|ge < 25",
            "age               : int        @personal @protected",
        ),
        (
            "stratify = good",
            "stratify = go|od",
            "good     = credit == 1",
        ),
        (
            "disparate_impact(sex)",
            "disparate_impact(s|ex)",
            "sex      = if personal_status in [\"A92\", \"A95\"] then \"female\" else \"male\"",
        ),
        (
            "[credit_amount, savings]",
            "[credit_amount, sav|ings]",
            "savings           : category?  @personal",
        ),
        (
            "drift(age,",
            "drift(a|ge,",
            "age               : int        @personal @protected",
        ),
        (
            "output url = score.url",
            "output url = sc|ore.url",
            "endpoint score on worker {",
        ),
        // A name leads to itself.
        ("key vault", "key va|ult", "key vault on here {"),
    ] {
        assert!(CREDIT.contains(from), "{from}");
        let found = line(&CREDIT.replacen(from, to, 1));
        assert_eq!(found.as_deref(), Some(wanted), "{to}");
    }
}

#[test]
fn functions_components_and_loops_lead_to_their_names() {
    for (marked, wanted) in [
        (
            "function twice(x: int): int = x * 2\nlet y = tw|ice(2)\n",
            "function twice(x: int): int = x * 2",
        ),
        (
            "function twice(x: int): int = |x * 2\nlet y = twice(2)\n",
            "function twice(x: int): int = x * 2",
        ),
        (
            "function twice(x: int): int = x * 2\nlet y = twice(|x = 2)\n",
            "function twice(x: int): int = x * 2",
        ),
        (
            "let all = [o|ne * 2 for one in [1, 2]]\n",
            "let all = [one * 2 for one in [1, 2]]",
        ),
        (
            "target here = local()\n\
             key k on here for place in [\"a\"] {\n  rotation = if p|lace == \"a\" then 9 days \
             else 8 days\n}\n",
            "key k on here for place in [\"a\"] {",
        ),
        (
            "component api {\n  param size: int\n  output twice = size * 2\n}\n\
             api main {\n  si|ze = 2\n}\n",
            "param size: int",
        ),
        (
            "component api {\n  param size: int\n  output twice = size * 2\n}\n\
             ap|i main { size = 2 }\n",
            "component api {",
        ),
        (
            "component api {\n  param size: int\n  output twice = size * 2\n}\n\
             api main { size = 2 }\nlet y = main.tw|ice\n",
            "output twice = size * 2",
        ),
        ("let r = {\n  size = 2\n}\nlet y = |r.size\n", "let r = {"),
    ] {
        assert_eq!(line(marked).as_deref(), Some(wanted), "{marked}");
    }
}

#[test]
fn what_the_library_declares_leads_nowhere() {
    for marked in [
        "sto|rage lake on here {}\n",
        "let x = l|en([1])\n",
        "let x = 2 Gi|B\n",
        "let x = noth|ing\n",
        "// com|ment\n",
        "let x = \"te|xt\"\n",
        "target here = loc|al()\n",
        "let = |\n",
        "|",
    ] {
        assert_eq!(line(marked), None, "{marked}");
    }
}

#[test]
fn files_that_are_used_are_found() {
    let mut world = Memory::default();
    let main = "use \"parts/keys.mlinfra\".{ vault, twice }\nuse \"parts/keys.mlinfra\" as keys\n\
                target here = local()\nlet y = twice(keys.days)\n\
                storage lake on here { encryption = customer(vault) }\n";
    let keys = "use \"../main.mlinfra\".{ here }\nlet days = 3\nkey vault on here\n\
                function twice(x: int): int = x * 2\n";
    world.files.insert("main.mlinfra".to_owned(), main.into());
    world
        .files
        .insert("parts/keys.mlinfra".to_owned(), keys.into());
    let checked = check(&world, "main.mlinfra");
    let trees = Trees::of(&checked);
    for (word, wanted) in [
        ("{ vault", "vault"),
        ("customer(vault", "vault"),
        ("= twice", "twice"),
        (", twice", "twice"),
        ("keys.days", "days"),
        ("use \"parts/ke", ""),
    ] {
        let at = main.find(word).expect("it is there") + word.len() - 1;
        let at = u32::try_from(at).expect("the text is short");
        let found = definition(&checked, &trees, FileId(0), at).expect("it is found");
        assert_eq!(found.file, FileId(1), "{word}");
        let span = found.span.start as usize..found.span.end as usize;
        assert_eq!(&keys[span], wanted, "{word}");
    }
}
