//! The monitor of the credit example: its rules are there, follow the spec, and tell requests like
//! training from others.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Project, post};

const RULES: &str = ".mlinfra/monitors/health.rules.yml";

#[test]
fn its_rules_follow_the_spec_and_are_put_right() {
    let project = Project::credit();
    project.run(&["apply", "-y"]).exits(0);
    project.plan_is_empty();
    check(&project, "SUCCESS: 3 rules found");
    let shown = project.run(&["show", "monitor.health"]).exits(0);
    shown.says("alert errors").says(RULES).says("score.scrape");

    let written = project.read(RULES);
    project.write(RULES, written.replace("0.01", "0.99"));
    assert_eq!(project.planned(), ["update monitor.health"]);
    project.run(&["apply", "-y"]).exits(0);
    assert_eq!(project.read(RULES), written);

    project.edit("credit.mlinfra", "error_rate > 1%", "error_rate > 2%");
    let plan = project.run(&["plan"]).exits(0);
    plan.says("~ monitor.health").says("alert errors");
    project.run(&["apply", "-y"]).exits(0);
    assert!(project.read(RULES).contains("> 0.02"));
    check(&project, "SUCCESS: 3 rules found");

    project.run(&["destroy", "-y", "--data"]).exits(0);
    assert!(!project.path(RULES).exists());
}

/// Holds the rules, and what is to be scraped, against Debian's `promtool`.
fn check(project: &Project, says: &str) {
    let scrape = project.run(&["output", "score.scrape"]).exits(0).stdout;
    let rules = project.path(RULES);
    let config = format!(
        "rule_files: ['{}']\nscrape_configs:\n- {scrape}",
        rules.display()
    );
    project.write("prometheus.yml", config);
    let output = Command::new("promtool")
        .args(["check", "config", "prometheus.yml"])
        .current_dir(project.folder())
        .output()
        .expect("`promtool` is installed: apt-get install prometheus");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains(says), "{text}");
}

#[test]
fn applicants_of_another_age_are_drift() {
    let project = Project::credit();
    project.run(&["apply", "-y"]).exits(0);
    let key = project.run(&["output", "--reveal", "score.key"]).exits(0);
    let key = format!("Bearer {}", key.stdout.trim());
    let ask = |older: i64| {
        let body = requests(&project, older);
        let (status, body) = post(project.port, "/predict", &body, &key).expect("it answers");
        assert_eq!(status, 200, "{body}");
    };
    ask(0);
    let ages = drift(&project, "age");
    assert!(ages < 0.1, "{ages} for the data set itself");
    (0..4).for_each(|_| ask(30));
    // It is taken anew once a minute.
    let until = Instant::now() + Duration::from_secs(90);
    while drift(&project, "age") < 0.2 && Instant::now() < until {
        std::thread::sleep(Duration::from_secs(1));
    }
    let ages = drift(&project, "age");
    assert!(ages > 0.2, "{ages} for others");
    let amounts = drift(&project, "credit_amount");
    assert!(amounts < 0.1, "{amounts} for what did not change");
}

/// The rows of the data set as one request, everyone so many years older.
fn requests(project: &Project, older: i64) -> String {
    let wanted = project.run(&["output", "score.request", "--json"]).exits(0);
    let text = project.read("german_credit.csv");
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let row = |line: &str| {
        let cells = names.iter().zip(line.split(','));
        let fields = cells.filter(|(name, _)| wanted.stdout.contains(&format!("\"{name}\"")));
        let field = |(name, cell): (&&str, &str)| {
            let cell = match cell.parse::<i64>() {
                Ok(years) if *name == "age" => (years + older).to_string(),
                Ok(number) => number.to_string(),
                Err(_) if cell.is_empty() => "null".to_owned(),
                Err(_) => format!("\"{cell}\""),
            };
            format!("\"{name}\":{cell}")
        };
        format!("{{{}}}", fields.map(field).collect::<Vec<_>>().join(","))
    };
    format!("[{}]", lines.map(row).collect::<Vec<_>>().join(","))
}

/// What the endpoint's metrics say of a column.
fn drift(project: &Project, column: &str) -> f64 {
    let url = format!("http://127.0.0.1:{}/metrics", project.port);
    let metrics = project.shell(&format!("curl -sS {url}")).exits(0).stdout;
    let label = format!("feature=\"{column}\"}} ");
    let line = metrics
        .lines()
        .find(|line| line.starts_with("mlinfra_feature_drift{") && line.contains(&label));
    let value = line
        .and_then(|line| line.rsplit_once(' '))
        .expect("a gauge");
    value.1.parse().expect("a number")
}
