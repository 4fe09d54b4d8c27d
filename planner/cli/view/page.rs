//! A page of Markdown, as a terminal shows it.

use super::Screen;
use super::layout::wrapped;
use super::theme::Ink;

/// The page of a code: headings stand out, code is indented and kept, paragraphs and items are
/// broken to the screen's width.
pub(crate) fn page(text: &str, screen: &Screen) -> String {
    let mut out = String::new();
    let mut paragraph: Vec<&str> = Vec::new();
    let mut code = false;
    for line in text.lines() {
        let fence = line.starts_with("```");
        let heading = line.trim_start_matches('#');
        let ends = code || fence || line.is_empty() || heading.len() < line.len();
        if ends || line.starts_with(['|', '-', '*']) {
            end_paragraph(&mut out, &mut paragraph, screen);
        }
        if fence {
            code = !code;
        } else if code {
            out += format!("    {line}").trim_end();
            out.push('\n');
        } else if heading.len() < line.len() {
            out += &screen.theme.paint(Ink::Strong, heading.trim());
            out.push('\n');
        } else if line.is_empty() {
            out.push('\n');
        } else if line.starts_with('|') {
            out += &format!("{line}\n");
        } else {
            paragraph.push(line.trim());
        }
    }
    end_paragraph(&mut out, &mut paragraph, screen);
    out
}

fn end_paragraph(out: &mut String, lines: &mut Vec<&str>, screen: &Screen) {
    if lines.is_empty() {
        return;
    }
    let rest = match lines[0].starts_with(['-', '*']) {
        true => "  ",
        false => "",
    };
    *out += &wrapped(&lines.join(" "), screen.width, "", rest);
    lines.clear();
}
