//! A page of Markdown, as a terminal shows it.

use super::Screen;
use super::theme::Ink;

/// The page of a code: headings stand out, code is indented, the rest is as written.
pub(crate) fn page(text: &str, screen: &Screen) -> String {
    let mut out = String::new();
    let mut code = false;
    for line in text.lines() {
        if line.starts_with("```") {
            code = !code;
            continue;
        }
        let shown = match line.trim_start_matches('#') {
            _ if code => format!("    {line}"),
            heading if heading.len() < line.len() => {
                screen.theme.paint(Ink::Strong, heading.trim())
            }
            _ => line.to_owned(),
        };
        out += shown.trim_end();
        out.push('\n');
    }
    out
}
