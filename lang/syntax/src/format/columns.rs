//! Aligning a run of lines that hold one entry each.

use super::lines::Line;

/// A name that is longer than all shorter ones by more than this stands outside its run.
const STEP_MAX: usize = 12;
/// Blanks before an attribute behind its item.
const ATTRIBUTE_GAP: usize = 2;
/// Blanks before a comment behind its entry.
const TAIL_GAP: usize = 3;

/// Aligns every run.
pub(super) fn align(lines: &mut [Line]) {
    let mut at = 0;
    while at < lines.len() {
        let end = run_end(lines, at);
        let (_, rest) = lines.split_at_mut(at);
        let (run, _) = rest.split_at_mut(end - at);
        align_run(run);
        at = end;
    }
}

/// Where the run ends that begins here. Comments alone on their lines do not end it.
fn run_end(lines: &[Line], start: usize) -> usize {
    let Some(sort) = &lines[start].entry else {
        return start + 1;
    };
    let mut end = start + 1;
    let mut at = start + 1;
    while let Some(line) = lines.get(at)
        && !line.blank_before
    {
        if line.entry.as_ref() == Some(sort) {
            end = at + 1;
        } else if !line.is_comment {
            break;
        }
        at += 1;
    }
    end
}

fn align_run(run: &mut [Line]) {
    let mut members: Vec<&mut Line> = Vec::new();
    let widest = widest_name(run);
    for line in run {
        if line.entry.is_some() && name_width(line).is_none_or(|width| width <= widest) {
            members.push(line);
        } else {
            align_members(&mut [line]);
        }
    }
    align_members(&mut members);
}

fn align_members(members: &mut [&mut Line]) {
    align_operators(members);
    align_bodies(members);
    align_attributes(members);
    align_tails(members);
}

/// Characters before the operator.
fn name_width(line: &Line) -> Option<usize> {
    line.operator.map(|(start, _)| width(&line.text[..start]))
}

fn width(text: &str) -> usize {
    text.trim_end().chars().count()
}

/// The widest name before the first step that is too wide.
fn widest_name(run: &[Line]) -> usize {
    let mut widths: Vec<usize> = run.iter().filter_map(name_width).collect();
    widths.sort_unstable();
    let step = widths.windows(2).find(|pair| pair[1] - pair[0] > STEP_MAX);
    step.map(|pair| pair[0])
        .or(widths.last().copied())
        .unwrap_or(0)
}

/// Puts blanks in before a place of a line, so that the place is at least in this column.
fn push_to(line: &mut Line, at: usize, column: usize) {
    let before = line.text[..at].trim_end().len();
    let blanks = column.saturating_sub(line.text[..before].chars().count());
    let grown = blanks as isize - (at - before) as isize;
    line.text.replace_range(before..at, &" ".repeat(blanks));
    let moved = |place: usize| place.checked_add_signed(grown).unwrap_or(place);
    let shift = |place: &mut Option<usize>| {
        if let Some(place) = place
            && *place >= at
        {
            *place = moved(*place);
        }
    };
    shift(&mut line.body);
    shift(&mut line.attributes);
    shift(&mut line.second_attribute);
    shift(&mut line.tail);
    if let Some((start, end)) = &mut line.operator
        && *start >= at
    {
        (*start, *end) = (moved(*start), moved(*end));
    }
}

/// The right edges of `=`, `>=` and `:` stand in one column.
fn align_operators(members: &mut [&mut Line]) {
    let edge = |line: &Line| {
        line.operator
            .map(|(start, end)| width(&line.text[..start]) + 1 + end - start)
    };
    let Some(column) = members.iter().filter_map(|line| edge(line)).max() else {
        return;
    };
    for line in members {
        if let Some((start, end)) = line.operator {
            push_to(line, start, column - (end - start));
        }
    }
}

/// The `{` of bodies on one line stand in one column.
fn align_bodies(members: &mut [&mut Line]) {
    let edge = |line: &Line| line.body.map(|at| width(&line.text[..at]) + 1);
    let Some(column) = members.iter().filter_map(|line| edge(line)).max() else {
        return;
    };
    for line in members {
        if let Some(at) = line.body {
            push_to(line, at, column);
        }
    }
}

/// Attributes stand behind all that stands before one; a line without counts unless it is much
/// longer.
fn align_attributes(members: &mut [&mut Line]) {
    let edge = |line: &Line| line.attributes.map(|at| width(&line.text[..at]));
    let Some(with) = members.iter().filter_map(|line| edge(line)).max() else {
        return;
    };
    let ends = members
        .iter()
        .filter(|line| line.attributes.is_none())
        .map(|line| {
            let end = line.tail.unwrap_or(line.text.len());
            width(&line.text[..end])
        });
    let without = ends
        .filter(|end| *end <= with + STEP_MAX)
        .max()
        .unwrap_or(0);
    for line in members {
        if let Some(at) = line.attributes {
            push_to(line, at, with.max(without) + ATTRIBUTE_GAP);
        }
    }
}

/// Comments behind entries stand in one column, behind the first attributes of all unless that is
/// much further.
fn align_tails(members: &mut [&mut Line]) {
    let end = |line: &Line| line.tail.map(|at| width(&line.text[..at]));
    let Some(own) = members.iter().filter_map(|line| end(line)).max() else {
        return;
    };
    let attributes = members
        .iter()
        .filter(|line| line.attributes.is_some())
        .map(|line| {
            let end = line
                .second_attribute
                .or(line.tail)
                .unwrap_or(line.text.len());
            width(&line.text[..end])
        });
    let others = attributes
        .filter(|end| *end <= own + STEP_MAX)
        .max()
        .unwrap_or(0);
    for line in members {
        if let Some(at) = line.tail {
            push_to(line, at, own.max(others) + TAIL_GAP);
        }
    }
}
