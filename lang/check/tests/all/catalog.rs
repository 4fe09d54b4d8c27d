//! Regions: texts that are one of those known, each with its country.

use crate::world::{check_text, findings};

fn found(text: &str) -> Vec<String> {
    findings(&check_text(text))
}

fn target(region: &str) -> String {
    format!("param where: region = {region}\noutput place = where\n")
}

#[test]
fn a_region_is_a_text_that_is_known() {
    assert_eq!(found(&target("\"eu-central-1\"")), Vec::<String>::new());
    assert_eq!(found(&target("\"us-west4\"")), Vec::<String>::new());
    let list = "param all: list(region) = [\"eu-central-1\", \"eu-west-1\"]\noutput a = all[0]\n";
    assert_eq!(found(list), Vec::<String>::new());
}

#[test]
fn a_mistyped_region_is_told_with_the_one_meant() {
    let checked = check_text(&target("\"eu-centrall-1\""));
    let [finding] = checked.diagnostics.as_slice() else {
        panic!("{:?}", checked.diagnostics);
    };
    assert_eq!(finding.code.0, "E0315");
    assert!(finding.primary.text.contains("no region"), "{finding:?}");
    let fixed = finding.fix.as_ref().map(|fix| fix.edits[0].text.as_str());
    assert_eq!(fixed, Some("\"eu-central-1\""));
}

#[test]
fn a_text_that_is_no_region_has_no_fix() {
    let checked = check_text(&target("\"the moon\""));
    assert_eq!(checked.diagnostics.len(), 1);
    assert!(checked.diagnostics[0].fix.is_none());
}

#[test]
fn an_accelerator_is_one_of_the_catalog() {
    let of = |word: &str| {
        found(&format!(
            "param gpu: accelerator = {word}\noutput a = gpu\n"
        ))
    };
    assert_eq!(of("a100_80gb"), Vec::<String>::new());
    let [finding] = of("a100_80g").try_into().expect("one finding");
    assert!(finding.contains("no case of `accelerator`"), "{finding}");
}

#[test]
fn a_region_of_another_cloud_is_told_with_those_in_its_country() {
    let aws = |region: &str| {
        check_text(&format!(
            "target t = aws(account = \"1\", region = {region})\n"
        ))
    };
    let found_at = |checked: &mlinfra_check::Checked| {
        let [finding] = checked.diagnostics.as_slice() else {
            panic!("{:?}", checked.diagnostics);
        };
        let fixed = finding.fix.as_ref().map(|fix| fix.edits[0].text.clone());
        (finding.code.0, finding.primary.text.clone(), fixed)
    };
    let (code, text, fixed) = found_at(&aws("\"europe-west3\""));
    assert_eq!((code, text.as_str()), ("E0319", "this is no region of AWS"));
    assert_eq!(fixed.as_deref(), Some("\"eu-central-1\""));
    let several = check_text("target t = gcp(project = \"p\", region = \"us-east-1\")\n");
    let (code, text, fixed) = found_at(&several);
    assert_eq!(
        (code, text.as_str()),
        ("E0319", "this is no region of Google Cloud")
    );
    assert_eq!(fixed, None);
    let help = several.diagnostics[0].help.join("\n");
    assert!(
        help.contains("in that country there is `\"us-central1\"`, `\"us-central2\"`"),
        "{help}"
    );
    // Where the Netherlands are, AWS has none.
    let near = aws("\"europe-west4\"");
    assert_eq!(found_at(&near).2, None);
    let help = near.diagnostics[0].help.join("\n");
    assert!(
        help.contains("near that country there is `\"eu-central-1\"`, `\"eu-west-1\"`"),
        "{help}"
    );
    let param = |region: &str| {
        found(&format!(
            "param home: region = {region}\ntarget t = aws(account = \"1\", region = home)\n"
        ))
    };
    assert_eq!(param("\"eu-central-1\""), Vec::<String>::new());
    let [finding] = param("\"us-central1\"").try_into().expect("one finding");
    assert!(finding.contains("E0319 at \"home\""), "{finding}");
}

#[test]
fn every_region_of_the_tables_is_known() {
    let tables = [
        (include_str!("../../../../stdlib/catalog/aws.csv"), None),
        (include_str!("../../../../stdlib/catalog/gcp.csv"), None),
        (include_str!("../../../../stdlib/catalog/tpu.csv"), Some(1)),
        (
            include_str!("../../../../stdlib/catalog/storage.csv"),
            Some(1),
        ),
    ];
    let mut regions = std::collections::BTreeSet::new();
    for (table, column) in tables {
        let mut rows = table
            .lines()
            .map(|row| row.split(',').collect::<Vec<&str>>());
        let head = rows.next().expect("a head");
        match column {
            // A column a region, behind those of the machine.
            None => regions.extend(head.into_iter().skip_while(|one| !one.contains('-'))),
            Some(column) => regions.extend(rows.filter_map(|row| row.get(column).copied())),
        }
    }
    assert!(regions.len() >= 20, "{regions:?}");
    let list: Vec<String> = regions.iter().map(|one| format!("{one:?}")).collect();
    let text = format!("param all: list(region) = [{}]\n", list.join(", "));
    assert_eq!(found(&text), Vec::<String>::new());
}
