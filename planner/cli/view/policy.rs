//! What the policies say of a spec, for people: what fails first, what a person must look at last.

use mlinfra_check::{PolicyFinding, PolicyStatus};

use super::Screen;
use super::layout::{padded, wrapped};
use super::theme::Ink;

/// The word for a status, as every output says it.
pub(crate) fn word(status: PolicyStatus) -> &'static str {
    match status {
        PolicyStatus::Pass => "pass",
        PolicyStatus::Fail => "fail",
        PolicyStatus::Unknown => "unknown",
        PolicyStatus::Manual => "manual",
    }
}

/// All findings, by pack and status.
pub(crate) fn list(findings: &[PolicyFinding], screen: &Screen) -> String {
    if findings.is_empty() {
        let text = "no policy looks at this spec: name a pack in the project, such as \
                    `comply = [gdpr]`, or write a `policy` block";
        return wrapped(text, screen.width, "  ", "  ");
    }
    let mut sorted: Vec<&PolicyFinding> = findings.iter().collect();
    let rank = |finding: &PolicyFinding| match finding.status {
        PolicyStatus::Fail => 0,
        PolicyStatus::Unknown => 1,
        PolicyStatus::Pass => 2,
        PolicyStatus::Manual => 3,
    };
    sorted.sort_by_key(|finding| (finding.pack.clone(), rank(finding)));
    let mut out = String::new();
    let mut pack = None;
    for finding in sorted {
        if pack != Some(&finding.pack) {
            let name = finding.pack.as_deref().unwrap_or("of this spec");
            out += &format!("\n{}\n", screen.theme.paint(Ink::Strong, name));
            pack = Some(&finding.pack);
        }
        out += &one(finding, screen);
    }
    out += "\n";
    let text = "A pass is evidence towards the articles that it names, never the whole of them.";
    out + &wrapped(text, screen.width, "  ", "  ")
}

fn one(finding: &PolicyFinding, screen: &Screen) -> String {
    let ink = match finding.status {
        PolicyStatus::Pass => Ink::Good,
        PolicyStatus::Fail => Ink::Bad,
        PolicyStatus::Unknown | PolicyStatus::Manual => Ink::Warn,
    };
    let status = screen.theme.paint(ink, &padded(word(finding.status), 7));
    let rest = " ".repeat(11);
    let cites = finding.cites.join(", ");
    let head = format!("{}   {cites}", finding.policy);
    let about = match finding.status {
        PolicyStatus::Manual => finding.message.clone(),
        _ => format!("{}: {}", finding.subject, finding.message),
    };
    let about = match &finding.environment {
        Some(environment) => format!("in {environment}: {about}"),
        None => about,
    };
    wrapped(&head, screen.width, &format!("  {status}  "), &rest)
        + &wrapped(&about, screen.width, &rest, &rest)
}
