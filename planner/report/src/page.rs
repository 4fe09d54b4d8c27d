//! The whole page: the sections that there are, put into the template.

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

use crate::input::{Model, Report};
use crate::section::{data, explain, fairness, list, quality, run, summary};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");

/// The page as HTML: one file that needs nothing else.
///
/// # Panics
/// Never for a report: the template is part of this program, and a test fills every part of it.
pub fn render(report: &Report) -> String {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment
        .add_template("page", TEMPLATE)
        .expect("the template is part of this program and parses");
    let template = environment.get_template("page");
    let template = template.expect("it was just added");
    let rendered = template.render(context(report));
    let rendered = rendered.expect("the template asks for what the sections give");
    // Lines on which the template only decided something are empty now.
    let lines = rendered
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty());
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn context(report: &Report) -> Value {
    let models: Vec<Value> = report
        .models
        .iter()
        .enumerate()
        .map(|(place, model)| self::model(model, place, report))
        .collect();
    let lineage = data::lineage(&report.lineage);
    let flow = data::flow(&report.flow);
    let policies = data::policies(&report.policies);
    let missing = report.missing.iter().map(|fact| {
        context! { name => fact.name.as_str(), text => fact.text.as_str() }
    });
    context! {
        style => Value::from_safe_string(STYLE.to_owned()),
        title => title(report),
        project => report.project.as_str(),
        program => report.program.as_str(),
        operation => report.operation.as_ref().map(|operation| operation.name.clone()),
        without_models => report.models.is_empty().then(|| summary::without_models(report)),
        entries => list(entries(report)),
        models => list(models),
        run => run::of(report),
        tables => list(report.tables.iter().map(data::profile)),
        lineage => lineage,
        flow => flow,
        policies => policies,
        missing => list(missing),
    }
}

fn title(report: &Report) -> String {
    let model = report.models.first();
    let name = model.map_or(&report.project, |model| &model.name);
    match model.and_then(summary::title_figure) {
        Some(figure) => format!("{name}: {figure}"),
        None => name.clone(),
    }
}

/// One model's sections. Ids end in its place, so that two models do not share one.
fn model(model: &Model, place: usize, report: &Report) -> Value {
    let evaluation = model.evaluation.as_ref();
    let treated = evaluation.map(|evaluation| {
        let entries = evaluation.fairness.iter().map(fairness::of);
        list(entries)
    });
    context! {
        place => place + 1,
        summary => summary::of(model, report),
        trained_by => model.trained_by.as_str(),
        judged_by => model.judged_by.as_str(),
        learning => model.history.as_ref().and_then(quality::learning),
        quality => evaluation.map(|evaluation| quality::of(evaluation, &model.judged_on)),
        fairness => treated.filter(|_| has_fairness(model)),
        explain => evaluation.and_then(explain::of),
    }
}

fn has_fairness(model: &Model) -> bool {
    let evaluation = model.evaluation.as_ref();
    evaluation.is_some_and(|evaluation| !evaluation.fairness.is_empty())
}

/// The page's contents: where to go, and what stands there.
fn entries(report: &Report) -> Vec<Value> {
    let mut entries = Vec::new();
    let mut add = |id: String, text: String| entries.push(context! { id => id, text => text });
    for (place, model) in report.models.iter().enumerate() {
        let place = place + 1;
        let of = match report.models.len() {
            1 => String::new(),
            _ => format!(" of {}", model.name),
        };
        add(format!("summary-{place}"), format!("Summary{of}"));
        if model
            .history
            .as_ref()
            .is_some_and(|history| !history.epochs.is_empty())
        {
            add(format!("learning-{place}"), format!("Learning{of}"));
        }
        if let Some(evaluation) = &model.evaluation {
            add(format!("quality-{place}"), format!("Quality{of}"));
            if has_fairness(model) {
                add(format!("fairness-{place}"), format!("Fairness{of}"));
            }
            if explain::of(evaluation).is_some() {
                add(format!("explain-{place}"), format!("Explanations{of}"));
            }
        }
    }
    add("run".to_owned(), "What ran".to_owned());
    let others = [
        ("data", "Data", !report.tables.is_empty()),
        ("lineage", "Lineage", !report.lineage.nodes.is_empty()),
        ("columns", "Columns", !report.flow.columns.is_empty()),
        ("policies", "Policies", !report.policies.is_empty()),
        ("missing", "Not on this page", !report.missing.is_empty()),
    ];
    for (id, text, is_there) in others {
        if is_there {
            add(id.to_owned(), text.to_owned());
        }
    }
    entries
}
