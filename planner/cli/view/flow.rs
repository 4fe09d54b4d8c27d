//! Where each column goes, for people: a line a column, and what becomes of it.

use mlinfra_check::ResultFlow;

use super::Screen;
use super::layout::{padded, wrapped};
use super::theme::Ink;
use crate::flow::Journey;

const NAME_COLUMNS_MAX: usize = 18;
const PLACE_COLUMNS_MAX: usize = 32;
const CLASS_COLUMNS_MAX: usize = 20;

/// All columns, below the block that has them first.
pub(crate) fn table(journeys: &[Journey], screen: &Screen) -> String {
    let name_width = width(journeys.iter().map(|j| j.column.as_str()), NAME_COLUMNS_MAX);
    let classes: Vec<String> = journeys.iter().map(classes).collect();
    let class_width = width(classes.iter().map(String::as_str), CLASS_COLUMNS_MAX);
    let rest = " ".repeat(name_width + class_width + 6);
    let mut out = String::new();
    let mut block = None;
    for (journey, classes) in journeys.iter().zip(&classes) {
        if block != Some(&journey.from) {
            let gap = if block.is_some() { "\n" } else { "" };
            let head = screen.theme.paint(Ink::Strong, &journey.from.to_string());
            out += &format!("{gap}{head}\n");
            block = Some(&journey.from);
        }
        // A long name has a line of its own, so that the columns stay in line.
        let mut name = journey.column.as_str();
        if name.chars().count() > name_width {
            out += &format!("  {name}\n");
            name = "";
        }
        let first = format!(
            "  {}  {}  ",
            padded(name, name_width),
            padded(classes, class_width)
        );
        let mut parts = Vec::new();
        if !journey.sources.is_empty() {
            parts.push(format!("from {}", journey.sources.join(", ")));
        }
        parts.extend(journey.events.iter().map(|event| event.text.clone()));
        if parts.is_empty() {
            parts.push("goes nowhere".to_owned());
        }
        out += &wrapped(&parts.join(", "), screen.width, &first, &rest);
    }
    out
}

/// What carries the classes of what it was made from, without being a table.
pub(crate) fn results(results: &[&ResultFlow], screen: &Screen) -> String {
    let places: Vec<String> = results.iter().map(|one| one.block.to_string()).collect();
    let place_width = width(places.iter().map(String::as_str), PLACE_COLUMNS_MAX);
    let what_width = width(
        results.iter().map(|one| one.what.as_str()),
        NAME_COLUMNS_MAX,
    );
    let rest = " ".repeat(place_width + what_width + 6);
    let mut out = String::new();
    for (result, place) in results.iter().zip(&places) {
        if out.is_empty() {
            let head = screen.theme.paint(Ink::Strong, "what is made of it");
            out += &format!("\n{head}\n");
        }
        let mut place = place.as_str();
        if place.chars().count() > place_width {
            out += &format!("  {place}\n");
            place = "";
        }
        let (place, what) = (padded(place, place_width), padded(&result.what, what_width));
        let names: Vec<&str> = result.classes.iter().map(String::as_str).collect();
        let classes = match names.is_empty() {
            true => "–".to_owned(),
            false => names.join(", "),
        };
        out += &wrapped(
            &classes,
            screen.width,
            &format!("  {place}  {what}  "),
            &rest,
        );
    }
    out
}

fn classes(journey: &Journey) -> String {
    match journey.classes.is_empty() {
        true => "–".to_owned(),
        false => {
            let names: Vec<&str> = journey.classes.iter().map(String::as_str).collect();
            names.join(", ")
        }
    }
}

fn width<'a>(texts: impl Iterator<Item = &'a str>, most: usize) -> usize {
    texts
        .map(|text| text.chars().count())
        .max()
        .unwrap_or(0)
        .min(most)
}
